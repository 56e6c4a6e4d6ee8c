//! Requests to origins that answer with raw bytes.

use super::{Origin, OriginError, OutgoingBody, Tls};
use crate::config;
use crate::viewer_body::ViewerBody;
use bytes::Bytes;
use http::{Method, Request, Version};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A server that answers each request head with the same bytes and keeps the connection open.
struct Raw {
    origin: Arc<Origin>,
    connections: Arc<AtomicUsize>,
}

impl Raw {
    async fn answering(bytes: impl AsRef<[u8]>) -> Raw {
        Raw::with(bytes, |_| {}).await
    }

    async fn with(bytes: impl AsRef<[u8]>, change: impl FnOnce(&mut config::Origin)) -> Raw {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let connections = Arc::<AtomicUsize>::default();
        let (count, bytes) = (connections.clone(), Arc::<[u8]>::from(bytes.as_ref()));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(answer(stream, bytes.clone()));
            }
        });
        let mut settings = config::Origin::of_host("raw".to_owned(), "127.0.0.1", false, port)
            .expect("a free port is above 1023");
        change(&mut settings);
        let origin = Arc::new(Origin::new(settings, Arc::new(Tls::web())));
        Raw {
            origin,
            connections,
        }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Asks and returns the fields and the content.
    async fn ask(&self, method: Method) -> Result<(http::response::Parts, Bytes), OriginError> {
        self.send(method, OutgoingBody::Empty).await
    }

    async fn send(
        &self,
        method: Method,
        body: OutgoingBody,
    ) -> Result<(http::response::Parts, Bytes), OriginError> {
        let request = Request::builder()
            .method(method)
            .uri("/")
            .version(Version::HTTP_11)
            .header("host", "raw.test");
        let (head, ()) = request.body(()).expect("a request").into_parts();
        let sent = self.origin.send(&head, body, false).await?;
        let (head, body) = sent.response.into_parts();
        Ok((head, body.collect().await?.to_bytes()))
    }

    /// The message with which a GET is refused.
    async fn refusal(&self) -> String {
        match self.ask(Method::GET).await {
            Err(error @ OriginError::Garbage(_)) => error.to_string(),
            other => panic!("{other:?}"),
        }
    }
}

async fn answer(mut stream: TcpStream, bytes: Arc<[u8]>) {
    let (mut head, mut piece) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = stream.read(&mut piece).await {
        head.extend_from_slice(&piece[..count]);
        if head.windows(4).any(|end| end == b"\r\n\r\n") {
            head.clear();
            if stream.write_all(&bytes).await.is_err() {
                return;
            }
        }
    }
}

fn with_fields(count: usize) -> String {
    let fields: String = (1..count).map(|n| format!("X-{n}: v\r\n")).collect();
    format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 0\r\n\r\n")
}

#[tokio::test]
async fn a_response_with_two_readings_is_refused_and_says_which_field_it_was() {
    for (bytes, named) in [
        ("HTTP/1.1 200 OK\nContent-Length: 1\r\n\r\nx", "status line"),
        (
            "HTTP/1.1 200 OK\r\nX-A: b\nContent-Length: 1\r\n\r\nx",
            "X-A",
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\nx", "empty line"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
            "content-length",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
            "transfer-encoding",
        ),
    ] {
        let strict = Raw::answering(bytes).await;
        let refusal = strict.refusal().await;
        assert!(refusal.contains(named), "{refusal}");
        assert!(refusal.contains("lenient_framing"), "{refusal}");
        let lenient = Raw::with(bytes, |settings| settings.lenient_framing = true).await;
        let (head, content) = lenient.ask(Method::GET).await.expect("it is taken");
        assert_eq!(content, "x");
        let length = head.headers.get("content-length");
        assert!(length.is_none_or(|length| length == "1"), "{head:?}");
    }
}

