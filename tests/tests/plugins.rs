//! Plugins at work: the three hooks decide, built from source and called over the wire.

use selvedge_tests::guests::guest;
use selvedge_tests::*;

const PHONE: &str = "Mozilla/5.0 (Linux; Android 15) Mobile";

fn with(origin: &Origin, name: &str, lines: &str) -> EdgeBuilder {
    Edge::in_front_of(origin).plugin(name, &guest(name), lines)
}

#[test]
fn a_cache_key_hook_makes_a_variant_for_each_device_class() {
    let origin = Origin::start();
    let edge = with(&origin, "three-hooks", "").start();
    origin
        .on("/a")
        .answers(Answer::ok("desktop"))
        .then(Answer::ok("mobile"));
    edge.get("/a")
        .with("User-Agent", "curl/8")
        .expect(200)
        .body("desktop");
    edge.get("/a")
        .with("User-Agent", PHONE)
        .expect(200)
        .body("mobile")
        .cache_status("fwd=uri-miss");
    edge.get("/a")
        .with("User-Agent", "other")
        .expect(200)
        .body("desktop")
        .cache_status("hit");
    edge.get("/a")
        .with("User-Agent", PHONE)
        .expect(200)
        .body("mobile")
        .cache_status("hit");
    assert_eq!(origin.requests("/a").len(), 2);
}

#[test]
fn neither_dropped_parameters_nor_their_order_split_the_cache() {
    let origin = Origin::start();
    let edge = with(&origin, "three-hooks", "").start();
    origin.on("/a").answers(Answer::ok("x"));
    edge.get("/a?b=2&a=1&utm_source=mail").expect(200);
    edge.get("/a?utm_medium=x&a=1&b=2")
        .expect(200)
        .cache_status("hit");
    edge.get("/a?a=1&b=3")
        .expect(200)
        .cache_status("fwd=uri-miss");
}

#[test]
fn a_ttl_hook_decides_the_lifetime_by_what_the_origin_sent() {
    let origin = Origin::start();
    let edge = with(&origin, "three-hooks", "").start();
    origin
        .on("/page")
        .answers(Answer::ok("x").field("Content-Type", "text/html; charset=utf-8"));
    origin
        .on("/image")
        .answers(Answer::ok("x").field("Content-Type", "image/png"));
    origin.on("/other").answers(Answer::ok("x"));
    edge.get("/page").expect(200).cache_status("ttl=10");
    edge.get("/image").expect(200).cache_status("ttl=1000000");
    edge.get("/other").expect(200).cache_status("ttl=86400");
    edge.advance(Secs(10));
    edge.get("/page").expect(200).no_cache_status("hit");
    edge.get("/image").expect(200).cache_status("hit").age(10);
}

#[test]
fn an_origin_selection_hook_sends_some_viewers_elsewhere_and_nobody_else_gets_that() {
    let (main, canary) = (Origin::start(), Origin::start());
    let edge = with(&main, "three-hooks", "")
        .distribution(|one| one.origin("canary", &canary))
        .start();
    main.on("/a").answers(Answer::ok("main"));
    canary.on("/a").answers(Answer::ok("canary"));
    edge.get("/a")
        .with("Cookie", "canary=1")
        .expect(200)
        .body("canary");
    edge.get("/a")
        .expect(200)
        .body("main")
        .cache_status("fwd=uri-miss");
    edge.get("/a")
        .with("Cookie", "canary=1")
        .expect(200)
        .body("canary")
        .cache_status("hit");
    assert_eq!(edge.access("/a")["origin"], "canary");
}

#[test]
fn a_plugin_reads_its_configuration() {
    let origin = Origin::start();
    let edge = with(
        &origin,
        "three-hooks",
        "[plugins.config]\nhtml_seconds = 33",
    )
    .start();
    origin
        .on("/page")
        .answers(Answer::ok("x").field("Content-Type", "text/html"));
    edge.get("/page").expect(200).cache_status("ttl=33");
}

