//! What operators ask a host: commands on the admin socket ([`socket`]), health and metrics on the admin listener.
//!
//! The listener: health and metrics, and the test clock where it was asked for at start. It listens on loopback.

mod gauges;
pub mod socket;

use crate::observe::clock::Clock;
use crate::pipeline::Edge;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// No admin request has a larger body.
const MOST_BODY: usize = 64 * 1024;

/// Serves admin requests for as long as the host runs; ends when its task is ended.
pub async fn serve(edge: Arc<Edge>, listener: TcpListener, test_clock: bool) {
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
        };
        let edge = edge.clone();
        connections.spawn(async move {
            let service = service_fn(|request| {
                let edge = edge.clone();
                async move { Ok::<_, Infallible>(answer(&edge, request, test_clock).await) }
            });
            let _ = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(Duration::from_secs(10))
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(
    edge: &Arc<Edge>,
    request: Request<Incoming>,
    test_clock: bool,
) -> Response<Full<Bytes>> {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/health") => text(StatusCode::OK, "ok\n"),
        (&Method::GET, "/metrics") => metrics(edge).await,
        (&Method::POST, "/test/clock") if test_clock => move_clock(edge.clock(), request).await,
        _ => text(
            StatusCode::NOT_FOUND,
            "There is GET /health and GET /metrics here.\n",
        ),
    }
}

async fn metrics(edge: &Arc<Edge>) -> Response<Full<Bytes>> {
    let gauges = gauges::of(edge).await;
    match edge.metrics().render(&gauges) {
        Ok(body) => {
            let mut response = Response::new(Full::from(body));
            response.headers_mut().insert(
                CONTENT_TYPE,
                HeaderValue::from_static(
                    "application/openmetrics-text; version=1.0.0; charset=utf-8",
                ),
            );
            response
        }
        Err(_) => text(
            StatusCode::INTERNAL_SERVER_ERROR,
            "The metrics can't be written.\n",
        ),
    }
}

/// `advance SECONDS` moves the clock on; the answer is the new time in seconds since the Unix epoch.
async fn move_clock(clock: &Clock, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let body = Limited::new(request.into_body(), MOST_BODY).collect().await;
    let seconds = body.ok().and_then(|body| {
        let body = String::from_utf8(body.to_bytes().to_vec()).ok()?;
        body.trim()
            .strip_prefix("advance ")?
            .trim()
            .parse::<u64>()
            .ok()
    });
    match seconds.and_then(|seconds| clock.advance(seconds.checked_mul(1000)?)) {
        Some(now) => text(StatusCode::OK, &format!("{}\n", now.as_secs())),
        None => text(
            StatusCode::BAD_REQUEST,
            "The body must be `advance SECONDS` with a whole number.\n",
        ),
    }
}

fn text(status: StatusCode, words: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(words.to_owned()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}