#[tokio::test]
async fn a_malformed_response_is_refused_whatever_the_setting() {
    for (bytes, named) in [
        ("HTTP/1.1 600 Odd\r\nContent-Length: 0\r\n\r\n", "600"),
        ("HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n", "999"),
        ("HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n", "99"),
        ("HTTP/1.1 200 OK\r\nX-Bad: a\0b\r\n\r\n", "X-Bad"),
        ("HTTP/1.1 200 OK\r\nX-A: b\r\n folded\r\n\r\n", "X-A"),
        ("HTTP/1.1 200 OK\r\nX@A: b\r\n\r\n", "X@A"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "gzip"),
        (
            "HTTP/1.1 204 No\r\nContent-Length: 1, 2\r\n\r\n",
            "content-length",
        ),
    ] {
        for lenient in [false, true] {
            let raw = Raw::with(bytes, |settings| settings.lenient_framing = lenient).await;
            let refusal = raw.refusal().await;
            assert!(refusal.contains(named), "{refusal}");
        }
    }
}

#[tokio::test]
async fn white_space_before_the_colon_is_removed() {
    let bytes = "HTTP/1.1 200 OK\r\nX-A : one\r\nContent-Length \t: 3\r\n\r\nabc";
    let (head, content) = Raw::answering(bytes)
        .await
        .ask(Method::GET)
        .await
        .expect("taken");
    assert_eq!(head.headers["x-a"], "one");
    assert_eq!(content, "abc");
}

#[tokio::test]
async fn field_lines_are_bounded_as_the_origin_is_configured() {
    let (head, _) = Raw::answering(with_fields(200))
        .await
        .ask(Method::GET)
        .await
        .expect("taken");
    assert_eq!(head.headers.len(), 200);
    let refusal = Raw::answering(with_fields(201)).await.refusal().await;
    assert!(refusal.contains("more than 200 field lines"), "{refusal}");
    assert!(refusal.contains("\"Content-Length\""), "{refusal}");
    let more = |settings: &mut config::Origin| settings.max_response_fields = 1_000;
    let raw = Raw::with(with_fields(1_000), more).await;
    assert!(raw.ask(Method::GET).await.is_ok());
    let fewer = |settings: &mut config::Origin| settings.max_response_fields = 20;
    let refusal = Raw::with(with_fields(21), fewer).await.refusal().await;
    assert!(refusal.contains("more than 20"), "{refusal}");
}

#[tokio::test]
async fn a_flood_of_interim_responses_is_refused() {
    let interim = "HTTP/1.1 102 Processing\r\n\r\n";
    let last = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let some = Raw::answering(interim.repeat(16) + last).await;
    assert_eq!(some.ask(Method::GET).await.expect("taken").1, "ok");
    let many = Raw::answering(interim.repeat(17) + last).await;
    assert!(many.refusal().await.contains("interim"));
    let flood = Raw::answering(interim.repeat(100_000)).await;
    assert!(flood.refusal().await.contains("interim"));
}

#[tokio::test]
async fn each_response_of_a_connection_is_checked() {
    let one = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na\nb";
    let raw = Raw::answering(one).await;
    for method in [Method::GET, Method::GET, Method::POST, Method::GET] {
        assert_eq!(raw.ask(method).await.expect("taken").1, "a\nb");
    }
    assert_eq!(raw.connections(), 1);
}

#[tokio::test]
async fn a_doubtful_connection_is_not_used_again() {
    let bytes = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n";
    let raw = Raw::with(bytes, |settings| settings.lenient_framing = true).await;
    for _ in 0..3 {
        assert_eq!(raw.ask(Method::GET).await.expect("taken").1, "x");
    }
    assert_eq!(raw.connections(), 3);
}

#[tokio::test]
async fn a_connection_on_which_the_request_is_still_being_sent_is_not_used_again() {
    let raw = Raw::answering("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno").await;
    let endless = futures_util::stream::pending::<Result<Frame<Bytes>, _>>();
    let body = ViewerBody::new(StreamBody::new(endless));
    let body = OutgoingBody::viewer(Default::default(), Some(body));
    let early = raw
        .send(Method::POST, body)
        .await
        .expect("it is answered early");
    assert_eq!(early.1, "no");
    assert_eq!(raw.ask(Method::GET).await.expect("taken").1, "no");
    assert_eq!(raw.connections(), 2);
}
