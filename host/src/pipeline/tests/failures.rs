//! Responses to viewers when an origin fails.

use crate::pipeline::testing::{Answer, Gate, Host, Origin, get};
use std::sync::Arc;
use std::time::Duration;

fn kept(seconds: u64) -> Answer {
    let directives = format!("max-age=10, stale-if-error={seconds}");
    Answer::ok("kept").field("Cache-Control", &directives)
}

#[tokio::test]
async fn an_origin_that_refuses_connections_is_a_502() {
    let origin = Origin::new();
    let host = Host::before(&origin).start();
    origin.is_down(true);
    let response = host.get("/a").await;
    response.expect(502).cache("detail=origin-connect-error");
    assert_eq!(
        host.last_line().reason.as_deref(),
        Some("origin-connect-error")
    );
    origin.is_down(false);
    origin.on("/a").answers(Answer::ok("back"));
    host.get("/a").await.expect(200).body("back");
}

#[tokio::test]
async fn what_is_no_http_is_a_502() {
    let origin = Origin::new();
    let host = Host::before(&origin).start();
    for (path, bytes) in [
        ("/a", "what?\r\n\r\n"),
        (
            "/b",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        ),
        ("/c", "HTTP/1.1 101 Switching Protocols\r\n\r\n"),
        (
            "/d",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        ),
    ] {
        origin.on(path).answers(Answer::raw(bytes));
        host.get(path).await.expect(502);
    }
}

#[tokio::test]
async fn a_stale_response_takes_the_place_of_an_error_within_its_window() {
    let origin = Origin::new();
    let host = Host::before(&origin).start();
    origin
        .on("/a")
        .answers_in_turn([kept(100), Answer::new(503, "down")]);
    host.get("/a").await.expect(200);
    host.advance(20);
    let stale = host.get("/a").await;
    stale.expect(200).body("kept").cache("fwd-status=503");
    stale.cache("detail=origin-error");
    host.advance(100);
    host.get("/a").await.expect(503).body("down");
}

#[tokio::test]
async fn an_error_that_comes_at_once_hides_no_recovery() {
    let origin = Origin::new();
    let host = Host::before(&origin).start();
    origin
        .on("/a")
        .answers_in_turn([kept(100), Answer::new(503, "down"), Answer::ok("new")]);
    host.get("/a").await.expect(200);
    host.advance(20);
    host.get("/a").await.expect(200).body("kept");
    host.get("/a").await.expect(200).body("new");
}

#[tokio::test]
async fn one_viewer_waits_for_a_slow_error_and_the_others_do_not() {
    let (origin, gate) = (Origin::new(), Gate::new());
    let host = Arc::new(Host::before(&origin).start());
    let never = Gate::new();
    origin.on("/a").answers_in_turn([
        kept(100),
        Answer::new(503, "down").after(&gate),
        Answer::new(503, "down").after(&never),
    ]);
    host.get("/a").await.expect(200);
    host.advance(20);
    let pays = host.spawn(get("/a"));
    gate.arrivals(1).await;
    let follows = host.spawn(get("/a"));
    // That the error is slow is seen by the system's clock.
    tokio::time::sleep(Duration::from_millis(300)).await;
    gate.open();
    pays.await.expect("it ends").expect(200).body("kept");
    follows.await.expect("it ends").expect(200).body("kept");
    for _ in 0..3 {
        let next = host.get("/a").await;
        next.expect(200).body("kept").cache("hit");
        next.cache("detail=origin-error");
    }
    never.arrivals(1).await;
    assert_eq!(origin.requests("/a").len(), 3, "one attempt behind them");
}

#[tokio::test]
async fn the_attempt_behind_a_slow_error_brings_what_is_new() {
    let (origin, gate) = (Origin::new(), Gate::new());
    let host = Arc::new(Host::before(&origin).start());
    origin.on("/a").answers_in_turn([
        kept(100),
        Answer::new(503, "down").after(&gate),
        Answer::ok("new").max_age(60),
    ]);
    host.get("/a").await.expect(200);
    host.advance(20);
    let pays = host.spawn(get("/a"));
    gate.arrivals(1).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    gate.open();
    pays.await.expect("it ends").body("kept");
    host.get("/a").await.expect(200).body("kept");
    host.idle().await;
    host.get("/a").await.expect(200).body("new").cache("hit");
}

#[tokio::test]
async fn no_more_fetches_run_at_once_than_allowed() {
    let (origin, gate) = (Origin::new(), Gate::new());
    let host = Arc::new(Host::before(&origin).server("max_fetches = 1").start());
    origin.on("/a").answers(Answer::ok("one").after(&gate));
    origin.on("/b").answers(Answer::ok("two"));
    let first = host.spawn(get("/a"));
    gate.arrivals(1).await;
    let refused = host.get("/b").await;
    refused.expect(503).cache("detail=too-many-fetches");
    gate.open();
    first.await.expect("it ends").body("one");
    host.idle().await;
    host.get("/b").await.expect(200).body("two");
}

#[tokio::test]
async fn a_refresh_in_the_background_that_fails_takes_nothing_away() {
    let origin = Origin::new();
    let host = Host::before(&origin).start();
    let swr = Answer::ok("kept").field("Cache-Control", "max-age=10, stale-while-revalidate=100");
    origin
        .on("/a")
        .answers_in_turn([swr, Answer::new(500, "bad")]);
    host.get("/a").await.expect(200);
    host.advance(20);
    for _ in 0..2 {
        let stale = host.get("/a").await;
        stale
            .expect(200)
            .body("kept")
            .cache("detail=stale-while-revalidate");
        host.idle().await;
    }
}
