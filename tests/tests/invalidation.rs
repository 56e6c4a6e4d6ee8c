//! Invalidation by path, prefix and tag: effective at once, on everything, for ever.

use selvedge_tests::*;

#[test]
fn an_invalidated_path_is_fetched_anew_and_its_neighbours_are_not() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    for path in ["/a", "/b"] {
        numbered(&origin, path, "max-age=600");
        edge.get(path).expect(200).body("1");
    }
    selvedge_on(&edge, &["invalidate", "main", "/a"])
        .code(0)
        .prints("invalidated 1 path");
    edge.get("/a")
        .expect(200)
        .body("2")
        .cache_status("fwd=uri-miss")
        .cache_status("detail=invalidated");
    edge.get("/a").expect(200).body("2").cache_status("hit");
    edge.get("/b").expect(200).body("1").cache_status("hit");
}

#[test]
fn all_variants_of_a_path_go() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .behavior("forward = { headers = [\"Accept-Language\"] }")
        .start();
    numbered(&origin, "/a", "max-age=600");
    let ask = |language: &str| edge.get("/a").with("Accept-Language", language).expect(200);
    ask("de").body("1de");
    ask("fr").body("2fr");
    invalidate(&edge, &["/a"]);
    ask("fr").body("3fr");
    ask("de").body("4de");
    ask("fr").body("3fr").cache_status("hit");
}

#[test]
fn a_star_at_the_end_stands_for_anything_and_queries_are_told_apart_where_they_are_in_the_key() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).cache("query = \"all\"").start();
    for path in ["/i", "/i/a", "/j"] {
        numbered(&origin, path, "max-age=600");
    }
    let targets = ["/i", "/i?x=1", "/i?x=2", "/i/a", "/j"];
    for target in targets {
        edge.get(target).expect(200);
    }
    let hits = |expected: [bool; 5]| {
        for (target, hit) in targets.into_iter().zip(expected) {
            assert_eq!(edge.get(target).expect(200).has("hit"), hit, "{target}");
        }
    };
    invalidate(&edge, &["/i"]);
    hits([false, true, true, true, true]);
    invalidate(&edge, &["/i?x=1"]);
    hits([true, false, true, true, true]);
    invalidate(&edge, &["/i/*"]);
    hits([true, true, true, false, true]);
    invalidate(&edge, &["/i*"]);
    hits([false, false, false, false, true]);
    invalidate(&edge, &["/*"]);
    hits([false; 5]);
}

#[test]
fn a_path_without_its_query_hits_everything_where_the_query_is_not_in_the_key() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).cache("query = \"none\"").start();
    numbered(&origin, "/a", "max-age=600");
    edge.get("/a?utm=1").expect(200).body("1");
    invalidate(&edge, &["/a"]);
    edge.get("/a?utm=2").expect(200).body("2");
}

#[test]
fn a_key_that_a_plugin_replaced_does_not_hide_a_response() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .plugin("keys", &guests::guest("keys"), "")
        .start();
    numbered(&origin, "/replace", "max-age=600");
    numbered(&origin, "/also-replaced", "max-age=600");
    origin
        .on("/replace")
        .answers(Answer::ok("old").cache_control("max-age=600"));
    edge.get("/replace").expect(200).body("old");
    edge.get("/also-replaced")
        .expect(200)
        .body("old")
        .cache_status("hit");
    // The path that it was not fetched for.
    invalidate(&edge, &["/also-replaced"]);
    edge.get("/also-replaced").expect(200).body("1");
    edge.get("/replace")
        .expect(200)
        .body("1")
        .cache_status("hit");
    // The path that it was fetched for.
    invalidate(&edge, &["/also-replaced"]);
    origin
        .on("/replace")
        .answers(Answer::ok("new").cache_control("max-age=600"));
    edge.get("/replace").expect(200).body("new");
}

#[test]
fn the_path_after_rewriting_is_as_good_as_the_viewers() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .distribution(|one| one.top("default_root_object = \"index.html\""))
        .start();
    numbered(&origin, "/index.html", "max-age=600");
    edge.get("/").expect(200).body("1");
    invalidate(&edge, &["/index.html"]);
    edge.get("/").expect(200).body("2");
    invalidate(&edge, &["/"]);
    edge.get("/").expect(200).body("3");
    edge.get("/index.html")
        .expect(200)
        .body("3")
        .cache_status("hit");
}

