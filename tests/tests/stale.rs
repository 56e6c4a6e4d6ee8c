//! Stale responses: what may be used while a fresh one is fetched, and when the origin fails (RFC 5861; RFC 9111, section 4.2.4).

use selvedge_tests::*;

fn plain(origin: &Origin) -> EdgeBuilder {
    Edge::in_front_of(origin).cache("default_ttl = 0, error_min_ttl = 0")
}

#[test]
fn a_stale_response_is_used_at_once_and_refreshed_behind_it() {
    let origin = Origin::start();
    let edge = plain(&origin).start();
    let lives = "max-age=10, stale-while-revalidate=60";
    origin
        .on("/a")
        .answers(Answer::ok("old").cache_control(lives))
        .then(Answer::ok("new").cache_control(lives));
    edge.get("/a").expect(200).body("old");
    edge.advance(Secs(20));
    edge.get("/a")
        .expect(200)
        .body("old")
        .cache_status("hit")
        .cache_status("ttl=-10");
    edge.eventually(
        "the fresh one is used",
        || edge.get("/a"),
        |r| r.text() == "new",
    );
    assert_eq!(origin.requests("/a").len(), 2);
}

#[test]
fn many_viewers_of_a_stale_response_cause_one_refresh() {
    let origin = Origin::start();
    let edge = plain(&origin).start();
    let gate = Gate::new();
    let lives = "max-age=10, stale-while-revalidate=60";
    origin
        .on("/a")
        .answers(Answer::ok("old").cache_control(lives))
        .then(Answer::ok("new").cache_control(lives).waits(&gate));
    edge.get("/a").expect(200);
    edge.advance(Secs(20));
    for _ in 0..20 {
        edge.get("/a").expect(200).body("old").cache_status("hit");
    }
    gate.open();
    edge.eventually(
        "the fresh one is used",
        || edge.get("/a"),
        |r| r.text() == "new",
    );
    assert_eq!(origin.requests("/a").len(), 2);
}

#[test]
fn after_its_window_a_stale_response_waits_for_the_origin() {
    let origin = Origin::start();
    let edge = plain(&origin).start();
    origin
        .on("/a")
        .answers(Answer::ok("old").cache_control("max-age=10, stale-while-revalidate=5"))
        .then(Answer::ok("new").cache_control("max-age=10"));
    edge.get("/a").expect(200).body("old");
    edge.advance(Secs(20));
    edge.get("/a")
        .expect(200)
        .body("new")
        .cache_status("fwd=stale");
}

#[test]
fn an_error_is_hidden_within_stale_if_error_and_shown_after_it() {
    let origin = Origin::start();
    let edge = plain(&origin).start();
    origin
        .on("/a")
        .answers(Answer::ok("good").cache_control("max-age=10, stale-if-error=60"))
        .then(Answer::status(503).content("bad"));
    edge.get("/a").expect(200);
    edge.advance(Secs(20));
    edge.get("/a")
        .expect(200)
        .body("good")
        .cache_status("fwd=stale")
        .cache_status("fwd-status=503");
    edge.advance(Secs(60));
    edge.get("/a").expect(503).body("bad");
}

#[test]
fn an_error_is_not_hidden_where_nothing_allows_it() {
    let origin = Origin::start();
    let edge = plain(&origin).start();
    origin
        .on("/a")
        .answers(Answer::ok("good").cache_control("max-age=10"))
        .then(Answer::status(500).content("bad"));
    edge.get("/a").expect(200);
    edge.advance(Secs(20));
    edge.get("/a").expect(500).body("bad");
}

#[test]
fn a_disconnected_cache_uses_what_it_has() {
    let origin = Origin::start();
    let edge = plain(&origin).start();
    origin
        .on("/a")
        .answers(Answer::ok("kept").cache_control("max-age=10"))
        .then(Answer::hang_up());
    origin
        .on("/strict")
        .answers(Answer::ok("kept").cache_control("max-age=10, must-revalidate"))
        .then(Answer::hang_up());
    edge.get("/a").expect(200);
    edge.get("/strict").expect(200);
    edge.advance(Secs(20));
    // The origin sent nothing, so there is no status of a next hop to tell (RFC 9211, section 2.3).
    edge.get("/a")
        .expect(200)
        .body("kept")
        .cache_status("fwd=stale")
        .no_cache_status("fwd-status");
    edge.get("/strict")
        .expect(502)
        .no_cache_status("fwd-status");
}

#[test]
fn viewers_do_not_wait_one_after_the_other_for_an_origin_that_hangs() {
    let origin = Origin::start();
    let edge = plain(&origin)
        .origin_lines("read_timeout = 1\nconnection_attempts = 1")
        .start();
    for path in ["/a", "/b"] {
        origin
            .on(path)
            .answers(Answer::ok("kept").cache_control("max-age=10, stale-if-error=600"))
            .then(Answer::silence());
        edge.get(path).expect(200);
    }
    edge.advance(Secs(20));
    edge.get("/a")
        .expect(200)
        .body("kept")
        .cache_status("fwd=stale");
    // The origin is known to hang: neither the same object nor another one waits for it again.
    edge.get("/a")
        .expect(200)
        .body("kept")
        .cache_status("detail=origin-unreachable");
    edge.get("/b")
        .expect(200)
        .body("kept")
        .cache_status("detail=origin-unreachable");
    assert_eq!(origin.requests("/b").len(), 1);
}
