//! Digests of files, remembered for as long as the system says that the files have not changed.
#![expect(
    clippy::disallowed_methods,
    reason = "files are read on threads that may block, and their times are those of the system"
)]

use super::{CHUNK, ReadError, open, read_open};
use std::collections::HashMap;
use std::fs::Metadata;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The times of files are as exact as the system's ticks: a file that changed this short a time ago may change again without
/// another time.
const TICK: Duration = Duration::from_millis(20);

/// The tick of a file system that keeps whole seconds only.
const COARSE_TICK: Duration = Duration::from_secs(2);

/// A file's content, by its BLAKE3 hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(*blake3::hash(bytes).as_bytes())
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The system's metadata of a file. A change of its content changes some of this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Stamp {
        Stamp {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Returns true if any further change after `now` gives the file another stamp.
    fn is_settled(&self, now: SystemTime) -> bool {
        let (seconds, nanos) = self.changed;
        let tick = if nanos == 0 { COARSE_TICK } else { TICK };
        let since_epoch = Duration::new(
            u64::try_from(seconds).unwrap_or_default(),
            u32::try_from(nanos).unwrap_or_default(),
        );
        UNIX_EPOCH
            .checked_add(since_epoch)
            .and_then(|changed| now.duration_since(changed).ok())
            .is_some_and(|age| age > tick)
    }
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The look at which the file was last asked about.
    look: u64,
    stamp: Stamp,
    /// The stamp does for the content.
    settled: bool,
    digest: Option<Digest>,
}

/// Digests of files by their paths. A file is read again only if its stamp has changed, and asked about once for each look.
#[derive(Debug, Default)]
pub struct Ledger {
    look: u64,
    files: HashMap<PathBuf, Entry>,
}

impl Ledger {
    /// Begins another look at all files, and forgets those that the last one did not ask about.
    pub fn look(&mut self) {
        let last = self.look;
        self.files.retain(|_, entry| entry.look == last);
        self.look += 1;
    }

    /// Returns the digest of a file's content; `None` if it can't be read within the limit.
    pub fn digest(&mut self, path: &Path, limit: u64) -> Option<Digest> {
        let look = self.look;
        if let Some(entry) = self.files.get_mut(path) {
            if entry.look == look {
                return entry.digest;
            }
            let now = std::fs::metadata(path).ok()?;
            if entry.settled && entry.stamp == Stamp::of(&now) {
                entry.look = look;
                return entry.digest;
            }
        }
        self.note(path, |file, metadata| {
            hash(file, metadata, limit).map(|digest| ((), digest))
        })
        .ok()
        .map(|((), digest)| digest)
    }

    /// Reads a file of at most `limit` bytes.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read(&mut self, path: &Path, limit: u64) -> Result<(Vec<u8>, Digest), ReadError> {
        self.note(path, |file, metadata| {
            if metadata.len() > limit {
                return Err(ReadError::TooLarge {
                    size: metadata.len(),
                    limit,
                });
            }
            let content = read_open(file, metadata, limit)?;
            let digest = Digest::of(&content);
            Ok((content, digest))
        })
    }

    /// Opens a file, and remembers the digest that `read` finds.
    fn note<T>(
        &mut self,
        path: &Path,
        read: impl Fn(&mut std::fs::File, &Metadata) -> Result<(T, Digest), ReadError>,
    ) -> Result<(T, Digest), ReadError> {
        let now = SystemTime::now();
        let opened = open(path, u64::MAX);
        let read = opened.and_then(|(mut file, before)| {
            let found = read(&mut file, &before)?;
            let (stamp, after) = (Stamp::of(&before), Stamp::of(&file.metadata()?));
            Ok((found, stamp, stamp == after))
        });
        let (found, stamp, is_quiet) = read.inspect_err(|_| {
            self.files.remove(path);
        })?;
        let entry = Entry {
            look: self.look,
            stamp,
            settled: is_quiet && stamp.is_settled(now),
            digest: Some(found.1),
        };
        self.files.insert(path.to_owned(), entry);
        Ok(found)
    }
}

fn hash(file: &mut std::fs::File, metadata: &Metadata, limit: u64) -> Result<Digest, ReadError> {
    if metadata.len() > limit {
        return Err(ReadError::TooLarge {
            size: metadata.len(),
            limit,
        });
    }
    let mut budget = super::ReadBudget::new(limit);
    let mut hash = blake3::Hasher::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk) {
            Ok(0) => return Ok(Digest(*hash.finalize().as_bytes())),
            Ok(read) => {
                hash.update(chunk.get(..read).unwrap_or_default());
                budget.spend(read)?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u64 = 100;

    struct Folder {
        dir: tempfile::TempDir,
        ledger: Ledger,
    }

    impl Folder {
        fn new() -> Folder {
            Folder {
                dir: tempfile::tempdir().unwrap(),
                ledger: Ledger::default(),
            }
        }

        fn write(&self, text: &str) {
            std::fs::write(self.path(), text).unwrap();
        }

        fn path(&self) -> PathBuf {
            self.dir.path().join("file")
        }

        fn digest(&mut self) -> Option<Digest> {
            self.ledger.look();
            self.ledger.digest(&self.path(), LIMIT)
        }
    }

    #[test]
    fn a_change_is_seen_however_soon_it_comes_and_whatever_its_length() {
        let mut folder = Folder::new();
        for round in 0..200 {
            let text = format!("{round:05}");
            folder.write(&text);
            assert_eq!(folder.digest(), Some(Digest::of(text.as_bytes())));
        }
    }

    #[test]
    fn a_change_is_seen_although_the_modification_time_is_set_back() {
        let mut folder = Folder::new();
        folder.write("one");
        let old = SystemTime::now() - Duration::from_secs(1000);
        let set = |path| {
            let file = std::fs::File::options().write(true).open(path).unwrap();
            file.set_modified(old).unwrap();
        };
        set(folder.path());
        assert_eq!(folder.digest(), Some(Digest::of(b"one")));
        folder.write("two");
        set(folder.path());
        assert_eq!(folder.digest(), Some(Digest::of(b"two")));
    }

    #[test]
    fn what_has_settled_is_not_read_again() {
        let mut folder = Folder::new();
        folder.write("one");
        let first = folder.digest();
        let path = folder.path();
        let entry = folder.ledger.files.get_mut(&path).unwrap();
        // As if it had been read much later; and a digest that no reading gives.
        entry.settled = true;
        entry.digest = Some(Digest([1; 32]));
        assert_ne!(folder.digest(), first);
        folder.write("two");
        assert_eq!(folder.digest(), Some(Digest::of(b"two")));
    }

    #[test]
    fn what_cannot_be_read_has_no_digest_until_it_can() {
        let mut folder = Folder::new();
        assert_eq!(folder.digest(), None);
        folder.write(&"long".repeat(100));
        assert_eq!(folder.digest(), None);
        folder.write("short");
        assert!(folder.digest().is_some());
        std::fs::remove_file(folder.path()).unwrap();
        assert_eq!(folder.digest(), None);
    }

    #[test]
    fn files_that_are_not_asked_about_any_more_are_forgotten() {
        let mut folder = Folder::new();
        folder.write("one");
        folder.digest();
        folder.ledger.look();
        folder.ledger.look();
        assert!(folder.ledger.files.is_empty());
    }
}
