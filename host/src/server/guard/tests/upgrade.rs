//! After a 101 the guard is out of the way, and a viewer who does not wait for it gets no tunnel.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::super::{Guard, GuardState};

/// Upgrades every request to an echo, where the guard lets it.
async fn upgrade(
    state: Arc<GuardState>,
    request: Request<Incoming>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let mut response = Response::new(Empty::new());
    *response.status_mut() = StatusCode::BAD_REQUEST;
    // Lets hyper read what the viewer sent behind the request.
    tokio::time::sleep(Duration::from_millis(1)).await;
    let _under_way = state.begin();
    if state.head_refusal().is_none() && state.become_tunnel() {
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        tokio::spawn(async move {
            let mut tunnel = TokioIo::new(hyper::upgrade::on(request).await.expect("upgraded"));
            let mut bytes = vec![0; 1024];
            while let Ok(read @ 1..) = tunnel.read(&mut bytes).await {
                tunnel.write_all(&bytes[..read]).await.expect("open");
            }
            tunnel.shutdown().await.expect("open");
        });
    }
    Ok(response)
}

fn connect() -> DuplexStream {
    let (viewer, edge) = tokio::io::duplex(64 * 1024);
    let (guard, state) = Guard::new(edge);
    let service = service_fn(move |request| upgrade(state.clone(), request));
    tokio::spawn(
        hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(guard), service)
            .with_upgrades(),
    );
    viewer
}

const REQUEST: &[u8] =
    b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";

async fn read_head(viewer: &mut DuplexStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(viewer.read_u8().await.expect("a head"));
    }
    String::from_utf8(head).expect("ASCII")
}

#[tokio::test]
async fn bytes_behind_a_101_pass_unseen() {
    let mut viewer = connect();
    viewer.write_all(REQUEST).await.expect("open");
    assert!(read_head(&mut viewer).await.starts_with("HTTP/1.1 101"));
    let noise = b"\x81\x05hello\n\r\0GET / HTTP/1.1\n\n";
    viewer.write_all(noise).await.expect("open");
    viewer.shutdown().await.expect("open");
    let mut echoed = Vec::new();
    viewer.read_to_end(&mut echoed).await.expect("open");
    assert_eq!(echoed, noise);
}

#[tokio::test]
async fn a_request_behind_the_upgrade_prevents_the_tunnel() {
    for early in [&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], b"\x81\x05hello"] {
        let mut viewer = connect();
        viewer
            .write_all(&[REQUEST, early].concat())
            .await
            .expect("open");
        assert!(
            read_head(&mut viewer).await.starts_with("HTTP/1.1 400"),
            "{}",
            early.escape_ascii()
        );
    }
}

#[tokio::test]
async fn early_bytes_that_are_no_request_yet_go_through_the_tunnel() {
    let mut viewer = connect();
    viewer
        .write_all(&[REQUEST, b"early"].concat())
        .await
        .expect("open");
    assert!(read_head(&mut viewer).await.starts_with("HTTP/1.1 101"));
    viewer.write_all(b"+late").await.expect("open");
    viewer.shutdown().await.expect("open");
    let mut echoed = Vec::new();
    viewer.read_to_end(&mut echoed).await.expect("open");
    assert_eq!(echoed, b"early+late");
}
