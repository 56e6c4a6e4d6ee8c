//! Requests that go past the cache.

use crate::pipeline::testing::{Answer, Host, Origin, get};
use http::Method;

const ALL: &str =
    "allowed_methods = [\"GET\", \"HEAD\", \"OPTIONS\", \"PUT\", \"POST\", \"PATCH\", \"DELETE\"]";

fn host(origin: &Origin) -> Host {
    Host::before(origin).behavior(ALL).start()
}

#[tokio::test]
async fn a_post_reaches_the_origin_with_its_content_each_time() {
    let origin = Origin::new();
    let host = host(&origin);
    origin.on("/a").answers(Answer::new(201, "made"));
    for _ in 0..2 {
        let post = get("/a")
            .method(&Method::POST)
            .content([Ok("some "), Ok("content")]);
        let made = host.ask(post).await;
        made.expect(201).body("made").cache("fwd=method");
    }
    let seen = origin.requests("/a");
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|seen| seen.body == b"some content"));
}

#[tokio::test]
async fn content_that_breaks_off_from_the_start_reaches_no_origin() {
    let origin = Origin::new();
    let host = host(&origin);
    let post = get("/a").method(&Method::POST).content([Err("gone")]);
    let refused = host.ask(post).await;
    refused.expect(400);
    assert_eq!(
        host.last_line().reason.as_deref(),
        Some("request-body-error")
    );
    assert_eq!(origin.requests("/a").len(), 0);
}

#[tokio::test]
async fn content_that_breaks_off_later_is_the_viewers_fault() {
    let origin = Origin::new();
    let host = host(&origin);
    let post = get("/a")
        .method(&Method::POST)
        .content([Ok("some"), Err("gone")]);
    host.ask(post)
        .await
        .expect(400)
        .cache("detail=request-body-error");
}

#[tokio::test]
async fn an_unsafe_method_makes_what_is_stored_out_of_date() {
    let origin = Origin::new();
    let host = host(&origin);
    origin.on("/a").runs(|seen| match seen.method.as_str() {
        "GET" => Answer::ok("old").max_age(60),
        _ => Answer::new(204, ""),
    });
    host.get("/a").await.expect(200);
    host.idle().await;
    host.get("/a").await.cache("hit");
    let put = get("/a").method(&Method::PUT).content([Ok("new")]);
    host.ask(put).await.expect(204);
    host.get("/a").await.expect(200).cache("fwd=uri-miss");
}

#[tokio::test]
async fn an_unsafe_method_that_fails_changes_nothing() {
    let origin = Origin::new();
    let host = host(&origin);
    origin.on("/a").runs(|seen| match seen.method.as_str() {
        "GET" => Answer::ok("old").max_age(60),
        _ => Answer::new(500, "no"),
    });
    host.get("/a").await.expect(200);
    host.idle().await;
    host.ask(get("/a").method(&Method::DELETE))
        .await
        .expect(500);
    host.get("/a").await.cache("hit");
}

#[tokio::test]
async fn an_answer_to_post_that_says_so_is_stored_for_get() {
    let origin = Origin::new();
    let host = host(&origin);
    let same = Answer::ok("the page")
        .max_age(60)
        .field("Content-Location", "http://shop.test/a");
    origin.on("/a").answers(same);
    let post = get("/a").method(&Method::POST).content([Ok("x")]);
    host.ask(post).await.expect(200).body("the page");
    host.idle().await;
    host.get("/a")
        .await
        .expect(200)
        .body("the page")
        .cache("hit");
    assert_eq!(origin.requests("/a").len(), 1);
}

#[tokio::test]
async fn methods_that_are_not_allowed_reach_no_origin() {
    let origin = Origin::new();
    let host = Host::before(&origin).start();
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        host.ask(get("/a").method(&method)).await.expect(403);
        assert_eq!(
            host.last_line().reason.as_deref(),
            Some("method-not-allowed")
        );
    }
    host.ask(get("/a").method(&Method::CONNECT))
        .await
        .expect(403);
    let with_content = get("/a").content([Ok("x")]);
    host.ask(with_content).await.expect(403);
    assert_eq!(origin.connections(), 0);
}

#[tokio::test]
async fn hosts_that_are_not_ours_are_refused() {
    let origin = Origin::new();
    let host = Host::before(&origin).start();
    host.ask(get("/a").field("Host", "other.test"))
        .await
        .expect(403);
    assert_eq!(host.last_line().reason.as_deref(), Some("unknown-host"));
    host.ask(get("/a").field("Host", "user@shop.test"))
        .await
        .expect(400);
    host.ask(get("*")).await.expect(400);
    let looped = get("/a").field("CDN-Loop", "other, loop-of-this-edge; v=1");
    host.ask(looped).await.expect(508);
    assert_eq!(origin.connections(), 0);
}

#[tokio::test]
async fn an_upgrade_that_the_origin_refuses_is_an_ordinary_response() {
    let origin = Origin::new();
    let host = Host::before(&origin).start();
    origin.on("/chat").answers(Answer::new(426, "not here"));
    let upgrade = get("/chat")
        .field("Connection", "upgrade")
        .field("Upgrade", "websocket");
    let refused = host.ask(upgrade).await;
    refused
        .expect(426)
        .body("not here")
        .cache("fwd=bypass")
        .cache("detail=upgrade");
    assert_eq!(origin.requests("/chat")[0].field("upgrade"), "websocket");
}

#[tokio::test]
async fn fields_of_the_connection_reach_nobody() {
    let origin = Origin::new();
    let host = host(&origin);
    let answer = Answer::ok("a")
        .field("Connection", "X-Inner")
        .field("X-Inner", "1");
    origin.on("/a").answers(answer);
    let asked = get("/a")
        .method(&Method::POST)
        .field("Connection", "X-Mine")
        .field("X-Mine", "1");
    host.ask(asked).await.expect(200).lacks("x-inner");
    let seen = &origin.requests("/a")[0];
    assert_eq!(seen.field("x-mine"), "");
    assert_eq!(seen.field("via"), "1.1 edge.test (Selvedge)");
    assert_eq!(seen.field("cdn-loop"), "loop-of-this-edge");
}
