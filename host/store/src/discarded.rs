//! A cache that was discarded: it is renamed at once and removed beside the requests, however large it is.
#![expect(
    clippy::disallowed_methods,
    reason = "a damaged cache is moved away before anything is served, and removed by a thread of its own"
)]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

const PREFIX: &str = "cache.old-";

/// Gives the cache's folder another name.
pub(crate) fn set_apart(dir: &Path, cache: &Path) -> io::Result<()> {
    let number = all(dir)?.len();
    let free = (number..).map(|number| dir.join(format!("{PREFIX}{number}")));
    for path in free {
        if !path.try_exists()? {
            return fs::rename(cache, path);
        }
    }
    Ok(())
}

/// Removes discarded caches, of now or by an earlier run, on a thread of its own, and counts its bytes.
pub(crate) fn remove(dir: &Path, bytes: &Arc<AtomicU64>) {
    let folders = all(dir).unwrap_or_default();
    if folders.is_empty() {
        return;
    }
    let bytes = Arc::clone(bytes);
    let remove = move || {
        for folder in folders {
            bytes.fetch_add(bytes_below(&folder), Ordering::Relaxed);
            let removed = match folder.is_dir() {
                true => fs::remove_dir_all(&folder),
                // Something else was where the folder should be.
                false => fs::remove_file(&folder),
            };
            if let Err(error) = removed
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::error!(path = %folder.display(), %error, "a discarded cache cannot be removed; the next start tries again");
            }
        }
    };
    if let Err(error) = thread::Builder::new()
        .name("store-discard".into())
        .spawn(remove)
    {
        tracing::error!(%error, "a discarded cache cannot be removed; the next start tries again");
    }
}

fn all(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for item in fs::read_dir(dir)? {
        let item = item?;
        if item.file_name().to_string_lossy().starts_with(PREFIX) {
            folders.push(item.path());
        }
    }
    Ok(folders)
}

/// The bytes of all files below a folder, as far as they can be found out.
fn bytes_below(folder: &Path) -> u64 {
    let items = fs::read_dir(folder).into_iter().flatten().flatten();
    items
        .map(|item| match item.metadata() {
            Ok(found) if found.is_dir() => bytes_below(&item.path()),
            Ok(found) => found.len(),
            Err(_) => 0,
        })
        .sum()
}
