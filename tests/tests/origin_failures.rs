//! Origins that fail: the viewer gets 502 or 504, or a transfer that is visibly broken off, and nothing of
//! it is stored as if it were whole.

use selvedge_tests::*;

#[test]
fn an_origin_that_refuses_connections_is_502() {
    let edge = Edge::in_front_of_address(nobody_listens()).start();
    edge.get("/a")
        .expect(502)
        .x_cache("Error")
        .no_cache_status("hit");
}

#[test]
fn an_origin_whose_name_is_unknown_is_502() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .distribution(|one| one.origin_domain("no-such-name.invalid"))
        .start();
    edge.get("/a").expect(502).x_cache("Error");
    assert_eq!(origin.connections(), 0);
}

#[test]
fn an_origin_that_resets_is_502() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/a").answers(Answer::reset());
    edge.get("/a").expect(502);
}

#[test]
fn an_origin_that_hangs_up_is_502() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/a").answers(Answer::hang_up());
    edge.get("/a").expect(502);
}

#[test]
fn an_origin_that_speaks_something_else_is_502() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    let garbage = [
        "220 mail.example.test ESMTP\r\n",
        "\0\x01\x02\r\n\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno field\r\n\r\n",
    ];
    for (number, bytes) in garbage.into_iter().enumerate() {
        let path = format!("/{number}");
        origin.on(&path).answers(Answer::raw(bytes));
        edge.get(&path).expect(502);
    }
}

#[test]
fn an_answer_that_breaks_off_in_its_head_is_502() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin
        .on("/a")
        .answers(Answer::raw("HTTP/1.1 200 OK\r\nContent-Le"));
    edge.get("/a").expect(502);
}

#[test]
fn two_lengths_that_differ_from_an_origin_are_502() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/a").answers(Answer::raw(
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    ));
    edge.get("/a").expect(502);
}

#[test]
fn an_endless_head_of_an_origin_is_502() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin
        .on("/a")
        .answers(Answer::ok("x").field("X-A", "a".repeat(2 << 20)));
    edge.get("/a").expect(502);
}

#[test]
fn an_origin_that_never_answers_is_504() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .origin_lines("read_timeout = 1\nconnection_attempts = 1")
        .start();
    origin.on("/a").answers(Answer::silence());
    edge.get("/a").expect(504).x_cache("Error");
    assert_eq!(origin.requests("/a").len(), 1);
}

#[test]
fn a_get_that_times_out_is_tried_as_often_as_configured() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .origin_lines("read_timeout = 1\nconnection_attempts = 2")
        .start();
    origin
        .on("/a")
        .answers(Answer::silence())
        .then(Answer::ok("at last"));
    edge.get("/a").expect(200).body("at last");
    assert_eq!(origin.requests("/a").len(), 2);
}

#[test]
fn a_post_that_times_out_is_not_tried_again() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .origin_lines("read_timeout = 1\nconnection_attempts = 3")
        .behavior("allowed_methods = [\"GET\", \"HEAD\", \"OPTIONS\", \"PUT\", \"POST\", \"PATCH\", \"DELETE\"]")
        .start();
    origin.on("/a").answers(Answer::silence());
    edge.post("/a", "x").expect(504);
    assert_eq!(origin.requests("/a").len(), 1);
}

/// Claims that this answer reaches the viewer as a broken-off transfer, and that nothing of it is stored.
#[track_caller]
fn is_broken_off_and_not_stored(answer: Answer) {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .origin_lines("read_timeout = 1")
        .start();
    origin
        .on("/a")
        .answers(answer.cache_control("max-age=60"))
        .then(Answer::ok("whole").cache_control("max-age=60"));
    let came = edge.get("/a").expect_broken_off();
    assert!(came.len() <= 10_000);
    edge.get("/a")
        .expect(200)
        .body("whole")
        .no_cache_status("hit");
    edge.get("/a").expect(200).body("whole").cache_status("hit");
}

#[test]
fn a_body_shorter_than_its_length_is_broken_off_and_not_stored() {
    is_broken_off_and_not_stored(Answer::generated(100_000).cut_after(10_000));
}

#[test]
fn a_body_without_its_last_chunk_is_broken_off_and_not_stored() {
    is_broken_off_and_not_stored(Answer::generated(100_000).chunked().cut_after(10_000));
}

#[test]
fn a_body_that_ends_in_a_reset_is_broken_off_and_not_stored() {
    is_broken_off_and_not_stored(Answer::generated(100_000).chunked().reset_after(10_000));
}

#[test]
fn a_body_that_stalls_is_broken_off_and_not_stored() {
    is_broken_off_and_not_stored(Answer::generated(100_000).stalls_after(10_000));
}

#[test]
fn a_body_with_a_broken_chunk_is_broken_off_and_not_stored() {
    let head = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n";
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin
        .on("/a")
        .answers(Answer::raw(format!("{head}5\r\nabcde\r\nzz\r\n")))
        .then(Answer::ok("whole"));
    edge.get("/a").expect_broken_off();
    edge.get("/a")
        .expect(200)
        .body("whole")
        .no_cache_status("hit");
}

#[test]
fn followers_of_a_broken_fetch_see_it_broken_too() {
    let (origin, gate) = (Origin::start(), Gate::new());
    let edge = Edge::in_front_of(&origin).start();
    let begun = Answer::ok("first ")
        .then_waits(&gate)
        .content("second")
        .cut_after(6)
        .cache_control("max-age=60");
    origin.on("/a").answers(begun.field("Content-Length", "12"));
    let mut leader = edge.get("/a").start();
    let mut follower = edge.get("/a").start();
    leader.head(200);
    follower.head(200);
    assert_eq!(leader.bytes(6), b"first ");
    assert_eq!(follower.bytes(6), b"first ");
    gate.open();
    leader.is_closed();
    follower.is_closed();
}

#[test]
fn an_error_of_the_origin_is_passed_on_as_it_is() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    for status in [400, 404, 410, 500, 503, 599] {
        let path = format!("/{status}");
        origin
            .on(&path)
            .answers(Answer::status(status).content("sorry"));
        edge.get(&path)
            .expect(status)
            .body("sorry")
            .x_cache("Error");
    }
}

#[test]
fn a_fresh_stored_response_is_served_while_the_origin_is_down() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin
        .on("/a")
        .answers(Answer::ok("one").cache_control("max-age=60"));
    edge.get("/a").expect(200);
    origin.stop();
    edge.get("/a").expect(200).body("one").cache_status("hit");
    edge.get("/b").expect(502);
}

#[test]
fn an_origin_that_comes_back_is_asked_again() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin
        .on("/a")
        .answers(Answer::reset())
        .then(Answer::reset())
        .then(Answer::reset())
        .then(Answer::ok("back"));
    edge.get("/a").send();
    edge.advance(Secs(11));
    edge.eventually(
        "the origin answers",
        || edge.get("/a"),
        |response| {
            edge.advance(Secs(11));
            response.text() == "back"
        },
    );
}

#[test]
fn the_failure_is_logged_with_its_origin() {
    let edge = Edge::in_front_of_address(nobody_listens()).start();
    edge.get("/a").expect(502);
    let access = edge.access("/a");
    assert_eq!(
        (access["status"].as_u64(), access["origin"].as_str()),
        (Some(502), Some("main")),
        "{access}"
    );
}
