//! Bad input from viewers, as raw bytes: a clear answer, a closed connection where the framing is in doubt,
//! and nothing of it at the origin (RFC 9112, sections 2.2, 3, 5, 6 and 7.1).

use selvedge_tests::*;

fn edge(origin: &Origin) -> Edge {
    origin.on("*").answers(Answer::ok("x"));
    Edge::in_front_of(origin)
        .behavior("allowed_methods = [\"GET\", \"HEAD\", \"OPTIONS\", \"PUT\", \"POST\", \"PATCH\", \"DELETE\"]")
        .start()
}

/// Sends the bytes with a good request behind them; claims this answer, the end of the connection, and an
/// origin that was not asked, or saw at most a request that was broken off.
#[track_caller]
fn refused(status: u16, bytes: impl AsRef<[u8]>) {
    let origin = Origin::start();
    let edge = edge(&origin);
    let mut viewer = edge.sent(bytes);
    viewer.get("/smuggled");
    let response = viewer.response();
    assert_eq!(response.status(), status, "{response:?}");
    viewer.is_closed();
    assert!(
        origin.requests("/smuggled").is_empty(),
        "a second request came through"
    );
    let whole: Vec<Seen> = origin
        .all_requests()
        .into_iter()
        .filter(|seen| seen.complete)
        .collect();
    assert!(whole.is_empty(), "the origin saw {whole:#?}");
    edge.get("/after").expect(200);
}

/// As `refused`, with these field lines behind a good request line and Host.
#[track_caller]
fn fields_refused(status: u16, lines: &str) {
    refused(
        status,
        format!("POST /a HTTP/1.1\r\nHost: {ALIAS}\r\n{lines}\r\n\r\n"),
    );
}

/// As `refused`, with this chunked content.
#[track_caller]
fn chunks_refused(content: &str) {
    fields_refused(400, &format!("Transfer-Encoding: chunked\r\n\r\n{content}"));
}

#[test]
fn a_request_line_that_is_none_is_refused() {
    refused(400, "hello\r\n\r\n");
    refused(400, format!("GET /a b HTTP/1.1\r\nHost: {ALIAS}\r\n\r\n"));
    refused(400, format!("GET  /a HTTP/1.1\r\nHost: {ALIAS}\r\n\r\n"));
    refused(400, format!("GET HTTP/1.1\r\nHost: {ALIAS}\r\n\r\n"));
    refused(400, format!("G{{T /a HTTP/1.1\r\nHost: {ALIAS}\r\n\r\n"));
    refused(400, format!("GET a HTTP/1.1\r\nHost: {ALIAS}\r\n\r\n"));
}

#[test]
fn a_request_without_a_version_is_refused() {
    refused(400, format!("GET /a\r\nHost: {ALIAS}\r\n\r\n"));
    refused(400, format!("GET /a http/1.1\r\nHost: {ALIAS}\r\n\r\n"));
}

