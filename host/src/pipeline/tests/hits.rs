//! Fresh stored responses answer at once.

use crate::pipeline::testing::{Answer, Host, Origin, get};
use http::Method;

#[tokio::test]
async fn a_fresh_response_is_used_again() {
    let origin = Origin::new();
    let host = Host::before(&origin).start();
    origin.on("/a").answers(Answer::ok("one").max_age(60));
    host.get("/a")
        .await
        .expect(200)
        .body("one")
        .cache("fwd=uri-miss");
    host.advance(30);
    host.get("/a")
        .await
        .expect(200)
        .body("one")
        .age(30)
        .cache("hit");
    host.advance(31);
    host.get("/a")
        .await
        .expect(200)
        .body("one")
        .cache("fwd=stale");
    assert_eq!(origin.requests("/a").len(), 2);
}

#[tokio::test]
async fn head_is_answered_from_a_stored_get() {
    let origin = Origin::new();
    let host = Host::before(&origin).start();
    origin.on("/a").answers(Answer::ok("one").max_age(60));
    host.get("/a").await.expect(200);
    let head = host.ask(get("/a").method(&Method::HEAD)).await;
    head.expect(200)
        .body("")
        .has("content-length", "3")
        .cache("hit");
    assert_eq!(origin.requests("/a").len(), 1);
}
