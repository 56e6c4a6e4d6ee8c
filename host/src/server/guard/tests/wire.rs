//! Real sockets, real hyper: what a viewer who sends these bytes gets, and what the service saw.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::support::{Answers, Server};

/// Sends the bytes and checks that the only answer is this refusal, that it closes, and that the service saw no request.
pub(super) async fn assert_refused(bytes: &[u8], status: u16, reason: &str) {
    let server = Server::start().await;
    let answers = server.send(bytes).await;
    let sent = bytes[..bytes.len().min(120)].escape_ascii();
    assert_eq!(answers.statuses(), [status], "{sent}: {}", answers.0);
    assert_eq!(answers.refusal(), Some(reason), "{sent}");
    assert!(answers.closes(), "{sent}: {}", answers.0);
    let seen = server.seen();
    assert!(
        seen.len() == 1 && seen[0].starts_with(&format!("refused {reason}")),
        "{sent}: {seen:?}"
    );
}

#[tokio::test]
async fn malformed_heads_are_answered_and_closed() {
    for (bytes, status, reason) in [
        (&b"GET /\r\n\r\n"[..], 400, "malformed-request-line"),
        (
            b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1",
            400,
            "malformed-request-line",
        ),
        (b"GET / HTTP/1.1\nHost: a\n\n", 400, "bare-lf"),
        (b"GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n", 400, "bare-cr"),
        (
            b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n",
            400,
            "obsolete-folding",
        ),
        (
            b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
            400,
            "space-before-colon",
        ),
        (
            b"GET / HTTP/1.1\r\nHo st: a\r\n\r\n",
            400,
            "space-before-colon",
        ),
        (
            b"GET / HTTP/1.1\r\nHost: a\r\nX\x01: y\r\n\r\n",
            400,
            "invalid-field-name",
        ),
        (
            b"GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n",
            400,
            "invalid-field-value",
        ),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "missing-host"),
        (b"GET / HTTP/1.0\r\n\r\n", 400, "missing-host"),
        (
            b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            400,
            "repeated-host",
        ),
        (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "invalid-host"),
        (
            b"GET /#x HTTP/1.1\r\nHost: a\r\n\r\n",
            400,
            "invalid-target",
        ),
        (
            b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
            403,
            "connect-refused",
        ),
        (
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            505,
            "unsupported-version",
        ),
        (
            b"GET / HTTP/3.0\r\nHost: a\r\n\r\n",
            505,
            "unsupported-version",
        ),
    ] {
        assert_refused(bytes, status, reason).await;
    }
}

#[tokio::test]
async fn oversized_heads_are_answered_although_the_viewer_goes_on_sending() {
    let long_target = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(8192));
    assert_refused(long_target.as_bytes(), 414, "target-too-long").await;
    let endless_target = format!("GET /{}", "a".repeat(900_000));
    assert_refused(endless_target.as_bytes(), 414, "target-too-long").await;
    let large_field = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
        "y".repeat(32_768)
    );
    assert_refused(large_field.as_bytes(), 431, "fields-too-large").await;
    let endless_fields = format!("GET / HTTP/1.1\r\n{}", "Xxxxx: yyyyyyyy\r\n".repeat(50_000));
    assert_refused(endless_fields.as_bytes(), 431, "too-many-fields").await;
}

