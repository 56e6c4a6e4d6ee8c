//! Crashes and damage: a wrong, short or mixed body is never served, and the store always starts.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use selvedge_store::BodyError;
use tokio::time::timeout;

use crate::support::*;

/// Bodies of every kind, stored durably: many in segments, some in large files.
async fn stored(dir: &std::path::Path) {
    let store = open(dir);
    for n in 0..200 {
        put(&store, key(n), head("\"c\""), &body(n, length(n)))
            .await
            .unwrap();
    }
    store.flush().await;
}

fn length(n: u64) -> u64 {
    match n % 50 {
        0 => 2 * MIB + n,
        _ => (n * 977) % (100 * KIB),
    }
}

/// Opens a damaged store: every body that is found is right, or ends with an error. Counts the right ones.
async fn count_right(dir: &std::path::Path) -> usize {
    let store = open(dir);
    let mut right = 0;
    for n in 0..200 {
        match body_of(&store, &key(n)).await {
            Some(Ok(content)) => {
                assert_eq!(content, body(n, length(n)), "body {n}");
                right += 1;
            }
            Some(Err(error)) => assert_eq!(error, BodyError::Damaged),
            None => {}
        }
    }
    // It stores again, whatever was lost.
    put(&store, key(1_000), head("\"n\""), &body(9, 3_000))
        .await
        .unwrap();
    store.flush().await;
    assert!(!store.stats().disk_failed);
    right
}

#[tokio::test]
async fn a_picture_taken_at_any_instant_of_a_full_write_load_opens_and_serves_only_whole_bodies() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for round in 0..6_u64 {
        let writes = tokio::spawn({
            let store = store.clone();
            async move {
                for n in 0..60 {
                    let n = round * 60 + n;
                    put(
                        &store,
                        key(n),
                        head("\"k\""),
                        &body(n, (n * 7_919) % (3 * MIB / 2)),
                    )
                    .await
                    .unwrap();
                }
            }
        });
        let crash = tempfile::tempdir().unwrap();
        snapshot(dir.path(), crash.path());
        let copy = open(crash.path());
        for n in 0..(round + 1) * 60 {
            if let Some(content) = body_of(&copy, &key(n)).await {
                assert!(
                    content.is_ok_and(|content| content == body(n, (n * 7_919) % (3 * MIB / 2)))
                );
            } else {
                assert!(n >= round * 60, "body {n} was flushed before");
            }
        }
        writes.await.unwrap();
        store.flush().await;
    }
}

#[tokio::test]
async fn a_flipped_byte_anywhere_in_a_body_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    stored(dir.path()).await;
    assert_eq!(count_right(dir.path()).await, 200);
    let mut damaged = 0;
    for path in files(dir.path(), "segments")
        .into_iter()
        .chain(files(dir.path(), "large"))
    {
        let mut content = fs::read(&path).unwrap();
        for at in (0..content.len()).step_by(content.len().max(7) / 7) {
            content[at] ^= 0x10;
            damaged += 1;
        }
        fs::write(&path, content).unwrap();
    }
    let right = count_right(dir.path()).await;
    assert!(
        damaged > 0 && right < 200 && right > 100,
        "{right} of 200 right"
    );
}

#[tokio::test]
async fn truncated_files_cost_what_was_in_them_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    stored(dir.path()).await;
    let segment = files(dir.path(), "segments").remove(0);
    let large = files(dir.path(), "large").remove(0);
    for path in [segment, large] {
        let length = fs::metadata(&path).unwrap().len();
        fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(length / 2)
            .unwrap();
    }
    let right = count_right(dir.path()).await;
    assert!(right < 200 && right > 50, "{right} of 200 right");
}

#[tokio::test]
async fn removed_files_cost_what_was_in_them_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    stored(dir.path()).await;
    fs::remove_file(files(dir.path(), "segments").remove(0)).unwrap();
    fs::remove_file(files(dir.path(), "large").remove(0)).unwrap();
    let right = count_right(dir.path()).await;
    assert!(right < 200, "{right} of 200 right");
    assert_eq!(count_right(dir.path()).await, right);
}

