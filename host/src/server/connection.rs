//! One viewer's connection, from the first byte to the last.

use super::admission::Admitted;
use super::guard::Guard;
use super::lazy_timer::LazyTimer;
use super::service::Requests;
use super::write_timeout::WriteTimeout;
use crate::config::Network;
use crate::pipeline::Edge;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;

/// The timeout of a request's head, and of an idle connection's next request.
pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// The timeout of writes: a viewer that reads nothing of a response for this long is given up.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);

/// An open connection, counted until its stream is closed: an upgraded one lives on when HTTP has ended on it.
struct Open {
    edge: Arc<Edge>,
    _admitted: Admitted,
}

impl Open {
    fn new(edge: &Arc<Edge>, admitted: Admitted) -> Open {
        edge.metrics().connections(1);
        Open {
            edge: edge.clone(),
            _admitted: admitted,
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.edge.metrics().connections(-1);
    }
}

/// hyper's HTTP/1 server with the timeouts of viewers' connections.
fn http1() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(LazyTimer::default())
        .header_read_timeout(HEAD_TIMEOUT);
    builder
}

/// Serves a connection until the viewer leaves, or until `closing` turns true: then what runs is finished. `proxies` are the
/// trusted ones, where the connection comes from one of them.
pub(crate) async fn serve(
    edge: Arc<Edge>,
    stream: TcpStream,
    address: SocketAddr,
    proxies: Option<Arc<[Network]>>,
    admitted: Admitted,
    closing: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let open = Open::new(&edge, admitted);
    let (guarded, state) = Guard::new(WriteTimeout::new(stream, WRITE_TIMEOUT).with(open));
    let requests = Requests::new(edge, address, proxies, state);
    let connection = http1()
        .serve_connection(TokioIo::new(guarded), requests)
        .with_upgrades();
    let mut connection = pin!(connection);
    let mut told = closing.clone();
    // Outside of the task's budget: used up, it would have this wait without being noted anywhere.
    let mut until_told = pin!(tokio::task::coop::unconstrained(until_closing(&mut told)));
    // Asking a channel takes a lock that all connections share, so it is asked anew only when there is news.
    let mut waits: Option<Waker> = None;
    let mut is_told = false;
    let ended = std::future::poll_fn(|cx| {
        if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
            return Poll::Ready(ended);
        }
        let waits_already = waits
            .as_ref()
            .is_some_and(|waker| waker.will_wake(cx.waker()));
        if is_told || (waits_already && matches!(closing.has_changed(), Ok(false))) {
            return Poll::Pending;
        }
        if until_told.as_mut().poll(cx).is_pending() {
            waits = Some(cx.waker().clone());
            return Poll::Pending;
        }
        is_told = true;
        connection.as_mut().graceful_shutdown();
        connection.as_mut().poll(cx)
    })
    .await;
    if let Err(error) = ended {
        tracing::debug!(target: "viewer", viewer = %address, "connection ended: {error}");
    }
}

/// Ends once the host is told to stop.
pub(super) async fn until_closing(closing: &mut watch::Receiver<bool>) {
    // A sender that is gone means the same.
    let _ = closing.wait_for(|closing| *closing).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{Request, Response};
    use http_body_util::Empty;
    use hyper::body::Incoming;
    use hyper::service::service_fn;
    use std::convert::Infallible;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
    use tokio::time::Instant;

    /// A connection on which each request is answered at once, and the viewer's side.
    fn connect() -> DuplexStream {
        let (viewer, edge) = tokio::io::duplex(4096);
        let (guarded, state) = Guard::new(edge);
        let service = service_fn(move |_: Request<Incoming>| {
            let _under_way = state.begin();
            let status = match state.head_refusal() {
                Some(refusal) => refusal.status(),
                None => http::StatusCode::OK,
            };
            let mut response = Response::new(Empty::<bytes::Bytes>::new());
            *response.status_mut() = status;
            async { Ok::<_, Infallible>(response) }
        });
        tokio::spawn(http1().serve_connection(TokioIo::new(guarded), service));
        viewer
    }

    /// Reads to the connection's end, and returns how long that took.
    async fn until_closed(viewer: &mut DuplexStream) -> (String, Duration) {
        let began = Instant::now();
        let mut text = String::new();
        viewer.read_to_string(&mut text).await.expect("text");
        (text, began.elapsed())
    }

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    #[tokio::test(start_paused = true)]
    async fn a_silent_connection_is_closed_after_the_timeout() {
        let mut viewer = connect();
        let (text, took) = until_closed(&mut viewer).await;
        assert_eq!((text.as_str(), took), ("", HEAD_TIMEOUT));
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_trickles_is_given_up_after_the_timeout() {
        let mut viewer = connect();
        let began = Instant::now();
        for byte in b"GET / HTTP/1.1\r\nHost: a\r\nX: y" {
            tokio::time::sleep(Duration::from_millis(900)).await;
            viewer.write_all(&[*byte]).await.expect("it is open");
        }
        until_closed(&mut viewer).await;
        assert_eq!(began.elapsed(), HEAD_TIMEOUT);
    }

    #[tokio::test(start_paused = true)]
    async fn each_request_starts_the_timeout_anew() {
        let mut viewer = connect();
        for _ in 0..5 {
            tokio::time::sleep(HEAD_TIMEOUT - Duration::from_secs(1)).await;
            viewer.write_all(REQUEST).await.expect("it is open");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let (text, took) = until_closed(&mut viewer).await;
        assert_eq!(text.matches("HTTP/1.1 200").count(), 5);
        let late = HEAD_TIMEOUT.saturating_sub(took);
        assert!(late <= Duration::from_millis(2), "{took:?}");
    }
}
