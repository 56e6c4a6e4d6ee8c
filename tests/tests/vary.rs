//! Variants of one key by Vary (RFC 9111, section 4.1). A field that Vary names must reach the origin.

use selvedge_tests::guests::guest;
use selvedge_tests::*;

fn edge(origin: &Origin) -> Edge {
    let forward = "forward = { headers = [\"Accept-Language\", \"X-Kind\"] }";
    Edge::in_front_of(origin).behavior(forward).start()
}

fn by_language(seen: &Seen) -> Answer {
    let language = seen.field("Accept-Language").unwrap_or_default();
    Answer::ok(language)
        .cache_control("max-age=60")
        .field("Vary", "Accept-Language")
}

#[test]
fn each_variant_is_stored_beside_the_other() {
    let origin = Origin::start();
    let edge = edge(&origin);
    origin.on("/a").computes(by_language);
    edge.get("/a")
        .with("Accept-Language", "de")
        .expect(200)
        .body("de")
        .cache_status("fwd=uri-miss");
    edge.get("/a")
        .with("Accept-Language", "fr")
        .expect(200)
        .body("fr")
        .cache_status("fwd=vary-miss");
    edge.get("/a")
        .with("Accept-Language", "de")
        .expect(200)
        .body("de")
        .cache_status("hit");
    edge.get("/a")
        .with("Accept-Language", "fr")
        .expect(200)
        .body("fr")
        .cache_status("hit");
    assert_eq!(origin.requests("/a").len(), 2);
}

#[test]
fn an_absent_field_is_a_value_of_its_own() {
    let origin = Origin::start();
    let edge = edge(&origin);
    origin.on("/a").computes(by_language);
    edge.get("/a").expect(200).body("");
    edge.get("/a")
        .with("Accept-Language", "de")
        .expect(200)
        .cache_status("fwd=vary-miss");
    edge.get("/a").expect(200).cache_status("hit");
}

#[test]
fn a_field_that_vary_does_not_name_makes_no_variant() {
    let origin = Origin::start();
    let edge = edge(&origin);
    origin.on("/a").computes(by_language);
    edge.get("/a")
        .with("Accept-Language", "de")
        .with("X-Kind", "1")
        .expect(200);
    edge.get("/a")
        .with("Accept-Language", "de")
        .with("X-Kind", "2")
        .expect(200)
        .cache_status("hit");
}

#[test]
fn vary_star_is_never_used_again_without_asking() {
    let origin = Origin::start();
    let edge = edge(&origin);
    origin.on("/a").answers(
        Answer::ok("x")
            .cache_control("max-age=60")
            .field("Vary", "*"),
    );
    edge.get("/a").expect(200);
    edge.get("/a").expect(200).no_cache_status("hit");
    assert_eq!(origin.requests("/a").len(), 2);
}

#[test]
fn vary_reaches_the_viewer() {
    let origin = Origin::start();
    let edge = edge(&origin);
    origin.on("/a").computes(by_language);
    for _ in 0..2 {
        edge.get("/a")
            .with("Accept-Language", "de")
            .expect(200)
            .field("Vary", "Accept-Language");
    }
}

/// An origin that varies on this field and answers with what it was sent of it.
fn varying(origin: &Origin, name: &'static str) {
    origin.on("*").computes(move |seen| {
        Answer::ok(seen.field(name).unwrap_or_default())
            .cache_control("max-age=60")
            .field("Vary", name)
    });
}

#[test]
fn codings_that_the_key_tells_apart_make_no_variants_of_their_spelling() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .behavior("cache_policy = \"CachingOptimized\"")
        .start();
    varying(&origin, "Accept-Encoding");
    let ask = |codings: &str| edge.get("/a").with("Accept-Encoding", codings).expect(200);
    ask("gzip, br").body("br,gzip");
    for same in [
        "br, gzip",
        "gzip,deflate, br;q=0.9, zstd",
        "BR, Gzip, *;q=0.1",
    ] {
        ask(same).body("br,gzip").is_shared();
    }
    ask("gzip").body("gzip");
    ask("deflate, gzip;q=0.3").body("gzip").is_shared();
    edge.get("/a").expect(200).body("identity");
    ask("zstd").body("identity").is_shared();
    assert_eq!(origin.requests("/a").len(), 3);
}

#[test]
fn a_field_that_the_origin_is_not_sent_makes_one_variant() {
    for name in [
        "Cookie",
        "X-Who",
        "X-Forwarded-Host",
        "Host",
        "Content-Type",
    ] {
        let origin = Origin::start();
        let edge = Edge::in_front_of(&origin).start();
        varying(&origin, name);
        let ask = |who: &str| match name {
            "Host" => edge.get("/a"),
            _ => edge.get("/a").with(name, who),
        };
        let first = ask("a").expect(200).text();
        for other in ["b", "c"] {
            ask(other).expect(200).body(&first).is_shared();
        }
    }
}

#[test]
fn only_the_cookies_that_the_origin_is_sent_tell_variants_apart() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .behavior("forward = { cookies = { only = [\"lang\"] } }")
        .start();
    varying(&origin, "Cookie");
    let ask = |cookies: &str| edge.get("/a").with("Cookie", cookies).expect(200);
    ask("sid=1; lang=de").body("lang=de");
    ask("lang=de; sid=2").body("lang=de").is_shared();
    ask("sid=1; lang=fr").body("lang=fr");
    ask("sid=3").body("");
    edge.get("/a").expect(200).body("").is_shared();
}

