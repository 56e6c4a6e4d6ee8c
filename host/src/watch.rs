//! Notices that files have changed. Only their contents count, so that a touched file, or one that is written in several
//! steps, causes no more than it should.
#![expect(
    clippy::disallowed_methods,
    reason = "files are watched on a thread of their own"
)]

use notify::{RecursiveMode, Watcher};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;

/// Editors write in several steps: nothing is done until it has been quiet for this long.
const QUIET: Duration = Duration::from_millis(150);

/// Beside something that changes all the time, a log for instance, it is never quiet: then this is long enough.
const LONGEST: Duration = Duration::from_millis(500);

/// Watches folders.
pub(crate) struct Watch {
    watcher: notify::RecommendedWatcher,
    events: mpsc::UnboundedReceiver<()>,
    folders: BTreeSet<PathBuf>,
}

impl Watch {
    /// A watch over nothing yet.
    ///
    /// # Errors
    /// The system's, for instance that no more watches are to be had.
    pub(crate) fn new() -> notify::Result<Watch> {
        let (sender, events) = mpsc::unbounded_channel();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| !event.kind.is_access()) {
                let _ = sender.send(());
            }
        })?;
        Ok(Watch {
            watcher,
            events,
            folders: BTreeSet::new(),
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
            let Some(folder) = folder else { continue };
            if !self.folders.contains(folder)
                && self
                    .watcher
                    .watch(folder, RecursiveMode::NonRecursive)
                    .is_ok()
            {
                self.folders.insert(folder.to_owned());
            }
        }
    }

    /// Waits until something in the folders has changed and it has been quiet for a moment, or never is.
    pub(crate) async fn changed(&mut self) {
        if self.events.recv().await.is_none() {
            return std::future::pending().await;
        }
        let quiet = async {
            while let Ok(Some(())) = tokio::time::timeout(QUIET, self.events.recv()).await {}
        };
        // Whether it became quiet or not makes no difference: the contents are looked at.
        let _ = tokio::time::timeout(LONGEST, quiet).await;
    }
}

/// The contents of files as one value; a file that can't be read counts as absent.
pub(crate) fn contents<'p>(files: impl IntoIterator<Item = &'p Path>) -> [u8; 32] {
    let mut hash = blake3::Hasher::new();
    for file in files {
        hash.update(file.as_os_str().as_encoded_bytes());
        match std::fs::read(file) {
            Ok(bytes) => hash.update(blake3::hash(&bytes).as_bytes()),
            Err(_) => hash.update(b"absent"),
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
