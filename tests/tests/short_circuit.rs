//! A plugin that keeps failing is not called for a while: seen from outside, and told once.

use selvedge_tests::guests::guest;
use selvedge_tests::*;
use std::time::{Duration, Instant};

fn edge(origin: &Origin, on_error: &str, pause: &str) -> Edge {
    origin
        .on("*")
        .answers(Answer::ok("x").cache_control("max-age=60"));
    let lines = format!(
        "on_error = \"{on_error}\"\nlimits = {{ cpu = \"20 ms\", wall = \"20 s\" }}\n\
         short_circuit = {{ failures = 4, calls = 5, pause = \"{pause}\" }}"
    );
    let other = Distribution::new("other", origin.address()).alias("other.example.test");
    Edge::in_front_of(origin)
        .plugin("misbehaves", &guest("misbehaves"), &lines)
        .and(other)
        .start()
}

fn outcomes(edge: &Edge, outcome: &str) -> f64 {
    let labels = format!("hook=\"cache-key\",outcome=\"{outcome}\"");
    edge.metric_sum("selvedge_hook_calls_total", &labels)
}

#[test]
fn under_fail_it_answers_503_and_lets_nothing_through() {
    let origin = Origin::start();
    let edge = edge(&origin, "fail", "1 h");
    for _ in 0..4 {
        edge.get("/key/loop").expect(500);
    }
    for _ in 0..5 {
        edge.get("/good").expect(503).x_cache("Error");
    }
    assert_eq!(origin.all_requests().len(), 0);
    assert_eq!(outcomes(&edge, "cpu-limit"), 4.0);
    assert_eq!(outcomes(&edge, "short-circuited"), 5.0);
    assert_eq!(edge.metric("selvedge_plugins_short_circuited"), Some(1.0));
    let line = edge.access("/good");
    assert_eq!(line["reason"], "short-circuited", "{line}");
    let told = edge.wait_for_log("short-circuited: 4 of its last 5 calls failed");
    assert!(told.to_string().contains("misbehaves"), "{told}");
    let lines = edge.log();
    let told = lines
        .iter()
        .filter(|line| line.contains("of its last 5 calls failed, so it is not called"));
    assert_eq!(told.count(), 1);
}

#[test]
fn under_continue_requests_go_on_without_it() {
    let origin = Origin::start();
    let edge = edge(&origin, "continue", "1 h");
    for _ in 0..4 {
        edge.get("/key/loop").expect(200);
    }
    edge.get("/good")
        .expect(200)
        .cache_status("detail=short-circuited");
    assert_eq!(outcomes(&edge, "cpu-limit"), 4.0);
}

#[test]
fn it_comes_back_by_itself() {
    let origin = Origin::start();
    let edge = edge(&origin, "fail", "200 ms");
    for _ in 0..4 {
        edge.get("/key/panic").expect(500);
    }
    edge.eventually(
        "a probe succeeds",
        || edge.get("/good"),
        |response| response.status() == 200,
    );
    edge.get("/good").expect(200);
    edge.wait_for_log("works again");
    assert_eq!(edge.metric("selvedge_plugins_short_circuited"), Some(0.0));
}

#[test]
fn a_flood_of_endless_loops_costs_few_calls_and_holds_no_other_distribution_up() {
    let origin = Origin::start();
    let edge = edge(&origin, "fail", "1 h");
    edge.get("/a").host("other.example.test").expect(200);
    let mut loops: Vec<Viewer> = (0..20).map(|_| edge.get("/key/loop").start()).collect();
    let start = Instant::now();
    for _ in 0..20 {
        edge.get("/a")
            .host("other.example.test")
            .expect(200)
            .cache_status("hit");
    }
    // The loops are worth 0.4 s of CPU time; the rest is for a busy machine.
    assert!(start.elapsed() < Duration::from_secs(10));
    for viewer in &mut loops {
        assert!([500, 503].contains(&viewer.response().status()));
    }
    for _ in 0..100 {
        edge.get("/key/loop").expect(503);
    }
    assert!(outcomes(&edge, "cpu-limit") <= 20.0);
    assert!(outcomes(&edge, "short-circuited") >= 100.0);
}
