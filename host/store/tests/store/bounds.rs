//! Bounds: memory and disk stay within their sizes under random load, and eviction keeps what is used.

use std::io::Write;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use selvedge_store::{Config, Found, Store};

use crate::support::*;

fn small(dir: &std::path::Path) -> Config {
    Config {
        dir: Some(dir.to_path_buf()),
        memory_bytes: 4 * MIB,
        disk_bytes: 24 * MIB,
        max_object_bytes: 6 * MIB,
        max_variants: 2,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_and_disk_stay_within_their_sizes_under_random_load_and_bodies_are_right() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(small(dir.path())).unwrap();
    let seed = 42;
    let tasks: Vec<_> = (0..3_u64)
        .map(|task| {
            let (store, dir) = (store.clone(), dir.path().to_path_buf());
            tokio::spawn(async move {
                let mut state = seed + task;
                for step in 0..700 {
                    let n = next(&mut state) % 150 * 3 + task;
                    let length = match n % 13 {
                        0 => MIB + n * 10_000,
                        _ => n * 400,
                    };
                    match next(&mut state) % 10 {
                        0..=3 => {
                            let _ = put(&store, key(n), head("\"b\""), &body(n, length)).await;
                        }
                        4 => store.remove(&key(n), None).await,
                        _ => {
                            if let Some(content) = body_of(&store, &key(n)).await {
                                assert_eq!(
                                    content.unwrap(),
                                    body(n, length),
                                    "seed {seed}, body {n}"
                                );
                            }
                        }
                    }
                    if step % 50 == 0 {
                        let stats = store.stats();
                        assert!(stats.disk_bytes <= stats.disk_limit, "{stats:?}");
                        assert!(stats.memory_bytes <= stats.memory_limit, "{stats:?}");
                        assert!(
                            stats.memory_limit + stats.queued_bytes <= 5 * MIB,
                            "{stats:?}"
                        );
                        let used = disk_usage(&dir.join("cache"));
                        assert!(used <= 24 * MIB * 11 / 10, "{used} bytes, {stats:?}");
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    store.flush().await;
    let stats = store.stats();
    assert!(stats.evicted_objects > 0, "{stats:?}");
    assert!(
        !stats.disk_failed && stats.damaged_objects == 0,
        "{stats:?}"
    );
    let counted = disk_usage(&dir.path().join("cache"));
    assert_eq!(
        counted, stats.disk_bytes,
        "what is accounted for is what is there: {stats:?}"
    );
    assert_usage_is_exact(&store, dir.path()).await;
    drop(store);
    let store = Store::open(small(dir.path())).unwrap();
    assert_eq!(
        store.stats().disk_bytes,
        disk_usage(&dir.path().join("cache"))
    );
    assert_usage_is_exact(&store, dir.path()).await;
    let listed = store.scan(None, 1000).await.len() as u64;
    until("all keys are known", || store.stats().disk_known).await;
    assert_eq!(store.stats().disk_objects, listed);
}

/// Compares the counts by owner with everything that is stored, in memory and on disk.
async fn assert_usage_is_exact(store: &Store, dir: &std::path::Path) {
    let mut found = std::collections::HashMap::<u64, u64>::new();
    for (_, entry) in store.scan(None, 1000).await {
        for variant in entry.variants() {
            *found.entry(variant.owner).or_default() += 1;
        }
    }
    let (usage, stats) = (store.usage(), store.stats());
    let counted = usage.iter().filter(|(_, usage)| usage.disk_objects > 0);
    let counted = counted.map(|(owner, usage)| (*owner, usage.disk_objects));
    assert_eq!(found, counted.collect());
    assert_eq!(found.len(), 3, "all owners have something");
    let bytes: u64 = usage.values().map(|usage| usage.disk_bytes).sum();
    let large = disk_usage(&dir.join("cache")) - stats.segment_bytes - stats.index_bytes;
    assert_eq!(bytes, stats.live_segment_bytes + large, "{stats:?}");
    assert!(stats.live_segment_bytes <= stats.segment_bytes, "{stats:?}");
}

#[tokio::test]
async fn eviction_keeps_what_is_used_and_drops_what_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(small(dir.path())).unwrap();
    put(&store, key(0), head("\"used\""), &body(0, 20_000))
        .await
        .unwrap();
    put(&store, key(1), head("\"large\""), &body(1, 2 * MIB))
        .await
        .unwrap();
    put(&store, key(2), head("\"never\""), &body(2, 20_000))
        .await
        .unwrap();
    for n in 100..1_200 {
        put(&store, key(n), head("\"other\""), &body(n, 40_000))
            .await
            .unwrap();
        if n % 16 == 0 {
            store.flush().await;
            assert_same(
                &body_of(&store, &key(0)).await.unwrap().unwrap(),
                &body(0, 20_000),
                "body",
            );
            assert_same(
                &body_of(&store, &key(1)).await.unwrap().unwrap(),
                &body(1, 2 * MIB),
                "body",
            );
        }
    }
    assert!(store.stats().kept_objects > 0);
    drop(store);
    let store = Store::open(small(dir.path())).unwrap();
    assert!(find(&store, &key(2)).await.is_none());
    assert!(find(&store, &key(100)).await.is_none());
    assert_same(
        &body_of(&store, &key(0)).await.unwrap().unwrap(),
        &body(0, 20_000),
        "body",
    );
    assert_same(
        &body_of(&store, &key(1)).await.unwrap().unwrap(),
        &body(1, 2 * MIB),
        "body",
    );
}

#[tokio::test]
async fn whoever_waits_for_room_does_not_wait_for_all_that_was_used() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(small(dir.path())).unwrap();
    for n in 0..60 {
        put(&store, key(n), head("\"used\""), &body(n, 300_000))
            .await
            .unwrap();
    }
    store.flush().await;
    for n in 0..60 {
        find(&store, &key(n)).await.unwrap();
    }
    for n in [100, 101] {
        put(&store, key(n), head("\"new\""), &body(n, 5 * MIB))
            .await
            .unwrap();
    }
    let stats = store.stats();
    assert!((1..=32).contains(&stats.kept_objects), "{stats:?}");
    assert!(stats.evicted_objects > 0, "{stats:?}");
}

#[tokio::test]
async fn a_large_file_that_is_evicted_is_not_kept_open_by_the_memory_tier() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(Config {
        memory_bytes: 128 * MIB,
        ..small(dir.path())
    })
    .unwrap();
    put(&store, key(1), head("\"large\""), &body(1, 3 * MIB))
        .await
        .unwrap();
    for n in 100..900 {
        put(&store, key(n), head("\"other\""), &body(n, 40_000))
            .await
            .unwrap();
        if n % 16 == 0 {
            store.flush().await;
        }
    }
    assert!(files(dir.path(), "large").is_empty());
    let folder = dir.path().canonicalize().unwrap().join("cache/large");
    let open = std::fs::read_dir("/proc/self/fd").unwrap().filter(|fd| {
        let path = std::fs::read_link(fd.as_ref().unwrap().path());
        path.is_ok_and(|path| path.starts_with(&folder))
    });
    assert_eq!(open.count(), 0);
    assert!(find(&store, &key(1)).await.is_none());
}

#[tokio::test]
async fn a_reader_of_an_evicted_body_reads_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(small(dir.path())).unwrap();
    let entry = put(&store, key(1), head("\"large\""), &body(1, 5 * MIB))
        .await
        .unwrap();
    let mut reader = entry.variants()[0].reader(None);
    let mut got = reader.next().await.unwrap().unwrap().to_vec();
    store.remove(&key(1), None).await;
    store.flush().await;
    assert!(files(dir.path(), "large").is_empty());
    got.extend_from_slice(&read(reader).await.unwrap());
    assert_eq!(Bytes::from(got), body(1, 5 * MIB));
}

#[tokio::test]
async fn the_process_does_not_grow_with_the_body_that_streams_through() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(Config {
        disk_bytes: 2 << 30,
        max_object_bytes: 1 << 30,
        ..small(dir.path())
    })
    .unwrap();
    let before = resident();
    let mut fill = store.begin(key(1), head("\"g\""), Bytes::new(), None);
    let reader = fill.reader();
    let count = async |mut reader: selvedge_store::BodyReader| {
        let mut length = 0;
        while let Some(piece) = reader.next().await {
            length += piece.unwrap().len() as u64;
        }
        length
    };
    let follower = tokio::spawn(count(reader));
    let mut peak = 0;
    let length = 300 * MIB;
    for n in 0..length / (64 * KIB) {
        fill.append(Bytes::from(vec![n as u8; 64 << 10])).await;
        peak = peak.max(resident());
    }
    let entry = fill.finish(None).await.unwrap();
    assert_eq!(follower.await.unwrap(), length);
    assert_eq!(count(entry.variants()[0].reader(None)).await, length);
    peak = peak.max(resident());
    assert!(
        peak - before < 64 * MIB,
        "grew by {} MiB",
        (peak - before) / MIB
    );
}

#[tokio::test]
async fn a_scan_of_ten_times_the_memory_tier_leaves_the_hot_set_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(Config {
        disk_bytes: 64 * MIB,
        ..small(dir.path())
    })
    .unwrap();
    for n in 0..100 {
        put(&store, key(n), head("\"hot\""), &body(n, 4_000))
            .await
            .unwrap();
    }
    for _ in 0..3 {
        for n in 0..100 {
            find(&store, &key(n)).await.unwrap();
        }
    }
    let (content, mut scanned, mut n) = (body(1, 8_000), 0, 1_000);
    while scanned < 10 * store.stats().memory_limit {
        let entry = put(&store, key(n), head("\"once\""), &content)
            .await
            .unwrap();
        scanned += entry.weight();
        n += 1;
    }
    let in_memory = |n: &u64| matches!(store.look_up(&key(*n)), Found::Memory(_));
    let left = (0..100).filter(in_memory).count();
    assert!(left >= 95, "{left} of 100 are left in memory");
}

/// Set for the process that measures.
const MEASURED_DIR: &str = "SELVEDGE_STORE_TEST_MEASURED_DIR";
/// The measured value.
const MEASURED: u64 = 200_000;

fn measured(dir: &std::path::Path) -> Config {
    Config {
        disk_bytes: 1 << 30,
        ..small(dir)
    }
}

/// Not a test of its own: what the process does that the next test starts.
#[tokio::test]
async fn knows_what_is_on_disk() {
    let Some(dir) = std::env::var_os(MEASURED_DIR) else {
        return;
    };
    let before = resident();
    let store = Store::open(measured(dir.as_ref())).unwrap();
    until("all keys are known", || store.stats().disk_known).await;
    let grown = resident() - before;
    let stats = store.stats();
    assert_eq!((stats.memory_objects, stats.disk_objects), (0, MEASURED));
    writeln!(std::io::stdout(), "grown {grown}").unwrap();
}

#[tokio::test]
async fn an_object_that_is_only_on_disk_takes_at_most_400_bytes_of_memory() {
    let dir = tempfile::tempdir().unwrap();
    let (store, content) = (Store::open(measured(dir.path())).unwrap(), body(1, 100));
    put_all(&store, 0..MEASURED, &head("\"o\""), &content).await;
    drop(store);
    // A process that never held them.
    let process = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "bounds::knows_what_is_on_disk", "--nocapture"])
        .env(MEASURED_DIR, dir.path())
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&process.stdout);
    let grown = output.lines().find_map(|line| line.split_once("grown "));
    let grown: u64 = grown.expect(&output).1.parse().unwrap();
    let each = grown / MEASURED;
    // Each takes at least the part of its key that is held, or nothing was measured.
    assert!((8..=400).contains(&each), "{each} bytes each");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_traffic_stays_within_the_sizes_in_memory_and_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(small(dir.path())).unwrap();
    let before = resident();
    let huge = "x".repeat(60_000);
    let mut state = 9;
    for n in 0..6_000 {
        let kind = next(&mut state) % 4;
        // Tiny ones; endless variants of few keys; heads larger than their bodies; bodies at the limits of each tier.
        let (at, head, length) = match kind {
            0 => (key(n), head("\"t\""), n % 3),
            1 => (key(n % 7), head_for_language("\"v\"", &n.to_string()), 500),
            2 => (key(n), head(&format!("\"{huge}\"")), 1),
            _ if n % 40 == 3 => {
                let limits = [KIB * 256, 256 * KIB + 1, 6 * MIB, 6 * MIB + 1];
                (key(n), head("\"l\""), limits[n as usize / 40 % 4])
            }
            _ => (key(n), head("\"s\""), 64 * KIB),
        };
        let _ = put(&store, at, head, &body(n, length)).await;
        if n % 100 == 0 {
            let stats = store.stats();
            assert!(stats.disk_bytes <= stats.disk_limit, "{stats:?}");
            assert!(stats.memory_bytes <= stats.memory_limit, "{stats:?}");
            let used = disk_usage(&dir.path().join("cache"));
            assert!(used <= 24 * MIB * 11 / 10, "{used} bytes, {stats:?}");
        }
    }
    // Other tests run in this process at the same time, so this is no fine measure.
    let grown = resident().saturating_sub(before);
    assert!(grown < 128 * MIB, "grown by {} MiB", grown / MIB);
}

#[tokio::test]
async fn a_stored_head_holds_nothing_of_the_buffers_that_it_came_in() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let buffers = [0_u8, 1].map(|_| Bytes::from("value".repeat(10_000)));
    let cut_from = |buffer: &Bytes| {
        let mut head = head("\"b\"");
        let value = HeaderValue::from_maybe_shared(buffer.slice(..5)).unwrap();
        head.fields.insert("x-cut", value.clone());
        head.trailers = Some(HeaderMap::from_iter([(
            HeaderName::from_static("x-end"),
            value,
        )]));
        head
    };
    let [first, second] = &buffers;
    let entry = put(&store, key(1), cut_from(first), &body(1, 100))
        .await
        .unwrap();
    assert!(first.is_unique(), "a stored response");
    let id = entry.variants()[0].id;
    store.update_head(&key(1), id, cut_from(second)).await;
    assert!(second.is_unique(), "a freshened one");
    let entry = find(&store, &key(1)).await.unwrap();
    assert_eq!(entry.variants()[0].head.fields["x-cut"], "value");
}