#[test]
fn bytes_that_are_no_http_are_refused() {
    refused(400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n");
}

#[test]
fn a_control_character_in_the_target_is_refused() {
    refused(400, format!("GET /a\tb HTTP/1.1\r\nHost: {ALIAS}\r\n\r\n"));
    refused(400, format!("GET /a\0b HTTP/1.1\r\nHost: {ALIAS}\r\n\r\n"));
}

#[test]
fn a_line_that_is_no_field_is_refused() {
    fields_refused(400, "no field");
    fields_refused(400, ": empty name");
    fields_refused(400, "Na me: x");
    fields_refused(400, "N(me: x");
}

#[test]
fn a_space_before_the_colon_is_refused() {
    fields_refused(400, "Content-Length : 0");
}

#[test]
fn a_folded_line_is_refused() {
    fields_refused(400, "X-A: one\r\n two");
    fields_refused(400, "X-A: one\r\n\ttwo");
    refused(400, format!("GET /a HTTP/1.1\r\n Host: {ALIAS}\r\n\r\n"));
}

#[test]
fn a_nul_in_a_value_is_refused() {
    fields_refused(400, "X-A: o\0ne");
}

#[test]
fn a_bare_line_feed_is_refused() {
    refused(400, format!("GET /a HTTP/1.1\nHost: {ALIAS}\n\n"));
    fields_refused(400, "X-A: one\nX-B: two");
    fields_refused(400, "X-A: one\n\nGET /smuggled HTTP/1.1");
}

#[test]
fn a_bare_carriage_return_is_refused() {
    fields_refused(400, "X-A: one\rX-B: two");
    fields_refused(400, "X-A: one\r\rX-B: two");
    refused(400, format!("GET /a HTTP/1.1\rHost: {ALIAS}\r\n\r\n"));
}

#[test]
fn a_request_without_a_host_is_refused() {
    refused(400, "GET /a HTTP/1.1\r\nX-A: one\r\n\r\n");
}

#[test]
fn a_second_host_is_refused() {
    fields_refused(400, "Host: other.example.test");
    fields_refused(400, &format!("Host: {ALIAS}"));
}

#[test]
fn a_host_that_is_no_host_is_refused() {
    for host in [
        "a b",
        "www.example.test/x",
        "www.example.test:port",
        "user@www.example.test",
    ] {
        refused(400, format!("GET /a HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    }
}

#[test]
fn a_length_and_a_transfer_coding_together_are_refused() {
    fields_refused(
        400,
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0",
    );
    fields_refused(
        400,
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0",
    );
    fields_refused(
        400,
        "content-length: 0\r\ntransfer-encoding: chunked\r\n\r\n0",
    );
}

#[test]
fn two_lengths_that_differ_are_refused() {
    fields_refused(400, "Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef");
    fields_refused(400, "Content-Length: 5, 6\r\n\r\nabcdef");
}

#[test]
fn a_length_that_is_no_number_is_refused() {
    for length in [
        "+5",
        "-5",
        "5a",
        "0x5",
        "5 5",
        "",
        "\"5\"",
        "99999999999999999999",
    ] {
        fields_refused(400, &format!("Content-Length: {length}\r\n\r\nabcde"));
    }
}

#[test]
fn a_transfer_coding_other_than_chunked_is_answered_with_501() {
    for coding in [
        "gzip",
        "gzip, chunked",
        "identity",
        "xchunked",
        "chunked, gzip",
    ] {
        fields_refused(501, &format!("Transfer-Encoding: {coding}\r\n\r\n0"));
    }
}

#[test]
fn chunked_twice_is_refused() {
    let origin = Origin::start();
    let edge = edge(&origin);
    for lines in [
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    ] {
        let mut viewer = edge.sent(format!(
            "POST /a HTTP/1.1\r\nHost: {ALIAS}\r\n{lines}\r\n\r\n0\r\n\r\n"
        ));
        let status = viewer.response().status();
        assert!([400, 501].contains(&status), "{status} for {lines}");
        viewer.is_closed();
    }
    assert!(origin.all_requests().is_empty());
}

#[test]
fn a_transfer_coding_in_http_1_0_is_refused() {
    refused(
        400,
        format!("POST /a HTTP/1.0\r\nHost: {ALIAS}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    );
}

#[test]
fn a_chunk_size_that_is_no_hexadecimal_number_is_refused() {
    for size in ["x", "", "-1", "+5", "0x5", "5g", "FFFFFFFFFFFFFFFFF"] {
        chunks_refused(&format!("{size}\r\nabcde\r\n0"));
    }
}

#[test]
fn spaces_around_a_chunk_size_are_refused() {
    chunks_refused(" 5\r\nabcde\r\n0");
    chunks_refused("5 \r\nabcde\r\n0");
    chunks_refused("5\t\r\nabcde\r\n0");
}

#[test]
fn a_chunk_line_that_ends_in_a_bare_line_feed_is_refused() {
    chunks_refused("5\nabcde\r\n0");
    chunks_refused("5;a\nabcde\r\n0");
    chunks_refused("5\rabcde\r\n0");
}

#[test]
fn a_chunk_longer_than_its_size_is_refused() {
    chunks_refused("3\r\nabcde\r\n0");
    chunks_refused("5\r\nabcde0\r\n");
    chunks_refused("5\r\nabcde\n0");
}

#[test]
fn a_bad_chunk_behind_a_good_one_breaks_the_request_off() {
    chunks_refused("5\r\nabcde\r\nzz\r\nabcde\r\n0");
}

#[test]
fn a_chunk_extension_is_ignored_as_the_rfc_says() {
    let origin = Origin::start();
    let edge = edge(&origin);
    let request = format!(
        "POST /a HTTP/1.1\r\nHost: {ALIAS}\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nabcde\r\n0\r\n\r\n"
    );
    edge.sent(request).response().expect(200);
    let seen = origin.request("/a");
    assert_eq!(seen.content, b"abcde");
    assert!(
        !origin
            .received()
            .concat()
            .windows(3)
            .any(|bytes| bytes == b"a=b")
    );
}

#[test]
fn a_header_section_over_32_kib_is_answered_with_431() {
    let one = format!("X-A: {}", "a".repeat(33 * 1024));
    fields_refused(431, &one);
    let many: Vec<String> = (0..700)
        .map(|number| format!("X-{number}: {}", "a".repeat(50)))
        .collect();
    fields_refused(431, &many.join("\r\n"));
}

#[test]
fn a_header_section_that_does_not_end_is_answered_with_431() {
    let origin = Origin::start();
    let edge = edge(&origin);
    let mut viewer = edge.sent(format!(
        "GET /a HTTP/1.1\r\nHost: {ALIAS}\r\nX-A: {}",
        "a".repeat(40_000)
    ));
    viewer.response().expect(431);
    viewer.is_closed();
}

#[test]
fn a_header_section_under_32_kib_is_accepted() {
    let origin = Origin::start();
    let edge = edge(&origin);
    edge.get("/a")
        .with("X-A", &"a".repeat(30 * 1024))
        .expect(200);
}

#[test]
fn a_target_over_8_kib_is_answered_with_414() {
    let origin = Origin::start();
    let edge = edge(&origin);
    edge.get(&format!("/{}", "a".repeat(8191))).expect(200);
    edge.get(&format!("/{}", "a".repeat(8192))).expect(414);
    edge.get(&format!("/?{}", "a".repeat(20_000))).expect(414);
    assert_eq!(origin.all_requests().len(), 1);
}

#[test]
fn an_endless_target_is_answered_with_414() {
    let origin = Origin::start();
    let edge = edge(&origin);
    let mut viewer = edge.sent(format!("GET /{}", "a".repeat(40_000)));
    viewer.response().expect(414);
    viewer.is_closed();
}

#[test]
fn an_empty_line_before_a_request_is_ignored() {
    let origin = Origin::start();
    let edge = edge(&origin);
    edge.sent(format!("\r\nGET /a HTTP/1.1\r\nHost: {ALIAS}\r\n\r\n"))
        .response()
        .expect(200);
}

#[test]
fn a_viewer_that_leaves_within_its_request_harms_nobody() {
    let origin = Origin::start();
    let edge = edge(&origin);
    edge.sent("GET /a HT").abort();
    edge.sent(format!(
        "POST /b HTTP/1.1\r\nHost: {ALIAS}\r\nContent-Length: 10\r\n\r\nabc"
    ))
    .abort();
    edge.get("/c").expect(200);
    assert!(origin.requests("/b").iter().all(|seen| !seen.complete));
}

#[test]
fn a_viewer_that_says_nothing_harms_nobody() {
    let origin = Origin::start();
    let edge = edge(&origin);
    let silent: Vec<Viewer> = (0..50).map(|_| edge.viewer()).collect();
    edge.get("/a").expect(200);
    drop(silent);
    edge.get("/b").expect(200);
}

#[test]
fn the_content_of_a_get_is_not_read_as_the_next_request() {
    let origin = Origin::start();
    let edge = edge(&origin);
    let inner = format!("GET /smuggled HTTP/1.1\r\nHost: {ALIAS}\r\n\r\n");
    let length = inner.len();
    let mut viewer = edge.sent(format!(
        "GET /a HTTP/1.1\r\nHost: {ALIAS}\r\nContent-Length: {length}\r\n\r\n{inner}"
    ));
    let response = viewer.response();
    assert!([200, 400, 403].contains(&response.status()), "{response:?}");
    viewer.finish_sending();
    viewer.is_closed();
    assert!(origin.requests("/smuggled").is_empty());
}

#[test]
fn nothing_of_this_is_a_panic() {
    let origin = Origin::start();
    let mut edge = edge(&origin);
    for bytes in [
        "\0\0\0\0\r\n\r\n",
        "\r\n\r\n\r\n\r\n",
        "GET",
        "GET / HTTP/1.1\r\nHost: [::\r\n\r\n",
        "* * *\r\n\r\n",
    ] {
        let mut viewer = edge.sent(bytes);
        viewer.finish_sending();
        let mut wait = || viewer.hears_nothing(std::time::Duration::from_millis(1));
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(&mut wait));
    }
    edge.get("/a").expect(200);
    assert!(edge.runs());
    let log = edge.log().join("\n");
    assert!(!log.contains("panicked"), "{log}");
}
