//! How long a stored response is used, on a clock that the test moves (RFC 9111, sections 4.2 and 4.3).

use selvedge_tests::*;

#[test]
fn a_response_is_used_until_its_max_age_is_over() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin
        .on("/a")
        .answers(Answer::ok("one").cache_control("max-age=60"))
        .then(Answer::ok("two"));
    edge.get("/a").expect(200).body("one");
    edge.advance(Secs(59));
    edge.get("/a")
        .expect(200)
        .body("one")
        .age(59)
        .cache_status("hit")
        .cache_status("ttl=1");
    edge.advance(Secs(1));
    edge.get("/a")
        .expect(200)
        .body("two")
        .cache_status("fwd=stale")
        .no_field("Age");
}

#[test]
fn s_maxage_beats_max_age() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin
        .on("/a")
        .answers(Answer::ok("one").cache_control("max-age=5, s-maxage=100"));
    edge.get("/a").expect(200);
    edge.advance(Secs(99));
    edge.get("/a")
        .expect(200)
        .cache_status("hit")
        .cache_status("ttl=1");
}

#[test]
fn a_response_that_says_nothing_lives_24_hours() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/a").answers(Answer::ok("one"));
    edge.get("/a").expect(200).cache_status("ttl=86400");
    edge.advance(Secs(86_399));
    edge.get("/a").expect(200).cache_status("hit");
    edge.advance(Secs(1));
    edge.get("/a").expect(200).no_cache_status("hit");
}

#[test]
fn the_policy_bounds_what_the_origin_says() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .cache("min_ttl = 10, default_ttl = 20, max_ttl = 30")
        .start();
    origin
        .on("/short")
        .answers(Answer::ok("x").cache_control("max-age=1"));
    origin.on("/none").answers(Answer::ok("x"));
    origin
        .on("/long")
        .answers(Answer::ok("x").cache_control("max-age=3000"));
    edge.get("/short").expect(200).cache_status("ttl=10");
    edge.get("/none").expect(200).cache_status("ttl=20");
    edge.get("/long").expect(200).cache_status("ttl=30");
}

#[test]
fn the_age_that_the_origin_says_counts() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/a").answers(
        Answer::ok("one")
            .cache_control("max-age=60")
            .field("Age", "50"),
    );
    edge.get("/a").expect(200);
    edge.advance(Secs(9));
    edge.get("/a").expect(200).age(59).cache_status("hit");
    edge.advance(Secs(1));
    edge.get("/a").expect(200).no_cache_status("hit");
}

#[test]
fn a_stale_response_is_validated_and_used_again() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    let answer = Answer::ok("one")
        .cache_control("max-age=60")
        .field("ETag", "\"v1\"")
        .or_304();
    origin.on("/a").answers(answer);
    edge.get("/a").expect(200).body("one");
    edge.advance(Secs(61));
    edge.get("/a")
        .expect(200)
        .body("one")
        .cache_status("fwd=stale")
        .cache_status("fwd-status=304")
        .x_cache("RefreshHit");
    assert_eq!(
        origin.requests("/a")[1].field("If-None-Match").as_deref(),
        Some("\"v1\"")
    );
    edge.advance(Secs(59));
    edge.get("/a")
        .expect(200)
        .body("one")
        .cache_status("hit")
        .age(59);
    assert_eq!(origin.requests("/a").len(), 2);
}

#[test]
fn a_weak_validator_is_confirmed_by_the_strong_one_of_the_same_text() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    let lives = |answer: Answer| answer.cache_control("max-age=60");
    origin
        .on("/a")
        .answers(lives(Answer::ok("one")).field("ETag", "W/\"v1\""))
        .then(lives(Answer::status(304)).field("ETag", "\"v1\""));
    edge.get("/a").expect(200).body("one");
    for _ in 0..2 {
        edge.advance(Secs(61));
        edge.get("/a")
            .expect(200)
            .body("one")
            .field("ETag", "W/\"v1\"")
            .cache_status("fwd-status=304");
    }
    edge.get("/a")
        .with("Range", "bytes=0-0")
        .with("If-Range", "\"v1\"")
        .expect(200)
        .body("one");
    assert_eq!(origin.requests("/a").len(), 3);
}

#[test]
fn last_modified_validates_too() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    let modified = "Sat, 01 Mar 2025 10:00:00 GMT";
    origin.on("/a").answers(
        Answer::ok("one")
            .cache_control("max-age=60")
            .field("Last-Modified", modified)
            .or_304(),
    );
    edge.get("/a").expect(200);
    edge.advance(Secs(61));
    edge.get("/a")
        .expect(200)
        .body("one")
        .cache_status("fwd-status=304");
    assert_eq!(
        origin.requests("/a")[1]
            .field("If-Modified-Since")
            .as_deref(),
        Some(modified)
    );
}

#[test]
fn a_changed_representation_replaces_the_stored_one() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin
        .on("/a")
        .answers(
            Answer::ok("one")
                .cache_control("max-age=60")
                .field("ETag", "\"v1\""),
        )
        .then(
            Answer::ok("two")
                .cache_control("max-age=60")
                .field("ETag", "\"v2\"")
                .or_304(),
        );
    edge.get("/a").expect(200).body("one");
    edge.advance(Secs(61));
    edge.get("/a")
        .expect(200)
        .body("two")
        .cache_status("fwd=stale")
        .cache_status("fwd-status=200")
        .cache_status("stored");
    edge.get("/a")
        .expect(200)
        .body("two")
        .field("ETag", "\"v2\"")
        .cache_status("hit");
}

