//! Compiled code in a folder, so that a restart need not compile again.
//!
//! Loading compiled code is trusting it: nothing checks it again. So the folder and its files must belong to this user
//! alone, and each file begins with a hash of the rest, which finds what a crash or a disk has damaged.
#![expect(
    clippy::disallowed_methods,
    reason = "compiled files are read and written by threads that compile"
)]

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::error::RuntimeError;

/// Compiled plugins that are kept beside those that are loaded; the oldest go first.
const KEPT: usize = 256;

pub(crate) struct Artifacts {
    dir: PathBuf,
    /// Stands for the engine's version and settings and for the machine's processor.
    engine: u64,
    /// Makes names of unfinished files unique within the process.
    written: AtomicU64,
    /// The files of plugins that are loaded.
    in_use: Mutex<Vec<Weak<PathBuf>>>,
}

/// Held by a plugin for as long as it is loaded: its compiled code stays where it is.
pub(crate) type InUse = Arc<PathBuf>;

impl Artifacts {
    pub(crate) fn open(dir: &Path, engine: &Engine) -> Result<Artifacts, RuntimeError> {
        let failed = |reason: String| RuntimeError::CacheDir {
            path: dir.to_owned(),
            reason,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(|error| failed(error.to_string()))?;
        let metadata = fs::metadata(dir).map_err(|error| failed(error.to_string()))?;
        if let Err(reason) = only_ours(&metadata) {
            return Err(failed(format!(
                "{reason}; give it to this user alone (`chmod 700`), or name another folder"
            )));
        }
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Artifacts {
            dir: dir.to_owned(),
            engine: hasher.finish(),
            written: AtomicU64::new(0),
            in_use: Mutex::default(),
        })
    }

    /// The compiled form of a plugin file is in use from now on, whether it is here or will be.
    pub(crate) fn used(&self, plugin: &[u8]) -> InUse {
        let path = Arc::new(self.path(plugin));
        let mut in_use = self.in_use.lock();
        in_use.retain(|path| path.strong_count() > 0);
        in_use.push(Arc::downgrade(&path));
        path
    }

    /// The compiled form of a plugin file, if it is here and whole.
    pub(crate) fn get(&self, engine: &Engine, plugin: &[u8]) -> Option<Component> {
        let path = self.path(plugin);
        match read(&path) {
            Ok(artifact) => trusted(engine, &artifact)
                .inspect_err(|error| tracing::warn!(path = %path.display(), "compiled plugin not usable: {error:#}"))
                .ok(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!(path = %path.display(), "compiled plugin not used, compiling again: {error}");
                None
            }
        }
    }

    /// Keeps compiled code. A failure costs the next start some seconds and nothing else, so it is only logged.
    pub(crate) fn put(&self, plugin: &[u8], artifact: &[u8]) {
        let path = self.path(plugin);
        if let Err(error) = self.write(&path, artifact) {
            tracing::warn!(path = %path.display(), "cannot keep a compiled plugin: {error}");
        }
    }

    fn path(&self, plugin: &[u8]) -> PathBuf {
        let name = format!(
            "{}-{:016x}.cwasm",
            blake3::hash(plugin).to_hex(),
            self.engine
        );
        self.dir.join(name)
    }

