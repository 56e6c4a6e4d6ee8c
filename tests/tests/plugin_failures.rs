//! Plugins that misbehave: each ends within its limit, is logged and counted, and harms no other request.

use selvedge_tests::guests::guest;
use selvedge_tests::*;
use std::time::{Duration, Instant};

/// The word for each misbehaviour in log and metric.
const MISBEHAVIOURS: [(&str, &str); 6] = [
    ("error", "guest-error"),
    ("loop", "cpu-limit"),
    ("allocate", "memory-limit"),
    ("panic", "trap"),
    ("recurse", "stack-overflow"),
    ("chatter", "host-calls"),
];

fn edge(origin: &Origin, on_error: &str) -> Edge {
    origin
        .on("*")
        .answers(Answer::ok("x").cache_control("max-age=60"));
    let lines = format!(
        "on_error = \"{on_error}\"\nlimits = {{ cpu = \"200 ms\", wall = \"5 s\" }}\nshort_circuit = {{ failures = 64, calls = 64 }}"
    );
    Edge::in_front_of(origin)
        .plugin("misbehaves", &guest("misbehaves"), &lines)
        .start()
}

/// Claims that it was logged and counted under its word.
#[track_caller]
fn is_told(edge: &Edge, hook: &str, word: &str) {
    let line = edge.wait_for_log(word).to_string();
    assert!(line.contains("misbehaves") && line.contains(hook), "{line}");
    let labels = format!("hook=\"{hook}\",outcome=\"{word}\"");
    assert!(
        edge.metric_sum("selvedge_hook_calls_total", &labels) >= 1.0,
        "no metric with {labels}"
    );
}

#[test]
fn under_fail_each_misbehaviour_of_a_cache_key_hook_fails_its_request() {
    let origin = Origin::start();
    let edge = edge(&origin, "fail");
    for (what, word) in MISBEHAVIOURS {
        edge.get(&format!("/key/{what}"))
            .expect(500)
            .x_cache("Error");
        is_told(&edge, "cache-key", word);
    }
    edge.get("/good").expect(200);
    assert_eq!(origin.all_requests().len(), 1);
}

#[test]
fn under_continue_a_failed_cache_key_hook_passes_the_request_uncached() {
    let origin = Origin::start();
    let edge = edge(&origin, "continue");
    for (what, word) in MISBEHAVIOURS {
        let path = format!("/key/{what}");
        for _ in 0..2 {
            edge.get(&path)
                .expect(200)
                .body("x")
                .no_cache_status("stored")
                .no_cache_status("hit");
        }
        assert_eq!(origin.requests(&path).len(), 2);
        is_told(&edge, "cache-key", word);
    }
}

#[test]
fn a_key_that_lacks_a_failed_plugins_parts_is_not_made_good_by_another_plugin() {
    let origin = Origin::start();
    origin
        .on("*")
        .answers(Answer::ok("x").cache_control("max-age=60"));
    // `keys` passes by its own decision; the failure stays the reason.
    for between in [None, Some("keys")] {
        let mut edge = Edge::in_front_of(&origin).plugin(
            "misbehaves",
            &guest("misbehaves"),
            "on_error = \"continue\"",
        );
        if let Some(between) = between {
            edge = edge.plugin(between, &guest(between), "");
        }
        let edge = edge
            .plugin("three-hooks", &guest("three-hooks"), "")
            .start();
        let before = origin.requests("/key/error").len();
        for _ in 0..2 {
            edge.get("/key/error")
                .expect(200)
                .cache_status("fwd=bypass")
                .no_cache_status("stored");
        }
        assert_eq!(origin.requests("/key/error").len(), before + 2);
        let hooks = edge.access("/key/error")["hooks"].to_string();
        assert!(hooks.contains("(overruled by misbehaves)"), "{hooks}");
    }
}

#[test]
fn under_fail_a_failed_origin_selection_asks_no_origin() {
    let origin = Origin::start();
    let edge = edge(&origin, "fail");
    for (what, word) in MISBEHAVIOURS {
        edge.get(&format!("/origin/{what}")).expect(500);
        is_told(&edge, "origin-selection", word);
    }
    assert!(origin.all_requests().is_empty());
}

