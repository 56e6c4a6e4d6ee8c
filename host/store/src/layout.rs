//! The store's folder: its format, its lock, and a cache that is discarded when it can't be used.
//!
//! ```text
//! format         "selvedge-store 1": how this folder is laid out; another one is refused
//! lock           locked while the store is open
//! state.redb     durable state; damage is an error
//! cache/         index.redb, segments/, large/: damage costs cache content only
//!   generation   the durable state that the cache belongs to; beside another one it is discarded
//! cache.old-N/   a cache that was discarded, until it is removed
//! ```
#![expect(
    clippy::disallowed_methods,
    reason = "the folder is laid out before anything is served"
)]

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::Sizes;
use crate::discarded;
use crate::disk::{Disk, DiskError};
use crate::error::OpenError;
use crate::generation::{self, Marked, Marker};
use crate::medium::{Medium, OWNER_ONLY, close_to_others, make_folder, regular};
use crate::state::State;

const FORMAT: &str = "selvedge-store 1";

/// A store's folder that this process holds.
#[derive(Debug)]
pub(crate) struct Layout {
    dir: PathBuf,
    _lock: File,
}

impl Layout {
    /// Creates the folder if it is missing, locks it and checks its format.
    pub(crate) fn open(dir: &Path) -> Result<Layout, OpenError> {
        make_folder(dir).map_err(|source| failed("create the folder", dir, source))?;
        let path = dir.join("lock");
        let lock = open_lock(&path).map_err(|source| failed("open the file", &path, source))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::Locked { dir: dir.into() }),
            Err(TryLockError::Error(source)) => return Err(failed("lock the file", &path, source)),
        }
        check_format(dir)?;
        Ok(Layout {
            dir: dir.into(),
            _lock: lock,
        })
    }

    /// Opens the durable state, or creates it so that a loss of power finds it again.
    pub(crate) fn open_state(&self, medium: &Arc<dyn Medium>) -> Result<State, OpenError> {
        let path = self.dir.join("state.redb");
        State::open(Some((path.clone(), Arc::clone(medium))))
            .map_err(|source| OpenError::State { path, source })
    }

    /// Opens the disk tier; a damaged one, or one that belongs to another durable state, is discarded. `None` when the folder
    /// can't be used at all, and if no disk is used.
    pub(crate) fn open_disk(
        &self,
        sizes: &Sizes,
        state: &State,
        medium: &Arc<dyn Medium>,
    ) -> Option<Disk> {
        let disk = self.open_or_discard(sizes, state, medium);
        let bytes = disk.as_ref().map(|disk| Arc::clone(&disk.discarded_bytes));
        discarded::remove(&self.dir, &bytes.unwrap_or_default());
        disk
    }

    fn open_or_discard(
        &self,
        sizes: &Sizes,
        state: &State,
        medium: &Arc<dyn Medium>,
    ) -> Option<Disk> {
        let folder = self.dir.join("cache");
        if sizes.disk == 0 && !folder.exists() {
            return None;
        }
        if let Err(error) = self.pair(&folder, state, medium) {
            without_disk(&folder, &error.into());
            return None;
        }
        if sizes.disk == 0 {
            return None;
        }
        let damaged = match Disk::open(&folder, sizes, Arc::clone(medium)) {
            Ok(disk) => return Some(disk),
            Err(error) if error.is_of_the_disk() => {
                without_disk(&folder, &error);
                return None;
            }
            Err(error) => error,
        };
        tracing::warn!(
            path = %folder.display(), error = %damaged,
            "the cache on disk cannot be used and is discarded: all stored responses on disk are lost"
        );
        let opened = discarded::set_apart(&self.dir, &folder)
            .and_then(|()| self.pair(&folder, state, medium))
            .map_err(DiskError::Files)
            .and_then(|()| Disk::open(&folder, sizes, Arc::clone(medium)));
        opened
            .inspect_err(|error| without_disk(&folder, error))
            .ok()
    }

    /// Sees that the cache belongs to the durable state. One that does not is discarded, and a new one is begun.
    fn pair(&self, folder: &Path, state: &State, medium: &Arc<dyn Medium>) -> io::Result<()> {
        if fs::metadata(folder).is_ok_and(|found| !found.is_dir()) {
            tracing::warn!(path = %folder.display(), "something else is where the cache's folder should be, and is removed");
            discarded::set_apart(&self.dir, folder)?;
        }
        let marked = Marker::read(&**medium, folder)?;
        let is_empty = !matches!(marked, Marked::At(_)) && !folder.join("index.redb").exists();
        let judged = match is_empty {
            true => Ok(()),
            false => generation::judge(state.generation(), state.is_new(), marked),
        };
        if let (Ok(()), Marked::At(marked)) = (judged, marked) {
            state.mark(Marker::open(medium, folder, marked));
            return Ok(());
        }
        if let Err(misfit) = judged {
            tracing::warn!(
                path = %folder.display(), reason = misfit.as_str(),
                "the cache on disk is discarded, since it might hold what was invalidated: {}. All stored responses on disk are lost",
                misfit.text()
            );
            discarded::set_apart(&self.dir, folder)?;
        }
        make_folder(folder)?;
        state.begin_cache(folder);
        Ok(())
    }
}

/// Opens or creates the lock's file. Nothing is written to it, so one that is there will do as it is.
fn open_lock(path: &Path) -> io::Result<File> {
    match regular(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let opened = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(OWNER_ONLY)
        .open(path);
    match opened {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied
            ) =>
        {
            File::open(path).map_err(|_| error)
        }
        opened => opened.inspect(|file| {
            // A lock of an earlier version may be open to others; nothing is in it.
            let _ = close_to_others(file);
        }),
    }
}

fn without_disk(folder: &Path, error: &DiskError) {
    tracing::error!(
        path = %folder.display(), %error,
        "the cache works without its disk until the next start: the folder cannot be used"
    );
}

fn check_format(dir: &Path) -> Result<(), OpenError> {
    let path = dir.join("format");
    let found = match read_format(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        found => found.map_err(|source| failed("read the file", &path, source))?,
    };
    // Nothing, or zeros, is what a crash between creating and writing leaves.
    if found.iter().all(|byte| *byte == 0) {
        return write_format(&path).map_err(|source| failed("write the file", &path, source));
    }
    if found.trim_ascii() == FORMAT.as_bytes() {
        return Ok(());
    }
    let found = String::from_utf8_lossy(&found).chars().take(64).collect();
    Err(OpenError::UnknownFormat {
        dir: dir.into(),
        found,
        expected: FORMAT,
    })
}

/// Reads the beginning of the file: the rest has no meaning here.
fn read_format(path: &Path) -> io::Result<Vec<u8>> {
    regular(path)?;
    let (file, mut found) = (File::open(path)?, Vec::new());
    close_to_others(&file)?;
    file.take(256).read_to_end(&mut found)?;
    Ok(found)
}

fn write_format(path: &Path) -> io::Result<()> {
    let file = File::options()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(OWNER_ONLY)
        .open(path);
    file?.write_all(format!("{FORMAT}\n").as_bytes())
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> OpenError {
    OpenError::Io {
        action,
        path: path.into(),
        source,
    }
}