#[tokio::test]
async fn a_refused_viewer_may_go_on_sending_without_a_reset() {
    let server = Server::start().await;
    let mut stream = TcpStream::connect(server.address)
        .await
        .expect("it listens");
    stream.write_all(b"BAD\n").await.expect("it is read");
    assert_eq!(Answers::read(&mut stream).await.statuses(), [400]);
    // The server has shut its side. Against a closed socket the second write would fail already.
    for _ in 0..100 {
        stream.write_all(&[b'x'; 1000]).await.expect("it is read");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn odd_chunk_syntax_is_answered_and_closed() {
    let smuggled = "GET /admin HTTP/1.1\r\nHost: a\r\n\r\n";
    for (content, reason) in [
        ("0x5\r\nhello\r\n0\r\n\r\n", "invalid-chunk-size"),
        ("+5\r\nhello\r\n0\r\n\r\n", "invalid-chunk-size"),
        ("5 \r\nhello\r\n0\r\n\r\n", "invalid-chunk-size"),
        (" 5\r\nhello\r\n0\r\n\r\n", "invalid-chunk-size"),
        ("\r\n0\r\n\r\n", "invalid-chunk-size"),
        (
            "00000000000000005\r\nhello\r\n0\r\n\r\n",
            "invalid-chunk-size",
        ),
        ("5\nhello\r\n0\r\n\r\n", "bare-lf-in-chunk-framing"),
        ("5\r\nhello\n0\r\n\r\n", "bare-lf-in-chunk-framing"),
        ("5\rhello\r\n0\r\n\r\n", "bare-cr-in-chunk-framing"),
        ("5;a\nhello\r\n0\r\n\r\n", "bare-lf-in-chunk-framing"),
        ("5; a=b\r\nhello\r\n0\r\n\r\n", "malformed-chunk-extension"),
        ("4\r\nhello\r\n0\r\n\r\n", "unended-chunk"),
        ("0\r\nX : y\r\n\r\n", "malformed-trailer"),
    ] {
        let bytes = format!(
            "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{content}{smuggled}"
        );
        assert_refused(bytes.as_bytes(), 400, reason).await;
    }
}

#[tokio::test]
async fn endless_extensions_and_trailers_are_refused() {
    let head = "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let extensions = format!("{head}{}", "1;aaaaaaaa\r\nx\r\n".repeat(5000));
    assert_refused(extensions.as_bytes(), 400, "chunk-extensions-too-large").await;
    let trailers = format!("{head}0\r\nX: {}", "y".repeat(100_000));
    assert_refused(trailers.as_bytes(), 400, "trailers-too-large").await;
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order_and_a_refusal_comes_last() {
    let server = Server::start().await;
    let answers = server
        .send(
            b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n\
              POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\ntwo\
              POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nthree\r\n0\r\n\r\n\
              \r\nGET /4 HTTP/1.1\r\nHost: a\r\n\r\n\
              GET /5 HTTP/1.1\r\n\r\n\
              GET /6 HTTP/1.1\r\nHost: a\r\n\r\n",
        )
        .await;
    assert_eq!(answers.statuses(), [200, 200, 200, 200, 400]);
    assert_eq!(answers.refusal(), Some("missing-host"));
    assert_eq!(
        server.seen(),
        [
            "GET /1 []",
            "POST /2 [two]",
            "POST /3 [three]",
            "GET /4 []",
            "refused missing-host"
        ]
    );
}

#[tokio::test]
async fn a_request_that_looks_like_the_replacement_is_an_ordinary_request() {
    let server = Server::start().await;
    let lookalike = b"GET / HTTP/1.1\r\nHost: refused.invalid\r\nConnection: close\r\n\r\n";
    let answers = server.send(lookalike).await;
    assert_eq!((answers.statuses(), answers.refusal()), (vec![200], None));
    assert_eq!(server.seen(), ["GET / []"]);
}

#[tokio::test]
async fn a_request_dripped_byte_by_byte_is_answered_and_the_connection_kept() {
    let server = Server::start().await;
    let mut stream = TcpStream::connect(server.address)
        .await
        .expect("it listens");
    stream.set_nodelay(true).expect("a socket");
    let request = b"POST /d HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n";
    for byte in request {
        stream.write_all(&[*byte]).await.expect("it is read");
        tokio::task::yield_now().await;
    }
    let last = b"GET /e HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    stream.write_all(last).await.expect("it is read");
    let answers = Answers::read(&mut stream).await;
    assert_eq!(answers.statuses(), [200, 200], "{}", answers.0);
    assert_eq!(server.seen(), ["POST /d [abc]", "GET /e []"]);
}

#[tokio::test]
async fn large_content_passes_whole() {
    let server = Server::start().await;
    let content = "0123456789abcdef".repeat(64 * 1024);
    let chunks: String = content
        .as_bytes()
        .chunks(77_777)
        .map(|chunk| {
            format!(
                "{:x}\r\n{}\r\n",
                chunk.len(),
                String::from_utf8_lossy(chunk)
            )
        })
        .collect();
    for (framing, framed) in [
        (
            format!("Content-Length: {}", content.len()),
            content.clone(),
        ),
        (
            "Transfer-Encoding: chunked".to_owned(),
            format!("{chunks}0\r\n\r\n"),
        ),
    ] {
        let request =
            format!("PUT / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{framing}\r\n\r\n{framed}");
        let mut stream = TcpStream::connect(server.address)
            .await
            .expect("it listens");
        stream
            .write_all(request.as_bytes())
            .await
            .expect("it is read");
        let answers = Answers::read(&mut stream).await;
        assert_eq!(answers.statuses(), [200]);
        assert!(answers.0.ends_with(&content));
    }
}

#[tokio::test]
async fn a_head_cut_short_is_refused_for_a_viewer_who_still_listens() {
    let server = Server::start().await;
    let mut stream = TcpStream::connect(server.address)
        .await
        .expect("it listens");
    stream
        .write_all(b"GET / HTTP/1.1\r\nHo")
        .await
        .expect("it is read");
    stream.shutdown().await.expect("it is open");
    let answers = Answers::read(&mut stream).await;
    assert_eq!(answers.statuses(), [400]);
    assert_eq!(answers.refusal(), Some("truncated-head"));
}

#[tokio::test]
async fn a_viewer_who_leaves_between_requests_is_no_refusal() {
    for bytes in [&b""[..], b"\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n"] {
        let server = Server::start().await;
        let mut stream = TcpStream::connect(server.address)
            .await
            .expect("it listens");
        stream.write_all(bytes).await.expect("it is read");
        if !bytes.starts_with(b"GET") {
            stream.shutdown().await.expect("it is open");
            assert_eq!(Answers::read(&mut stream).await.0, "");
            assert_eq!(server.seen(), Vec::<String>::new());
            continue;
        }
        let mut some = [0; 64];
        let read = stream.read(&mut some).await.expect("an answer");
        assert!(some[..read].starts_with(b"HTTP/1.1 200"));
        stream.shutdown().await.expect("it is open");
        Answers::read(&mut stream).await;
        assert_eq!(server.seen(), ["GET / []"]);
    }
}

#[tokio::test]
async fn expect_100_continue_and_http_1_0_work_through_the_guard() {
    let server = Server::start().await;
    let mut stream = TcpStream::connect(server.address)
        .await
        .expect("it listens");
    stream
        .write_all(
            b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n",
        )
        .await
        .expect("it is read");
    let mut interim = [0; 25];
    tokio::time::timeout(Duration::from_secs(5), stream.read_exact(&mut interim))
        .await
        .expect("hyper answers 100")
        .expect("it is open");
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
        .write_all(b"hiGET /y HTTP/1.0\r\nHost: a\r\n\r\n")
        .await
        .expect("it is read");
    let answers = Answers::read(&mut stream).await;
    assert_eq!(answers.statuses(), [200, 200]);
    assert_eq!(server.seen(), ["POST /x [hi]", "GET /y []"]);
}
