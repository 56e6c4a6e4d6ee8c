//! A cache and the durable state that it belongs to: beside another state it is discarded, since it might hold what was
//! invalidated.

use std::fs;
use std::path::Path;

use redb::{Database, TableDefinition};
use selvedge_store::{StateError, Store};

use crate::support::*;

const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
const STATE: TableDefinition<(&str, &[u8]), &[u8]> = TableDefinition::new("state");

/// A store with a small and a large response on disk and a value in its state.
async fn filled(dir: &Path) {
    let store = open(dir);
    put(&store, key(1), head("\"s\""), &body(1, 1_000))
        .await
        .unwrap();
    put(&store, key(2), head("\"l\""), &body(2, 2 * MIB))
        .await
        .unwrap();
    store.state().put("t", b"k", b"first").await.unwrap();
    store.flush().await;
}

/// Returns how many of the two responses are found after a start.
async fn found(dir: &Path) -> usize {
    let store = open_known(dir).await;
    let mut found = 0;
    for n in [1, 2] {
        found += usize::from(find(&store, &key(n)).await.is_some());
    }
    // It works as any other.
    put(&store, key(3), head("\"n\""), &body(3, 2 * MIB))
        .await
        .unwrap();
    store.state().put("t", b"k", b"later").await.unwrap();
    assert!(find(&store, &key(3)).await.is_some());
    found
}

fn state(dir: &Path) -> std::path::PathBuf {
    dir.join("state.redb")
}

#[tokio::test]
async fn a_cache_beside_its_own_state_is_kept_over_restarts_and_changes() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path()).await;
    for _ in 0..3 {
        assert_eq!(found(dir.path()).await, 2);
    }
}

#[tokio::test]
async fn a_cache_beside_a_state_that_is_missing_or_empty_is_discarded() {
    for is_empty in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path()).await;
        fs::remove_file(state(dir.path())).unwrap();
        if is_empty {
            fs::write(state(dir.path()), "").unwrap();
        }
        assert_eq!(found(dir.path()).await, 0, "empty: {is_empty}");
        let store = open_known(dir.path()).await;
        assert!(find(&store, &key(3)).await.is_some(), "once is enough");
    }
}

#[tokio::test]
async fn a_cache_beside_an_older_copy_of_its_state_is_discarded_however_it_got_older() {
    // Copied while the store was open, or after it was closed; what came then was acknowledged only, or the store was closed.
    for (is_copied_live, is_killed) in [(true, true), (true, false), (false, true), (false, false)]
    {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path()).await;
        let copy = dir.path().join("copy");
        let store = open(dir.path());
        if is_copied_live {
            fs::copy(state(dir.path()), &copy).unwrap();
        }
        drop(store);
        if !is_copied_live {
            fs::copy(state(dir.path()), &copy).unwrap();
        }
        let store = open(dir.path());
        store
            .state()
            .put("invalidations", b"/a", b"1")
            .await
            .unwrap();
        let after = tempfile::tempdir().unwrap();
        let left = match is_killed {
            true => {
                snapshot(dir.path(), after.path());
                after.path()
            }
            false => dir.path(),
        };
        drop(store);
        fs::copy(&copy, state(left)).unwrap();
        assert_eq!(
            found(left).await,
            0,
            "live {is_copied_live}, killed {is_killed}"
        );
    }
}

#[tokio::test]
async fn states_that_part_from_one_copy_are_not_taken_for_each_other() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path()).await;
    let (old, first) = (dir.path().join("old"), dir.path().join("first"));
    fs::copy(state(dir.path()), &old).unwrap();
    for _ in 0..9 {
        open(dir.path())
            .state()
            .put("t", b"k", b"first line")
            .await
            .unwrap();
    }
    fs::copy(state(dir.path()), &first).unwrap();
    // The old one is taken up, and something is stored beside it.
    fs::copy(&old, state(dir.path())).unwrap();
    assert_eq!(found(dir.path()).await, 0);
    filled(dir.path()).await;
    assert_eq!(found(dir.path()).await, 2);
    // The other line has more changes, and not these.
    fs::copy(&first, state(dir.path())).unwrap();
    assert_eq!(found(dir.path()).await, 0);
}

#[tokio::test]
async fn a_cache_of_another_store_and_one_without_its_mark_are_discarded() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    filled(dir.path()).await;
    filled(other.path()).await;
    let cache = dir.path().join("cache");
    fs::remove_dir_all(&cache).unwrap();
    fs::rename(other.path().join("cache"), &cache).unwrap();
    assert_eq!(found(dir.path()).await, 0);
    fs::remove_file(cache.join("generation")).unwrap();
    let store = open_known(dir.path()).await;
    assert!(find(&store, &key(3)).await.is_none());
}

