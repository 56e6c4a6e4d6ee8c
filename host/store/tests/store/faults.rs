//! A disk that fails, fills up or tears what is written: storing suffers, serving does not, and nothing wrong is found.

mod index;
mod starts;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use selvedge_store::{Config, Entry, Found, NotStored, Store};
use tokio::time::timeout;

use crate::disk::TestDisk;
use crate::support::*;

fn config(dir: &Path) -> Config {
    Config {
        dir: Some(dir.to_path_buf()),
        memory_bytes: 32 * MIB,
        disk_bytes: 64 * MIB,
        max_object_bytes: 16 * MIB,
        max_variants: 2,
    }
}

fn open(dir: &Path, disk: &TestDisk) -> Store {
    Store::open_on(config(dir), disk.medium()).expect("the store opens")
}

/// More small responses than the index's page cache holds: those with the numbers below 12,000. All are known, and none is
/// in memory.
async fn many_on_disk(dir: &Path, disk: &TestDisk) -> Store {
    let before = open(dir, disk);
    let small = Bytes::from_static(b"small");
    put_all(&before, 0..12_000, &head("\"k\""), &small).await;
    drop(before);
    let store = open(dir, disk);
    until("all keys are known", || store.stats().disk_known).await;
    store
}

fn is_large(n: u64) -> bool {
    n.is_multiple_of(5)
}

fn content(n: u64) -> Bytes {
    body(n, if is_large(n) { 2 * MIB } else { n * 3_001 })
}

/// Stores a body; its reader gets all of it, whatever becomes of storing.
async fn put_followed(store: &Store, n: u64) -> Result<Arc<Entry>, NotStored> {
    let content = content(n);
    let length = Some(content.len() as u64);
    let mut fill = store.begin(key(n), head("\"f\""), Bytes::new(), length);
    let follower = tokio::spawn(read(fill.reader()));
    for piece in content.chunks(50_000) {
        fill.append(content.slice_ref(piece)).await;
    }
    let entry = fill.finish(None).await;
    let followed = follower.await.expect("the follower ends");
    assert_same(
        &followed.expect("not disturbed"),
        &content,
        "what was followed",
    );
    entry
}

/// The content stored under a number, if it can be read.
async fn get(store: &Store, n: u64) -> Option<Bytes> {
    body_of(store, &key(n)).await?.ok()
}

/// Stores and reads while the disk fails from the given step on; false when it was not reached.
async fn fails_at(step: i64) -> bool {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = TestDisk::tearing(step % 2 == 0);
    let store = open(dir.path(), &disk);
    let mut acknowledged = 0;
    disk.fail_after(step);
    for n in 0..12 {
        let stored = put_followed(&store, n).await;
        if !is_large(n) {
            stored.expect("small ones are kept in memory");
        }
        if n % 3 == 0 {
            let value = n.to_le_bytes();
            if store.state().put("t", b"k", &value).await.is_ok() {
                acknowledged = n;
            }
            store.flush().await;
        }
    }
    for n in (0..12).filter(|n| !is_large(*n)) {
        let found = get(&store, n).await.expect("from memory");
        assert_same(&found, &content(n), &format!("body {n}, step {step}"));
    }
    let failed = disk.has_failed();
    disk.heal();
    works_again(&store).await;
    put_followed(&store, 20)
        .await
        .expect("a large one is stored again");
    put_followed(&store, 21).await.expect("a small one too");
    store.flush().await;
    let (counted, used) = (
        store.stats().disk_bytes,
        disk_usage(&dir.path().join("cache")),
    );
    assert_eq!(
        counted, used,
        "step {step}: what is counted is what is there"
    );
    drop(store);
    let store = Store::open(config(dir.path())).expect("it starts again");
    for n in 0..12 {
        if let Some(found) = get(&store, n).await {
            assert_same(
                &found,
                &content(n),
                &format!("body {n} after the start, step {step}"),
            );
        }
    }
    for n in [20, 21] {
        let found = get(&store, n).await.expect("stored after the failure");
        assert_same(&found, &content(n), "stored after the failure");
    }
    let value = store
        .state()
        .get("t", b"k")
        .await
        .expect("the state is open");
    let value = value.map_or(0, |value| u64::from_le_bytes(value.try_into().unwrap()));
    assert!(
        value >= acknowledged,
        "step {step}: {value}, {acknowledged} was acknowledged"
    );
    assert_eq!(store.stats().damaged_objects, 0, "step {step}");
    failed
}

#[tokio::test]
async fn a_disk_that_fails_at_any_step_costs_storing_until_it_works_again_and_never_serving() {
    let mut step = 0;
    while fails_at(step).await {
        step += 1;
    }
    assert!(step > 100, "only {step} steps");
}

