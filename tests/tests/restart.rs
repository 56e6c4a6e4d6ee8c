//! Restarts: responses stored by one process are served by the next one.

use selvedge_tests::*;

#[test]
fn what_was_stored_before_a_restart_is_served_after_it() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/a").answers(
        Answer::ok("one")
            .cache_control("max-age=6000")
            .field("X-Kind", "text"),
    );
    origin
        .on("/large")
        .answers(Answer::generated(20_000_000).cache_control("max-age=6000"));
    edge.get("/a").expect(200);
    edge.get("/large").expect(200);
    let edge = edge.restart();
    edge.get("/a")
        .expect(200)
        .body("one")
        .field("X-Kind", "text")
        .cache_status("hit");
    let mut viewer = edge.get("/large").start();
    let head = viewer.head(200);
    assert_eq!(viewer.generated(&head), (20_000_000, End::Complete));
    assert_eq!(origin.all_requests().len(), 2);
}

#[test]
fn variants_survive_a_restart() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .behavior("forward = { headers = [\"Accept-Language\"] }")
        .start();
    origin.on("/a").computes(|seen| {
        let language = seen.field("Accept-Language").unwrap_or_default();
        Answer::ok(language)
            .cache_control("max-age=6000")
            .field("Vary", "Accept-Language")
    });
    for language in ["de", "fr"] {
        edge.get("/a").with("Accept-Language", language).expect(200);
    }
    let edge = edge.restart();
    for language in ["de", "fr"] {
        edge.get("/a")
            .with("Accept-Language", language)
            .expect(200)
            .body(language)
            .cache_status("hit");
    }
}

#[test]
fn a_broken_off_body_is_not_there_after_a_restart() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/a").answers(
        Answer::generated(100_000)
            .cut_after(50_000)
            .cache_control("max-age=6000"),
    );
    edge.get("/a").expect_broken_off();
    let edge = edge.restart();
    origin.on("/a").answers(Answer::ok("whole"));
    edge.get("/a")
        .expect(200)
        .body("whole")
        .no_cache_status("hit");
}

#[test]
fn a_killed_edge_starts_again_with_what_had_reached_the_disk() {
    let origin = Origin::start();
    let mut edge = Edge::in_front_of(&origin).start();
    origin
        .on("/a")
        .answers(Answer::ok("one").cache_control("max-age=6000"));
    // Only the last seconds may be lost: each turn waits longer before the kill.
    for turn in 1_u32..=6 {
        edge.get("/a").expect(200).body("one");
        std::thread::sleep(std::time::Duration::from_secs(1) * turn);
        assert_eq!(edge.kill().signal, Some(9));
        edge = edge.restart();
        if edge.get("/a").expect(200).body("one").has("hit") {
            return;
        }
    }
    panic!("nothing that was stored survives a kill");
}

#[test]
fn a_kill_in_the_middle_of_a_fill_leaves_no_short_body() {
    let (origin, gate) = (Origin::start(), Gate::new());
    let mut edge = Edge::in_front_of(&origin).start();
    origin.on("/a").answers(
        Answer::generated(5_000_000)
            .then_waits(&gate)
            .content("end")
            .cache_control("max-age=6000"),
    );
    let mut viewer = edge.get("/a").start();
    viewer.head(200);
    viewer.bytes(5_000_000);
    edge.kill();
    gate.open();
    let edge = edge.restart();
    origin.on("/a").answers(Answer::ok("whole"));
    edge.get("/a")
        .expect(200)
        .body("whole")
        .no_cache_status("hit");
}

#[test]
fn a_second_process_on_the_same_store_is_refused() {
    let origin = Origin::start();
    let mut edge = Edge::in_front_of(&origin).start();
    origin.on("/a").answers(Answer::ok("one"));
    edge.get("/a").expect(200);
    let second = edge.run_second();
    assert!(second.exit.code.is_some_and(|code| code > 0), "{second:#?}");
    assert!(
        second.stderr.contains("store"),
        "it says which file is taken: {second:#?}"
    );
    assert!(edge.runs());
    edge.get("/a").expect(200).cache_status("hit");
}

#[test]
fn the_lock_ends_with_its_process() {
    let origin = Origin::start();
    let mut edge = Edge::in_front_of(&origin).start();
    edge.kill();
    let edge = edge.restart();
    edge.get("/a").expect(404);
}

#[test]
fn what_an_unsafe_method_made_out_of_date_stays_so_under_other_keys() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .behavior("allowed_methods = \"any\"")
        .cache("accept_encoding = [\"gzip\"]")
        .start();
    origin
        .on("*")
        .answers(Answer::ok("x").cache_control("max-age=6000"));
    let coded = |edge: &Edge, path| edge.get(path).with("Accept-Encoding", "gzip").expect(200);
    for path in ["/a", "/b"] {
        coded(&edge, path);
        edge.get(path).expect(200);
    }
    edge.post("/a", "").expect(200);
    let edge = edge.restart();
    edge.get("/a").expect(200).cache_status("fwd=uri-miss");
    coded(&edge, "/a").cache_status("detail=invalidated");
    coded(&edge, "/b").cache_status("hit");
    edge.get("/b").expect(200).cache_status("hit");
    coded(&edge, "/a").cache_status("hit");
}
