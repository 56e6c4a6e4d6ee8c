//! A block of a large body that does not check out: the response is removed, counted once, and fetched anew.

use std::path::Path;

use bytes::Bytes;
use selvedge_store::{BodyError, Entry, Store};
use std::sync::Arc;

use crate::support::*;

const BLOCK: u64 = 64 * KIB;

/// Stores a body of 3 MiB, which stays on disk, and opens the store again.
async fn stored(dir: &Path, n: u64) -> (Store, Bytes) {
    let content = body(n, 3 * MIB);
    let store = open(dir);
    put(&store, key(n), head("\"d\""), &content).await.unwrap();
    drop(store);
    (open_known(dir).await, content)
}

/// Flips one bit of the only large file, in this block.
fn flip(dir: &Path, block: u64) {
    let folder = dir.join("cache/large");
    let file = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap();
    let mut bytes = std::fs::read(file.path()).unwrap();
    bytes[(block * (BLOCK + 4) + 100) as usize] ^= 4;
    // In place, as a disk would: those who have it open meet it too.
    std::fs::write(file.path(), bytes).unwrap();
}

async fn found(store: &Store, n: u64) -> Arc<Entry> {
    find(store, &key(n)).await.expect("stored")
}

/// Waits for what the store does beside the requests, and opens it again.
async fn reopened(store: Store, dir: &Path) -> Store {
    store.flush().await;
    drop(store);
    open_known(dir).await
}

#[tokio::test]
async fn a_damaged_block_in_the_middle_is_met_once_and_the_response_is_gone_after_a_restart_too() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = stored(dir.path(), 1).await;
    flip(dir.path(), 30);
    let entry = found(&store, 1).await;
    let broken = read(entry.variants()[0].reader(None)).await;
    assert_eq!(broken, Err(BodyError::Damaged));
    assert!(find(&store, &key(1)).await.is_none(), "it is removed");
    assert_eq!(store.stats().damaged_objects, 1);
    let store = reopened(store, dir.path()).await;
    assert!(find(&store, &key(1)).await.is_none());
    assert_eq!(store.stats().large_files, 0, "its file is gone");
}

#[tokio::test]
async fn damage_in_the_first_bytes_is_known_before_any_are_given() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = stored(dir.path(), 1).await;
    flip(dir.path(), 2);
    let entry = found(&store, 1).await;
    let mut reader = entry.variants()[0].reader(None);
    assert!(!reader.begin_at_once());
    assert_eq!(reader.begin().await, Err(BodyError::Damaged));
    assert!(
        reader.next().await.is_none(),
        "nothing comes after an error"
    );
    assert!(find(&store, &key(1)).await.is_none());
}

#[tokio::test]
async fn a_range_beside_the_damage_is_right_and_one_over_it_is_not_given() {
    let dir = tempfile::tempdir().unwrap();
    let (store, content) = stored(dir.path(), 1).await;
    flip(dir.path(), 30);
    let entry = found(&store, 1).await;
    let variant = &entry.variants()[0];
    let (first, last) = (10 * BLOCK + 3, 12 * BLOCK);
    let mut beside = variant.reader(Some((first, last)));
    beside.begin().await.expect("whole");
    let beside = read(beside).await.expect("whole");
    assert_same(
        &beside,
        &content.slice(first as usize..=last as usize),
        "beside",
    );
    let mut over = variant.reader(Some((30 * BLOCK, 31 * BLOCK)));
    assert_eq!(over.begin().await, Err(BodyError::Damaged));
    assert!(find(&store, &key(1)).await.is_none());
    assert_eq!(store.stats().damaged_objects, 1);
}

#[tokio::test]
async fn blocks_in_memory_do_not_hide_damage_in_the_first_bytes_behind_them() {
    let dir = tempfile::tempdir().unwrap();
    let (store, content) = stored(dir.path(), 1).await;
    let entry = found(&store, 1).await;
    let variant = &entry.variants()[0];
    let first = read(variant.reader(Some((0, 99)))).await.expect("whole");
    assert_eq!(first, content.slice(..100));
    flip(dir.path(), 1);
    let mut again = variant.reader(Some((0, 99)));
    assert!(again.begin_at_once(), "it is in memory");
    assert_eq!(read(again).await.expect("whole"), content.slice(..100));
    let mut whole = variant.reader(None);
    assert!(!whole.begin_at_once());
    assert_eq!(whole.begin().await, Err(BodyError::Damaged));
    assert!(find(&store, &key(1)).await.is_none());
}

#[tokio::test]
async fn damage_that_several_readers_meet_is_counted_once() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = stored(dir.path(), 1).await;
    flip(dir.path(), 30);
    let entry = found(&store, 1).await;
    let reading = (0..8).map(|_| tokio::spawn(read(entry.variants()[0].reader(None))));
    for reading in Vec::from_iter(reading) {
        assert_eq!(reading.await.unwrap(), Err(BodyError::Damaged));
    }
    store.flush().await;
    let late = read(entry.variants()[0].reader(None)).await;
    assert_eq!(late, Err(BodyError::Damaged));
    assert_eq!(store.stats().damaged_objects, 1);
    assert!(find(&store, &key(1)).await.is_none());
}

#[tokio::test]
async fn what_was_stored_since_in_place_of_a_damaged_response_stays() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = stored(dir.path(), 1).await;
    flip(dir.path(), 30);
    let damaged = found(&store, 1).await;
    let content = body(2, 2 * MIB);
    put(&store, key(1), head("\"new\""), &content)
        .await
        .unwrap();
    let broken = read(damaged.variants()[0].reader(None)).await;
    assert_eq!(broken, Err(BodyError::Damaged));
    let new = body_of(&store, &key(1)).await.expect("it stays");
    assert_same(&new.expect("whole"), &content, "what is new");
    let store = reopened(store, dir.path()).await;
    let new = body_of(&store, &key(1)).await.expect("it stays");
    assert_same(&new.expect("whole"), &content, "what is new");
}

#[tokio::test]
async fn other_variants_of_the_key_stay_and_the_damaged_one_goes_although_it_is_not_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = stored(dir.path(), 1).await;
    let small = body(5, 100);
    let other = head_for_language("\"other\"", "en");
    put(&store, key(1), other, &small).await.unwrap();
    let store = reopened(store, dir.path()).await;
    flip(dir.path(), 30);
    let entry = found(&store, 1).await;
    let readers = entry.variants().iter().map(|variant| variant.reader(None));
    let readers: Vec<_> = readers.collect();
    drop(entry);
    // The memory tier lets go of it.
    let content = body(9, 100_000);
    for n in 1_000..2_000 {
        put(&store, key(n), head("\"o\""), &content).await.unwrap();
    }
    store.flush().await;
    let mut broken = 0;
    for reader in readers {
        broken += u64::from(read(reader).await.is_err());
    }
    assert_eq!((broken, store.stats().damaged_objects), (1, 1));
    let left = found(&store, 1).await;
    assert_eq!(left.variants().len(), 1);
    assert_eq!(etag(&left), "\"other\"");
}
