//! The admin listener: health and metrics, apart from the viewers.

use selvedge_tests::*;

#[test]
fn health_says_ok() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    let response = edge.admin("GET", "/health").expect(200);
    assert_eq!(response.text().trim(), "ok");
}

#[test]
fn viewers_cannot_reach_it() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    for path in ["/health", "/metrics", "/test/clock"] {
        edge.get(path)
            .expect(404)
            .body("the test has scripted no answer for this path");
        edge.get(path).host("127.0.0.1").expect(403);
    }
}

#[test]
fn an_unknown_path_is_404() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    edge.admin("GET", "/nothing").expect(404);
}

#[test]
fn metrics_are_in_the_text_format_of_prometheus() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    edge.get("/a").expect(404);
    let response = edge
        .admin("GET", "/metrics")
        .expect(200)
        .field_contains("Content-Type", "text");
    for line in response
        .text()
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let (name, value) = line.rsplit_once(' ').expect("a name and a value");
        assert!(
            name.starts_with("selvedge_") || name.starts_with("process_"),
            "{line}"
        );
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
}

#[test]
fn each_request_has_one_access_line() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/a").answers(Answer::ok("one"));
    edge.get("/a?b=c").expect(200);
    let access = edge.access("/a?b=c");
    assert_eq!(access["method"], "GET");
    assert_eq!(access["host"], ALIAS);
    assert_eq!(access["status"], 200);
    assert_eq!(access["distribution"], "main");
    assert_eq!(access["origin"], "main");
    assert!(
        access["cache_status"]
            .as_str()
            .is_some_and(|status| status.contains("uri-miss")),
        "{access}"
    );
    assert!(
        access["request_id"]
            .as_str()
            .is_some_and(|id| !id.is_empty()),
        "{access}"
    );
    assert!(access["duration_us"].is_u64(), "{access}");
}

#[test]
fn a_hit_is_logged_as_one_without_an_origin() {
    let origin = Origin::start();
    let mut edge = Edge::in_front_of(&origin).start();
    origin.on("/a").answers(Answer::ok("one"));
    edge.get("/a").expect(200);
    edge.access("/a");
    edge.forget_log();
    edge.get("/a").expect(200);
    let access = edge.access("/a");
    assert!(
        access["cache_status"]
            .as_str()
            .is_some_and(|status| status.contains("hit")),
        "{access}"
    );
}

#[test]
fn access_lines_can_be_switched_off() {
    let origin = Origin::start();
    let mut edge = Edge::in_front_of(&origin)
        .server("access_log = false")
        .start();
    edge.get("/a").expect(404);
    edge.terminate();
    assert!(
        !edge.log().iter().any(|line| line.contains("\"access\"")),
        "{:#?}",
        edge.log()
    );
}

#[test]
fn requests_are_counted_by_distribution_status_and_cache_status() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/a").answers(Answer::ok("one"));
    for _ in 0..3 {
        edge.get("/a").expect(200);
    }
    edge.get("/").host("unknown.example.test").expect(403);
    let count = |labels: &str| edge.metric_sum("selvedge_requests_total", labels);
    eventually("the hits are counted", || {
        count("distribution=\"main\",status=\"200\",cache=\"hit\"") == 2.0
    });
    eventually("the miss is counted", || {
        count("distribution=\"main\",status=\"200\",cache=\"uri-miss\"") == 1.0
    });
    eventually("the refusal is counted", || count("status=\"403\"") == 1.0);
}

#[test]
fn fetches_are_counted_by_their_outcome() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/a").answers(Answer::ok("one"));
    edge.get("/a").expect(200);
    edge.get("/a").expect(200);
    let count = |labels: &str| edge.metric_sum("selvedge_origin_fetches_total", labels);
    eventually("one fetch", || count("origin=\"main\"") == 1.0);
    origin.stop();
    edge.get("/b").expect(502);
    eventually("a failed fetch", || {
        count("origin=\"main\"") > 1.0 && count("outcome=\"answered\"") == 1.0
    });
}

#[test]
fn bytes_and_stored_responses_are_counted() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/a").answers(Answer::ok("12345"));
    edge.get("/a").expect(200);
    edge.get("/a").expect(200);
    eventually("bytes", || {
        edge.metric_sum("selvedge_response_body_bytes_total", "main") == 10.0
    });
    eventually("objects", || {
        edge.metric("selvedge_store_memory_objects") == Some(1.0)
    });
}

#[test]
fn the_connections_of_viewers_are_counted() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    let open = || edge.metric("selvedge_viewer_connections");
    eventually("nobody is there", || open() == Some(0.0));
    let viewers: Vec<Viewer> = (0..7).map(|_| edge.viewer()).collect();
    eventually("all are there", || open() == Some(7.0));
    drop(viewers);
    eventually("all have left", || open() == Some(0.0));
}