#[test]
fn under_continue_a_failed_origin_selection_asks_the_behaviors_origin() {
    let origin = Origin::start();
    let edge = edge(&origin, "continue");
    for (what, word) in MISBEHAVIOURS {
        edge.get(&format!("/origin/{what}")).expect(200).body("x");
        is_told(&edge, "origin-selection", word);
    }
}

#[test]
fn under_fail_a_failed_ttl_hook_fails_the_request_and_stores_nothing() {
    let origin = Origin::start();
    let edge = edge(&origin, "fail");
    for (what, word) in MISBEHAVIOURS {
        let path = format!("/ttl/{what}");
        edge.get(&path).expect(500);
        edge.get(&path).expect(500).no_cache_status("hit");
        is_told(&edge, "ttl", word);
    }
}

#[test]
fn under_continue_a_failed_ttl_hook_leaves_the_policys_lifetime() {
    let origin = Origin::start();
    let edge = edge(&origin, "continue");
    for (what, word) in MISBEHAVIOURS {
        edge.get(&format!("/ttl/{what}"))
            .expect(200)
            .cache_status("ttl=60")
            .cache_status("stored");
        is_told(&edge, "ttl", word);
    }
}

#[test]
fn an_origin_that_does_not_exist_is_a_failure_of_the_plugin() {
    let origin = Origin::start();
    let edge = edge(&origin, "fail");
    edge.get("/origin/unknown").expect(500);
    edge.wait_for_log("nowhere");
    let lenient = self::edge(&origin, "continue");
    lenient.get("/origin/unknown").expect(200).body("x");
}

#[test]
fn the_message_of_an_error_and_of_a_panic_is_logged() {
    let origin = Origin::start();
    let edge = edge(&origin, "continue");
    edge.get("/key/error").expect(200);
    edge.wait_for_log("the moon is wrong");
    edge.get("/key/panic").expect(200);
    edge.wait_for_log("the sun is wrong");
}

#[test]
fn other_requests_go_on_while_plugins_spin() {
    let origin = Origin::start();
    origin
        .on("*")
        .answers(Answer::ok("x").cache_control("max-age=60"));
    let lines = "limits = { cpu = \"2 s\", wall = \"20 s\" }";
    let other = Distribution::new("other", origin.address()).alias("other.example.test");
    let edge = Edge::in_front_of(&origin)
        .plugin("misbehaves", &guest("misbehaves"), lines)
        .and(other)
        .start();
    edge.get("/a").host("other.example.test").expect(200);
    let mut spinning: Vec<Viewer> = (0..4).map(|_| edge.get("/key/loop").start()).collect();
    let start = Instant::now();
    for _ in 0..20 {
        edge.get("/a")
            .host("other.example.test")
            .expect(200)
            .cache_status("hit");
    }
    let took = start.elapsed();
    assert!(
        took < Duration::from_secs(4),
        "20 hits took {took:?} beside 4 spinning plugins"
    );
    for viewer in &mut spinning {
        viewer.response().expect(500);
    }
}

#[test]
fn a_loop_ends_about_when_its_limit_says() {
    let origin = Origin::start();
    let edge = edge(&origin, "fail");
    let start = Instant::now();
    edge.get("/key/loop").expect(500);
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn many_failures_leave_the_edge_as_it_was() {
    let origin = Origin::start();
    let mut edge = edge(&origin, "fail");
    for what in ["panic", "recurse", "allocate"] {
        edge.get(&format!("/key/{what}")).expect(500);
    }
    let before = edge.memory("VmRSS");
    let files = || std::fs::read_dir(format!("/proc/{}/fd", edge.pid())).map_or(0, Iterator::count);
    let files_before = files();
    // One fewer than would short-circuit it.
    for _ in 0..60 {
        edge.get("/key/panic").expect(500);
    }
    assert!(
        edge.memory("VmRSS") < before + (32 << 20),
        "memory grows with failures"
    );
    assert!(
        files() < files_before + 20,
        "files stay open after failures"
    );
    assert!(edge.runs());
}