#[test]
fn a_plugin_writes_into_the_log_with_its_name_and_the_request() {
    let origin = Origin::start();
    let edge = with(&origin, "three-hooks", "").start();
    edge.get("/a").with("User-Agent", PHONE).expect(404);
    let line = edge.wait_for_log("a mobile viewer").to_string();
    let id = edge.access("/a")["request_id"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert!(
        line.contains("three-hooks") && line.contains("main") && line.contains(&id),
        "{line}"
    );
}

#[test]
fn the_access_line_says_which_hooks_ran() {
    let origin = Origin::start();
    let mut edge = with(&origin, "three-hooks", "").start();
    origin.on("/a").answers(Answer::ok("x"));
    edge.get("/a").expect(200);
    let hooks = edge.access("/a")["hooks"].to_string();
    for hook in ["cache-key", "origin-selection", "ttl"] {
        assert!(hooks.contains(hook), "{hooks}");
    }
    edge.forget_log();
    edge.get("/a").expect(200).cache_status("hit");
    let hooks = edge.access("/a")["hooks"].to_string();
    assert!(
        hooks.contains("cache-key") && !hooks.contains("ttl"),
        "a hit asks for the key only: {hooks}"
    );
}

#[test]
fn only_the_configured_hooks_run() {
    let origin = Origin::start();
    let edge = with(&origin, "three-hooks", "hooks = [\"ttl\"]").start();
    origin
        .on("/page")
        .answers(Answer::ok("x").field("Content-Type", "text/html"));
    edge.get("/page")
        .with("User-Agent", PHONE)
        .expect(200)
        .cache_status("ttl=10");
    edge.get("/page")
        .with("User-Agent", "curl")
        .expect(200)
        .cache_status("hit");
}

#[test]
fn a_key_that_passes_neither_looks_up_nor_stores() {
    let origin = Origin::start();
    let edge = with(&origin, "keys", "").start();
    origin
        .on("/pass")
        .answers(Answer::ok("x").cache_control("max-age=60"));
    for _ in 0..2 {
        edge.get("/pass")
            .expect(200)
            .cache_status("fwd=bypass")
            .no_cache_status("stored");
    }
    assert_eq!(origin.requests("/pass").len(), 2);
}

#[test]
fn a_replaced_key_has_nothing_of_the_path() {
    let origin = Origin::start();
    let edge = with(&origin, "keys", "").start();
    origin.on("/replace").answers(Answer::ok("one"));
    edge.get("/replace").expect(200).body("one");
    edge.get("/also-replaced")
        .expect(200)
        .body("one")
        .cache_status("hit");
}

#[test]
fn the_parts_of_a_key_split_by_what_they_name() {
    let origin = Origin::start();
    let edge = with(&origin, "keys", "").start();
    origin.on("*").answers(Answer::ok("x"));
    edge.get("/query-only?page=1&x=1").expect(200);
    edge.get("/query-only?x=2&page=1")
        .expect(200)
        .cache_status("hit");
    edge.get("/query-only?page=2")
        .expect(200)
        .no_cache_status("hit");
    edge.get("/field").with("X-Device", "a").expect(200);
    edge.get("/field")
        .with("X-Device", "a")
        .expect(200)
        .cache_status("hit");
    edge.get("/field")
        .with("X-Device", "b")
        .expect(200)
        .no_cache_status("hit");
    edge.get("/field").expect(200).no_cache_status("hit");
    edge.get("/cookie")
        .with("Cookie", "group=a; id=1")
        .expect(200);
    edge.get("/cookie")
        .with("Cookie", "id=2; group=a")
        .expect(200)
        .cache_status("hit");
    edge.get("/cookie")
        .with("Cookie", "group=b")
        .expect(200)
        .no_cache_status("hit");
}

#[test]
fn a_ttl_hook_can_forbid_to_store() {
    let origin = Origin::start();
    let edge = with(&origin, "lifetimes", "").start();
    origin
        .on("*")
        .answers(Answer::ok("x").cache_control("max-age=60"));
    edge.get("/dont-store")
        .expect(200)
        .no_cache_status("stored");
    edge.get("/dont-store").expect(200).no_cache_status("hit");
    edge.get("/seven")
        .expect(200)
        .cache_status("ttl=7")
        .field("Cache-Control", "max-age=60");
}

#[test]
fn an_origin_that_fails_is_followed_by_the_next_of_the_list() {
    let (main, second) = (Origin::start(), Origin::start());
    let dead = nobody_listens();
    let edge = with(&main, "origins", "")
        .distribution(|one| {
            one.origin("second", &second)
                .origin_at("dead", "127.0.0.1", dead.port())
        })
        .start();
    second.on("*").answers(Answer::ok("second"));
    edge.get("/second").expect(200).body("second");
    edge.get("/failover").expect(200).body("second");
    edge.get("/main").expect(404);
    assert_eq!(main.all_requests().len(), 1);
}

#[test]
fn a_name_that_a_plugin_makes_up_fills_no_line_and_forges_none() {
    let origin = Origin::start();
    let ask = format!("ask no\\nsuch{}", "x".repeat(60_000));
    let lines = format!("[plugins.config]\norigin-selection = \"{ask}\"");
    let edge = with(&origin, "acts", &lines).start();
    edge.get("/a").expect(500);
    let said = [
        edge.wait_for_log("it chose the origin").to_string(),
        edge.access("/a")["hooks"].to_string(),
    ];
    for line in said {
        assert!(line.len() < 2048, "{} bytes", line.len());
        // A backslash and an n, each escaped in the JSON of the line.
        assert!(line.contains(r"no\\nsuchxxx"), "{line}");
        assert!(line.contains("but the distribution has main"), "{line}");
    }
}

#[test]
fn each_request_gets_a_fresh_instance() {
    let origin = Origin::start();
    let edge = with(&origin, "counter", "").start();
    origin.on("/a").answers(Answer::ok("x"));
    edge.get("/a").expect(200);
    for _ in 0..5 {
        edge.get("/a").expect(200).cache_status("hit");
    }
}

#[test]
fn a_reused_instance_keeps_its_memory() {
    let origin = Origin::start();
    let edge = with(&origin, "counter", "isolation = \"reuse\"").start();
    origin.on("/a").answers(Answer::ok("x"));
    edge.get("/a").expect(200);
    edge.get("/a").expect(200).no_cache_status("hit");
}

#[test]
fn a_changed_plugin_takes_over_without_a_failed_request() {
    let origin = Origin::start();
    let dir = folder();
    let file = dir.path().join("changing.wasm");
    std::fs::copy(guest("lifetimes"), &file).expect("the guest is built");
    let edge = Edge::in_front_of(&origin)
        .plugin("changing", &file, "")
        .start();
    origin
        .on("*")
        .answers(Answer::ok("x").field("Content-Type", "text/html"));
    edge.get("/a").expect(200).cache_status("ttl=86400");
    std::fs::copy(guest("three-hooks"), &file).expect("the guest is built");
    let number = std::cell::Cell::new(0);
    let next = || {
        number.set(number.get() + 1);
        edge.get(&format!("/{}", number.get()))
    };
    edge.eventually("the new plugin decides", next, |response| {
        assert_eq!(response.status(), 200);
        response.has("ttl=10")
    });
}

fn folder() -> tempfile::TempDir {
    tempfile::TempDir::with_prefix("selvedge-plugin-").expect("a temporary folder")
}
