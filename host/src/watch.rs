//! Notices that files have changed. Only their contents count, so that a touched file, or one that is written in several
//! steps, causes no more than it should.

use crate::files::Ledger;
use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{EventKind, RecursiveMode, Watcher};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;

/// After a step of a change that may go on: editors write in several.
const QUIET: Duration = Duration::from_millis(150);

/// After a step that ends a change: a file that was written has been closed, or another has taken its place.
const QUIET_AFTER_END: Duration = Duration::from_millis(15);

/// Beside something that changes all the time, a log for instance, it is never quiet: then this is long enough.
const MAX_WAIT: Duration = Duration::from_millis(500);

/// The largest file whose content is followed, in bytes.
const MAX_FILE: u64 = 1 << 30;

/// Watches folders.
pub(crate) struct Watch {
    watcher: notify::RecommendedWatcher,
    /// How long it has to be quiet after each event.
    events: mpsc::UnboundedReceiver<Duration>,
    folders: HashSet<PathBuf>,
}

/// How long it has to be quiet after an event; `None` if that changes nothing.
fn quiet_after(kind: EventKind) -> Option<Duration> {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write))
        | EventKind::Modify(ModifyKind::Name(_))
        | EventKind::Remove(_) => Some(QUIET_AFTER_END),
        EventKind::Access(_) => None,
        _ => Some(QUIET),
    }
}

impl Watch {
    /// A watch over nothing yet.
    ///
    /// # Errors
    /// The system's, for instance that no more watches are to be had.
    pub(crate) fn new() -> notify::Result<Watch> {
        let (sender, events) = mpsc::unbounded_channel();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if let Some(quiet) = event.ok().and_then(|event| quiet_after(event.kind)) {
                let _ = sender.send(quiet);
            }
        })?;
        Ok(Watch {
            watcher,
            events,
            folders: HashSet::new(),
        })
    }

    /// Watches the folder of each of these files as well, and each of these that is a folder. What can't be watched is
    /// left out: a folder that does not exist yet is found at the next call.
    pub(crate) fn add<'p>(&mut self, paths: impl IntoIterator<Item = &'p Path>) {
        for path in paths {
            let folder = if path.is_dir() {
                Some(path)
            } else {
                path.parent()
            };
            if let Some(folder) = folder {
                self.add_folder(folder);
            }
        }
    }

    /// Watches a folder as well. Returns true if it was not watched before: something may have changed there meanwhile.
    pub(crate) fn add_folder(&mut self, folder: &Path) -> bool {
        // The parent of a bare name.
        let folder = match folder.as_os_str().is_empty() {
            true => Path::new("."),
            false => folder,
        };
        if self.folders.contains(folder) {
            return false;
        }
        let watched = self.watcher.watch(folder, RecursiveMode::NonRecursive);
        if watched.is_ok() {
            self.folders.insert(folder.to_owned());
        }
        watched.is_ok()
    }

    /// Waits until something in the folders has changed and it has been quiet for a moment, or never is.
    pub(crate) async fn changed(&mut self) {
        let Some(mut wait) = self.events.recv().await else {
            return std::future::pending().await;
        };
        let quiet = async {
            while let Ok(Some(next)) = tokio::time::timeout(wait, self.events.recv()).await {
                wait = next;
            }
        };
        // It makes no difference if it became quiet: the contents are looked at.
        let _ = tokio::time::timeout(MAX_WAIT, quiet).await;
    }
}

/// The contents of files as one value; a file that can't be read counts as absent.
pub(crate) fn contents<'p>(files: impl IntoIterator<Item = &'p Path>) -> [u8; 32] {
    let mut ledger = Ledger::default();
    let mut hash = blake3::Hasher::new();
    for file in files {
        hash.update(file.as_os_str().as_encoded_bytes());
        match ledger.digest(file, MAX_FILE) {
            Some(digest) => hash.update(digest.as_bytes()),
            None => hash.update(b"absent"),
        };
    }
    *hash.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[tokio::test]
    async fn a_change_beside_what_changes_all_the_time_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let mut watch = Watch::new().unwrap();
        watch.add([dir.path()]);
        let over = Arc::new(AtomicBool::new(false));
        let (ends, log) = (over.clone(), dir.path().join("log"));
        let writes = std::thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                std::fs::write(&log, "a line").unwrap();
                std::thread::sleep(QUIET / 10);
            }
        });
        let soon = Duration::from_secs(20);
        let noticed = tokio::time::timeout(soon, watch.changed()).await;
        over.store(true, Ordering::Relaxed);
        writes.join().unwrap();
        assert!(noticed.is_ok());
    }
}
