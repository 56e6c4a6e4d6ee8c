//! The cache's disk: what it holds, by distribution, and what becomes of requests when it is full.

use selvedge_tests::*;

/// `selvedge cache stats --json` of a running edge.
fn stats(edge: &Edge) -> serde_json::Value {
    let config = edge.config();
    let words = ["cache", "stats", "--json", "--config"];
    let words = words.iter().map(|word| word.as_ref());
    let done = run(words.chain([config.as_os_str()])).code(0);
    serde_json::from_str(&done.stdout).expect("JSON")
}

/// Waits until so many stored responses of a distribution are on disk.
#[track_caller]
fn on_disk(edge: &Edge, distribution: &str, count: u64) {
    eventually("it is on disk", || {
        of(&stats(edge), distribution)["disk_objects"] == count
    });
}

fn of(stats: &serde_json::Value, distribution: &str) -> serde_json::Value {
    let all = stats["distributions"].as_array().expect("a list");
    let found = all.iter().find(|of| of["distribution"] == distribution);
    found.cloned().unwrap_or_default()
}

#[test]
fn stats_count_what_is_stored_for_each_distribution_exactly_before_and_after_a_restart() {
    let origin = Origin::start();
    origin
        .on("*")
        .answers(Answer::generated(10_000).cache_control("max-age=6000"));
    origin
        .on("/large")
        .answers(Answer::generated(3_000_000).cache_control("max-age=6000"));
    let other = Distribution::new("other", origin.address()).alias("other.example.test");
    let edge = Edge::in_front_of(&origin).and(other.clone()).start();
    for path in ["/1", "/2", "/large", "/1"] {
        edge.get(path).expect(200);
    }
    edge.get("/1").host("other.example.test").expect(200);
    on_disk(&edge, "main", 3);
    on_disk(&edge, "other", 1);
    let before = stats(&edge);
    let main = of(&before, "main");
    assert_eq!((&main["requests"], &main["hits"]), (&4.into(), &1.into()));
    assert_eq!(main["memory_objects"], 3);
    let bytes = main["disk_bytes"].as_u64().expect("a number");
    assert!((3_020_000..3_040_000).contains(&bytes), "{main:#}");
    assert_eq!(
        (&before["large_files"], &before["segments"]),
        (&1.into(), &1.into())
    );
    assert_eq!(before["fragmentation"], 0.0);
    let config = edge.config();
    let words = [
        "cache".as_ref(),
        "stats".as_ref(),
        "--config".as_ref(),
        config.as_os_str(),
    ];
    run(words)
        .code(0)
        .prints("1 hits of 5 requests (20.0%)")
        .prints("other\n  memory 1");
    let edge = edge.restart();
    let after = stats(&edge);
    for distribution in ["main", "other"] {
        for figure in ["disk_objects", "disk_bytes"] {
            let (was, is) = (of(&before, distribution), of(&after, distribution));
            assert_eq!(was[figure], is[figure], "{figure} of {distribution}");
        }
    }
    assert_eq!(of(&after, "main")["memory_objects"], 0);
    let name = "selvedge_store_distribution_disk_objects{distribution=\"main\"}";
    assert_eq!(edge.metric(name), Some(3.0));
    let file = edge.folder().join("distributions/other.toml");
    std::fs::remove_file(file).expect("the folder is ours");
    eventually("what is not configured any more is counted apart", || {
        of(&stats(&edge), "(no longer configured)")["disk_objects"] == 1
    });
}

#[test]
fn a_full_disk_costs_storing_and_is_used_again_when_there_is_room() {
    let origin = Origin::start();
    let small = || Answer::ok("small").cache_control("max-age=6000");
    let large = || Answer::generated(3_000_000).cache_control("max-age=6000");
    for path in ["/old", "/small", "/new"] {
        origin.on(path).answers(small());
    }
    for path in ["/large", "/new-large"] {
        origin.on(path).answers(large());
    }
    let mut edge = Edge::in_front_of(&origin).start();
    edge.get("/old").expect(200);
    on_disk(&edge, "main", 1);
    edge.limit_files(Some(0));
    edge.get("/small").expect(200).body("small");
    edge.get("/large")
        .expect(200)
        .body(Generated::bytes(3_000_000));
    let failure = edge.wait_for_log("the cache's disk cannot be written");
    assert_eq!(failure["level"], "ERROR");
    edge.get("/small")
        .expect(200)
        .body("small")
        .cache_status("hit");
    edge.get("/large")
        .expect(200)
        .body(Generated::bytes(3_000_000));
    eventually("the metrics say so", || {
        edge.metric("selvedge_store_disk_failed") == Some(1.0)
    });
    let config = edge.config();
    let invalidate = || {
        let words = ["invalidate", "main", "/old", "--config"];
        run(words
            .iter()
            .map(|word| word.as_ref())
            .chain([config.as_os_str()]))
    };
    invalidate().code(1);
    edge.get("/old").expect(200).body("small");
    edge.limit_files(None);
    let again = edge.wait_for_log("the cache's disk works again");
    assert!(again["not_written"].as_u64() >= Some(2), "{again}");
    edge.forget_log();
    edge.get("/new").expect(200).body("small");
    edge.get("/new-large").expect(200);
    invalidate().code(0);
    eventually("both are on disk", || {
        of(&stats(&edge), "main")["disk_objects"].as_u64() >= Some(2)
    });
    let edge = edge.restart();
    for path in ["/new", "/new-large"] {
        edge.get(path).expect(200).cache_status("hit");
    }
    edge.get("/old").expect(200).no_cache_status("hit");
}

#[test]
fn an_edge_starts_on_a_full_disk_serves_what_is_stored_and_uses_the_disk_again_when_there_is_room()
{
    let origin = Origin::start();
    for path in ["/old", "/gone", "/large", "/new", "/newer"] {
        let length = if path == "/large" { 3_000_000 } else { 10_000 };
        origin
            .on(path)
            .answers(Answer::generated(length).cache_control("max-age=6000"));
    }
    let edge = Edge::in_front_of(&origin).start();
    for path in ["/old", "/gone", "/large"] {
        edge.get(path).expect(200);
    }
    on_disk(&edge, "main", 3);
    let config = edge.config();
    let invalidate = |path: &str| {
        let words = ["invalidate", "main", path, "--config"];
        run(words
            .iter()
            .map(|word| word.as_ref())
            .chain([config.as_os_str()]))
    };
    invalidate("/gone").code(0);
    let mut edge = edge.restart_on_a_full_disk();
    for path in ["/old", "/large"] {
        edge.get(path).expect(200).cache_status("hit");
    }
    edge.get("/gone").expect(200).no_cache_status("hit");
    edge.get("/new").expect(200);
    edge.get("/new").expect(200).cache_status("hit");
    invalidate("/old").code(1);
    edge.limit_files(None);
    edge.wait_for_log("the cache's disk works again");
    edge.forget_log();
    invalidate("/large").code(0);
    edge.get("/newer").expect(200);
    // Beside what was there and was not fetched anew.
    on_disk(&edge, "main", 3);
    let edge = edge.restart();
    edge.get("/newer").expect(200).cache_status("hit");
    edge.get("/large").expect(200).no_cache_status("hit");
}
