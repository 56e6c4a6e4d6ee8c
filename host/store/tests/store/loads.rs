//! Content that several readers ask for at the same time is read from disk once.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Condvar, Mutex};
use selvedge_store::{Entry, FileId, Files, Found, Medium, MediumFile, Store};
use tokio::task::{JoinHandle, yield_now};

use crate::disk::TestDisk;
use crate::support::*;

/// The real disk, which counts readings of bodies' files and can hold them up.
#[derive(Clone, Debug, Default)]
struct Counting(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    readings: AtomicU64,
    held: Mutex<bool>,
    let_go: Condvar,
}

impl Counting {
    fn readings(&self) -> u64 {
        self.0.readings.load(Ordering::SeqCst)
    }

    /// Holds up all readings from now on.
    fn hold(&self) {
        *self.0.held.lock() = true;
    }

    fn let_go(&self) {
        *self.0.held.lock() = false;
        self.0.let_go.notify_all();
    }

    fn file(&self, real: Arc<dyn MediumFile>) -> Arc<dyn MediumFile> {
        Arc::new(CountingFile {
            disk: self.clone(),
            real,
        })
    }
}

impl Medium for Counting {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn MediumFile>> {
        Ok(self.file(Files.create(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn MediumFile>> {
        if path.ends_with("generation") {
            return Files.open(path);
        }
        Ok(self.file(Files.open(path)?))
    }

    fn database(&self, path: &Path) -> io::Result<Arc<dyn MediumFile>> {
        Files.database(path)
    }

    fn id(&self, path: &Path) -> io::Result<FileId> {
        Files.id(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        Files.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        Files.remove(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        Files.sync_folder(path)
    }
}

#[derive(Debug)]
struct CountingFile {
    disk: Counting,
    real: Arc<dyn MediumFile>,
}

impl MediumFile for CountingFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let inner = &self.disk.0;
        inner.readings.fetch_add(1, Ordering::SeqCst);
        let mut held = inner.held.lock();
        inner.let_go.wait_while(&mut held, |held| *held);
        drop(held);
        self.real.read_exact_at(buffer, offset)
    }

    fn write_all_at(&self, data: &[u8], offset: u64) -> io::Result<()> {
        self.real.write_all_at(data, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.real.sync()
    }

    fn length(&self) -> io::Result<u64> {
        self.real.length()
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.real.set_length(length)
    }
}

/// Puts this number of keys on disk, none of them in memory.
async fn stored(dir: &Path, keys: u64) -> (Store, Counting) {
    let store = open(dir);
    for n in 0..keys {
        put(&store, key(n), head("\"a\""), &body(n, 20_000))
            .await
            .expect("stored");
    }
    store.flush().await;
    drop(store);
    let disk = Counting::default();
    let store = Store::open_on(config(dir), Arc::new(disk.clone())).expect("it opens");
    until("all keys are known", || store.stats().disk_known).await;
    (store, disk)
}

type Loading = JoinHandle<Option<Arc<Entry>>>;

/// Begins to load a key; it has come as far as it can when this returns.
async fn begin(store: &Store, n: u64) -> Loading {
    assert!(matches!(store.look_up(&key(n)), Found::OnDisk));
    let store = store.clone();
    let loading = tokio::spawn(async move { store.load(&key(n)).await });
    // The test has one thread: a task that was spawned runs until it waits before this goes on.
    for _ in 0..8 {
        yield_now().await;
    }
    loading
}

async fn assert_found(loading: Loading, n: u64) {
    let entry = loading.await.expect("it ends").expect("it is found");
    let got = entry.variants()[0].bytes().expect("it is in memory");
    assert_same(&got, &body(n, 20_000), "what was loaded");
}

/// The readings that one load takes.
async fn readings_of_one(store: &Store, disk: &Counting, n: u64) -> u64 {
    let before = disk.readings();
    store.load(&key(n)).await.expect("stored");
    disk.readings() - before
}

#[tokio::test]
async fn a_key_that_many_ask_for_at_once_is_read_once() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, disk) = stored(dir.path(), 2).await;
    let one = readings_of_one(&store, &disk, 0).await;
    assert!(one > 0);
    disk.hold();
    let mut loads = Vec::new();
    for _ in 0..100 {
        loads.push(begin(&store, 1).await);
    }
    let before = disk.readings();
    disk.let_go();
    for loading in loads {
        assert_found(loading, 1).await;
    }
    // At most the first reading was counted before.
    assert!(before <= one + 1, "{before} readings were begun");
    assert_eq!(disk.readings(), 2 * one);
    assert!(matches!(store.look_up(&key(1)), Found::Memory(_)));
    // Each was answered from disk.
    assert_eq!(store.stats().disk_hits, 101);
}

#[tokio::test]
async fn different_keys_do_not_wait_for_each_other() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, disk) = stored(dir.path(), 8).await;
    disk.hold();
    let mut loads = Vec::new();
    for n in 0..8 {
        loads.push(begin(&store, n).await);
    }
    until("it is being read", || disk.readings() == 8).await;
    disk.let_go();
    for (n, loading) in (0..).zip(loads) {
        assert_found(loading, n).await;
    }
}

#[tokio::test]
async fn a_reader_that_leaves_takes_nothing_from_those_who_wait() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, disk) = stored(dir.path(), 2).await;
    let one = readings_of_one(&store, &disk, 0).await;
    disk.hold();
    let first = begin(&store, 1).await;
    until("it is being read", || disk.readings() == one + 1).await;
    let second = begin(&store, 1).await;
    first.abort();
    assert!(first.await.is_err());
    let third = begin(&store, 1).await;
    disk.let_go();
    assert_found(second, 1).await;
    assert_found(third, 1).await;
    assert_eq!(disk.readings(), 2 * one);
}