#[tokio::test]
async fn exchanged_files_are_noticed() {
    let dir = tempfile::tempdir().unwrap();
    stored(dir.path()).await;
    let large = files(dir.path(), "large");
    fs::copy(&large[2], &large[0]).unwrap();
    let segments = files(dir.path(), "segments");
    fs::copy(&segments[1], &segments[0]).unwrap();
    assert!(count_right(dir.path()).await < 200);
}

#[tokio::test]
async fn a_damaged_index_costs_the_cache_and_leaves_the_state() {
    for damage in ["garbage", "half", "empty-pages", "missing"] {
        let dir = tempfile::tempdir().unwrap();
        stored(dir.path()).await;
        open(dir.path()).state().put("t", b"k", b"v").await.unwrap();
        let path = dir.path().join("cache/index.redb");
        let mut content = fs::read(&path).unwrap();
        match damage {
            "garbage" => fs::write(&path, body(1, content.len() as u64)).unwrap(),
            "half" => fs::write(&path, &content[..content.len() / 2]).unwrap(),
            "missing" => fs::remove_file(&path).unwrap(),
            _ => {
                content[4096 * 2..].fill(0);
                fs::write(&path, content).unwrap();
            }
        }
        let right = count_right(dir.path()).await;
        assert_eq!(right, 0, "{damage}");
        let store = open(dir.path());
        assert_eq!(store.state().get("t", b"k").await.unwrap().unwrap(), b"v");
        assert_same(
            &body_of(&store, &key(1_000)).await.unwrap().unwrap(),
            &body(9, 3_000),
            "body",
        );
    }
}

#[tokio::test]
async fn a_file_in_the_place_of_a_folder_costs_the_cache_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    stored(dir.path()).await;
    fs::remove_dir_all(dir.path().join("cache/large")).unwrap();
    fs::write(dir.path().join("cache/large"), b"no folder").unwrap();
    assert_eq!(count_right(dir.path()).await, 0);
    let store = open(dir.path());
    assert!(find(&store, &key(1_000)).await.is_some());
}

#[tokio::test]
async fn files_that_nothing_points_to_are_removed_after_a_start() {
    let dir = tempfile::tempdir().unwrap();
    stored(dir.path()).await;
    let before = files(dir.path(), "large").len();
    fs::write(
        dir.path().join("cache/large/00000000000000ff"),
        body(1, 1000),
    )
    .unwrap();
    fs::write(
        dir.path().join("cache/segments/00000000000000fe"),
        body(1, 1000),
    )
    .unwrap();
    let store = open(dir.path());
    let removed = async {
        let segment = dir.path().join("cache/segments/00000000000000fe");
        while segment.exists() || files(dir.path(), "large").len() > before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(20), removed)
        .await
        .expect("they are removed");
    drop(store);
    assert_eq!(count_right(dir.path()).await, 200);
}

/// Makes so many empty large files that nothing points to.
fn litter(dir: &std::path::Path, count: u64) {
    for n in 0..count {
        let name = format!("cache/large/{:016x}", 1_000 + n);
        fs::File::create(dir.join(name)).unwrap();
    }
}

/// Less than a tenth of that; this is for a debug build beside other tests.
const START: Duration = Duration::from_secs(1);

