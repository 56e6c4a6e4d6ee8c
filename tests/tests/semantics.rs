//! Rules of RFC 9110 and RFC 9111 between a viewer and an origin, one exchange for each.
//! The tables of single rules are beside the code of the caching crate.

use selvedge_tests::*;

/// A plain RFC 9111 cache.
fn plain(origin: &Origin) -> EdgeBuilder {
    Edge::in_front_of(origin)
        .cache("default_ttl = 0, error_min_ttl = 0")
        .behavior("allowed_methods = \"any\"")
}

#[test]
fn a_response_to_head_brings_news_of_the_stored_one() {
    let origin = Origin::start();
    let edge = plain(&origin).start();
    let page = || Answer::ok("page").field("ETag", "\"1\"");
    origin
        .on("/a")
        .answers(page().cache_control("max-age=10").field("X-Seen", "first"))
        .then(
            page()
                .cache_control("max-age=100")
                .field("X-Seen", "second"),
        );
    edge.get("/a").expect(200).field("x-seen", "first");
    edge.advance(Secs(20));
    edge.head("/a").expect(200);
    edge.get("/a")
        .expect(200)
        .body("page")
        .cache_status("hit")
        .field("x-seen", "second");
}

#[test]
fn a_response_to_head_shows_that_the_stored_one_is_out_of_date() {
    let origin = Origin::start();
    let edge = plain(&origin).start();
    origin
        .on("/a")
        .answers(
            Answer::ok("old")
                .field("ETag", "\"1\"")
                .cache_control("max-age=10"),
        )
        .then(
            Answer::ok("new")
                .field("ETag", "\"2\"")
                .cache_control("max-age=10"),
        );
    edge.get("/a").expect(200).body("old");
    edge.advance(Secs(20));
    edge.head("/a").expect(200).field("etag", "\"2\"");
    edge.get("/a").expect(200).body("new");
}

#[test]
fn a_response_to_post_that_is_what_get_would_give_is_stored() {
    let origin = Origin::start();
    let edge = plain(&origin).start();
    origin.on("/form").answers(
        Answer::ok("result")
            .cache_control("max-age=60")
            .field("Content-Location", "/form"),
    );
    edge.post("/form", "x=1").expect(200).body("result");
    edge.get("/form")
        .expect(200)
        .body("result")
        .cache_status("hit");
    edge.post("/form", "x=1").expect(200);
    assert_eq!(origin.requests("/form").len(), 2);
}

#[test]
fn an_unsafe_method_makes_the_stored_response_go_unknown_methods_included() {
    for method in ["POST", "PUT", "DELETE", "M-SEARCH"] {
        let origin = Origin::start();
        let edge = plain(&origin).start();
        origin
            .on("/a")
            .answers(Answer::ok("x").cache_control("max-age=60"));
        edge.get("/a").expect(200);
        edge.get("/a").expect(200).cache_status("hit");
        edge.request(method, "/a").expect(200);
        edge.get("/a").expect(200).no_cache_status("hit");
    }
}

#[test]
fn an_unsafe_method_that_fails_leaves_the_stored_response() {
    let origin = Origin::start();
    let edge = plain(&origin).start();
    origin
        .on("/a")
        .answers(Answer::ok("x").cache_control("max-age=60"))
        .then(Answer::status(500));
    edge.get("/a").expect(200);
    edge.post("/a", "x").expect(500);
    edge.get("/a").expect(200).cache_status("hit");
}

#[test]
fn fields_named_by_private_go_to_the_first_viewer_only() {
    let origin = Origin::start();
    let edge = plain(&origin).start();
    origin.on("/a").answers(
        Answer::ok("x")
            .cache_control("max-age=60, private=\"X-Mine\"")
            .field("X-Mine", "yes"),
    );
    edge.get("/a").expect(200).field("x-mine", "yes");
    edge.get("/a")
        .expect(200)
        .cache_status("hit")
        .no_field("x-mine");
}

#[test]
fn a_stream_of_events_is_not_stored_unless_its_origin_says_so() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin
        .on("/events")
        .answers(Answer::ok("data: 1\n\n").field("Content-Type", "text/event-stream"));
    edge.get("/events")
        .expect(200)
        .cache_status("detail=event-stream");
    edge.get("/events").expect(200).no_cache_status("hit");
}

#[test]
fn unusual_statuses_are_passed_on() {
    for status in [299, 499, 599] {
        let origin = Origin::start();
        let edge = plain(&origin).start();
        origin.on("/a").answers(Answer::status(status).content("x"));
        edge.get("/a").expect(status).body("x");
    }
    let origin = Origin::start();
    let edge = plain(&origin).start();
    origin.on("/a").answers(Answer::status(999).content("x"));
    edge.get("/a").expect(502);
}

#[test]
fn the_targeted_field_counts_more_than_cache_control() {
    let origin = Origin::start();
    let edge = plain(&origin).start();
    origin.on("/a").answers(
        Answer::ok("x")
            .cache_control("no-store")
            .field("CDN-Cache-Control", "max-age=60"),
    );
    origin.on("/b").answers(
        Answer::ok("x")
            .field("CDN-Cache-Control", "max-age=60")
            .field("Selvedge-CDN-Cache-Control", "no-store"),
    );
    edge.get("/a").expect(200);
    edge.get("/a")
        .expect(200)
        .cache_status("hit")
        .field("cache-control", "no-store");
    edge.get("/b").expect(200);
    edge.get("/b").expect(200).no_cache_status("hit");
}