#[test]
fn what_the_edge_itself_tells_of_a_viewer_tells_variants_apart() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    varying(&origin, "X-Forwarded-For");
    let ask = |last: u8| edge.get("/a").from([127, 0, 0, last]).expect(200);
    ask(1).body("127.0.0.1");
    ask(2).body("127.0.0.2");
    ask(1).body("127.0.0.1").is_shared();
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    varying(&origin, "Via");
    let old = format!("GET /a HTTP/1.0\r\nHost: {ALIAS}\r\n\r\n");
    let via = edge.sent(&old).response().expect(200).text();
    assert!(via.starts_with("1.0 "), "{via}");
    let via = edge.get("/a").expect(200).text();
    assert!(via.starts_with("1.1 "), "{via}");
    edge.get("/a")
        .with("Via", "1.1 before")
        .expect(200)
        .no_cache_status("hit");
    edge.get("/a").expect(200).body(via).is_shared();
}

#[test]
fn a_field_that_the_origins_configuration_sets_makes_one_variant() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .origin_lines("headers = { User-Agent = \"edge\" }")
        .start();
    varying(&origin, "User-Agent");
    edge.get("/a")
        .with("User-Agent", "one")
        .expect(200)
        .body("edge");
    edge.get("/a")
        .with("User-Agent", "two")
        .expect(200)
        .body("edge")
        .is_shared();
}

/// A host whose plugin acts so at origin-request.
fn acting(origin: &Origin, steps: &str, behavior: &str) -> Edge {
    Edge::in_front_of(origin)
        .behavior(behavior)
        .plugin(
            "acts",
            &guest("acts"),
            &format!("[plugins.config]\norigin-request = \"{steps}\""),
        )
        .start()
}

#[test]
fn what_a_plugin_makes_of_a_field_keeps_the_responses_apart() {
    let origin = Origin::start();
    let edge = acting(&origin, "copy user-agent X-Device", "");
    varying(&origin, "X-Device");
    for agent in ["phone", "desk"] {
        edge.get("/a")
            .with("User-Agent", agent)
            .expect(200)
            .body(agent);
        edge.get("/a")
            .with("User-Agent", agent)
            .expect(200)
            .body(agent)
            .is_shared();
    }
}

#[test]
fn what_a_plugin_sets_for_some_requests_only_keeps_the_others_apart() {
    let origin = Origin::start();
    // For a request without the field it sets the empty text, which is not its absence.
    let edge = acting(&origin, "copy referer Accept-Language", "");
    varying(&origin, "Accept-Language");
    edge.get("/a")
        .with("Accept-Language", "de")
        .expect(200)
        .body("");
    edge.get("/a")
        .with("Accept-Language", "de")
        .with("Referer", "fr")
        .expect(200)
        .body("fr");
    edge.get("/a")
        .with("Accept-Language", "it")
        .with("Referer", "fr")
        .expect(200)
        .body("fr")
        .is_shared();
}

#[test]
fn what_a_plugin_sets_for_all_requests_makes_one_variant() {
    let origin = Origin::start();
    let edge = acting(&origin, "set Accept-Language de", "");
    varying(&origin, "Accept-Language");
    edge.get("/a")
        .with("Accept-Language", "fr")
        .expect(200)
        .body("de");
    edge.get("/a")
        .with("Accept-Language", "it")
        .expect(200)
        .body("de")
        .is_shared();
}

#[test]
fn what_a_plugin_makes_of_what_no_field_tells_is_not_stored_where_the_origin_varies_on_it() {
    let origin = Origin::start();
    let edge = acting(&origin, "tell geo country", "");
    varying(&origin, "X-Geo");
    for _ in 0..2 {
        edge.get("/a")
            .expect(200)
            .body("none")
            .cache_status("detail=vary-by-plugin");
    }
}

#[test]
fn a_plugin_that_cannot_have_made_what_the_origin_varies_on_keeps_nothing_apart() {
    let origin = Origin::start();
    let edge = acting(&origin, "tell geo country; copy user-agent X-Device", "");
    varying(&origin, "Accept-Encoding");
    edge.get("/a").with("User-Agent", "one").expect(200);
    edge.get("/a")
        .with("User-Agent", "two")
        .expect(200)
        .is_shared();
}

#[test]
fn a_confirmed_response_keeps_its_variant() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .behavior("cache_policy = \"CachingOptimized\"")
        .start();
    origin.on("/a").answers(
        Answer::ok("x")
            .cache_control("max-age=60")
            .field("Vary", "Accept-Encoding, Cookie")
            .field("ETag", "\"1\"")
            .or_304(),
    );
    let ask = |codings: &str| edge.get("/a").with("Accept-Encoding", codings).expect(200);
    ask("gzip, br").cache_status("stored");
    edge.advance(Secs(61));
    ask("br,gzip").cache_status("fwd-status=304");
    ask("gzip;q=0.5, br").is_shared();
}

#[test]
fn a_crowd_that_the_origin_is_sent_the_same_for_shares_one_fetch() {
    let (origin, gate) = (Origin::start(), Gate::new());
    let edge = Edge::in_front_of(&origin)
        .behavior("cache_policy = \"CachingOptimized\"")
        .start();
    origin.on("/a").answers(
        Answer::ok("x")
            .cache_control("max-age=60")
            .field("Vary", "Accept-Encoding, Cookie")
            .waits(&gate),
    );
    let viewers: Vec<Viewer> = ["gzip, br", "br, gzip", "gzip, deflate, br"]
        .iter()
        .enumerate()
        .map(|(number, codings)| {
            let viewer = edge
                .get("/a")
                .with("Accept-Encoding", codings)
                .with("Cookie", &format!("sid={number}"))
                .start();
            origin.wait_for_requests("/a", 1);
            viewer
        })
        .collect();
    gate.open();
    for mut viewer in viewers {
        viewer.response().expect(200).body("x");
    }
    assert_eq!(origin.requests("/a").len(), 1);
}
