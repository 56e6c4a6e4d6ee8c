//! Viewer-response hooks: they see what the cache did, and change what leaves.

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
fn a_viewer_response_hook_runs_on_every_response_and_stores_nothing() {
    let origin = Origin::start();
    let edge = with(
        &origin,
        "viewer-request = \"when /made; respond 200 made\"\nviewer-response = \"set X-Frame-Options DENY\"",
    )
    .start();
    origin.on("/a").answers(
        Answer::ok("abc")
            .cache_control("max-age=60")
            .field("ETag", "\"1\""),
    );
    let framed = |response: Response| response.field("X-Frame-Options", "DENY");
    framed(edge.get("/a").expect(200).cache_status("stored"));
    framed(edge.get("/a").expect(200).cache_status("hit"));
    framed(edge.get("/a").with("If-None-Match", "\"1\"").expect(304));
    framed(
        edge.get("/a")
            .with("Range", "bytes=0-0")
            .expect(206)
            .body("a"),
    );
    framed(edge.get("/a").with("Range", "bytes=9-9").expect(416));
    framed(edge.get("/made").expect(200).body("made"));
    framed(edge.get("/nothing").expect(404));
    framed(edge.post("/a", "x").expect(403));
    origin.stop();
    framed(edge.get("/b").expect(502));
}

#[test]
fn a_viewer_response_hook_sees_what_the_cache_did() {
    let origin = Origin::start();
    let edge = with(
        &origin,
        "viewer-response = \"tell cache-status; tell cache-age; tell cache-key; tell origin; tell elapsed\"",
    )
    .start();
    origin
        .on("/a")
        .answers(Answer::ok("abc").cache_control("max-age=60"));
    edge.get("/a")
        .expect(200)
        .field("X-Cache-Status", "uri-miss")
        .field("X-Cache-Key", "distribution=main path=/a")
        .field("X-Origin", "main")
        .field("X-Elapsed", "true");
    edge.advance(Secs(7));
    edge.get("/a")
        .expect(200)
        .field("X-Cache-Status", "hit")
        .field("X-Cache-Age", "7")
        .field("X-Origin", "none");
}

#[test]
fn a_viewer_response_hook_that_is_switched_off_does_not_run() {
    let origin = Origin::start();
    let hooks = "hooks = [\"viewer-request\"]";
    let edge = Edge::in_front_of(&origin)
        .plugin(
            "acts",
            &guest("acts"),
            &acting(hooks, "viewer-response = \"set X-A 1\""),
        )
        .start();
    origin.on("/a").answers(Answer::ok("x"));
    edge.get("/a").expect(200).no_field("X-A");
}

#[test]
fn a_viewer_response_hook_changes_status_and_answers() {
    let origin = Origin::start();
    let edge = with(
        &origin,
        "viewer-response = \"when-status 404; set Content-Type text/plain; respond 200 nothing here\"",
    )
    .start();
    edge.get("/a")
        .expect(200)
        .body("nothing here")
        .field("Content-Type", "text/plain")
        .cache_status("fwd=uri-miss");
    let edge = with(&origin, "viewer-response = \"when-status 200; status 204\"").start();
    origin.on("/b").answers(Answer::ok("x"));
    edge.get("/b").expect(204).no_field("Content-Length");
}
