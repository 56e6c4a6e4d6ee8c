//! Starts on a disk that fails, and what is known of it afterwards.

use super::*;

/// Opens on a disk on which so many writes succeed; false when all that were needed did.
async fn starts_at(step: i64, with_content: bool) -> bool {
    let dir = tempfile::tempdir().expect("a folder");
    if with_content {
        let store = Store::open(config(dir.path())).expect("the store opens");
        for n in [1, 5] {
            put_followed(&store, n).await.expect("stored");
        }
        store.state().put("t", b"k", b"v").await.expect("durable");
    }
    let disk = TestDisk::tearing(step % 2 == 0);
    disk.fail_after(step);
    let store = open(dir.path(), &disk);
    if with_content {
        for n in [1, 5] {
            let found = get(&store, n).await.expect("it is read");
            assert_same(&found, &content(n), "what was stored before");
        }
    }
    let value = store.state().get("t", b"k").await.expect("it is read");
    assert_eq!(value.is_some(), with_content, "step {step}");
    put_followed(&store, 2).await.expect("kept in memory");
    let failed = disk.has_failed();
    let acknowledged = store.state().put("t", b"n", b"v").await.is_ok();
    disk.heal();
    store.flush().await;
    works_again(&store).await;
    assert_eq!(store.stats().discarded_bytes, 0, "step {step}");
    put_followed(&store, 3).await.expect("stored");
    put_followed(&store, 10).await.expect("stored");
    store.state().put("t", b"l", b"v").await.expect("durable");
    drop(store);
    let store = Store::open(config(dir.path())).expect("it starts again");
    let before: &[u64] = if with_content { &[1, 5] } else { &[] };
    for n in before.iter().chain(&[3, 10]) {
        let found = get(&store, *n).await.expect("still there");
        assert_same(&found, &content(*n), "what is stored");
    }
    let has = async |key: &[u8]| store.state().get("t", key).await.expect("open").is_some();
    assert_eq!(has(b"k").await, with_content);
    assert!(
        has(b"l").await && (!acknowledged || has(b"n").await),
        "step {step}"
    );
    failed
}

#[tokio::test]
async fn a_store_opens_on_a_disk_that_fails_at_any_step_and_what_is_on_it_is_found_at_once() {
    for with_content in [false, true] {
        let mut step = 0;
        while starts_at(step, with_content).await {
            step += 1;
        }
        assert!(step > 4, "only {step} steps");
    }
}

#[tokio::test]
async fn what_the_system_refuses_at_a_start_costs_the_disk_until_the_next_one_and_no_content() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = TestDisk::new();
    put_followed(&open(dir.path(), &disk), 1)
        .await
        .expect("stored");
    disk.refuse_to_open("index.redb");
    let store = open(dir.path(), &disk);
    assert!(get(&store, 1).await.is_none());
    assert_eq!(store.stats().discarded_bytes, 0);
    put_followed(&store, 2).await.expect("kept in memory");
    drop(store);
    let found = get(&Store::open(config(dir.path())).expect("it opens"), 1).await;
    assert_same(&found.expect("still there"), &content(1), "still there");
}

#[tokio::test]
async fn more_removals_than_are_remembered_while_the_disk_fails_empty_it_and_none_is_forgotten() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = TestDisk::new();
    let store = open(dir.path(), &disk);
    let count = 66_000;
    let removed = Bytes::from_static(b"removed");
    put_all(&store, 100..100 + count, &head("\"r\""), &removed).await;
    put_followed(&store, 5).await.expect("stored");
    store.flush().await;
    assert_eq!(store.stats().disk_objects, count + 1);
    assert!(find(&store, &key(5)).await.is_some());
    disk.fail_after(0);
    for n in 100..100 + count {
        store.remove(&key(n), None).await;
    }
    store.flush().await;
    assert!(store.stats().disk_failed);
    disk.heal();
    works_again(&store).await;
    assert!(find(&store, &key(5)).await.is_none(), "its file is gone");
    for n in [1, 10] {
        put_followed(&store, n).await.expect("stored");
    }
    put(&store, key(101), head("\"n\""), &Bytes::from_static(b"new"))
        .await
        .expect("stored");
    store.flush().await;
    let (counted, used) = (
        store.stats().disk_bytes,
        disk_usage(&dir.path().join("cache")),
    );
    assert_eq!(counted, used, "{:?}", store.stats());
    drop(store);
    let store = Store::open(config(dir.path())).expect("it starts again");
    for n in 100..100 + count {
        let is_new = n == 101;
        assert_eq!(find(&store, &key(n)).await.is_some(), is_new, "{n}");
    }
    for n in [1, 10] {
        let found = get(&store, n).await.expect("stored since");
        assert_same(&found, &content(n), "stored since");
    }
    assert_eq!(store.stats().damaged_objects, 0);
}

/// Opens on a disk on which so many reads succeed; whether they were too few for learning the keys.
async fn learns_after(reads: i64, dir: &Path) -> bool {
    let disk = TestDisk::new();
    disk.fail_reads_after(reads);
    let Ok(store) = Store::open_on(config(dir), disk.medium()) else {
        return false;
    };
    let is_over = || store.stats().disk_known || disk.have_reads_failed();
    until("they are learned, or a read fails", is_over).await;
    let has_failed = !store.stats().disk_known;
    disk.fail_reads_after(i64::MAX);
    until("they are known in the end", || store.stats().disk_known).await;
    has_failed
}

/// Returns true if this number of reads is enough to open and to learn the keys.
async fn is_enough(reads: i64, dir: &Path) -> bool {
    let disk = TestDisk::new();
    disk.fail_reads_after(reads);
    let Ok(store) = Store::open_on(config(dir), disk.medium()) else {
        return false;
    };
    let is_over = || store.stats().disk_known || disk.have_reads_failed();
    until("they are learned, or a read fails", is_over).await;
    !disk.have_reads_failed()
}

#[tokio::test]
async fn the_keys_on_disk_are_known_in_the_end_where_they_could_not_be_read_at_first() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(config(dir.path())).expect("the store opens");
    // More than the index's page cache holds.
    let content = Bytes::from_static(b"known");
    put_all(&store, 0..12_000, &head("\"k\""), &content).await;
    drop(store);
    // The last of the reads are those of learning.
    let mut all = 1;
    while !is_enough(all, dir.path()).await {
        all *= 2;
    }
    let mut failed = 0;
    for reads in (all / 4..all).step_by((all / 32) as usize) {
        failed += u32::from(learns_after(reads, dir.path()).await);
    }
    assert!(failed > 0, "no reading failed while the keys were learned");
}

#[tokio::test]
async fn a_store_whose_files_may_only_be_read_opens_and_what_is_on_it_is_found() {
    let dir = tempfile::tempdir().expect("a folder");
    let before = Store::open(config(dir.path())).expect("the store opens");
    put_followed(&before, 1).await.expect("stored");
    drop(before);
    // For one who may write what nobody may write, this claims less.
    for name in ["lock", "format", "state.redb", "cache/index.redb"] {
        let path = dir.path().join(name);
        let mut permissions = std::fs::metadata(&path).expect("a file").permissions();
        permissions.set_readonly(true);
        std::fs::set_permissions(&path, permissions).expect("ours");
    }
    let store = Store::open(config(dir.path())).expect("it opens");
    let found = get(&store, 1).await.expect("still there");
    assert_same(&found, &content(1), "still there");
    let second = Store::open(config(dir.path())).err().expect("refused");
    assert!(matches!(second, selvedge_store::OpenError::Locked { .. }));
}
