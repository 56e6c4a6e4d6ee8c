//! Soft invalidation: stored responses become stale, and windows of stale use begin.

use selvedge_tests::*;

#[test]
fn a_soft_one_lets_the_stale_response_be_used_while_it_is_fetched_anew() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    numbered(&origin, "/a", "max-age=600, stale-while-revalidate=30");
    edge.get("/a").expect(200).body("1");
    edge.advance(Secs(100));
    invalidate(&edge, &["/a", "--soft"]);
    edge.get("/a")
        .expect(200)
        .body("1")
        .cache_status("detail=stale-while-revalidate");
    edge.eventually(
        "the new one is there",
        || edge.get("/a"),
        |response| response.text() == "2",
    );
    edge.get("/a")
        .expect(200)
        .body("2")
        .cache_status("hit")
        .cache_status("ttl=600");
}

#[test]
fn the_windows_of_stale_use_begin_with_the_soft_invalidation() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    numbered(&origin, "/a", "max-age=600, stale-while-revalidate=30");
    edge.get("/a").expect(200).body("1");
    edge.advance(Secs(100));
    invalidate(&edge, &["/a", "--soft"]);
    edge.advance(Secs(31));
    edge.get("/a")
        .expect(200)
        .body("2")
        .cache_status("fwd=stale")
        .cache_status("detail=invalidated");
}

#[test]
fn a_soft_one_lets_the_stale_response_be_used_while_the_origin_fails() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .origin_lines("connection_attempts = 1")
        .start();
    numbered(&origin, "/soft", "max-age=600, stale-if-error=600");
    numbered(&origin, "/hard", "max-age=600, stale-if-error=600");
    edge.get("/soft").expect(200).body("1");
    edge.get("/hard").expect(200).body("1");
    invalidate(&edge, &["/soft", "--soft"]);
    invalidate(&edge, &["/hard"]);
    origin.stop();
    edge.get("/soft").expect(200).body("1");
    edge.get("/hard").expect(502);
}

#[test]
fn what_was_made_stale_is_fresh_again_when_the_origin_confirms_it() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/a").answers(
        Answer::ok("one")
            .field("ETag", "\"1\"")
            .cache_control("max-age=600")
            .or_304(),
    );
    edge.get("/a").expect(200).body("one");
    invalidate(&edge, &["/*", "--soft"]);
    edge.get("/a")
        .expect(200)
        .body("one")
        .cache_status("fwd=stale")
        .cache_status("fwd-status=304");
    edge.get("/a")
        .expect(200)
        .body("one")
        .cache_status("hit")
        .cache_status("ttl=600");
    // A hard one does not even ask for that.
    invalidate(&edge, &["/a"]);
    edge.get("/a")
        .expect(200)
        .cache_status("fwd=uri-miss")
        .cache_status("fwd-status=200");
    let asked = origin.requests("/a");
    let conditional: Vec<bool> = asked
        .iter()
        .map(|seen| seen.field("If-None-Match").is_some())
        .collect();
    assert_eq!(conditional, [false, true, false]);
}
