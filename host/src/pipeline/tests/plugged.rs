//! Plugins in the life of a request: what they decide, and what their failures mean.

use crate::pipeline::testing::{Answer, At, Host, Origin, Says, get};
use http::Method;

/// A host with one plugin that decides, or fails, at one hook.
fn host(origin: &Origin, at: At, says: Says) -> Host {
    Host::before(origin).plugin(at, says, "fail").start()
}

/// A host where failures are passed over.
fn lenient(origin: &Origin, at: At, says: Says) -> Host {
    Host::before(origin).plugin(at, says, "continue").start()
}

const FAILURES: [Says; 2] = [Says::Traps, Says::Fails("no idea")];

#[tokio::test]
async fn a_viewer_request_hook_answers_and_no_origin_hears_of_it() {
    let origin = Origin::new();
    let host = host(&origin, At::ViewerRequest, Says::Respond(418, "a teapot"));
    let made = host.get("/a").await;
    made.expect(418).body("a teapot").lacks("cache-status");
    made.has("x-cache", "PluginGeneratedResponse from selvedge");
    assert_eq!(host.last_line().reason.as_deref(), Some("synthetic"));
    let head = host.ask(get("/a").method(&Method::HEAD)).await;
    head.expect(418).body("").has("content-length", "8");
    assert_eq!(origin.connections(), 0);
}

#[tokio::test]
async fn a_failing_viewer_request_hook_is_a_500_or_passed_over() {
    for says in FAILURES {
        let origin = Origin::new();
        origin.on("/a").answers(Answer::ok("a"));
        let strict = host(&origin, At::ViewerRequest, says);
        strict.get("/a").await.expect(500);
        let line = strict.last_line();
        assert_eq!(line.reason.as_deref(), Some("viewer-request-failed"));
        assert_eq!(origin.connections(), 0);
        let lenient = lenient(&origin, At::ViewerRequest, says);
        lenient.get("/a").await.expect(200).body("a");
    }
}

#[tokio::test]
async fn a_cache_key_hook_has_requests_pass() {
    let origin = Origin::new();
    let host = host(&origin, At::CacheKey, Says::Pass);
    origin.on("/a").answers(Answer::ok("a").max_age(60));
    for _ in 0..2 {
        let passed = host.get("/a").await;
        passed.expect(200).body("a").cache("fwd=bypass");
        passed.cache("detail=plugin-pass");
    }
    assert_eq!(origin.requests("/a").len(), 2);
}

#[tokio::test]
async fn a_failing_cache_key_hook_is_a_500_or_has_requests_pass() {
    for says in FAILURES {
        let origin = Origin::new();
        origin.on("/a").answers(Answer::ok("a").max_age(60));
        let strict = host(&origin, At::CacheKey, says);
        strict.get("/a").await.expect(500);
        let line = strict.last_line();
        assert_eq!(line.reason.as_deref(), Some("cache-key-failed"));
        let lenient = lenient(&origin, At::CacheKey, says);
        let passed = lenient.get("/a").await;
        passed.expect(200).cache("detail=plugin-failed");
    }
}

#[tokio::test]
async fn a_hook_that_decides_nothing_changes_nothing() {
    for at in [
        At::ViewerRequest,
        At::CacheKey,
        At::OriginRequest,
        At::OriginResponse,
        At::Ttl,
        At::ViewerResponse,
    ] {
        let origin = Origin::new();
        let host = host(&origin, at, Says::Next);
        origin.on("/a").answers(Answer::ok("a").max_age(60));
        host.get("/a").await.expect(200).body("a").cache("stored");
        host.idle().await;
        host.get("/a").await.expect(200).body("a").cache("hit");
        assert_eq!(origin.requests("/a").len(), 1, "{at:?}");
    }
}

#[tokio::test]
async fn an_answer_in_the_origins_place_is_stored_like_the_origins() {
    let origin = Origin::new();
    let host = Host::before(&origin)
        .cache("default_ttl = 60")
        .plugin(At::OriginRequest, Says::Respond(200, "made"), "fail")
        .start();
    let made = host.get("/a").await;
    made.expect(200).body("made").cache("stored");
    host.idle().await;
    host.get("/a").await.body("made").cache("hit");
    assert_eq!(origin.connections(), 0);
}

#[tokio::test]
async fn a_failing_hook_before_the_origin_reaches_none() {
    for says in FAILURES {
        let origin = Origin::new();
        let host = host(&origin, At::OriginRequest, says);
        host.get("/a").await.expect(500);
        let line = host.last_line();
        assert_eq!(line.reason.as_deref(), Some("origin-request-failed"));
        assert_eq!(origin.connections(), 0);
    }
}

