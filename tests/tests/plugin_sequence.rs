//! Several plugins of one behavior: they are asked one after another, and the last decision counts.

use selvedge_tests::guests::guest;
use selvedge_tests::*;

const PHONE: &str = "Mozilla/5.0 (Linux; Android 15) Mobile";

fn with(origin: &Origin, name: &str, lines: &str) -> EdgeBuilder {
    Edge::in_front_of(origin).plugin(name, &guest(name), lines)
}

#[test]
fn plugins_decide_in_their_order_and_the_last_decision_wins() {
    let origin = Origin::start();
    let edge = with(&origin, "three-hooks", "")
        .plugin("lifetimes", &guest("lifetimes"), "")
        .start();
    origin
        .on("*")
        .answers(Answer::ok("x").field("Content-Type", "text/html"));
    edge.get("/seven").expect(200).cache_status("ttl=7");
    edge.get("/page").expect(200).cache_status("ttl=10");
}

#[test]
fn of_two_plugins_that_choose_an_origin_the_last_wins_and_the_access_line_says_so() {
    let (main, second, canary) = (Origin::start(), Origin::start(), Origin::start());
    let edge = with(&main, "three-hooks", "")
        .plugin("origins", &guest("origins"), "")
        .distribution(|one| {
            one.origin("second", &second)
                .origin("canary", &canary)
                .origin_at("dead", "127.0.0.1", nobody_listens().port())
        })
        .start();
    second.on("*").answers(Answer::ok("second"));
    canary.on("*").answers(Answer::ok("canary"));
    edge.get("/second")
        .with("Cookie", "canary=1")
        .expect(200)
        .body("second");
    let hooks = edge.access("/second")["hooks"].to_string();
    assert!(
        hooks.contains("canary (overruled by origins)") && !hooks.contains("second (overruled"),
        "{hooks}"
    );
    edge.get("/a")
        .with("Cookie", "canary=1")
        .expect(200)
        .body("canary");
    let hooks = edge.access("/a")["hooks"].to_string();
    assert!(!hooks.contains("overruled"), "{hooks}");
}

#[test]
fn of_two_plugins_that_decide_the_key_the_last_wins_and_the_access_line_says_so() {
    let origin = Origin::start();
    let edge = with(&origin, "keys", "")
        .plugin("three-hooks", &guest("three-hooks"), "")
        .start();
    origin.on("*").answers(Answer::ok("x"));
    // What passes has no key that could be extended.
    for _ in 0..2 {
        edge.get("/pass")
            .expect(200)
            .cache_status("fwd=bypass")
            .no_cache_status("stored");
    }
    let hooks = edge.access("/pass")["hooks"].to_string();
    assert!(hooks.contains("(overruled by keys)"), "{hooks}");
    assert!(!hooks.contains("pass (overruled"), "{hooks}");
    edge.get("/field").with("X-Device", "a").expect(200);
    let hooks = edge.access("/field")["hooks"].to_string();
    assert!(!hooks.contains("overruled"), "both extend: {hooks}");

    let edge = with(&origin, "three-hooks", "")
        .plugin("keys", &guest("keys"), "")
        .start();
    edge.get("/replace").expect(200);
    edge.get("/also-replaced")
        .with("User-Agent", PHONE)
        .expect(200)
        .cache_status("hit");
    let hooks = edge.access("/also-replaced")["hooks"].to_string();
    assert!(
        hooks.contains("'mobile', cookie canary] (overruled by keys)"),
        "{hooks}"
    );
}

#[test]
fn a_later_plugin_takes_a_pass_back_by_replacing_the_whole_key() {
    let origin = Origin::start();
    origin.on("*").answers(Answer::ok("x"));
    let edge = with(&origin, "keys", "")
        .plugin(
            "replaces",
            &guest("keys"),
            "[plugins.config]\nreplaces = true",
        )
        .start();
    edge.get("/pass").expect(200).cache_status("stored");
    let hooks = edge.access("/pass")["hooks"].to_string();
    assert!(hooks.contains("pass (overruled by replaces)"), "{hooks}");
}

#[test]
fn one_file_serves_two_plugins_with_their_own_configurations() {
    let origin = Origin::start();
    let other = Distribution::new("other", origin.address())
        .alias("other.example.test")
        .plugin(
            "three-hooks",
            &guest("three-hooks"),
            "[plugins.config]\nhtml_seconds = 44",
        );
    let edge = with(
        &origin,
        "three-hooks",
        "[plugins.config]\nhtml_seconds = 33",
    )
    .and(other)
    .start();
    origin
        .on("*")
        .answers(Answer::ok("x").field("Content-Type", "text/html"));
    edge.get("/a").expect(200).cache_status("ttl=33");
    edge.get("/a")
        .host("other.example.test")
        .expect(200)
        .cache_status("ttl=44");
}
