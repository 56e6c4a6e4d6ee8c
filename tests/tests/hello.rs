//! The plainest conversations: a miss, a hit, and what a viewer is told about them.

use selvedge_tests::*;

#[test]
fn a_second_viewer_gets_the_stored_response() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin
        .on("/a")
        .answers(Answer::ok("one").cache_control("max-age=60"));
    edge.get("/a")
        .expect(200)
        .body("one")
        .cache_status("fwd=uri-miss")
        .cache_status("stored");
    edge.advance(Secs(30));
    edge.get("/a")
        .expect(200)
        .body("one")
        .age(30)
        .cache_status("hit")
        .cache_status("ttl=30");
    assert_eq!(origin.requests("/a").len(), 1);
}

#[test]
fn a_miss_has_no_age_and_says_miss() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin
        .on("/a")
        .answers(Answer::ok("one").cache_control("max-age=60"));
    edge.get("/a")
        .expect(200)
        .no_field("Age")
        .x_cache("Miss")
        .no_cache_status("hit");
    edge.get("/a")
        .expect(200)
        .age(0)
        .x_cache("Hit")
        .no_cache_status("stored");
}

#[test]
fn the_fields_of_the_origin_reach_every_viewer() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/a").answers(
        Answer::ok("<p>")
            .field("Content-Type", "text/html")
            .field("ETag", "\"v1\"")
            .field("X-Two", "a")
            .field("X-Two", "b"),
    );
    for _ in 0..2 {
        let response = edge
            .get("/a")
            .expect(200)
            .field("Content-Type", "text/html")
            .field("ETag", "\"v1\"");
        assert_eq!(response.head.fields.all("X-Two"), ["a", "b"]);
    }
    assert_eq!(origin.requests("/a").len(), 1);
}

#[test]
fn a_viewer_is_told_who_passed_the_response_on() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin
        .on("/a")
        .answers(Answer::ok("one").field("Via", "1.1 inner"));
    for _ in 0..2 {
        let via = edge.get("/a").expect(200).get("Via").unwrap_or_default();
        assert!(via.starts_with("1.1 inner, 1.1 "), "Via is {via:?}");
    }
}

#[test]
fn every_response_has_a_date() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/a").answers(Answer::ok("one"));
    let first = edge.get("/a").expect(200).get("Date");
    assert!(first.is_some());
    edge.advance(Secs(10));
    assert_eq!(
        edge.get("/a").expect(200).get("Date"),
        first,
        "the stored Date stays"
    );
}

#[test]
fn two_paths_are_two_stored_responses() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/a").answers(Answer::ok("one"));
    origin.on("/A").answers(Answer::ok("two"));
    edge.get("/a").expect(200).body("one");
    edge.get("/A")
        .expect(200)
        .body("two")
        .cache_status("fwd=uri-miss");
    edge.get("/a").expect(200).body("one").cache_status("hit");
}

#[test]
fn the_query_is_part_of_the_key_when_the_policy_says_so() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).cache("query = \"all\"").start();
    origin.on("/a").computes(|seen| Answer::ok(seen.target()));
    edge.get("/a?x=1").expect(200).body("/a?x=1");
    edge.get("/a?x=2")
        .expect(200)
        .body("/a?x=2")
        .cache_status("fwd=uri-miss");
    edge.get("/a?x=1")
        .expect(200)
        .body("/a?x=1")
        .cache_status("hit");
}

#[test]
fn a_query_outside_of_the_key_does_not_reach_the_origin() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .cache("query = { only = [\"page\"] }")
        .start();
    origin.on("/a").computes(|seen| Answer::ok(seen.target()));
    edge.get("/a?utm_source=x&page=2")
        .expect(200)
        .body("/a?page=2");
    edge.get("/a?page=2&utm_source=y")
        .expect(200)
        .body("/a?page=2")
        .cache_status("hit");
    assert_eq!(origin.requests("/a").len(), 1);
}

#[test]
fn a_field_in_the_key_makes_variants() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .cache("headers = [\"X-Device\"]")
        .start();
    origin
        .on("/a")
        .computes(|seen| Answer::ok(seen.field("X-Device").unwrap_or_default()));
    edge.get("/a")
        .with("X-Device", "phone")
        .expect(200)
        .body("phone");
    edge.get("/a")
        .with("X-Device", "tv")
        .expect(200)
        .body("tv")
        .cache_status("fwd=uri-miss");
    edge.get("/a")
        .with("x-device", "phone")
        .expect(200)
        .body("phone")
        .cache_status("hit");
}

#[test]
fn a_cookie_in_the_key_makes_variants_and_others_do_not() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .cache("cookies = { only = [\"group\"] }")
        .start();
    origin
        .on("/a")
        .computes(|seen| Answer::ok(seen.field("Cookie").unwrap_or_default()));
    edge.get("/a")
        .with("Cookie", "id=7; group=b")
        .expect(200)
        .body("group=b");
    edge.get("/a")
        .with("Cookie", "group=b; id=8")
        .expect(200)
        .body("group=b")
        .cache_status("hit");
    edge.get("/a")
        .with("Cookie", "group=c")
        .expect(200)
        .body("group=c")
        .cache_status("fwd=uri-miss");
}

#[test]
fn the_first_behavior_whose_pattern_matches_decides() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .tables(
            "[[behaviors]]\npath = \"/images/*\"\norigin = \"main\"\ncache = { default_ttl = 5 }\n\
             [[behaviors]]\npath = \"*.png\"\norigin = \"main\"\ncache = { default_ttl = 50 }",
        )
        .start();
    origin.on("*").answers(Answer::ok("x"));
    edge.get("/images/a.png").expect(200).cache_status("ttl=5");
    edge.get("/a.png").expect(200).cache_status("ttl=50");
    edge.get("/a").expect(200).cache_status("ttl=86400");
}

#[test]
fn the_root_is_answered_with_the_default_root_object() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .distribution(|one| one.top("default_root_object = \"index.html\""))
        .start();
    origin.on("/index.html").answers(Answer::ok("home"));
    edge.get("/").expect(200).body("home");
    edge.get("/sub/").expect(404);
}
