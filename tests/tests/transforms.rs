//! Origin-response hooks that make another body: streamed, stored, validated.

use selvedge_tests::guests::guest;
use selvedge_tests::*;

/// The lines of a plugin from the guest `acts` with this configuration.
fn acting(top: &str, config: &str) -> String {
    format!("{top}\n[plugins.config]\n{config}")
}

fn with(origin: &Origin, config: &str) -> EdgeBuilder {
    Edge::in_front_of(origin).plugin("acts", &guest("acts"), &acting("", config))
}

#[test]
fn a_transformed_body_streams_is_stored_and_has_no_ranges() {
    let origin = Origin::start();
    let edge = with(&origin, "origin-response = \"transform upper\"").start();
    let gate = Gate::new();
    origin.on("/a").answers(
        Answer::ok("abcdef")
            .cache_control("max-age=60")
            .field("ETag", "\"1\"")
            .field("Accept-Ranges", "bytes")
            .field("Content-MD5", "x"),
    );
    edge.get("/a")
        .expect(200)
        .body("ABCDEF[end]")
        .field("ETag", "W/\"1\"")
        .field("Accept-Ranges", "none")
        .no_field("Content-MD5");
    edge.get("/a")
        .with("Range", "bytes=0-1")
        .expect(200)
        .body("ABCDEF[end]")
        .cache_status("hit");
    edge.get("/a").with("If-None-Match", "\"1\"").expect(304);
    edge.head("/a").expect(200).body("");
    // The first piece arrives while the origin still holds the rest.
    origin.on("/slow").answers(
        Answer::generated(100_000)
            .cache_control("max-age=60")
            .then_waits(&gate),
    );
    let mut viewer = edge.get("/slow").start();
    viewer.head(200);
    assert!(!viewer.bytes(16).is_empty());
    gate.open();
}

#[test]
fn a_range_of_what_is_transformed_fetches_the_whole() {
    let origin = Origin::start();
    let edge = with(&origin, "origin-response = \"transform upper\"").start();
    origin.on("/a").computes(|seen| match seen.field("Range") {
        Some(_) => Answer::status(206)
            .content("bc")
            .field("Content-Range", "bytes 1-2/6"),
        None => Answer::ok("abcdef").cache_control("max-age=60"),
    });
    edge.get("/a")
        .with("Range", "bytes=1-2")
        .expect(200)
        .body("ABCDEF[end]");
    edge.get("/a").expect(200).cache_status("hit");
    assert_eq!(origin.requests("/a").len(), 2);
}

#[test]
fn a_transformed_response_is_validated_and_stays_as_it_was_made() {
    let origin = Origin::start();
    let edge = with(&origin, "origin-response = \"transform upper\"").start();
    origin.on("/a").answers(
        Answer::ok("abc")
            .cache_control("max-age=60")
            .field("ETag", "\"1\"")
            .or_304(),
    );
    edge.get("/a").expect(200).body("ABC[end]");
    edge.advance(Secs(61));
    edge.get("/a")
        .expect(200)
        .body("ABC[end]")
        .field("ETag", "W/\"1\"")
        .field("Accept-Ranges", "none")
        .cache_status("fwd-status=304");
    assert_eq!(origin.requests("/a").len(), 2);
}

#[test]
fn a_transform_that_fails_breaks_the_response_off_and_nothing_is_stored() {
    let origin = Origin::start();
    let edge = with(&origin, "origin-response = \"transform fail 0\"").start();
    origin
        .on("/a")
        .answers(Answer::generated(300_000).cache_control("max-age=60"));
    edge.get("/a").expect_broken_off();
    edge.wait_for_log("enough");
    edge.get("/a").expect_broken_off();
    assert_eq!(origin.requests("/a").len(), 2);
}

#[test]
fn a_body_is_produced_in_place_of_the_origins() {
    let origin = Origin::start();
    let edge = with(&origin, "origin-response = \"status 200; produce 3\"").start();
    origin.on("/a").answers(
        Answer::status(404)
            .content("gone")
            .cache_control("max-age=60"),
    );
    edge.get("/a")
        .expect(200)
        .body("3 2 1 ")
        .cache_status("stored");
    edge.get("/a")
        .expect(200)
        .body("3 2 1 ")
        .cache_status("hit");
}
