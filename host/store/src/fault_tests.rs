//! A disk that fails, fills up or tears what is written: storing suffers, serving does not, and nothing wrong is found.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use selvedge_caching::{LifetimeSource, Stored, StoredBody, StoredDirectives, Time};

use crate::medium::{Files, Medium, MediumFile};
use crate::{Config, Entry, Found, Key, NotStored, Store};

/// Real files that fail from some operation on.
#[derive(Debug)]
struct Faulty {
    files: Files,
    faults: Arc<Faults>,
}

#[derive(Debug)]
struct Faults {
    /// Operations until the fault.
    left: AtomicI64,
    /// Whether a failing write leaves half of its data.
    tears: bool,
    /// Reads fail too.
    reads: AtomicBool,
}

#[derive(Debug)]
struct FaultyFile {
    file: Arc<dyn MediumFile>,
    faults: Arc<Faults>,
}

impl Faults {
    fn new(left: i64, tears: bool) -> Arc<Faults> {
        let reads = AtomicBool::new(false);
        Arc::new(Faults {
            left: AtomicI64::new(left),
            tears,
            reads,
        })
    }

    fn check(&self) -> io::Result<()> {
        match self.left.fetch_sub(1, Ordering::Relaxed) {
            ..=0 => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }

    fn heal(&self) {
        self.left.store(i64::MAX, Ordering::Relaxed);
    }
}

impl Faulty {
    fn wrap(&self, file: Arc<dyn MediumFile>) -> Arc<dyn MediumFile> {
        Arc::new(FaultyFile {
            file,
            faults: Arc::clone(&self.faults),
        })
    }
}

impl Medium for Faulty {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn MediumFile>> {
        self.faults.check()?;
        Ok(self.wrap(self.files.create(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn MediumFile>> {
        Ok(self.wrap(self.files.open(path)?))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.files.remove(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.faults.check()?;
        self.files.sync_folder(path)
    }
}

impl MediumFile for FaultyFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        if self.faults.reads.load(Ordering::Relaxed) {
            return Err(io::Error::other("the disk does not answer"));
        }
        self.file.read_exact_at(buffer, offset)
    }

    fn write_all_at(&self, data: &[u8], offset: u64) -> io::Result<()> {
        if let Err(error) = self.faults.check() {
            if self.faults.tears {
                self.file.write_all_at(&data[..data.len() / 2], offset)?;
            }
            return Err(error);
        }
        self.file.write_all_at(data, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.faults.check()?;
        self.file.sync()
    }

    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }
}

fn config(dir: &Path) -> Config {
    Config {
        dir: Some(dir.to_path_buf()),
        memory_bytes: 32 << 20,
        disk_bytes: 64 << 20,
        max_object_bytes: 16 << 20,
        max_variants: 2,
    }
}

fn open(dir: &Path, faults: &Arc<Faults>) -> Store {
    let medium = Faulty {
        files: Files,
        faults: Arc::clone(faults),
    };
    Store::open_on(config(dir), Arc::new(medium)).expect("the store opens")
}

fn key(n: u8) -> Key {
    let mut key = [n; 32];
    key[0] = n.wrapping_mul(31);
    Key(key)
}

fn body(n: u8) -> Bytes {
    let length = match n % 5 {
        0 => 3 << 20,
        _ => usize::from(n) * 3_001,
    };
    (0..length)
        .map(|at| (at as u8).wrapping_mul(7) ^ n)
        .collect()
}

fn head() -> Stored {
    Stored {
        status: StatusCode::OK,
        fields: HeaderMap::new(),
        trailers: None,
        request_time: Time(1),
        response_time: Time(2),
        date: Time(2),
        initial_age_ms: 0,
        lifetime: 60,
        lifetime_source: LifetimeSource::MaxAge,
        stale_while_revalidate: None,
        stale_if_error: None,
        directives: StoredDirectives::default(),
        vary: Vec::new(),
        tags: Vec::new(),
        body: StoredBody::Complete { length: None },
        invalidated_softly: false,
    }
}

/// Stores a body; its reader gets all of it, whatever becomes of storing.
async fn put(store: &Store, n: u8) -> Result<Arc<Entry>, NotStored> {
    let content = body(n);
    let mut fill = store.begin(key(n), head(), Bytes::new(), Some(content.len() as u64));
    let mut reader = fill.reader();
    let follower = tokio::spawn(async move {
        let mut whole = Vec::new();
        while let Some(piece) = reader.next().await {
            whole.extend_from_slice(&piece.expect("the follower is not disturbed"));
        }
        whole
    });
    for piece in content.chunks(50_000) {
        fill.append(content.slice_ref(piece)).await;
    }
    let entry = fill.finish(None).await;
    assert!(
        follower.await.expect("the follower ends") == content,
        "what was followed of {n}"
    );
    entry
}

async fn get(store: &Store, n: u8) -> Option<Vec<u8>> {
    let entry = match store.look_up(&key(n)) {
        Found::Memory(entry) => entry,
        Found::OnDisk => store.load(&key(n)).await?,
        Found::Absent => return None,
    };
    let mut reader = entry.variants()[0].reader(None);
    let mut whole = Vec::new();
    while let Some(piece) = reader.next().await {
        whole.extend_from_slice(&piece.ok()?);
    }
    Some(whole)
}

#[tokio::test]
async fn a_disk_that_fails_at_any_step_costs_storing_and_never_serving() {
    for step in (0..24).chain([30, 36, 37]) {
        let dir = tempfile::tempdir().expect("a folder");
        let faults = Faults::new(step, step % 2 == 0);
        let store = open(dir.path(), &faults);
        for n in 0..12 {
            let stored = put(&store, n).await;
            if n % 5 != 0 {
                stored.expect("small ones are kept in memory");
            }
            if n % 3 == 0 {
                store.flush().await;
            }
        }
        for n in (0..12).filter(|n| n % 5 != 0) {
            assert!(
                get(&store, n).await.expect("from memory") == body(n),
                "body {n}, step {step}"
            );
        }
        drop(store);
        let store = Store::open(config(dir.path())).expect("it starts again");
        for n in 0..12 {
            if let Some(content) = get(&store, n).await {
                assert!(content == body(n), "body {n} after the start, step {step}");
            }
        }
        let stats = store.stats();
        assert_eq!(stats.damaged_objects, 0, "step {step}: {stats:?}");
    }
}

#[tokio::test]
async fn a_disk_that_works_again_is_used_again_and_removals_were_not_forgotten() {
    let dir = tempfile::tempdir().expect("a folder");
    let faults = Faults::new(i64::MAX, true);
    let store = open(dir.path(), &faults);
    put(&store, 1).await.expect("stored");
    put(&store, 5).await.expect("stored");
    store.flush().await;
    faults.left.store(0, Ordering::Relaxed);
    put(&store, 2).await.expect("in memory");
    store.remove(&key(1), None).await;
    store.remove(&key(5), None).await;
    store.flush().await;
    assert!(store.stats().disk_failed);
    assert_eq!(
        put(&store, 10).await.expect_err("no disk"),
        NotStored::DiskFailed
    );
    faults.heal();
    while store.stats().disk_failed {
        tokio::time::sleep(Duration::from_millis(10)).await;
        store.flush().await;
    }
    put(&store, 3).await.expect("stored");
    put(&store, 10).await.expect("stored");
    store.flush().await;
    drop(store);
    let store = Store::open(config(dir.path())).expect("it starts again");
    assert!(
        get(&store, 1).await.is_none() && get(&store, 5).await.is_none(),
        "they were removed"
    );
    assert!(get(&store, 3).await.expect("stored") == body(3));
    assert!(get(&store, 10).await.expect("stored") == body(10));
}

#[tokio::test]
async fn a_disk_that_cannot_be_read_makes_a_miss_and_loses_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let faults = Faults::new(i64::MAX, false);
    put(&open(dir.path(), &faults), 1).await.expect("stored");
    let store = open(dir.path(), &faults);
    faults.reads.store(true, Ordering::Relaxed);
    assert!(get(&store, 1).await.is_none());
    faults.reads.store(false, Ordering::Relaxed);
    assert!(get(&store, 1).await.expect("still there") == body(1));
}
