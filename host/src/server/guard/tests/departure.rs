//! Viewers that end their sending side: some still read, others have left.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::super::{Guard, UnderWay};

/// The time that each answer takes.
const SLOW: Duration = Duration::from_secs(20);

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// A request that is being answered. Its end without an answer is told.
struct Pending(mpsc::UnboundedSender<Instant>, Option<UnderWay>);

impl Drop for Pending {
    fn drop(&mut self) {
        if self.1.is_some() {
            let _ = self.0.send(Instant::now());
        }
    }
}

/// Answers each request after a while; returns the viewer's side, and where answers that are given up are told.
fn connect() -> (DuplexStream, mpsc::UnboundedReceiver<Instant>) {
    let (viewer, edge) = tokio::io::duplex(4096);
    let (sender, given_up) = mpsc::unbounded_channel();
    let (guard, state) = Guard::new(edge);
    let service = service_fn(move |_: Request<Incoming>| {
        let mut pending = Pending(sender.clone(), Some(Arc::clone(&state).begin()));
        async move {
            tokio::time::sleep(SLOW).await;
            if let Some(under_way) = pending.1.take() {
                under_way.answered();
            }
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"slow"))))
        }
    });
    tokio::spawn(
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(guard), service),
    );
    (viewer, given_up)
}

#[tokio::test(start_paused = true)]
async fn a_viewer_that_only_sends_no_more_gets_its_answers() {
    for requests in 1..=3 {
        let (mut viewer, mut given_up) = connect();
        viewer
            .write_all(&REQUEST.repeat(requests))
            .await
            .expect("open");
        viewer.shutdown().await.expect("open");
        let mut text = String::new();
        viewer.read_to_string(&mut text).await.expect("text");
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        assert_eq!(
            text.matches("HTTP/1.1 200 OK\r\n").count(),
            requests,
            "{text}"
        );
        assert_eq!(text.matches("\r\n\r\nslow").count(), requests, "{text}");
        assert!(given_up.recv().await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_viewer_that_has_left_is_noticed_before_there_is_an_answer() {
    let (mut viewer, mut given_up) = connect();
    let began = Instant::now();
    viewer.write_all(REQUEST).await.expect("open");
    drop(viewer);
    let noticed = given_up.recv().await.expect("it is given up");
    assert!(noticed - began < SLOW / 2, "{:?}", noticed - began);
}

#[tokio::test(start_paused = true)]
async fn a_viewer_that_leaves_after_its_last_byte_is_noticed() {
    let (mut viewer, mut given_up) = connect();
    viewer.write_all(REQUEST).await.expect("open");
    viewer.shutdown().await.expect("open");
    tokio::time::sleep(SLOW / 2).await;
    let left = Instant::now();
    drop(viewer);
    let noticed = given_up.recv().await.expect("it is given up");
    assert!(noticed - left < SLOW / 4, "{:?}", noticed - left);
}