#[test]
fn an_interim_response_is_not_taken_for_the_final_one() {
    let origin = Origin::start();
    let edge = plain(&origin).start();
    origin.on("/a").answers(
        Answer::ok("final")
            .cache_control("max-age=60")
            .after_interim(103, "Link", "</a.css>"),
    );
    edge.get("/a").expect(200).body("final");
    edge.get("/a").expect(200).body("final").cache_status("hit");
}

#[test]
fn only_if_cached_is_honoured_where_the_behavior_says_so() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .cache("honor_viewer_cache_control = true")
        .start();
    origin
        .on("/a")
        .answers(Answer::ok("x").cache_control("max-age=60"));
    edge.get("/a")
        .with("Cache-Control", "only-if-cached")
        .expect(504);
    edge.get("/a").expect(200);
    edge.get("/a")
        .with("Cache-Control", "only-if-cached")
        .expect(200)
        .cache_status("hit");
    edge.get("/a")
        .with("Cache-Control", "no-cache")
        .expect(200)
        .no_cache_status("hit");
}

#[test]
fn a_trailer_section_is_stored_and_sent_to_viewers_who_take_it() {
    let origin = Origin::start();
    let edge = plain(&origin).start();
    origin.on("/a").answers(
        Answer::ok("body")
            .cache_control("max-age=60")
            .field("Trailer", "X-Sum")
            .chunked()
            .trailer("X-Sum", "42"),
    );
    edge.get("/a").expect(200).body("body");
    let mut viewer = edge.sent(
        "GET /a HTTP/1.1\r\nHost: www.example.test\r\nTE: trailers\r\nConnection: TE\r\n\r\n",
    );
    viewer.head(200);
    let rest = String::from_utf8(viewer.bytes(b"4\r\nbody\r\n0\r\nx-sum: 42\r\n\r\n".len()))
        .expect("it is text");
    assert_eq!(
        rest.to_ascii_lowercase(),
        "4\r\nbody\r\n0\r\nx-sum: 42\r\n\r\n"
    );
}

#[test]
fn a_trailer_section_reaches_those_who_follow_the_fetch_too() {
    let (origin, gate) = (Origin::start(), Gate::new());
    let edge = plain(&origin).start();
    origin.on("/a").answers(
        Answer::ok("body")
            .then_waits(&gate)
            .content("more")
            .cache_control("max-age=60")
            .field("Trailer", "X-Sum")
            .chunked()
            .trailer("X-Sum", "42"),
    );
    let ask = "GET /a HTTP/1.1\r\nHost: www.example.test\r\nTE: trailers\r\nConnection: TE\r\n\r\n";
    let mut leader = edge.sent(ask);
    leader.head(200);
    let mut follower = edge.sent(ask);
    follower.head(200);
    gate.open();
    for viewer in [&mut leader, &mut follower] {
        let mut text = String::new();
        while !text.ends_with("\r\n\r\n") {
            text.push_str(&String::from_utf8(viewer.bytes(1)).expect("it is text"));
        }
        assert!(
            text.to_ascii_lowercase()
                .ends_with("0\r\nx-sum: 42\r\n\r\n"),
            "{text:?}"
        );
    }
    assert_eq!(origin.requests("/a").len(), 1);
}

#[test]
fn a_request_whose_key_is_too_long_passes_the_cache_by() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .cache("max_key_bytes = \"100 B\"")
        .start();
    origin
        .on("*")
        .answers(Answer::ok("x").cache_control("max-age=60"));
    let long = format!("/{}", "a".repeat(200));
    for _ in 0..2 {
        edge.get(&long)
            .expect(200)
            .cache_status("detail=key-too-long");
    }
    edge.get("/short").expect(200).cache_status("stored");
}

#[test]
fn no_more_variants_are_stored_for_a_key_than_its_policy_allows() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .cache("max_variants = 2")
        .behavior("forward = { headers = [\"X-Who\"] }")
        .start();
    origin.on("/a").answers(
        Answer::ok("x")
            .cache_control("max-age=60")
            .field("Vary", "X-Who"),
    );
    for who in ["a", "b"] {
        edge.get("/a")
            .with("X-Who", who)
            .expect(200)
            .cache_status("stored");
    }
    edge.get("/a")
        .with("X-Who", "c")
        .expect(200)
        .cache_status("detail=too-many-variants")
        .no_cache_status("stored");
    edge.get("/a")
        .with("X-Who", "b")
        .expect(200)
        .cache_status("hit");
    edge.advance(Secs(100));
    edge.get("/a")
        .with("X-Who", "c")
        .expect(200)
        .cache_status("stored");
}

#[test]
fn invalidated_variants_do_not_count() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .cache("max_variants = 2")
        .behavior("allowed_methods = \"any\"\nforward = { headers = [\"X-Who\"] }")
        .start();
    origin.on("*").answers(
        Answer::ok("x")
            .cache_control("max-age=60")
            .field("Vary", "X-Who"),
    );
    let ask = |who: &str| edge.get("/a?b").with("X-Who", who).expect(200);
    for who in ["a", "b"] {
        ask(who).cache_status("stored");
    }
    ask("c").cache_status("detail=too-many-variants");
    let config = edge.config();
    let invalidate = ["invalidate".as_ref(), "main".as_ref(), "/a*".as_ref()];
    run(invalidate
        .into_iter()
        .map(|word: &std::ffi::OsStr| word.to_owned())
        .chain(["--config".into(), config.into_os_string()]))
    .code(0);
    ask("c").cache_status("stored");
}