#[tokio::test]
async fn a_folder_of_an_earlier_version_is_taken_over_with_all_that_is_in_it() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path()).await;
    make_old(dir.path(), 600);
    let store = open_known(dir.path()).await;
    assert!(find(&store, &key(1)).await.is_some());
    assert!(find(&store, &key(2)).await.is_some());
    for n in [0_u32, 299, 599] {
        let value = store.state().get("old", &n.to_be_bytes()).await.unwrap();
        assert_eq!(value, Some(n.to_string().into_bytes()));
    }
    let all = store.state().scan("old", b"", None, 1_000).await.unwrap();
    assert!(all.len() == 600 && all.iter().all(|(_, value)| value.is_some()));
    drop(store);
    assert_eq!(found(dir.path()).await, 2, "and it stays so");
    // An old copy of the state beside it is noticed.
    make_old(dir.path(), 1);
    fs::write(dir.path().join("cache/generation"), GENERATION_OF_ANOTHER).unwrap();
    let store = open_known(dir.path()).await;
    assert!(find(&store, &key(3)).await.is_none());
}

/// Of no state that there is: it cannot be read.
const GENERATION_OF_ANOTHER: &str = "not a generation";

/// Makes a folder as an earlier version left it: values without checksums, and nothing about generations.
fn make_old(dir: &Path, values: u32) {
    fs::remove_file(state(dir)).unwrap();
    let _ = fs::remove_file(dir.join("cache/generation"));
    let database = Database::create(state(dir)).unwrap();
    let write = database.begin_write().unwrap();
    write.open_table(META).unwrap().insert("format", 1).unwrap();
    {
        let mut all = write.open_table(STATE).unwrap();
        for n in 0..values {
            let (key, value) = (n.to_be_bytes(), n.to_string());
            all.insert(("old", key.as_slice()), value.as_bytes())
                .unwrap();
        }
    }
    write.commit().unwrap();
}

#[tokio::test]
async fn a_state_that_is_removed_or_replaced_underneath_acknowledges_nothing_more() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path()).await;
    let store = open(dir.path());
    let aside = dir.path().join("aside");
    fs::rename(state(dir.path()), &aside).unwrap();
    for replaced in [false, true] {
        if replaced {
            fs::copy(&aside, state(dir.path())).unwrap();
        }
        for _ in 0..2 {
            let refused = store.state().put("t", b"k", b"lost").await;
            assert!(matches!(refused, Err(StateError::Replaced)), "{refused:?}");
        }
        let read = store.state().get("t", b"other").await;
        assert_eq!(read.unwrap(), None, "reading goes on");
    }
    fs::rename(&aside, state(dir.path())).unwrap();
    store
        .state()
        .put("t", b"k", b"durable")
        .await
        .expect("it is back");
    drop(store);
    let store = open(dir.path());
    let value = store.state().get("t", b"k").await.unwrap();
    assert_eq!(value.as_deref(), Some(&b"durable"[..]));
    // All of the folder.
    let moved = dir.path().with_extension("moved");
    fs::rename(dir.path(), &moved).unwrap();
    let refused = store.state().put("t", b"k", b"lost").await;
    assert!(matches!(refused, Err(StateError::Replaced)), "{refused:?}");
    fs::rename(&moved, dir.path()).unwrap();
}

#[tokio::test]
async fn a_value_that_changed_on_disk_is_refused_and_the_others_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(config(dir.path())).unwrap();
    store
        .state()
        .put("kv", b"a", b"a value to flip")
        .await
        .unwrap();
    store
        .state()
        .put("kv", b"b", b"another value")
        .await
        .unwrap();
    drop(store);
    let mut bytes = fs::read(state(dir.path())).unwrap();
    let places: Vec<usize> = bytes
        .windows(15)
        .enumerate()
        .filter(|(_, window)| window == b"a value to flip")
        .map(|(at, _)| at)
        .collect();
    assert!(!places.is_empty());
    places.iter().for_each(|at| bytes[at + 3] ^= 1);
    fs::write(state(dir.path()), bytes).unwrap();
    let store = open(dir.path());
    let refused = store.state().get("kv", b"a").await;
    assert!(matches!(refused, Err(StateError::Changed)), "{refused:?}");
    let all = store.state().scan("kv", b"", None, 10).await.unwrap();
    assert_eq!(
        all,
        [
            (b"a".to_vec(), None),
            (b"b".to_vec(), Some(b"another value".to_vec()))
        ]
    );
    store
        .state()
        .put("kv", b"a", b"written again")
        .await
        .unwrap();
    let value = store.state().get("kv", b"a").await.unwrap();
    assert_eq!(value.as_deref(), Some(&b"written again"[..]));
}
