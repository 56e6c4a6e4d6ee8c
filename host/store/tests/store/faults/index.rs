//! An index that can't be read, or is found damaged, while the store runs.

use super::*;

#[tokio::test]
async fn an_index_that_is_found_damaged_while_it_runs_costs_what_was_stored_and_is_made_anew() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = TestDisk::new();
    let store = many_on_disk(dir.path(), &disk).await;
    disk.garble(&dir.path().join("cache/index.redb"));
    let mut n = 0;
    while store.stats().disk_errors == 0 {
        store.load(&key(n)).await;
        store.flush().await;
        n += 1;
    }
    works_again(&store).await;
    put_followed(&store, 4).await.expect("stored");
    store.flush().await;
    assert!(!store.stats().disk_failed);
    let (counted, used) = (
        store.stats().disk_bytes,
        disk_usage(&dir.path().join("cache")),
    );
    assert_eq!(counted, used, "{:?}", store.stats());
    drop(store);
    let store = Store::open(config(dir.path())).expect("it starts again");
    let found = get(&store, 4).await.expect("stored since");
    assert_same(&found, &content(4), "stored since");
    assert!(get(&store, 11_999).await.is_none(), "it was lost");
}

#[tokio::test]
async fn a_variant_of_a_key_that_cannot_be_read_is_removed_or_marked_all_the_same() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = TestDisk::new();
    let before = open(dir.path(), &disk);
    let mut ids = Vec::new();
    for n in 1..3 {
        let entry = put_followed(&before, n).await.expect("stored");
        ids.push(entry.variants()[0].id);
        let other = put(
            &before,
            key(n),
            head_for_language("\"o\"", "de"),
            &content(n),
        )
        .await;
        other.expect("stored");
    }
    drop(before);
    let store = open(dir.path(), &disk);
    until("all keys are known", || store.stats().disk_known).await;
    disk.fail_reads_of_bodies(true);
    store.remove(&key(1), Some(ids[0])).await;
    let stale = head("\"f\"").invalidated_softly_at(selvedge_caching::Time(3_000));
    store.update_head(&key(2), ids[1], stale).await;
    disk.fail_reads_of_bodies(false);
    for is_flushed in [false, true] {
        for n in 1..3 {
            let entry = store.load(&key(n)).await.expect("the other one is there");
            assert_eq!(entry.variants().len(), 1, "{n}, flushed: {is_flushed}");
            assert_eq!(etag(&entry), "\"o\"");
        }
        store.flush().await;
    }
    drop(store);
    let store = open(dir.path(), &disk);
    for n in 1..3 {
        let entry = store.load(&key(n)).await.expect("the other one is there");
        assert_eq!(
            (etag(&entry).as_str(), entry.variants().len()),
            ("\"o\"", 1)
        );
    }
}

#[tokio::test]
async fn a_key_of_which_a_part_was_read_is_not_taken_for_the_whole_afterwards() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = TestDisk::new();
    let before = open(dir.path(), &disk);
    for (language, length) in [("de", 3_000), ("en", 2 * MIB)] {
        let head = head_for_language("\"p\"", language);
        let stored = put(&before, key(1), head, &body(1, length)).await;
        stored.expect("stored");
    }
    drop(before);
    let store = open(dir.path(), &disk);
    until("all keys are known", || store.stats().disk_known).await;
    let variants = async || find(&store, &key(1)).await.expect("found").variants().len();
    disk.fail_reads_of_bodies(true);
    // Of the large one, only its file is opened.
    assert_eq!(variants().await, 1);
    disk.fail_reads_of_bodies(false);
    assert_eq!(variants().await, 2);
}

#[tokio::test]
async fn an_index_that_could_not_be_read_is_opened_again_by_whoever_notices() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = TestDisk::new();
    let store = many_on_disk(dir.path(), &disk).await;
    disk.fail_reads(true);
    let mut n = 0;
    while store.stats().disk_errors == 0 {
        assert!(n < 12_000, "nobody noticed");
        store.load(&key(n)).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
        n += 1;
    }
    disk.fail_reads(false);
    until("it works again", || !store.stats().disk_failed).await;
    let found = get(&store, 11_999).await.expect("nothing is lost");
    assert_same(&found, b"small", "nothing is lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_read_while_the_index_is_opened_again_do_not_make_it_fail_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = TestDisk::new();
    let store = many_on_disk(dir.path(), &disk).await;
    let readers: Vec<_> = (0..8)
        .map(|first| {
            let store = store.clone();
            tokio::spawn(async move {
                // Each key once: then it is in memory.
                for n in (first..12_000).step_by(8) {
                    store.load(&key(n)).await;
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            })
        })
        .collect();
    disk.fail_reads(true);
    until("somebody notices", || store.stats().disk_errors > 0).await;
    disk.fail_reads(false);
    until("it works again", || !store.stats().disk_failed).await;
    let before = store.stats().disk_errors;
    for reader in readers {
        reader.await.expect("it ends");
    }
    let since = store.stats().disk_errors - before;
    // What was met before may be told after it.
    assert!(since <= 1, "{since} failures of a disk that works");
}
