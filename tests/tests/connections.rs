//! Connections on both sides: kept, shared, closed.

use selvedge_tests::*;

#[test]
fn a_viewers_connection_carries_many_requests() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("*").computes(|seen| Answer::ok(seen.path()));
    let mut viewer = edge.viewer();
    for path in ["/a", "/b", "/a"] {
        viewer.get(path);
        viewer.response().expect(200).body(path);
    }
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("*").computes(|seen| Answer::ok(seen.path()));
    let mut viewer = edge.viewer();
    viewer.get("/a").get("/b").get("/c");
    for path in ["/a", "/b", "/c"] {
        viewer.response().expect(200).body(path);
    }
}

#[test]
fn connection_close_is_honoured() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/a").answers(Answer::ok("one"));
    let mut viewer = edge.get("/a").with("Connection", "close").start();
    viewer.response().expect(200).field("Connection", "close");
    viewer.is_closed();
}

#[test]
fn a_viewer_of_http_1_0_gets_no_chunks_and_the_end_of_the_connection() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin
        .on("/a")
        .answers(Answer::ok("one").content("two").chunked());
    let mut viewer = edge.sent(format!("GET /a HTTP/1.0\r\nHost: {ALIAS}\r\n\r\n"));
    viewer
        .response()
        .expect(200)
        .body("onetwo")
        .no_field("Transfer-Encoding");
    viewer.is_closed();
}

#[test]
fn the_connection_to_the_origin_is_used_again() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("*").answers(Answer::ok("x"));
    for path in ["/a", "/b", "/c"] {
        edge.get(path).expect(200);
    }
    assert_eq!(origin.connections(), 1);
}

#[test]
fn a_connection_that_the_origin_closed_costs_no_request() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("*").answers(Answer::ok("x").closes_quietly());
    for number in 0..20 {
        edge.get(&format!("/{number}")).expect(200);
    }
    assert_eq!(origin.connections(), 20);
}

#[test]
fn a_connection_is_not_used_again_when_the_origin_says_close() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("*").answers(Answer::ok("x").closes());
    edge.get("/a").expect(200).no_field("Connection");
    edge.get("/b").expect(200);
    assert_eq!(origin.connections(), 2);
}

#[test]
fn an_idle_connection_to_the_origin_is_closed_after_its_timeout() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .origin_lines("keepalive_timeout = 1")
        .start();
    origin.on("/a").answers(Answer::ok("x"));
    edge.get("/a").expect(200);
    eventually("the connection is closed", || {
        origin.open_connections() == 0
    });
}

#[test]
fn bytes_behind_an_answer_are_not_taken_for_the_next_one() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    let inner = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    let bytes = format!("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none{inner}");
    origin.on("/a").answers(Answer::raw(bytes).stays_open());
    origin.on("/b").answers(Answer::ok("two"));
    edge.get("/a").expect(200).body("one");
    edge.get("/b").expect(200).body("two");
}

#[test]
fn an_interim_response_is_not_taken_for_the_final_one() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    let answer = Answer::ok("final")
        .cache_control("max-age=60")
        .after_interim(103, "Link", "</a.css>; rel=preload");
    origin.on("/a").answers(answer);
    edge.get("/a").expect(200).body("final").no_field("Link");
    edge.get("/a").expect(200).body("final").cache_status("hit");
}

#[test]
fn a_viewer_that_expects_100_continue_gets_it() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .behavior("allowed_methods = [\"GET\", \"HEAD\", \"OPTIONS\", \"PUT\", \"POST\", \"PATCH\", \"DELETE\"]")
        .start();
    origin.on("/a").answers(Answer::ok("thanks"));
    let head = format!(
        "POST /a HTTP/1.1\r\nHost: {ALIAS}\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    );
    let mut viewer = edge.sent(head);
    assert_eq!(viewer.bytes(25), b"HTTP/1.1 100 Continue\r\n\r\n");
    viewer.send("one");
    viewer.response().expect(200).body("thanks");
    assert_eq!(origin.request("/a").content, b"one");
}

#[test]
fn many_connections_at_once_are_served() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("*").computes(|seen| Answer::ok(seen.path()));
    let mut viewers: Vec<(String, Viewer)> = (0..200)
        .map(|number| format!("/{}", number % 20))
        .map(|path| (path.clone(), edge.get(&path).start()))
        .collect();
    for (path, viewer) in &mut viewers {
        viewer.response().expect(200).body(path.as_str());
    }
    assert_eq!(origin.all_requests().len(), 20);
}

/// The number of connections that the edge refused, by the limit's word.
fn refused(edge: &Edge, bound: &str) -> f64 {
    let name = format!("selvedge_viewer_connections_refused_total{{bound=\"{bound}\"}}");
    edge.metric(&name).unwrap_or_default()
}

