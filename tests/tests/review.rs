//! Attacks by hostile viewers and mistakes of careless origins, found by trying.

use selvedge_tests::guests::guest;
use selvedge_tests::*;

#[test]
fn an_answer_to_one_viewers_conditions_is_not_stored_for_all() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin
        .on("/a")
        .computes(|seen| match seen.field("If-Match") {
            Some(_) => Answer::status(412).cache_control("max-age=60"),
            None => Answer::ok("for all").cache_control("max-age=60"),
        });
    let conditional = edge.get("/a").with("If-Match", "\"another\"");
    conditional.expect(412).cache_status("detail=status");
    edge.get("/a").expect(200).body("for all");
}

#[test]
fn a_repeated_cookie_is_in_the_key_as_often_as_the_origin_gets_it() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .plugin("keys", &guest("keys"), "")
        .start();
    origin.on("/cookie").computes(|seen| {
        Answer::ok(seen.field("Cookie").unwrap_or_default()).cache_control("max-age=60")
    });
    let twice = edge.get("/cookie").with("Cookie", "group=free; group=evil");
    twice.expect(200).body("group=free; group=evil");
    let once = edge.get("/cookie").with("Cookie", "group=free");
    once.expect(200)
        .body("group=free")
        .cache_status("fwd=uri-miss");
}

#[test]
fn a_204_with_a_length_reaches_the_viewer_without_it() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/a").answers(Answer::raw(
        "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello",
    ));
    let mut viewer = edge.viewer();
    for _ in 0..2 {
        viewer.get("/a");
        viewer.response().expect(204).no_field("Content-Length");
    }
}

#[test]
fn an_invalid_length_in_an_answer_to_head_is_502() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    for (path, lengths) in [
        ("/minus", "Content-Length: -5\r\n"),
        ("/plus", "Content-Length: +5\r\n"),
        ("/empty", "Content-Length: \r\n"),
        ("/huge", "Content-Length: 99999999999999999999\r\n"),
        ("/two", "Content-Length: 5\r\nContent-Length: 6\r\n"),
        ("/list", "Content-Length: 5, 6\r\n"),
    ] {
        origin
            .on(path)
            .answers(Answer::raw(format!("HTTP/1.1 200 OK\r\n{lengths}\r\n")));
        edge.head(path)
            .expect(502)
            .cache_status("detail=origin-invalid-response");
    }
}

#[test]
fn one_length_said_twice_by_an_origin_is_one_length() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/a").answers(Answer::raw(
        "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello",
    ));
    edge.get("/a")
        .expect(200)
        .body("hello")
        .field("Content-Length", "5");
}

#[test]
fn a_transfer_coding_of_the_origin_that_nobody_undoes_is_502() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    for (path, coding) in [("/gzip", "gzip, chunked"), ("/identity", "identity")] {
        let answer = format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: {coding}\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        );
        origin.on(path).answers(Answer::raw(answer));
        edge.get(path)
            .expect(502)
            .cache_status("detail=origin-invalid-response");
    }
}

#[test]
fn a_viewer_that_stops_within_its_upload_is_not_taken_for_a_silent_origin() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .origin_lines("read_timeout = 1")
        .behavior("allowed_methods = \"any\"")
        .cache("default_ttl = 1")
        .start();
    origin
        .on("/a")
        .answers(Answer::ok("one"))
        .then(Answer::ok("two"));
    edge.get("/a").expect(200).body("one");
    let mut stops = edge.sent(format!(
        "POST /upload HTTP/1.1\r\nHost: {ALIAS}\r\nContent-Length: 10\r\n\r\nhalf"
    ));
    let refused = stops.response().expect(408);
    refused.cache_status("detail=request-body-timeout");
    stops.is_closed();
    edge.advance(Secs(2));
    edge.get("/a").expect(200).body("two");
}

#[test]
fn a_loop_is_seen_beside_a_member_that_is_no_text() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/a").answers(Answer::ok("x"));
    edge.get("/a").expect(200);
    let id = origin
        .request("/a")
        .field("CDN-Loop")
        .expect("the edge names itself");
    let mut request = b"GET /b HTTP/1.1\r\nHost: ".to_vec();
    request.extend_from_slice(ALIAS.as_bytes());
    request.extend_from_slice(b"\r\nCDN-Loop: \xff, ");
    request.extend_from_slice(id.as_bytes());
    request.extend_from_slice(b"\r\n\r\n");
    edge.sent(request).response().expect(508);
}

#[test]
fn no_tunnel_of_http_2_is_opened_past_the_edge() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/a").answers(Answer::ok("plain"));
    for protocol in ["h2c", "H2C", "websocket, h2c"] {
        let asked = edge.get("/a").with("Connection", "Upgrade");
        asked.with("Upgrade", protocol).expect(200).body("plain");
    }
    for seen in origin.requests("/a") {
        assert_eq!(seen.field("Upgrade"), None);
    }
}

#[test]
fn a_field_cannot_turn_a_get_into_another_method() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/a").answers(Answer::ok("x"));
    edge.get("/a")
        .with("X-HTTP-Method-Override", "POST")
        .with("Content-Type", "text/evil")
        .expect(200);
    let seen = origin.request("/a");
    assert_eq!(seen.field("X-HTTP-Method-Override"), None);
    assert_eq!(seen.field("Content-Type"), None);
}

#[test]
fn check_says_what_is_wrong_with_the_files_and_with_the_plugins_at_once() {
    let origin = Origin::start();
    let check = Edge::in_front_of(&origin)
        .plugin("lost", std::path::Path::new("/nowhere/lost.wasm"), "")
        .cache("min_ttl = \"soon\"")
        .check();
    check
        .code(2)
        .reports("min_ttl")
        .reports("there is no plugin file");
}