#[tokio::test]
async fn one_who_leaves_before_its_turn_to_read_leaves_that_to_the_next() {
    // More than may read at the same time.
    const BUSY: u64 = 40;
    let dir = tempfile::tempdir().expect("a folder");
    let (store, disk) = stored(dir.path(), BUSY + 1).await;
    disk.hold();
    let mut busy = Vec::new();
    for n in 0..BUSY {
        busy.push(begin(&store, n).await);
    }
    until("it is being read", || disk.readings() >= 8).await;
    let first = begin(&store, BUSY).await;
    let second = begin(&store, BUSY).await;
    first.abort();
    assert!(first.await.is_err());
    disk.let_go();
    assert_found(second, BUSY).await;
    for (n, loading) in (0..).zip(busy) {
        assert_found(loading, n).await;
    }
}

#[tokio::test]
async fn what_changes_during_a_reading_is_what_all_get() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, disk) = stored(dir.path(), 2).await;
    disk.hold();
    let replaced = [begin(&store, 0).await, begin(&store, 0).await];
    let removed = [begin(&store, 1).await, begin(&store, 1).await];
    until("it is being read", || disk.readings() == 2).await;
    store.remove(&key(1), None).await;
    // It takes its turn after the reading: storing asks what is there.
    let storing = {
        let store = store.clone();
        tokio::spawn(async move { put(&store, key(0), head("\"b\""), &body(9, 100)).await })
    };
    disk.let_go();
    storing.await.expect("it ends").expect("stored");
    for loading in replaced {
        loading.await.expect("it ends").expect("something is found");
    }
    for loading in removed {
        assert!(loading.await.expect("it ends").is_none());
    }
    let entry = find(&store, &key(0)).await.expect("it is stored");
    assert_eq!(etag(&entry), "\"b\"");
    assert!(find(&store, &key(1)).await.is_none());
}

#[tokio::test]
async fn nothing_of_a_reading_is_left_when_it_was_heard_of() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, _) = stored(dir.path(), 1).await;
    drop(store);
    for _ in 0..200 {
        let store = open(dir.path());
        assert!(store.load(&key(0)).await.is_some());
    }
}

#[tokio::test]
async fn a_reading_that_failed_fails_for_nobody_who_comes_after_it() {
    let dir = tempfile::tempdir().expect("a folder");
    drop(stored(dir.path(), 1).await);
    let disk = TestDisk::new();
    for _ in 0..200 {
        let store = Store::open_on(config(dir.path()), disk.medium()).expect("it opens");
        disk.fail_reads_of_bodies(true);
        assert!(store.load(&key(0)).await.is_none());
        disk.fail_reads_of_bodies(false);
        assert!(store.load(&key(0)).await.is_some());
    }
}
