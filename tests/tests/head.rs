//! HEAD: from the origin, and from a stored GET.

use selvedge_tests::*;

#[test]
fn head_is_answered_from_a_stored_get() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin
        .on("/a")
        .answers(Answer::ok("four").field("X-Kind", "text"));
    edge.get("/a").expect(200);
    let response = edge
        .head("/a")
        .expect(200)
        .body("")
        .field("Content-Length", "4")
        .field("X-Kind", "text");
    response.cache_status("hit").age(0);
    assert_eq!(origin.requests("/a").len(), 1);
}

#[test]
fn head_on_a_miss_says_what_a_get_would() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/a").answers(Answer::ok("four"));
    edge.head("/a")
        .expect(200)
        .body("")
        .field("Content-Length", "4")
        .no_cache_status("hit");
}

#[test]
fn a_stored_head_never_answers_a_get_without_content() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin
        .on("/a")
        .answers(Answer::ok("four").cache_control("max-age=60"));
    edge.head("/a").expect(200);
    edge.get("/a").expect(200).body("four");
    edge.get("/a").expect(200).body("four").cache_status("hit");
}

#[test]
fn the_connection_can_be_used_after_a_head() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/a").answers(Answer::ok("four"));
    origin.on("/chunks").answers(Answer::ok("chunks").chunked());
    let mut viewer = edge.viewer();
    for path in ["/a", "/chunks", "/a", "/chunks"] {
        viewer.send(format!("HEAD {path} HTTP/1.1\r\nHost: {ALIAS}\r\n\r\n"));
        viewer.response_to("HEAD").expect(200);
    }
    viewer.get("/a");
    viewer.response().expect(200).body("four");
}
