//! The operators' side: commands on the admin socket ([`socket`]), health and metrics on the admin listener.
//!
//! The listener serves health and metrics, and the test clock where that was asked for at start. It listens on loopback. It
//! answers only if it is asked for by an address, as `localhost`, or by a name of the server file: a web page whose own name
//! leads to this address (DNS rebinding) gets nothing.

mod connections;
mod gauges;
pub mod socket;

use crate::observe::clock::Clock;
use crate::pipeline::Edge;
use bytes::Bytes;
use connections::Connections;
use http::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderValue};
use http::uri::Authority;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

/// Largest body of an admin request.
const MAX_BODY: usize = 64 * 1024;

/// Serves admin requests for as long as the host runs; ends when its task is ended.
pub async fn serve(edge: Arc<Edge>, listener: TcpListener, test_clock: bool) {
    let mut connections = Connections::default();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(_) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let edge = edge.clone();
        connections.serve(|busy| {
            http1(stream, move |request| {
                let (edge, answering) = (edge.clone(), busy.begin());
                async move {
                    let response = answer(&edge, request, test_clock).await;
                    drop(answering);
                    response
                }
            })
        });
    }
}

/// Serves the requests of one connection.
async fn http1<S, F>(stream: S, answer: impl Fn(Request<Incoming>) -> F)
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Future<Output = Response<Full<Bytes>>>,
{
    let service = service_fn(|request| {
        let response = answer(request);
        async { Ok::<_, Infallible>(response.await) }
    });
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(10))
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    edge: &Arc<Edge>,
    request: Request<Incoming>,
    test_clock: bool,
) -> Response<Full<Bytes>> {
    let plan = edge.plan().clone();
    if !is_meant(request.headers(), &plan.server().admin_hosts) {
        return text(
            StatusCode::MISDIRECTED_REQUEST,
            "The admin listener answers for addresses, for localhost, and for the names in `admin_hosts` of the server file.\n",
        );
    }
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

/// Returns true if a request's Host is one by which the admin listener may be asked for.
fn is_meant(fields: &HeaderMap, names: &[String]) -> bool {
    let mut hosts = fields.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return false;
    };
    let Ok(authority) = Authority::try_from(host.as_bytes()) else {
        return false;
    };
    if authority.as_str().contains('@') {
        return false;
    }
    let host = authority.host();
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    bare.parse::<IpAddr>().is_ok()
        || host.eq_ignore_ascii_case("localhost")
        || names.iter().any(|name| host.eq_ignore_ascii_case(name))
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
    let body = Limited::new(request.into_body(), MAX_BODY).collect().await;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_admin_listener_answers_for_its_own_names_only() {
        let names = ["metrics.internal".to_owned()];
        let is_meant = |hosts: &[&str]| {
            let mut fields = HeaderMap::new();
            for host in hosts {
                fields.append(HOST, HeaderValue::from_str(host).expect("a value"));
            }
            is_meant(&fields, &names)
        };
        for host in [
            "127.0.0.1:9090",
            "127.0.0.1",
            "[::1]:9090",
            "localhost:9090",
            "LOCALHOST",
            "metrics.internal",
            "Metrics.Internal:9090",
        ] {
            assert!(is_meant(&[host]), "{host}");
        }
        for hosts in [
            &[][..],
            &[""],
            &["rebound.example"],
            &["127.0.0.1.rebound.example:9090"],
            &["localhost.rebound.example"],
            &["metrics.internal.rebound.example"],
            &["x@127.0.0.1:pw"],
            &["127.0.0.1", "rebound.example"],
        ] {
            assert!(!is_meant(hosts), "{hosts:?}");
        }
    }
}
