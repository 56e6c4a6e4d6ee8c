//! Variants of one key by Vary (RFC 9111, section 4.1). A field that Vary names must reach the origin.

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
