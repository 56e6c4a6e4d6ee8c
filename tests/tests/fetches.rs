//! No more fetches are under way at once than the server file allows.

use selvedge_tests::*;

#[test]
fn what_needs_one_fetch_too_many_is_refused_and_the_rest_goes_on() {
    let (origin, gate) = (Origin::start(), Gate::new());
    let edge = Edge::in_front_of(&origin)
        .server("max_fetches = 2")
        .behavior("allowed_methods = \"any\"")
        .start();
    let lives = "max-age=10, stale-if-error=600";
    for path in ["/stored", "/stale", "/other"] {
        origin
            .on(path)
            .answers(Answer::ok(path).cache_control(lives));
    }
    edge.get("/stale").expect(200);
    edge.advance(Secs(20));
    edge.get("/stored").expect(200);
    let slow = |lives| {
        Answer::ok("first ")
            .then_waits(&gate)
            .content("second")
            .cache_control(lives)
    };
    origin.on("/shared").answers(slow("max-age=60"));
    origin.on("/private").answers(slow("private"));
    let mut shared = edge.get("/shared").start();
    shared.head(200);
    let mut private = edge.get("/private").start();
    private.head(200);
    edge.get("/other")
        .expect(503)
        .cache_status("detail=too-many-fetches");
    edge.post("/other", "x").expect(503);
    edge.get("/stored").expect(200).cache_status("hit");
    edge.get("/stale")
        .expect(200)
        .body("/stale")
        .cache_status("detail=too-many-fetches");
    let mut follower = edge.get("/shared").start();
    follower.head(200);
    assert_eq!(edge.access("/other")["reason"], "too-many-fetches");
    let refused = "outcome=\"too-many-fetches\"";
    assert_eq!(
        edge.metric_sum("selvedge_origin_fetches_total", refused),
        3.0
    );
    gate.open();
    for viewer in [&mut shared, &mut private, &mut follower] {
        assert_eq!(viewer.bytes(12), b"first second");
    }
    let ask = || edge.get("/other");
    edge.eventually("there is room again", ask, |response| {
        response.status() == 200
    });
    edge.post("/other", "x").expect(200);
}
