//! Heads that are replaced: what waits for the disk is no more than the heads, and whoever asks gets the newest.

use bytes::Bytes;
use selvedge_caching::Stored;
use selvedge_store::{Key, Store};

use crate::disk::{Stall, TestDisk};
use crate::support::*;

/// The head of one, as a validation of this number has left it.
fn confirmed(number: u64) -> Stored {
    head(&format!("\"confirmed-{number}\""))
}

/// Confirms what is stored of a key.
async fn confirm(store: &Store, key: &Key, number: u64) {
    let entry = find(store, key).await.expect("stored");
    let variant = &entry.variants()[0];
    let (head, notes) = (confirmed(number), Bytes::from_static(b"confirmed"));
    store
        .update_head_and_notes(key, variant.id, head, notes)
        .await;
}

/// Lets syncs wait, and the writer come to one: with the removal of a key.
async fn stall(store: &Store, disk: &TestDisk) -> Stall {
    let stall = disk.stall();
    store.remove(&key(2), None).await;
    let stalled = store.clone();
    let flush = tokio::spawn(async move { stalled.flush().await });
    tokio::task::yield_now().await;
    until("the writer has all", || store.stats().queued_bytes == 0).await;
    // It goes on without this one, which then holds nothing of the store.
    flush.abort();
    assert!(flush.await.is_err());
    stall
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_stalls_holds_the_new_heads_of_what_is_confirmed_and_none_of_the_bodies() {
    let name = "freshening::a_disk_that_stalls_holds_the_new_heads_of_what_is_confirmed_and_none_of_the_bodies";
    if !is_alone(name) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let disk = TestDisk::new();
    let store = Store::open_on(config(dir.path()), disk.medium()).unwrap();
    let content = |n| body(n, MIB - n);
    for n in 0..60 {
        put(&store, key(n), head("\"old\""), &content(n))
            .await
            .unwrap();
    }
    store.flush().await;
    let stall = disk.stall();
    let before = resident();
    for n in 0..60 {
        confirm(&store, &key(n), n).await;
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < 20 * MIB, "grown by {} MiB", grown / MIB);
    let queued = store.stats().queued_bytes;
    assert!((60 * 512..MIB).contains(&queued), "{queued} bytes wait");
    for n in 0..60 {
        let entry = find(&store, &key(n)).await.unwrap();
        assert_eq!(etag(&entry), format!("\"confirmed-{n}\""));
        assert_eq!(&entry.variants()[0].notes[..], b"confirmed");
        let found = read(entry.variants()[0].reader(None)).await.unwrap();
        assert_same(&found, &content(n), "the body is the old one");
    }
    drop(stall);
    drop(store);
    let store = open(dir.path());
    for n in 0..60 {
        let entry = find(&store, &key(n)).await.unwrap();
        assert_eq!(etag(&entry), format!("\"confirmed-{n}\""));
    }
}

#[tokio::test]
async fn a_head_that_is_replaced_again_and_again_waits_once() {
    if !is_alone("freshening::a_head_that_is_replaced_again_and_again_waits_once") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let disk = TestDisk::new();
    let store = Store::open_on(config(dir.path()), disk.medium()).unwrap();
    put(&store, key(1), head("\"old\""), &body(1, 1_000))
        .await
        .unwrap();
    store.flush().await;
    let stall = disk.stall();
    let before = resident();
    for n in 0..20_000 {
        confirm(&store, &key(1), n).await;
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < 4 * MIB, "grown by {} KiB", grown / KIB);
    let queued = store.stats().queued_bytes;
    assert!(queued < 16 * KIB, "{queued} bytes wait");
    drop(stall);
    store.flush().await;
    for n in 20_000..20_010 {
        confirm(&store, &key(1), n).await;
        store.flush().await;
    }
    drop(store);
    let entry = find(&open(dir.path()), &key(1)).await.unwrap();
    assert_eq!(etag(&entry), "\"confirmed-20009\"");
}

#[tokio::test]
async fn what_is_removed_again_and_again_while_the_disk_stalls_waits_once() {
    let dir = tempfile::tempdir().unwrap();
    let disk = TestDisk::new();
    let store = Store::open_on(config(dir.path()), disk.medium()).unwrap();
    for n in 0..3 {
        put(&store, key(n), head("\"old\""), &body(n, 1_000))
            .await
            .unwrap();
    }
    store.flush().await;
    let stall = stall(&store, &disk).await;
    for n in 0..20_000 {
        store.remove(&key(0), None).await;
        if n == 10_000 {
            // It is removed again after this.
            put(&store, key(0), head("\"new\""), &body(0, 1_000))
                .await
                .unwrap();
        }
    }
    let queued = store.stats().queued_bytes;
    assert!(queued < 16 * KIB, "{queued} bytes wait");
    drop(stall);
    drop(store);
    let store = open(dir.path());
    assert!(find(&store, &key(0)).await.is_none());
    assert!(find(&store, &key(1)).await.is_some());
}

#[tokio::test]
async fn a_stricter_head_for_which_there_is_no_room_removes_what_it_forbids_once() {
    let dir = tempfile::tempdir().unwrap();
    let disk = TestDisk::new();
    let store = Store::open_on(config(dir.path()), disk.medium()).unwrap();
    let mut ids = Vec::new();
    for n in 0..3 {
        let stored = put(&store, key(n), head("\"old\""), &body(n, 1_000)).await;
        ids.push(stored.unwrap().variants()[0].id);
    }
    store.flush().await;
    let stall = stall(&store, &disk).await;
    // All the room that there is.
    let huge = Bytes::from("n".repeat(2 << 20));
    store
        .update_head_and_notes(&key(0), ids[0], head("\"old\""), huge)
        .await;
    let before = store.stats();
    let stale = head("\"old\"").invalidated_softly_at(selvedge_caching::Time(3_000));
    for _ in 0..2_000 {
        store.update_head(&key(1), ids[1], stale.clone()).await;
    }
    let stats = store.stats();
    let grown = stats.queued_bytes - before.queued_bytes;
    assert!(grown < 16 * KIB, "{grown} bytes more wait");
    assert_eq!(stats.skipped_writes - before.skipped_writes, 2_000);
    drop(stall);
    drop(store);
    let store = open(dir.path());
    assert!(find(&store, &key(0)).await.is_some());
    assert!(find(&store, &key(1)).await.is_none());
}

#[tokio::test]
async fn a_head_for_which_there_is_no_room_is_not_on_disk_and_neither_is_one_that_it_forbids() {
    let dir = tempfile::tempdir().unwrap();
    let disk = TestDisk::new();
    let store = Store::open_on(config(dir.path()), disk.medium()).unwrap();
    for n in 0..1_200 {
        put(&store, key(n), head("\"old\""), &body(n, 100))
            .await
            .unwrap();
    }
    store.flush().await;
    let stall = disk.stall();
    for n in 0..1_200 {
        let entry = find(&store, &key(n)).await.unwrap();
        let stale = entry.variants()[0]
            .head
            .invalidated_softly_at(selvedge_caching::Time(3_000));
        store
            .update_head(&key(n), entry.variants()[0].id, stale)
            .await;
    }
    let stats = store.stats();
    assert!(stats.skipped_writes > 100, "not all have room: {stats:?}");
    assert!(stats.queued_bytes < 2 * MIB, "{stats:?}");
    drop(stall);
    drop(store);
    let store = open(dir.path());
    let mut left = 0;
    for n in 0..1_200 {
        if let Some(entry) = find(&store, &key(n)).await {
            assert!(entry.variants()[0].head.invalidated_softly, "{n}");
            left += 1;
        }
    }
    assert!(left > 100, "{left} are left");
}

#[tokio::test]
async fn what_gets_a_tag_or_a_shorter_window_while_the_disk_fails_is_not_as_before_after_a_start() {
    let dir = tempfile::tempdir().unwrap();
    let disk = TestDisk::new();
    let store = Store::open_on(config(dir.path()), disk.medium()).unwrap();
    let mut old = head("\"old\"");
    (old.stale_while_revalidate, old.stale_if_error) = (Some(100), Some(100));
    for n in 0..5 {
        put(&store, key(n), old.clone(), &body(n, 1_000))
            .await
            .unwrap();
    }
    store.flush().await;
    disk.fail_after(0);
    let mut heads = [const { None }; 5].map(|_: Option<()>| old.clone());
    heads[0].tags.push("another".into());
    heads[1].stale_while_revalidate = Some(99);
    heads[2].stale_if_error = None;
    heads[3].stale_if_error = Some(101);
    heads[4].tags.clear();
    for (n, head) in (0..).zip(heads) {
        let id = find(&store, &key(n)).await.unwrap().variants()[0].id;
        store.update_head(&key(n), id, head).await;
    }
    store.flush().await;
    assert!(store.stats().disk_failed);
    disk.heal();
    works_again(&store).await;
    drop(store);
    let store = open(dir.path());
    for n in 0..5 {
        // A longer window and a tag less allow nothing that was not allowed before.
        assert_eq!(
            find(&store, &key(n)).await.is_some(),
            n == 3 || n == 4,
            "{n}"
        );
    }
}

#[tokio::test]
async fn what_was_marked_stale_while_the_disk_failed_is_not_fresh_again_after_a_start() {
    let dir = tempfile::tempdir().unwrap();
    let disk = TestDisk::new();
    let store = Store::open_on(config(dir.path()), disk.medium()).unwrap();
    for n in 0..3 {
        put(&store, key(n), head("\"old\""), &body(n, 1_000))
            .await
            .unwrap();
    }
    store.flush().await;
    disk.fail_after(0);
    let stale = head("\"old\"").invalidated_softly_at(selvedge_caching::Time(3_000));
    let id = find(&store, &key(0)).await.unwrap().variants()[0].id;
    store.update_head(&key(0), id, stale).await;
    confirm(&store, &key(1), 1).await;
    store.flush().await;
    assert!(store.stats().disk_failed);
    disk.heal();
    works_again(&store).await;
    drop(store);
    let store = open(dir.path());
    assert!(find(&store, &key(0)).await.is_none());
    for n in 1..3 {
        assert!(find(&store, &key(n)).await.is_some(), "{n} could be used");
    }
}
