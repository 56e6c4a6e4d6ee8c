//! The end of a process: what runs is finished, what is idle is closed, the exit code says that all is well.

use selvedge_tests::*;

#[test]
fn sigterm_ends_an_idle_edge_with_0() {
    let origin = Origin::start();
    let mut edge = Edge::in_front_of(&origin).start();
    assert_eq!(edge.terminate().code, Some(0));
}

#[test]
fn sigint_ends_it_too() {
    let origin = Origin::start();
    let mut edge = Edge::in_front_of(&origin).start();
    edge.interrupt();
    assert_eq!(edge.wait().code, Some(0));
}

#[test]
fn a_running_response_is_finished_first() {
    let (origin, gate) = (Origin::start(), Gate::new());
    let mut edge = Edge::in_front_of(&origin).start();
    origin
        .on("/a")
        .answers(Answer::ok("first ").then_waits(&gate).content("second"));
    let mut viewer = edge.get("/a").start();
    viewer.head(200);
    assert_eq!(viewer.bytes(6), b"first ");
    edge.ask_to_end();
    let address = edge.address();
    eventually("no new connection is taken", || {
        std::net::TcpStream::connect(address).is_err()
    });
    assert!(edge.runs(), "it waits for the response");
    gate.open();
    assert_eq!(viewer.bytes(6), b"second");
    assert_eq!(edge.wait().code, Some(0));
}

#[test]
fn a_response_that_was_finished_at_the_end_is_stored() {
    let (origin, gate) = (Origin::start(), Gate::new());
    let mut edge = Edge::in_front_of(&origin).start();
    origin.on("/a").answers(
        Answer::ok("first ")
            .then_waits(&gate)
            .content("second")
            .cache_control("max-age=6000"),
    );
    let mut viewer = edge.get("/a").start();
    viewer.head(200);
    edge.ask_to_end();
    gate.open();
    viewer.bytes(12);
    edge.wait();
    let edge = edge.restart();
    edge.get("/a")
        .expect(200)
        .body("first second")
        .cache_status("hit");
}

#[test]
fn an_idle_connection_does_not_hold_the_end_back() {
    let origin = Origin::start();
    let mut edge = Edge::in_front_of(&origin).start();
    origin.on("/a").answers(Answer::ok("one"));
    let mut idle = edge.viewer();
    idle.get("/a");
    idle.response().expect(200);
    let mut silent = edge.viewer();
    edge.ask_to_end();
    idle.is_closed();
    silent.is_closed();
    assert_eq!(edge.wait().code, Some(0));
}