#[test]
fn a_fetch_under_way_comes_too_late() {
    let (origin, gate) = (Origin::start(), Gate::new());
    let edge = Edge::in_front_of(&origin).start();
    let fresh = |text: &str| Answer::ok(text).cache_control("max-age=600");
    origin
        .on("/a")
        .answers(fresh("old").waits(&gate))
        .then(fresh("new"));
    let mut early = edge.get("/a").start();
    gate.wait_for_arrivals(1);
    invalidate(&edge, &["/a"]);
    // A later viewer neither waits for that fetch nor gets what it brings.
    edge.get("/a").expect(200).body("new");
    gate.open();
    early.response().expect(200).body("old");
    for _ in 0..2 {
        edge.get("/a").expect(200).body("new");
    }
}

#[test]
fn a_body_that_was_arriving_is_not_joined_and_not_kept() {
    let (origin, gate) = (Origin::start(), Gate::new());
    let edge = Edge::in_front_of(&origin)
        .distribution(|one| one.top("tag_header = \"Surrogate-Key\""))
        .start();
    origin
        .on("/a")
        .answers(
            Answer::ok("old, first ")
                .then_waits(&gate)
                .content("and second")
                .cache_control("max-age=600")
                .field("Surrogate-Key", "one two"),
        )
        .then(Answer::ok("new").cache_control("max-age=600"));
    let mut early = edge.get("/a").start();
    early.head(200);
    invalidate(&edge, &["--tag", "two"]);
    edge.get("/a").expect(200).body("new");
    gate.open();
    assert_eq!(early.bytes(21), b"old, first and second");
    edge.get("/a").expect(200).body("new");
}

#[test]
fn a_fetch_under_way_for_another_path_with_the_same_key_comes_too_late_as_well() {
    let (origin, gate) = (Origin::start(), Gate::new());
    let edge = Edge::in_front_of(&origin)
        .plugin("keys", &guests::guest("keys"), "")
        .start();
    let fresh = |text: &str| Answer::ok(text).cache_control("max-age=600");
    origin.on("/replace").answers(fresh("old").waits(&gate));
    origin.on("/also-replaced").answers(fresh("new"));
    let mut early = edge.get("/replace").start();
    gate.wait_for_arrivals(1);
    invalidate(&edge, &["/replace"]);
    let mut late = edge.get("/also-replaced").start();
    gate.open();
    early.response().expect(200).body("old");
    late.response().expect(200).body("new");
}

#[test]
fn a_background_refresh_under_way_comes_too_late() {
    let (origin, gate) = (Origin::start(), Gate::new());
    let edge = Edge::in_front_of(&origin).start();
    let answer =
        |text: &str| Answer::ok(text).cache_control("max-age=10, stale-while-revalidate=600");
    origin
        .on("/a")
        .answers(answer("1"))
        .then(answer("2").waits(&gate))
        .then(answer("3"));
    edge.get("/a").expect(200).body("1");
    edge.advance(Secs(20));
    edge.get("/a").expect(200).body("1").cache_status("hit");
    gate.wait_for_arrivals(1);
    invalidate(&edge, &["/a"]);
    edge.get("/a").expect(200).body("3");
    gate.open();
    for _ in 0..3 {
        edge.get("/a").expect(200).body("3");
    }
}

#[test]
fn an_invalidation_survives_a_restart_and_a_kill() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    for path in ["/a", "/b", "/c"] {
        numbered(&origin, path, "max-age=600");
        edge.get(path).expect(200).body("1");
    }
    // The restart writes them to disk.
    let edge = edge.restart();
    edge.get("/a").expect(200).body("1").cache_status("hit");
    invalidate(&edge, &["/a"]);
    let mut edge = edge.restart();
    edge.get("/a").expect(200).body("2");
    invalidate(&edge, &["/b*"]);
    edge.kill();
    let edge = edge.restart();
    edge.get("/b").expect(200).body("2");
    edge.get("/c").expect(200).body("1").cache_status("hit");
    // What one run stores is older than what the next one invalidates.
    edge.get("/b").expect(200).body("2").cache_status("hit");
    let edge = edge.restart();
    invalidate(&edge, &["/b"]);
    edge.get("/b").expect(200).body("3");
}

