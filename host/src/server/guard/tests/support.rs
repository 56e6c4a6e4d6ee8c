//! A real hyper server behind the guard, and viewers that send raw bytes.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::super::super::message::{self, RefusalReason};
use super::super::inspect::{Inspection, Inspector, Verdict};
use super::super::{Guard, GuardState, refusal_of};

/// Requests as the service saw them: one line each, `METHOD target [content]`, or why it answered something else.
pub(super) type Seen = Arc<Mutex<Vec<String>>>;

/// Inspects bytes to their end, or to a refusal: heads whose targets are to be encoded are approved as well.
pub(super) fn inspect_all(inspector: &mut Inspector, bytes: &[u8]) -> Inspection {
    let mut all = inspector.inspect(bytes, false);
    while let Verdict::Encode(raw) = all.verdict {
        let at = all.approved + raw.length;
        let next = inspector.inspect(&bytes[at..], false);
        all.approved = at + next.approved;
        all.heads += next.heads;
        all.verdict = next.verdict;
    }
    all
}

/// The service behind the guard: it asks for a refusal first, then echoes the content.
pub(super) async fn answer(
    state: Arc<GuardState>,
    seen: Seen,
    has_rules: bool,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let note = |line: String| seen.lock().expect("no test panics with it").push(line);
    let _under_way = state.begin();
    if let Some(refusal) = state.head_refusal() {
        note(format!("refused {}", refusal.reason()));
        return Ok(refuse(refusal.reason(), refusal.to_string()));
    }
    if let (true, Err(reason)) = (has_rules, message::check_head(&request)) {
        note(format!("refused {reason}"));
        return Ok(refuse(reason, reason.detail().to_owned()));
    }
    let start = format!("{} {}", request.method(), request.uri());
    match request.into_body().collect().await {
        Ok(content) => {
            let content = content.to_bytes();
            note(format!("{start} [{}]", content.escape_ascii()));
            Ok(Response::builder()
                .header("x-service", "yes")
                .body(Full::new(content))
                .expect("parts are valid"))
        }
        Err(error) => match refusal_of(&error) {
            Some(refusal) => {
                assert_eq!(state.content_refusal(), Some(refusal));
                note(format!("refused {} in {start}", refusal.reason()));
                Ok(refuse(refusal.reason(), refusal.to_string()))
            }
            None => {
                note(format!("cut off {start}"));
                Ok(Response::builder()
                    .status(StatusCode::BAD_REQUEST)
                    .header("x-service", "yes")
                    .body(Full::default())
                    .expect("parts are valid"))
            }
        },
    }
}

fn refuse(reason: RefusalReason, text: String) -> Response<Full<Bytes>> {
    Response::builder()
        .status(reason.status())
        .header("connection", "close")
        .header("x-service", "yes")
        .header("x-refusal", reason.as_str())
        .body(Full::from(text))
        .expect("parts are valid")
}

/// Serves one connection behind the guard, with the rules of messages or without them. Without them, requests before the
/// viewer's end are still answered.
pub(super) async fn serve<S>(stream: S, seen: Seen, has_rules: bool) -> hyper::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (guard, state) = Guard::new(stream);
    let service =
        service_fn(move |request| answer(state.clone(), seen.clone(), has_rules, request));
    hyper::server::conn::http1::Builder::new()
        .half_close(!has_rules)
        .serve_connection(TokioIo::new(guard), service)
        .await
}

pub(super) struct Server {
    pub(super) address: SocketAddr,
    seen: Seen,
}

impl Server {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let seen = Seen::default();
        let log = seen.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, log.clone(), true));
            }
        });
        Self { address, seen }
    }

    pub(super) fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("no test panics with it").clone()
    }

    /// Sends the bytes, keeps the write side open, and reads until the server closes.
    pub(super) async fn send(&self, bytes: &[u8]) -> Answers {
        let mut stream = TcpStream::connect(self.address).await.expect("it listens");
        // The server may have refused and closed before all is sent.
        let _ = stream.write_all(bytes).await;
        Answers::read(&mut stream).await
    }
}

/// Everything a viewer got until the server closed.
pub(super) struct Answers(pub(super) String);

impl Answers {
    pub(super) async fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes))
            .await
            .expect("the server closes")
            .expect("no reset destroys the answer");
        Self(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Every answer from its status on: a sentence that names a version is no status line.
    fn answers(&self) -> impl Iterator<Item = (u16, &str)> {
        self.0.split("HTTP/1.").filter_map(|part| {
            let status = part.get(2..5)?.parse().ok()?;
            Some((status, part))
        })
    }

    pub(super) fn statuses(&self) -> Vec<u16> {
        self.answers().map(|(status, _)| status).collect()
    }

    pub(super) fn refusal(&self) -> Option<&str> {
        let (_, rest) = self.0.split_once("x-refusal: ")?;
        rest.split("\r\n").next()
    }

    pub(super) fn closes(&self) -> bool {
        self.answers()
            .last()
            .is_some_and(|(_, answer)| answer.contains("connection: close\r\n"))
    }
}
