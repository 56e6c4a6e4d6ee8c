//! Concurrent viewers of one key cause one fetch, and all of them stream from it.

use selvedge_tests::*;

#[test]
fn many_viewers_at_once_cause_one_fetch() {
    let (origin, gate) = (Origin::start(), Gate::new());
    let edge = Edge::in_front_of(&origin).start();
    origin
        .on("/a")
        .answers(Answer::ok("one").cache_control("max-age=60").waits(&gate));
    let mut viewers: Vec<Viewer> = (0..50).map(|_| edge.get("/a").start()).collect();
    gate.wait_for_arrivals(1);
    gate.open();
    let responses: Vec<Response> = viewers
        .iter_mut()
        .map(|viewer| viewer.response().expect(200).body("one"))
        .collect();
    let fetched = |response: &&Response| !response.has("hit") && !response.has("collapsed");
    assert_eq!(
        responses.iter().filter(fetched).count(),
        1,
        "{responses:#?}"
    );
    assert_eq!(origin.requests("/a").len(), 1);
}

#[test]
fn a_follower_gets_bytes_while_the_origin_is_still_sending() {
    let (origin, gate) = (Origin::start(), Gate::new());
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/a").answers(
        Answer::ok("first ")
            .then_waits(&gate)
            .content("second")
            .cache_control("max-age=60"),
    );
    let mut leader = edge.get("/a").start();
    leader.head(200);
    assert_eq!(leader.bytes(6), b"first ");
    let mut follower = edge.get("/a").start();
    let head = follower.head(200);
    assert!(
        head.fields
            .get("Cache-Status")
            .is_some_and(|status| status.contains("collapsed")),
        "{head:?}"
    );
    assert_eq!(follower.bytes(6), b"first ");
    gate.open();
    assert_eq!(leader.bytes(6), b"second");
    assert_eq!(follower.bytes(6), b"second");
    assert_eq!(origin.requests("/a").len(), 1);
}

#[test]
fn a_follower_outlives_its_leader() {
    let (origin, gate) = (Origin::start(), Gate::new());
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/a").answers(
        Answer::ok("first ")
            .then_waits(&gate)
            .content("second")
            .cache_control("max-age=60"),
    );
    let mut leader = edge.get("/a").start();
    leader.head(200);
    let mut follower = edge.get("/a").start();
    follower.head(200);
    leader.abort();
    gate.open();
    assert_eq!(follower.bytes(12), b"first second");
    edge.get("/a")
        .expect(200)
        .body("first second")
        .cache_status("hit");
    assert_eq!(origin.requests("/a").len(), 1);
}

#[test]
fn what_may_not_be_stored_is_fetched_for_each_viewer() {
    let (origin, gate) = (Origin::start(), Gate::new());
    let edge = Edge::in_front_of(&origin).start();
    origin
        .on("/a")
        .answers(Answer::ok("mine").cache_control("no-store").waits(&gate));
    let mut viewers: Vec<Viewer> = (0..5).map(|_| edge.get("/a").start()).collect();
    gate.wait_for_arrivals(1);
    gate.open();
    for viewer in &mut viewers {
        viewer
            .response()
            .expect(200)
            .body("mine")
            .no_cache_status("stored");
    }
    assert_eq!(origin.requests("/a").len(), 5);
}

#[test]
fn two_keys_do_not_wait_for_each_other() {
    let (origin, gate) = (Origin::start(), Gate::new());
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/slow").answers(Answer::ok("slow").waits(&gate));
    origin.on("/quick").answers(Answer::ok("quick"));
    let mut slow = edge.get("/slow").start();
    gate.wait_for_arrivals(1);
    edge.get("/quick").expect(200).body("quick");
    gate.open();
    slow.response().expect(200).body("slow");
}

#[test]
fn a_failed_fetch_leaves_nobody_waiting() {
    let (origin, gate) = (Origin::start(), Gate::new());
    let edge = Edge::in_front_of(&origin)
        .origin_lines("connection_attempts = 1")
        .start();
    origin.on("/a").answers(Answer::reset().waits(&gate));
    let mut viewers: Vec<Viewer> = (0..10).map(|_| edge.get("/a").start()).collect();
    gate.wait_for_arrivals(1);
    gate.open();
    for viewer in &mut viewers {
        viewer.response().expect(502);
    }
}

#[test]
fn a_slow_follower_does_not_hold_the_leader_back() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    let size = 32 << 20;
    origin
        .on("/a")
        .answers(Answer::generated(size).cache_control("max-age=60"));
    let mut leader = edge.get("/a").start();
    let head = leader.head(200);
    let mut slow = edge.get("/a").start();
    let slow_head = slow.head(200);
    assert_eq!(leader.generated(&head), (size, End::Complete));
    assert_eq!(slow.generated(&slow_head), (size, End::Complete));
    assert_eq!(origin.requests("/a").len(), 1);
}

#[test]
fn expired_responses_are_validated_once_for_all() {
    let (origin, gate) = (Origin::start(), Gate::new());
    let edge = Edge::in_front_of(&origin).start();
    let answer = Answer::ok("one")
        .cache_control("max-age=60")
        .field("ETag", "\"v1\"")
        .or_304();
    origin
        .on("/a")
        .answers(answer.clone())
        .then(answer.waits(&gate));
    edge.get("/a").expect(200);
    edge.advance(Secs(61));
    let mut viewers: Vec<Viewer> = (0..10).map(|_| edge.get("/a").start()).collect();
    gate.wait_for_arrivals(1);
    gate.open();
    for viewer in &mut viewers {
        viewer.response().expect(200).body("one");
    }
    assert_eq!(origin.requests("/a").len(), 2);
}
