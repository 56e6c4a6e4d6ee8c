//! Methods: which are allowed, which are cached, which are only passed on.

use selvedge_tests::*;

const ALL: &str =
    "allowed_methods = [\"GET\", \"HEAD\", \"OPTIONS\", \"PUT\", \"POST\", \"PATCH\", \"DELETE\"]";

#[test]
fn a_method_that_is_not_allowed_is_refused_with_403() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("*").answers(Answer::ok("x"));
    for method in ["PUT", "POST", "DELETE", "PATCH", "OPTIONS", "BREW"] {
        edge.request(method, "/a")
            .content("x")
            .expect(403)
            .x_cache("Error");
    }
    assert_eq!(origin.all_requests().len(), 0);
}

#[test]
fn post_is_passed_on_and_never_stored() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).behavior(ALL).start();
    origin
        .on("/a")
        .computes(|seen| Answer::ok(&seen.content).cache_control("max-age=60"));
    for content in ["one", "two"] {
        edge.post("/a", content)
            .expect(200)
            .body(content)
            .cache_status("fwd=method")
            .no_cache_status("stored");
    }
    assert_eq!(origin.requests("/a").len(), 2);
}

#[test]
fn a_get_is_not_answered_by_what_a_post_brought() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).behavior(ALL).start();
    origin
        .on("/a")
        .computes(|seen| Answer::ok(seen.method()).cache_control("max-age=60"));
    edge.post("/a", "x").expect(200).body("POST");
    edge.get("/a")
        .expect(200)
        .body("GET")
        .no_cache_status("hit");
}

#[test]
fn a_chunked_upload_arrives_whole() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).behavior(ALL).start();
    origin.on("/a").answers(Answer::ok("thanks"));
    let request = format!(
        "POST /a HTTP/1.1\r\nHost: {ALIAS}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n4\r\n two\r\n0\r\n\r\n"
    );
    edge.sent(request).response().expect(200).body("thanks");
    assert_eq!(origin.request("/a").content, b"one two");
}

#[test]
fn a_content_length_reaches_the_origin_as_one() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).behavior(ALL).start();
    origin.on("/a").answers(Answer::ok("thanks"));
    edge.post("/a", "12345").expect(200);
    let seen = origin.request("/a");
    assert_eq!(seen.field("Content-Length").as_deref(), Some("5"));
    assert_eq!(seen.field("Transfer-Encoding"), None);
}

#[test]
fn an_unsafe_method_invalidates_what_is_stored_of_its_target() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).behavior(ALL).start();
    origin
        .on("/a")
        .computes(|seen| Answer::ok(seen.method()).cache_control("max-age=60"));
    edge.get("/a").expect(200);
    edge.get("/a").expect(200).cache_status("hit");
    edge.request("DELETE", "/a").expect(200).body("DELETE");
    edge.get("/a")
        .expect(200)
        .body("GET")
        .no_cache_status("hit");
}

#[test]
fn a_post_is_not_sent_twice() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).behavior(ALL).start();
    origin.on("/a").answers(Answer::hang_up());
    edge.post("/a", "pay").expect(502);
    assert_eq!(origin.requests("/a").len(), 1);
}

#[test]
fn a_method_is_case_sensitive() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    edge.request("get", "/a").expect(403);
    assert_eq!(origin.all_requests().len(), 0);
}
