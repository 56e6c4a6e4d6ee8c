//! Conditional requests: what a viewer has decides what it gets, and not what all others get (RFC 9110, section 13; RFC 9111,
//! section 4.3).

use selvedge_tests::*;

fn versioned(lives: &str) -> Answer {
    Answer::ok("one")
        .field("ETag", "\"1\"")
        .field("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT")
        .cache_control(lives)
        .or_304()
}

#[test]
fn a_viewers_conditions_are_not_the_origins_business_when_nothing_is_stored() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/a").answers(versioned("max-age=60"));
    edge.get("/a")
        .with("If-None-Match", "\"1\"")
        .expect(304)
        .field("ETag", "\"1\"")
        .cache_status("fwd-status=200")
        .cache_status("stored");
    let asked = origin.request("/a");
    assert_eq!(asked.field("If-None-Match"), None);
    edge.get("/a").expect(200).body("one");
    assert_eq!(origin.requests("/a").len(), 1);
}

#[test]
fn a_crowd_with_all_kinds_of_conditions_causes_one_fetch() {
    let (origin, gate) = (Origin::start(), Gate::new());
    let edge = Edge::in_front_of(&origin).start();
    origin
        .on("/a")
        .answers(versioned("max-age=60").waits(&gate));
    let conditions = [
        ("If-None-Match", "\"1\"", 304),
        ("If-None-Match", "W/\"1\"", 304),
        ("If-None-Match", "\"0\"", 200),
        ("If-None-Match", "\"0\", \"1\"", 304),
        ("If-None-Match", "*", 304),
        ("If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT", 304),
        ("If-Modified-Since", "Sun, 06 Nov 1994 08:49:36 GMT", 200),
        ("X-Nothing", "x", 200),
    ];
    let viewers: Vec<(Viewer, u16)> = conditions
        .iter()
        .map(|(name, value, status)| (edge.get("/a").with(name, value).start(), *status))
        .collect();
    gate.wait_for_arrivals(1);
    gate.open();
    for (mut viewer, status) in viewers {
        let response = viewer.response().expect(status);
        assert_eq!(response.text(), if status == 200 { "one" } else { "" });
    }
    assert_eq!(origin.requests("/a").len(), 1);
}

#[test]
fn who_revalidates_what_is_not_stored_gets_304_without_the_bytes() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/a").answers(versioned("private, max-age=60"));
    let mine = || edge.get("/a").with("If-None-Match", "\"1\"");
    mine()
        .expect(304)
        .cache_status("detail=private")
        .cache_status("fwd-status=200");
    // Now it is known that the response is for one viewer only: the origin hears what that one has.
    mine().expect(304).cache_status("fwd-status=304");
    let asked: Vec<_> = origin.requests("/a");
    assert_eq!(asked[0].field("If-None-Match"), None);
    assert_eq!(asked[1].field("If-None-Match").as_deref(), Some("\"1\""));
    edge.get("/a")
        .with("If-None-Match", "\"0\"")
        .expect(200)
        .body("one");
}

#[test]
fn a_head_that_revalidates_gets_304() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/a").answers(versioned("max-age=60"));
    edge.head("/a").with("If-None-Match", "\"1\"").expect(304);
    edge.head("/a").with("If-None-Match", "\"0\"").expect(200);
}

#[test]
fn conditions_on_what_is_current_are_the_origins() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin
        .on("/a")
        .computes(|seen| match seen.field("If-Match").as_deref() {
            Some("\"1\"") | None => versioned("max-age=60"),
            Some(_) => Answer::status(412),
        });
    edge.get("/a").with("If-Match", "\"0\"").expect(412);
    edge.get("/a")
        .with("If-Match", "\"1\"")
        .with("If-None-Match", "\"1\"")
        .expect(304);
    edge.get("/a").expect(200).body("one");
}

#[test]
fn an_error_is_an_error_whatever_the_viewer_has() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin
        .on("/a")
        .answers(Answer::status(404).field("ETag", "\"1\"").content("none"));
    for _ in 0..2 {
        edge.get("/a")
            .with("If-None-Match", "\"1\"")
            .expect(404)
            .body("none");
    }
}

#[test]
fn get_and_head_of_a_stale_response_cause_one_validation() {
    let (origin, gate) = (Origin::start(), Gate::new());
    let edge = Edge::in_front_of(&origin).start();
    let lives = "max-age=10, stale-while-revalidate=60";
    origin
        .on("/a")
        .answers(versioned(lives))
        .then(versioned(lives).waits(&gate));
    edge.get("/a").expect(200);
    edge.advance(Secs(20));
    edge.head("/a").expect(200).cache_status("hit");
    gate.wait_for_arrivals(1);
    for _ in 0..3 {
        edge.get("/a").with("If-None-Match", "\"1\"").expect(304);
        edge.get("/a").with("If-None-Match", "\"0\"").expect(200);
        edge.head("/a").expect(200).cache_status("hit");
    }
    gate.open();
    edge.eventually(
        "it is fresh again",
        || edge.get("/a"),
        |r| r.get("Age").as_deref() == Some("0"),
    );
    let asked = origin.requests("/a");
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[1].method(), "GET");
}
