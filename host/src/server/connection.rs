//! One viewer's connection, from the first byte to the last.

use super::admission::Admitted;
use super::guard::{Guard, GuardState};
use super::lazy_timer::LazyTimer;
use super::message;
use super::patience::Patience;
use crate::pipeline::{self, Edge, Handling, Malformed, Viewer};
use crate::viewer_body::ViewerBody;
use http::Request;
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;

/// A request's head has to arrive within this time, and an idle connection gets its next request within it.
pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// A viewer that reads nothing of a response for this long is given up.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

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

/// Serves a connection until the viewer leaves, or until `closing` turns true: then what runs is finished.
pub(crate) async fn serve(
    edge: Arc<Edge>,
    stream: TcpStream,
    address: SocketAddr,
    admitted: Admitted,
    closing: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let open = Open::new(&edge, admitted);
    let (guarded, state) = Guard::new(Patience::new(stream, READ_TIMEOUT).holding(open));
    let requests = Requests {
        edge: edge.clone(),
        viewer: Viewer {
            address,
            connection: state.clone(),
        },
        state,
    };
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(LazyTimer::default())
        .header_read_timeout(HEAD_TIMEOUT)
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

impl pipeline::Connection for GuardState {
    fn become_tunnel(&self) -> bool {
        GuardState::become_tunnel(self)
    }
}

/// Answers the requests of one connection.
struct Requests {
    edge: Arc<Edge>,
    viewer: Viewer,
    state: Arc<GuardState>,
}

impl Service<Request<Incoming>> for Requests {
    type Response = http::Response<pipeline::Delivery>;
    type Error = Infallible;
    type Future = Handling;

    fn call(&self, request: Request<Incoming>) -> Handling {
        let request = request.map(ViewerBody::from);
        let checked = match self.state.begin_request() {
            Ok(()) => message::check_head(&request),
            Err(refusal) => Err(refusal.reason()),
        };
        match checked {
            Ok(()) => pipeline::handle(&self.edge, &self.viewer, request),
            Err(reason) => {
                let malformed = Malformed {
                    status: reason.status(),
                    reason: reason.as_str(),
                    text: reason.detail(),
                };
                pipeline::refuse(&self.edge, &self.viewer, &request, malformed)
            }
        }
    }
}
