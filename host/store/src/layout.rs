//! The store's folder: its format, its lock, and a cache that is discarded when it can't be used.
//!
//! ```text
//! format         "selvedge-store 1": how this folder is laid out; another one is refused
//! lock           held while the store is open
//! state.redb     durable state; damage is an error
//! cache/         index.redb, segments/, large/: damage costs cache content only
//! cache.old-N/   a cache that was discarded, until it is removed
//! ```
#![expect(
    clippy::disallowed_methods,
    reason = "the folder is laid out before anything is served"
)]

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::Sizes;
use crate::discarded;
use crate::disk::{Disk, DiskError};
use crate::error::OpenError;
use crate::medium::Medium;
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
        fs::create_dir_all(dir).map_err(|source| failed("create the folder", dir, source))?;
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

    /// Opens the disk tier; a damaged one is discarded. `None` when the folder can't be used at all.
    pub(crate) fn open_disk(&self, sizes: &Sizes, medium: Arc<dyn Medium>) -> Option<Disk> {
        let disk = self.open_or_discard(sizes, medium)?;
        discarded::remove(&self.dir, &disk.discarded_bytes);
        Some(disk)
    }

    fn open_or_discard(&self, sizes: &Sizes, medium: Arc<dyn Medium>) -> Option<Disk> {
        let folder = self.dir.join("cache");
        let damaged = match Disk::open(&folder, sizes, Arc::clone(&medium)) {
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
        if let Err(error) = discarded::put_aside(&self.dir, &folder) {
            tracing::error!(path = %folder.display(), %error, "the damaged cache cannot be put aside");
        }
        Disk::open(&folder, sizes, medium)
            .inspect_err(|error| without_disk(&folder, error))
            .ok()
    }
}

/// Opens or creates the lock's file. Nothing is written to it, so one that is there will do as it is.
fn open_lock(path: &Path) -> io::Result<File> {
    let opened = File::options()
        .create(true)
        .truncate(false)
        .write(true)
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
        opened => opened,
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
    match fs::read(&path) {
        Ok(found) if found.trim_ascii() == FORMAT.as_bytes() => Ok(()),
        // Nothing, or zeros, is what a crash between creating and writing leaves.
        Ok(found) if found.iter().any(|byte| *byte != 0) => {
            let found = String::from_utf8_lossy(&found).chars().take(64).collect();
            Err(OpenError::UnknownFormat {
                dir: dir.into(),
                found,
                expected: FORMAT,
            })
        }
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(failed("read the file", &path, source))
        }
        _ => fs::write(&path, format!("{FORMAT}\n"))
            .map_err(|source| failed("write the file", &path, source)),
    }
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> OpenError {
    OpenError::Io {
        action,
        path: path.into(),
        source,
    }
}
