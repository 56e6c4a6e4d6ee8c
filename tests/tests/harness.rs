//! The harness itself: viewer and origin without an edge between them.

use selvedge_tests::*;

fn ask(origin: &Origin, request: &str) -> Response {
    let mut viewer = Viewer::connect(origin.address());
    viewer.send(format!("{request}\r\nHost: a\r\n\r\n"));
    viewer.response_to(request.split(' ').next().unwrap_or_default())
}

#[test]
fn answers_come_in_their_order_and_the_last_one_stays() {
    let origin = Origin::start();
    origin
        .on("/a")
        .answers(Answer::ok("one"))
        .then(Answer::ok("two"));
    let bodies: Vec<String> = (0..3)
        .map(|_| ask(&origin, "GET /a HTTP/1.1").expect(200).text())
        .collect();
    assert_eq!(bodies, ["one", "two", "two"]);
    assert_eq!(origin.requests("/a").len(), 3);
    ask(&origin, "GET /b HTTP/1.1").expect(404);
}

#[test]
fn a_connection_carries_several_requests() {
    let origin = Origin::start();
    origin.on("*").answers(Answer::ok("x"));
    let mut viewer = Viewer::connect(origin.address());
    viewer.get("/1").get("/2");
    viewer.response().expect(200);
    viewer.response().expect(200);
    assert_eq!(origin.connections(), 1);
}

#[test]
fn chunks_and_trailers_arrive() {
    let origin = Origin::start();
    origin
        .on("/a")
        .answers(Answer::ok("one").content("two").trailer("X-Sum", "6"));
    let response = ask(&origin, "GET /a HTTP/1.1").expect(200).body("onetwo");
    assert_eq!(response.trailers.get("x-sum").as_deref(), Some("6"));
}

#[test]
fn a_content_that_is_cut_is_seen_as_cut() {
    let origin = Origin::start();
    origin
        .on("/length")
        .answers(Answer::ok("content").cut_after(3));
    origin
        .on("/chunks")
        .answers(Answer::ok("content").chunked().cut_after(3));
    origin
        .on("/reset")
        .answers(Answer::ok("content").reset_after(3));
    for path in ["/length", "/chunks", "/reset"] {
        ask(&origin, &format!("GET {path} HTTP/1.1")).expect_cut_short(200);
    }
}

#[test]
fn validators_are_answered_with_304() {
    let origin = Origin::start();
    origin
        .on("/a")
        .answers(Answer::ok("x").field("ETag", "\"1\"").or_304());
    ask(&origin, "GET /a HTTP/1.1\r\nIf-None-Match: \"2\"").expect(200);
    ask(&origin, "GET /a HTTP/1.1\r\nIf-None-Match: \"2\", \"1\"")
        .expect(304)
        .body("");
}

#[test]
fn interim_responses_come_before_the_final_one() {
    let origin = Origin::start();
    origin
        .on("/a")
        .answers(Answer::ok("x").after_interim(103, "Link", "</style>"));
    let response = ask(&origin, "GET /a HTTP/1.1").expect(200);
    assert_eq!(response.interim[0].status(), 103);
}

#[test]
fn generated_content_is_compared_as_it_comes() {
    let origin = Origin::start();
    origin.on("/a").answers(Answer::generated(10_000_000));
    let mut viewer = Viewer::connect(origin.address());
    viewer.get("/a");
    let head = viewer.head(200);
    assert_eq!(viewer.generated(&head), (10_000_000, End::Complete));
    eventually("all is counted", || origin.sent() == 10_000_000);
}

#[test]
fn a_head_request_is_answered_without_content() {
    let origin = Origin::start();
    origin.on("/a").answers(Answer::ok("four"));
    ask(&origin, "HEAD /a HTTP/1.1")
        .expect(200)
        .body("")
        .field("Content-Length", "4");
}

#[test]
fn an_upload_is_counted_and_compared() {
    let origin = Origin::start();
    origin.on("/a").answers(Answer::ok("thanks"));
    let mut viewer = Viewer::connect(origin.address());
    viewer.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n");
    assert_eq!(viewer.send_generated(3_000_000), 3_000_000);
    viewer.response().expect(200);
    let seen = origin.request("/a");
    assert_eq!(
        (seen.content_length, seen.is_generated, seen.content.len()),
        (3_000_000, true, 1 << 20)
    );
}

#[test]
fn a_gate_holds_the_answer_back() {
    let (origin, gate) = (Origin::start(), Gate::new());
    origin
        .on("/a")
        .answers(Answer::ok("first ").then_waits(&gate).content("second"));
    let mut viewer = Viewer::connect(origin.address());
    viewer.get("/a");
    viewer.head(200);
    assert_eq!(viewer.bytes(6), b"first ");
    gate.open();
    assert_eq!(viewer.bytes(6), b"second");
}
