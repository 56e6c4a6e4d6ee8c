//! Streaming while filling: followers at their own pace, bounded memory, aborts, pass-through.

use std::time::Duration;

use bytes::Bytes;
use selvedge_store::{BodyError, Config, Found, NotStored, Store};
use tokio::time::timeout;

use crate::support::*;

const PIECE: usize = 32 << 10;

/// Returns true if a future is still waiting after everything that could run has run.
async fn waits<T>(future: impl Future<Output = T>) -> bool {
    timeout(Duration::from_millis(100), future).await.is_err()
}

#[tokio::test]
async fn followers_get_each_piece_as_it_comes() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut fill = store.begin(key(1), head("\"f\""), Bytes::new(), None);
    let mut early = fill.reader();
    assert_eq!(early.length(), None);
    fill.append(Bytes::from_static(b"one")).await;
    assert_eq!(early.next().await.unwrap().unwrap(), "one");
    assert!(waits(early.next()).await);
    fill.append(Bytes::from_static(b"two")).await;
    let mut late = fill.follow().reader().unwrap();
    assert_eq!(
        late.next().await.unwrap().unwrap(),
        "onetwo",
        "in one piece"
    );
    assert_eq!(early.next().await.unwrap().unwrap(), "two");
    assert!(
        !matches!(store.look_up(&key(1)), Found::Memory(_)),
        "nothing is found before the end"
    );
    fill.finish(Some(head("\"final\""))).await.unwrap();
    assert_eq!(early.length(), Some(6));
    assert!(early.next().await.is_none());
    assert!(late.next().await.is_none());
    assert_eq!(etag(&find(&store, &key(1)).await.unwrap()), "\"final\"");
}

#[tokio::test]
async fn a_large_fill_is_read_by_followers_at_their_own_pace() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let content = body(7, 12 * MIB + 123);
    let mut fill = store.begin(key(1), head("\"f\""), Bytes::new(), None);
    let (prompt, mut slow, range) = (fill.reader(), fill.reader(), fill.reader());
    let prompt = tokio::spawn(read(prompt));
    let range = tokio::spawn(read(range.range(3 * MIB + 1, 5 * MIB)));
    for piece in content.chunks(PIECE) {
        fill.append(Bytes::copy_from_slice(piece)).await;
    }
    let first = slow.next().await.unwrap().unwrap();
    let late = tokio::spawn(read(fill.follow().reader().unwrap()));
    fill.finish(None).await.unwrap();
    assert_same(&prompt.await.unwrap().unwrap(), &content, "body");
    assert_same(&late.await.unwrap().unwrap(), &content, "body");
    assert_same(
        &[first, read(slow).await.unwrap()].concat(),
        &content,
        "slow",
    );
    assert_same(
        &range.await.unwrap().unwrap(),
        &content.slice(3 * MIB as usize + 1..=5 * MIB as usize),
        "body",
    );
    assert_same(
        &body_of(&store, &key(1)).await.unwrap().unwrap(),
        &content,
        "body",
    );
}

#[tokio::test]
async fn a_dropped_fill_ends_its_readers_with_an_error_and_stores_nothing() {
    for length in [100 * KIB, 4 * MIB] {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let content = body(1, length);
        let mut fill = store.begin(key(1), head("\"d\""), Bytes::new(), Some(length + 1));
        let mut reader = fill.reader();
        for piece in content.chunks(PIECE) {
            fill.append(Bytes::copy_from_slice(piece)).await;
        }
        drop(fill);
        let mut got = Vec::new();
        let error = loop {
            match reader.next().await.expect("an error comes before the end") {
                Ok(piece) => got.extend_from_slice(&piece),
                Err(error) => break error,
            }
        };
        assert_eq!(error, BodyError::Aborted);
        assert!(reader.next().await.is_none());
        assert_eq!(Bytes::from(got), content);
        store.flush().await;
        assert!(find(&store, &key(1)).await.is_none());
        assert!(files(dir.path(), "large").is_empty());
    }
}

#[tokio::test]
async fn a_failed_fill_gives_its_reason() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut fill = store.begin(key(1), head("\"d\""), Bytes::new(), None);
    let mut reader = fill.reader();
    fill.append(Bytes::from_static(b"part")).await;
    fill.fail("the origin closed the connection");
    assert_eq!(reader.next().await.unwrap().unwrap(), "part");
    let error = reader.next().await.unwrap().unwrap_err();
    assert_eq!(
        error,
        BodyError::Failed("the origin closed the connection".into())
    );
    assert!(find(&store, &key(1)).await.is_none());
}