/// Opens a store, and says how long that took. What was done to its files before is on disk first, so that opening does
/// not pay for it.
fn open_timed(dir: &std::path::Path) -> (selvedge_store::Store, Duration) {
    let large = fs::File::open(dir.join("cache/large")).unwrap();
    large.sync_all().unwrap();
    let synced = Command::new("sync").arg("-f").arg(dir).status().unwrap();
    assert!(synced.success());
    let began = Instant::now();
    let store = open(dir);
    (store, began.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_takes_no_longer_when_there_are_very_many_files_and_a_damaged_cache_is_removed_later()
 {
    // Others that use the machine may hold one up, but not each.
    let mut taken = Vec::new();
    while taken.last().is_none_or(|taken| *taken >= START) {
        assert!(taken.len() < 3, "{taken:?}");
        taken.push(slowest_start_with_very_many_files().await);
    }
}

async fn slowest_start_with_very_many_files() -> Duration {
    let dir = tempfile::tempdir().unwrap();
    stored(dir.path()).await;
    litter(dir.path(), 200_000);
    let (store, whole) = open_timed(dir.path());
    for n in [0, 50, 51] {
        let found = body_of(&store, &key(n)).await.unwrap().unwrap();
        assert_same(&found, &body(n, length(n)), "stored");
    }
    drop(store);

    fs::write(dir.path().join("cache/index.redb"), body(1, 100_000)).unwrap();
    litter(dir.path(), 200_000);
    let (store, damaged) = open_timed(dir.path());
    assert!(find(&store, &key(1)).await.is_none());
    put(&store, key(1), head("\"n\""), &body(9, 3_000))
        .await
        .unwrap();
    let removed = async {
        while dir.path().join("cache.old-0").exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(60), removed)
        .await
        .expect("the damaged one is removed");
    assert!(store.stats().discarded_bytes > 4 * MIB);
    drop(store);
    // What was put aside by a process that was killed before it had removed it.
    fs::create_dir(dir.path().join("cache.old-3")).unwrap();
    let _store = open(dir.path());
    let removed = async {
        while dir.path().join("cache.old-3").exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(60), removed)
        .await
        .expect("it is removed");
    whole.max(damaged)
}

#[tokio::test]
async fn an_entry_whose_disk_was_damaged_while_it_runs_becomes_a_miss() {
    let dir = tempfile::tempdir().unwrap();
    stored(dir.path()).await;
    let store = open(dir.path());
    for path in files(dir.path(), "segments") {
        let length = fs::metadata(&path).unwrap().len();
        fs::write(&path, vec![0; length as usize]).unwrap();
    }
    assert!(find(&store, &key(1)).await.is_none());
    assert!(store.stats().damaged_objects > 0);
    put(
        &store,
        key(1),
        head("\"again\""),
        &Bytes::from_static(b"again"),
    )
    .await
    .unwrap();
    store.flush().await;
    drop(store);
    assert_same(
        &body_of(&open(dir.path()), &key(1)).await.unwrap().unwrap(),
        b"again",
        "body",
    );
}

/// Set for the process that is killed.
const KILLED_DIR: &str = "SELVEDGE_STORE_TEST_KILLED_DIR";

/// The first number that it writes.
const KILLED_FIRST: &str = "SELVEDGE_STORE_TEST_KILLED_FIRST";

/// Not a test of its own: what the process does that the next test kills.
#[tokio::test]
async fn writes_until_killed() {
    let Some(dir) = std::env::var_os(KILLED_DIR) else {
        return;
    };
    let store = open(dir.as_ref());
    let first: u64 = std::env::var(KILLED_FIRST).unwrap().parse().unwrap();
    for n in first.. {
        put(&store, key(n), head("\"k\""), &body(n, killed_length(n)))
            .await
            .unwrap();
        if n % 7 == 0 {
            store.flush().await;
            writeln!(std::io::stdout(), "flushed {n}").unwrap();
        }
    }
}

fn killed_length(n: u64) -> u64 {
    match n % 10 {
        0 => MIB + n % MIB,
        _ => (n * 7_919) % (200 * KIB),
    }
}

#[tokio::test]
async fn a_process_killed_under_write_load_loses_nothing_flushed_and_serves_only_whole_bodies() {
    let dir = tempfile::tempdir().unwrap();
    let (mut first, mut state) = (0, 7);
    for _ in 0..8 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::writes_until_killed", "--nocapture"])
            .env(KILLED_DIR, dir.path())
            .env(KILLED_FIRST, first.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut flushed = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .filter_map(|line| {
                line.unwrap()
                    .strip_prefix("flushed ")
                    .map(|n| n.parse::<u64>().unwrap())
            });
        let flushes = 1 + next(&mut state) % 12;
        let last = flushed
            .by_ref()
            .take(flushes as usize)
            .last()
            .expect("it flushes");
        tokio::time::sleep(Duration::from_millis(next(&mut state) % 30)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        let store = open(dir.path());
        first = 0;
        while let Some(content) = body_of(&store, &key(first)).await {
            assert_same(
                &content.unwrap(),
                &body(first, killed_length(first)),
                "body",
            );
            first += 1;
        }
        assert!(first > last, "{first} is missing and {last} was flushed");
    }
}