#[tokio::test]
async fn an_answer_in_place_of_the_origins_response_is_stored() {
    let origin = Origin::new();
    let host = Host::before(&origin)
        .cache("default_ttl = 60")
        .plugin(At::OriginResponse, Says::Respond(200, "instead"), "fail")
        .start();
    origin.on("/a").answers(Answer::new(500, "bad"));
    host.get("/a")
        .await
        .expect(200)
        .body("instead")
        .cache("stored");
    host.idle().await;
    host.get("/a").await.body("instead").cache("hit");
    assert_eq!(origin.requests("/a").len(), 1);
}

#[tokio::test]
async fn another_origin_is_asked_a_few_times_and_no_more() {
    let (origin, second) = (Origin::new(), Origin::new());
    let builder = Host::before(&origin).also("second", &second);
    let host = builder
        .plugin(At::OriginResponse, Says::Ask("second"), "continue")
        .start();
    origin.on("/a").answers(Answer::ok("first"));
    second.on("/a").answers(Answer::ok("second").max_age(60));
    // It asks for the second's place in turn: the last answer counts.
    host.get("/a").await.expect(200).body("second");
    assert_eq!(origin.requests("/a").len(), 1);
    assert_eq!(second.requests("/a").len(), 2);
}

#[tokio::test]
async fn an_origin_that_is_not_there_can_not_be_asked() {
    let origin = Origin::new();
    let host = host(&origin, At::OriginResponse, Says::Ask("nowhere"));
    origin.on("/a").answers(Answer::ok("first"));
    host.get("/a").await.expect(500);
    let line = host.last_line();
    assert_eq!(line.reason.as_deref(), Some("origin-response-failed"));
}

#[tokio::test]
async fn a_ttl_hook_says_for_how_long() {
    let origin = Origin::new();
    let host = host(&origin, At::Ttl, Says::Lifetime(60));
    origin.on("/a").answers(Answer::ok("a").max_age(1));
    host.get("/a").await.expect(200);
    host.idle().await;
    host.advance(30);
    host.get("/a").await.cache("hit").cache("ttl=30");
    host.advance(31);
    host.get("/a").await.cache("fwd=stale");
}

#[tokio::test]
async fn a_ttl_hook_keeps_responses_out_of_the_store() {
    let origin = Origin::new();
    let host = host(&origin, At::Ttl, Says::DontStore);
    origin.on("/a").answers(Answer::ok("a").max_age(60));
    for asked in 1..=2 {
        host.get("/a").await.expect(200).cache("detail=plugin");
        assert_eq!(origin.requests("/a").len(), asked);
    }
}

#[tokio::test]
async fn a_failing_ttl_hook_is_a_500_or_leaves_the_lifetime() {
    for says in FAILURES {
        let origin = Origin::new();
        origin.on("/a").answers(Answer::ok("a").max_age(60));
        let strict = host(&origin, At::Ttl, says);
        strict.get("/a").await.expect(500);
        assert_eq!(strict.last_line().reason.as_deref(), Some("ttl-failed"));
        let lenient = lenient(&origin, At::Ttl, says);
        lenient.get("/a").await.expect(200);
        lenient.idle().await;
        lenient.get("/a").await.cache("hit");
    }
}

#[tokio::test]
async fn a_viewer_response_hook_has_the_last_word_and_nothing_of_it_is_stored() {
    let origin = Origin::new();
    let host = host(&origin, At::ViewerResponse, Says::Respond(203, "last"));
    origin.on("/a").answers(Answer::ok("a").max_age(60));
    host.get("/a")
        .await
        .expect(203)
        .body("last")
        .cache("stored");
    host.idle().await;
    host.get("/a").await.expect(203).body("last").cache("hit");
    // The host's own refusals pass it too.
    let post = get("/a").method(&Method::POST);
    host.ask(post).await.expect(203).body("last");
    assert_eq!(origin.requests("/a").len(), 1);
}

#[tokio::test]
async fn a_failing_viewer_response_hook_is_a_500_or_passed_over() {
    for says in FAILURES {
        let origin = Origin::new();
        origin.on("/a").answers(Answer::ok("a"));
        let strict = host(&origin, At::ViewerResponse, says);
        strict.get("/a").await.expect(500);
        let lenient = lenient(&origin, At::ViewerResponse, says);
        lenient.get("/a").await.expect(200).body("a");
    }
}

#[tokio::test]
async fn a_plugin_that_keeps_failing_is_not_called_for_a_while() {
    let origin = Origin::new();
    let host = host(&origin, At::ViewerRequest, Says::Traps);
    let mut words = Vec::new();
    for _ in 0..40 {
        let status = host.get("/a").await.status.as_u16();
        let reason = host.last_line().reason.unwrap_or_default();
        words.push((status, reason));
    }
    let first = (500, "viewer-request-failed".to_owned());
    let last = (503, "short-circuited".to_owned());
    assert_eq!(words.first(), Some(&first));
    assert_eq!(words.last(), Some(&last));
}