#[tokio::test]
async fn a_body_shorter_than_announced_is_an_error_for_readers_and_not_stored() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut fill = store.begin(key(1), head("\"d\""), Bytes::new(), Some(10));
    let reader = fill.reader();
    fill.append(Bytes::from_static(b"short")).await;
    let error = fill.finish(None).await.unwrap_err();
    assert_eq!(
        error,
        NotStored::LengthMismatch {
            expected: 10,
            actual: 5
        }
    );
    assert!(read(reader).await.is_err());
    assert!(find(&store, &key(1)).await.is_none());
}

#[tokio::test]
async fn a_body_over_the_limit_passes_through_at_the_pace_of_its_slowest_reader() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config {
        max_object_bytes: 3 * MIB,
        ..config(dir.path())
    };
    for expected in [None, Some(8 * MIB)] {
        for config in [
            config.clone(),
            Config {
                dir: None,
                ..config.clone()
            },
        ] {
            let store = Store::open(config).unwrap();
            let content = body(5, 8 * MIB);
            let mut fill = store.begin(key(1), head("\"o\""), Bytes::new(), expected);
            let mut slow = fill.reader();
            let quick = tokio::spawn(read(fill.reader()));
            let mut pieces = content.chunks(PIECE).map(Bytes::copy_from_slice);
            let held_back = loop {
                let piece = pieces.next().expect("held back before the end");
                if waits(fill.append(piece)).await {
                    break fill.received();
                }
            };
            assert!(
                held_back <= 3 * MIB + MIB + 2 * PIECE as u64,
                "{held_back} bytes"
            );
            assert!(!fill.is_storing() && fill.is_wanted());
            let mut got = Vec::new();
            let (rest, done) = tokio::join!(
                async {
                    while let Some(piece) = slow.next().await {
                        got.extend_from_slice(&piece.unwrap());
                    }
                },
                async {
                    for piece in pieces {
                        fill.append(piece).await;
                    }
                    fill.finish(None).await
                }
            );
            let () = rest;
            assert_eq!(done.unwrap_err(), NotStored::TooLarge);
            assert_eq!(Bytes::from(got), content);
            assert_same(&quick.await.unwrap().unwrap(), &content, "body");
            assert!(find(&store, &key(1)).await.is_none());
            let usage = store.stats().disk_bytes - store.stats().index_bytes;
            assert_eq!(usage, 0, "what was reserved is free again");
        }
    }
}

#[tokio::test]
async fn an_unstored_body_that_nobody_reads_is_not_wanted_and_never_waits() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config {
        max_object_bytes: MIB,
        ..config(dir.path())
    };
    let store = Store::open(config).unwrap();
    let mut fill = store.begin(key(1), head("\"o\""), Bytes::new(), Some(8 * MIB));
    let reader = fill.reader();
    assert!(fill.is_wanted());
    fill.append(body(1, 700 * KIB)).await;
    assert!(waits(fill.append(body(1, 700 * KIB))).await);
    drop(reader);
    assert!(!fill.is_wanted());
    for _ in 0..10 {
        fill.append(body(1, 700 * KIB)).await;
    }
    assert!(fill.follow().reader().is_none(), "its beginning is gone");
    let error = read(fill.reader()).await.unwrap_err();
    assert_eq!(error, BodyError::TooLate);
}

#[tokio::test]
async fn a_reader_that_leaves_does_not_disturb_the_fill_or_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let content = body(3, 2 * MIB);
    let mut fill = store.begin(key(1), head("\"l\""), Bytes::new(), None);
    let stays = tokio::spawn(read(fill.reader()));
    let mut leaves = fill.reader();
    for (n, piece) in content.chunks(PIECE).enumerate() {
        fill.append(Bytes::copy_from_slice(piece)).await;
        if n == 3 {
            leaves.next().await.unwrap().unwrap();
            leaves = fill.reader();
        }
    }
    drop(leaves);
    fill.finish(None).await.unwrap();
    assert_same(&stays.await.unwrap().unwrap(), &content, "body");
}