    /// Other processes may read the folder meanwhile: a file appears under its name only when it is whole.
    fn write(&self, path: &Path, artifact: &[u8]) -> io::Result<()> {
        let unfinished = self.dir.join(format!(
            "{}-{}.tmp",
            std::process::id(),
            self.written.fetch_add(1, Relaxed)
        ));
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&unfinished)?;
        let written = file
            .write_all(blake3::hash(artifact).as_bytes())
            .and_then(|()| file.write_all(artifact));
        let finished = written.and_then(|()| fs::rename(&unfinished, path));
        if finished.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        finished
    }

    /// Removes what no loaded plugin uses, the oldest first, down to [`KEPT`]. Not while plugins are being loaded: what the
    /// next one needs would go.
    pub(crate) fn tidy(&self) {
        if let Err(error) = self.prune(KEPT) {
            tracing::warn!(path = %self.dir.display(), "cannot remove compiled plugins that are not used: {error}");
        }
    }

    fn prune(&self, kept: usize) -> io::Result<()> {
        let in_use: HashSet<InUse> = {
            let mut in_use = self.in_use.lock();
            in_use.retain(|path| path.strong_count() > 0);
            in_use.iter().filter_map(Weak::upgrade).collect()
        };
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            let ours = ["cwasm", "tmp"].map(|ours| path.extension().is_some_and(|it| it == ours));
            if !ours.contains(&true) || in_use.contains(&path) {
                continue;
            }
            // Another process may have removed it, or given it its name.
            if let Ok(metadata) = fs::metadata(&path) {
                files.push((metadata.modified()?, path));
            }
        }
        files.sort();
        let surplus = files.len().saturating_sub(kept);
        for (_, path) in files.iter().take(surplus) {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    only_ours(&file.metadata()?).map_err(io::Error::other)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let Some((hash, artifact)) = bytes.split_first_chunk::<32>() else {
        return Err(io::Error::other("the file is cut off"));
    };
    if blake3::hash(artifact).as_bytes() != hash {
        return Err(io::Error::other("the file is damaged"));
    }
    Ok(artifact.to_vec())
}

/// Checks that no other user could have put something here.
fn only_ours(metadata: &fs::Metadata) -> Result<(), String> {
    let user = rustix::process::geteuid().as_raw();
    if metadata.uid() != user {
        return Err(format!(
            "it belongs to user {}, not to this process's user {user}",
            metadata.uid()
        ));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(format!(
            "others may write there (mode {:o})",
            metadata.mode() & 0o777
        ));
    }
    Ok(())
}

/// Code that this process has just compiled, or that it found in a file that only its user can have written.
#[allow(unsafe_code)]
pub(crate) fn trusted(engine: &Engine, artifact: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes are `Engine::precompile_component`'s: made by this process or by its child, which runs the same
    // program and hands them over in a file without a name; or read by `read` above, which checks the owner, the
    // permissions and the hash that was written with them.
    unsafe { Component::deserialize(engine, artifact) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::time::{Duration, SystemTime};

    fn artifacts(dir: &Path) -> Artifacts {
        fs::set_permissions(dir, PermissionsExt::from_mode(0o700)).unwrap();
        Artifacts::open(dir, &Engine::default()).unwrap()
    }

    /// Keeps code for files named by these numbers; the lowest is the oldest.
    fn keep(artifacts: &Artifacts, numbers: std::ops::Range<u64>) {
        for number in numbers {
            artifacts.put(&number.to_le_bytes(), b"code");
            let file = File::open(artifacts.path(&number.to_le_bytes())).unwrap();
            let written = SystemTime::UNIX_EPOCH + Duration::from_secs(number);
            file.set_modified(written).unwrap();
        }
    }

    fn is_kept(artifacts: &Artifacts, number: u64) -> bool {
        artifacts.path(&number.to_le_bytes()).exists()
    }

    #[test]
    fn what_is_loaded_is_kept_however_much_that_is() {
        let dir = tempfile::tempdir().unwrap();
        let artifacts = artifacts(dir.path());
        let loaded: Vec<InUse> = (0..8_u64)
            .map(|number| artifacts.used(&number.to_le_bytes()))
            .collect();
        keep(&artifacts, 0..12);
        artifacts.prune(2).unwrap();
        let kept: Vec<u64> = (0..12).filter(|n| is_kept(&artifacts, *n)).collect();
        assert_eq!(kept, [0, 1, 2, 3, 4, 5, 6, 7, 10, 11]);
        drop(loaded);
        artifacts.prune(2).unwrap();
        let kept: Vec<u64> = (0..12).filter(|n| is_kept(&artifacts, *n)).collect();
        assert_eq!(kept, [10, 11]);
    }

    #[test]
    fn files_of_others_stay() {
        let dir = tempfile::tempdir().unwrap();
        let artifacts = artifacts(dir.path());
        fs::write(dir.path().join("notes.txt"), "x").unwrap();
        keep(&artifacts, 0..3);
        artifacts.prune(0).unwrap();
        assert!(dir.path().join("notes.txt").exists());
        assert!(!is_kept(&artifacts, 2));
    }
}