/// Changes a line of the server file, in one step as editors do, and waits until it is taken.
fn change_server(edge: &mut Edge, from: &str, to: &str) {
    let text = std::fs::read_to_string(edge.config()).expect("the harness wrote it");
    assert!(text.contains(from), "{text}");
    edge.forget_log();
    let new = edge.folder().join("new");
    std::fs::write(&new, text.replace(from, to)).expect("the folder is ours");
    std::fs::rename(new, edge.config()).expect("the folder is ours");
    edge.reload();
    edge.wait_for_log("the configuration has been reloaded");
}

#[test]
fn a_connection_above_the_bound_is_closed_unread_and_counted_and_logged_once() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .server("max_connections = 2")
        .start();
    origin.on("*").answers(Answer::ok("x"));
    // They are served before further ones come: nobody is refused for one that is not open yet.
    let mut viewers = [edge.viewer(), edge.viewer()];
    for viewer in &mut viewers {
        viewer.get("/a").response().expect(200);
    }
    let before = origin.all_requests().len();
    for _ in 0..3 {
        edge.get("/refused").start().is_closed();
    }
    assert_eq!(origin.all_requests().len(), before);
    assert_eq!(refused(&edge, "all"), 3.0);
    assert_eq!(refused(&edge, "address"), 0.0);
    let line = edge.wait_for_log("a connection is closed unread");
    assert_eq!(
        (&line["level"], &line["refused"]),
        (&"WARN".into(), &1.into())
    );
    let message = line["message"].as_str().unwrap_or_default();
    assert!(message.contains("`max_connections`"), "{line}");
    let told = |line: &&String| line.contains("is closed unread");
    assert_eq!(edge.log().iter().filter(told).count(), 1);
    // Those that are open are served on.
    for viewer in &mut viewers {
        viewer.get("/a").response().expect(200);
    }
}

#[test]
fn the_place_of_a_connection_that_ended_is_taken_by_the_next_one() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .server("max_connections = 1")
        .start();
    origin.on("/a").answers(Answer::ok("x"));
    let mut first = edge.viewer();
    first.get("/a").response().expect(200);
    edge.get("/a").start().is_closed();
    drop(first);
    eventually("there is one connection less", || {
        edge.metric("selvedge_viewer_connections") == Some(0.0)
    });
    // The figure is told a moment before the place is free.
    let mut next = taken(&edge);
    next.get("/a").response().expect(200);
    edge.get("/a").start().is_closed();
}

/// A connection that is taken, after others that were not, maybe.
fn taken(edge: &Edge) -> Viewer {
    let mut found = None;
    eventually("a connection is taken", || {
        let mut viewer = edge.get("/a").start();
        let answered = viewer.answers();
        if answered {
            viewer.response().expect(200);
            found = Some(viewer);
        }
        answered
    });
    found.expect("it was answered")
}

#[test]
fn one_address_has_so_many_connections_and_leaves_the_others_to_others() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .server("max_connections_per_address = 2")
        .start();
    origin.on("/a").answers(Answer::ok("x"));
    let mut greedy = [edge.viewer(), edge.viewer()];
    for viewer in &mut greedy {
        viewer.get("/a").response().expect(200);
    }
    edge.get("/a").start().is_closed();
    edge.get("/a").from([127, 0, 0, 2]).expect(200).body("x");
    assert_eq!(refused(&edge, "address"), 1.0);
    assert_eq!(refused(&edge, "all"), 0.0);
    let line = edge.wait_for_log("a connection is closed unread");
    let message = line["message"].as_str().unwrap_or_default();
    assert!(message.contains("`max_connections_per_address`"), "{line}");
    let [kept, gone] = greedy;
    drop(gone);
    drop(taken(&edge));
    drop(kept);
}

#[test]
fn bounds_on_connections_are_taken_at_a_reload_without_a_restart() {
    let origin = Origin::start();
    let mut edge = Edge::in_front_of(&origin)
        .server("max_connections = 1")
        .start();
    origin.on("/a").answers(Answer::ok("x"));
    let mut first = edge.viewer();
    first.get("/a").response().expect(200);
    edge.get("/a").start().is_closed();
    change_server(&mut edge, "max_connections = 1", "max_connections = 3");
    let mut second = edge.viewer();
    second.get("/a").response().expect(200);
    change_server(
        &mut edge,
        "max_connections = 3",
        "max_connections = 9\nmax_connections_per_address = 1",
    );
    // What is open counts, whenever it came.
    edge.get("/a").start().is_closed();
    edge.get("/a").from([127, 0, 0, 2]).expect(200);
    for viewer in [&mut first, &mut second] {
        viewer.get("/a").response().expect(200);
    }
    let restart = |line: &&String| line.contains("takes effect at the next start");
    assert_eq!(edge.log().iter().filter(restart).count(), 0);
}