#[test]
fn tags_come_from_the_configured_field() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .distribution(|one| one.top("tag_header = \"Surrogate-Key\""))
        .start();
    let count = std::sync::atomic::AtomicU32::new(0);
    origin.on("*").computes(move |seen| {
        let number = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let answer = Answer::ok(number.to_string()).cache_control("max-age=600");
        match seen.path() {
            "/none" => answer,
            "/a" => answer.field("Surrogate-Key", "shop product-1"),
            _ => answer.field("Surrogate-Key", "shop, product-12"),
        }
    });
    for path in ["/a", "/b", "/none"] {
        edge.get(path).expect(200);
    }
    let hit = |path: &str| edge.get(path).expect(200).has("hit");
    invalidate(&edge, &["--tag", "product-1"]);
    assert!(!hit("/a") && hit("/b") && hit("/none"));
    invalidate(&edge, &["--tag", "SHOP"]);
    assert!(!hit("/a") && !hit("/b") && hit("/none"));
}

#[test]
fn unsafe_methods_invalidate_every_key_of_their_uri() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .behavior("allowed_methods = [\"GET\", \"HEAD\", \"OPTIONS\", \"PUT\", \"PATCH\", \"POST\", \"DELETE\"]\ncache = { headers = [\"X-Device\"] }")
        .start();
    let count = std::sync::atomic::AtomicU32::new(0);
    origin.on("/a").computes(move |seen| {
        let number = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Answer::ok(format!("{} {number}", seen.method())).cache_control("max-age=600")
    });
    let ask = |device: &str| edge.get("/a").with("X-Device", device).expect(200);
    ask("phone").body("GET 0");
    ask("desk").body("GET 1");
    edge.post("/a", "x").expect(200).body("POST 2");
    ask("phone").body("GET 3");
    ask("desk").body("GET 4");
    ask("phone").body("GET 3").cache_status("hit");
}

#[test]
fn a_dry_run_lists_what_it_would_hit_and_hits_nothing() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .distribution(|one| one.top("tag_header = \"Surrogate-Key\""))
        .start();
    for path in ["/i/1", "/i/2", "/j"] {
        let answer = Answer::ok("12345").cache_control("max-age=600");
        origin
            .on(path)
            .answers(answer.field("Surrogate-Key", "numbers"));
        edge.get(path).expect(200);
    }
    let dry = |what: &[&str]| {
        selvedge_on(
            &edge,
            &[&["invalidate", "main", "--dry-run"], what].concat(),
        )
        .code(0)
    };
    let listed = dry(&["/i/*"])
        .prints("/i/1  200  5 bytes  tags numbers")
        .prints("2 responses would be hit");
    assert!(!listed.stdout.contains("/j"), "{listed:#?}");
    dry(&["--tag", "numbers"]).prints("3 responses would be hit");
    dry(&["/nothing"]).prints("0 responses would be hit");
    for path in ["/i/1", "/i/2", "/j"] {
        edge.get(path).expect(200).cache_status("hit");
    }
    invalidate(&edge, &["/i/1"]);
    dry(&["/i/*"]).prints("1 response would be hit");
}

#[test]
fn what_cannot_be_done_is_said_with_the_way_out() {
    let origin = Origin::start();
    let mut edge = Edge::in_front_of(&origin).start();
    selvedge_on(&edge, &["invalidate", "other", "/a"])
        .code(1)
        .reports("'other'")
        .reports("There is: main");
    selvedge_on(&edge, &["invalidate", "main", "a"])
        .code(2)
        .reports("begin with '/'");
    selvedge_on(&edge, &["invalidate", "main"]).code(2);
    edge.terminate();
    selvedge_on(&edge, &["invalidate", "main", "/a"])
        .code(1)
        .reports("no host runs")
        .reports("selvedge run --config");
}