#[tokio::test]
async fn a_disk_that_works_again_is_used_again_and_removals_were_not_forgotten() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = TestDisk::new();
    let store = open(dir.path(), &disk);
    put_followed(&store, 1).await.expect("stored");
    put_followed(&store, 5).await.expect("stored");
    store.flush().await;
    disk.fail_after(0);
    put_followed(&store, 2).await.expect("in memory");
    store.remove(&key(1), None).await;
    store.remove(&key(5), None).await;
    store.flush().await;
    assert!(store.stats().disk_failed);
    assert_eq!(
        put_followed(&store, 10).await.expect_err("no disk"),
        NotStored::DiskFailed
    );
    disk.heal();
    works_again(&store).await;
    assert_eq!(store.stats().skipped_writes, 2);
    put_followed(&store, 3).await.expect("stored");
    put_followed(&store, 10).await.expect("stored");
    store.flush().await;
    drop(store);
    let store = Store::open(config(dir.path())).expect("it starts again");
    assert!(
        get(&store, 1).await.is_none() && get(&store, 5).await.is_none(),
        "they were removed"
    );
    for n in [3, 10] {
        assert_same(
            &get(&store, n).await.expect("stored"),
            &content(n),
            "stored",
        );
    }
}

/// Has the memory tier let go of what these keys have there: others are put there, and used.
async fn push_out_of_memory(store: &Store, numbers: std::ops::Range<u64>) {
    let content = body(1, 100_000);
    let in_memory = |n| matches!(store.look_up(&key(n)), Found::Memory(_));
    let mut others = 100_000;
    // Looking whether they are there is a use, so it is done rarely.
    while numbers.clone().any(in_memory) {
        assert!(others < 110_000, "they stay in memory");
        for other in others..others + 1_000 {
            let stored = put(store, key(other), head("\"o\""), &content).await;
            stored.expect("kept in memory");
            for _ in 0..3 {
                // Some of the others are pushed out too.
                find(store, &key(other)).await;
            }
        }
        others += 1_000;
    }
}

#[tokio::test]
async fn what_was_replaced_or_removed_while_the_disk_fails_does_not_come_back_before_it_works_again()
 {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = TestDisk::new();
    let store = open(dir.path(), &disk);
    for n in 1..5 {
        put_followed(&store, n).await.expect("stored");
    }
    store.flush().await;
    disk.fail_after(0);
    put(&store, key(1), head("\"new\""), &body(9, 1_000))
        .await
        .expect("kept in memory");
    store.remove(&key(2), None).await;
    let entry = find(&store, &key(3)).await.expect("stored");
    let stale = head("\"f\"").invalidated_softly_at(selvedge_caching::Time(3_000));
    store
        .update_head(&key(3), entry.variants()[0].id, stale)
        .await;
    store.flush().await;
    push_out_of_memory(&store, 1..5).await;
    for n in 1..4 {
        assert!(store.load(&key(n)).await.is_none(), "{n} is found");
    }
    let listed = store.scan(None, 1_000_000).await;
    assert!((1..4).all(|n| listed.iter().all(|(listed, _)| *listed != key(n))));
    let kept = get(&store, 4).await.expect("what nobody changed is found");
    assert_same(&kept, &content(4), "what nobody changed");
    assert!(store.stats().disk_failed);
}

#[tokio::test]
async fn a_key_removed_while_the_disk_fails_and_not_all_keys_are_known_does_not_come_back() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = TestDisk::new();
    let before = open(dir.path(), &disk);
    put_followed(&before, 1).await.expect("stored");
    drop(before);
    let store = open(dir.path(), &disk);
    disk.fail_after(0);
    store.remove(&key(1), None).await;
    store.flush().await;
    until("all keys are known", || store.stats().disk_known).await;
    assert!(store.load(&key(1)).await.is_none());
    assert!(store.stats().disk_failed);
}

#[tokio::test]
async fn a_disk_that_cannot_be_read_makes_a_miss_and_loses_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = TestDisk::new();
    put_followed(&open(dir.path(), &disk), 1)
        .await
        .expect("stored");
    let store = open(dir.path(), &disk);
    disk.fail_reads(true);
    assert!(get(&store, 1).await.is_none());
    disk.fail_reads(false);
    // The index is opened again meanwhile.
    let found = timeout(Duration::from_secs(60), async {
        loop {
            match get(&store, 1).await {
                Some(found) => return found,
                None => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
    });
    let found = found.await.expect("still there");
    assert_same(&found, &content(1), "still there");
}

#[tokio::test]
async fn what_is_on_disk_is_found_while_the_index_cannot_be_written() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = TestDisk::new();
    let store = many_on_disk(dir.path(), &disk).await;
    disk.fail_after(0);
    // Nothing is written but the index.
    store.remove(&key(1), None).await;
    store.flush().await;
    assert!(store.stats().disk_failed);
    let found = timeout(Duration::from_secs(60), async {
        // Not all of the index is in its page cache.
        for n in (9..12_000).step_by(40) {
            while get(&store, n).await.is_none() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    });
    found.await.expect("all are found");
    assert!(get(&store, 1).await.is_none(), "it was removed");
    assert!(store.stats().disk_failed);
}

#[tokio::test]
async fn what_was_removed_while_the_disk_failed_is_gone_after_a_stop_while_it_is_left_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = TestDisk::new();
    let store = open(dir.path(), &disk);
    put_followed(&store, 1).await.expect("stored");
    store.flush().await;
    disk.fail_after(0);
    store.remove(&key(1), None).await;
    // From failure to failure it is left alone for longer.
    let failed_often = || store.stats().disk_errors >= 6;
    until("it fails again and again", failed_often).await;
    disk.heal();
    drop(store);
    let store = Store::open(config(dir.path())).expect("it starts again");
    assert!(store.load(&key(1)).await.is_none(), "it was removed");
}