#[test]
fn a_304_brings_new_fields() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    let answer = |version: &str| {
        let answer = Answer::ok("one")
            .cache_control("max-age=60")
            .field("ETag", "\"v1\"");
        answer.field("X-Version", version).or_304()
    };
    origin.on("/a").answers(answer("1")).then(answer("2"));
    edge.get("/a").expect(200).field("X-Version", "1");
    edge.advance(Secs(61));
    edge.get("/a")
        .expect(200)
        .body("one")
        .field("X-Version", "2");
    edge.get("/a")
        .expect(200)
        .body("one")
        .field("X-Version", "2")
        .cache_status("hit");
}

#[test]
fn no_store_and_private_are_not_stored() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    for (path, value) in [
        ("/no-store", "no-store"),
        ("/private", "private, max-age=60"),
    ] {
        origin
            .on(path)
            .answers(Answer::ok("x").cache_control(value));
        for _ in 0..2 {
            edge.get(path)
                .expect(200)
                .cache_status("fwd=uri-miss")
                .no_cache_status("stored");
        }
        assert_eq!(origin.requests(path).len(), 2, "{path}");
    }
}

#[test]
fn a_cache_control_that_cant_be_read_restricts() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    for (path, field, value) in [
        ("/private", "Cache-Control", "private; max-age=30"),
        ("/no-store", "Cache-Control", "no-store; max-age=0"),
        ("/over", "Cache-Control", "public;max-age=0"),
        ("/words", "Cache-Control", "max-age=60 private"),
        ("/cdn", "CDN-Cache-Control", "no-store; max-age = 60"),
    ] {
        origin.on(path).answers(Answer::ok("x").field(field, value));
        edge.get(path).expect(200);
        edge.get(path).expect(200).no_cache_status("hit");
        assert_eq!(origin.requests(path).len(), 2, "{value}");
    }
}

#[test]
fn no_cache_is_validated_each_time() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/a").answers(
        Answer::ok("one")
            .cache_control("no-cache")
            .field("ETag", "\"v1\"")
            .or_304(),
    );
    edge.get("/a").expect(200).body("one");
    edge.get("/a")
        .expect(200)
        .body("one")
        .no_cache_status("hit")
        .cache_status("fwd-status=304");
    assert_eq!(origin.requests("/a").len(), 2);
}

#[test]
fn a_viewers_own_validator_is_answered_from_the_store() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/a").answers(
        Answer::ok("one")
            .cache_control("max-age=60")
            .field("ETag", "\"v1\""),
    );
    edge.get("/a").expect(200);
    edge.get("/a")
        .with("If-None-Match", "\"v1\"")
        .expect(304)
        .body("")
        .field("ETag", "\"v1\"")
        .cache_status("hit");
    edge.get("/a")
        .with("If-None-Match", "\"v0\"")
        .expect(200)
        .body("one");
    assert_eq!(origin.requests("/a").len(), 1);
}

#[test]
fn a_viewers_cache_control_does_not_reach_through_the_cache() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/a").answers(Answer::ok("one"));
    edge.get("/a").expect(200);
    edge.get("/a")
        .with("Cache-Control", "no-cache")
        .with("Pragma", "no-cache")
        .expect(200)
        .cache_status("hit");
}

#[test]
fn an_error_lives_its_own_minimum() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin
        .on("/a")
        .answers(Answer::status(404).content("none"))
        .then(Answer::ok("found"));
    edge.get("/a").expect(404).body("none");
    edge.advance(Secs(9));
    edge.get("/a").expect(404).cache_status("hit").age(9);
    edge.advance(Secs(1));
    edge.get("/a").expect(200).body("found");
}

#[test]
fn set_cookie_without_a_freshness_of_its_own_is_not_stored() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin
        .on("/a")
        .answers(Answer::ok("yours").field("Set-Cookie", "session=1"));
    edge.get("/a").expect(200).no_cache_status("stored");
    edge.get("/a").expect(200).no_cache_status("hit");
    assert_eq!(origin.requests("/a").len(), 2);
}

#[test]
fn the_test_clock_exists_only_where_it_is_asked_for() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    edge.admin("POST", "/test/clock")
        .content("advance soon")
        .expect(400);
    edge.admin("GET", "/test/clock-not").expect(404);
}

#[test]
fn an_error_that_one_viewers_request_causes_is_not_kept_for_all() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    for (path, answer, asked) in [
        ("/400", Answer::status(400), 2),
        ("/414", Answer::status(414), 2),
        ("/431", Answer::status(431).cache_control("max-age=0"), 2),
        (
            "/404-over",
            Answer::status(404).cache_control("max-age=0"),
            2,
        ),
        (
            "/503-over",
            Answer::status(503).cache_control("no-cache"),
            2,
        ),
        ("/404", Answer::status(404), 1),
        ("/503", Answer::status(503), 1),
    ] {
        origin.on(path).answers(answer);
        let status = path[1..4].parse().expect("a status");
        edge.get(path).expect(status);
        edge.get(path).expect(status);
        assert_eq!(origin.requests(path).len(), asked, "{path}");
    }
}

#[test]
fn an_error_whose_status_is_named_is_kept_and_a_429_until_it_says_to_try_again() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .cache("error_min_ttl = { default = 0, 403 = 5, 429 = \"1 min\" }")
        .start();
    let busy = Answer::status(429).field("Retry-After", "10");
    origin.on("/403").answers(Answer::status(403));
    origin.on("/429").answers(busy);
    origin.on("/503").answers(Answer::status(503));
    for (seconds, asked) in [
        (0, [1, 1, 1]),
        (0, [1, 1, 2]),
        (6, [2, 1, 3]),
        (5, [3, 2, 4]),
    ] {
        edge.advance(Secs(seconds));
        let paths = ["/403", "/429", "/503"];
        let found = paths.map(|path| {
            edge.get(path).expect(path[1..].parse().expect("a status"));
            origin.requests(path).len()
        });
        assert_eq!(found, asked);
    }
}
