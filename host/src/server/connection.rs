//! One viewer's connection, from the first byte to the last.

use super::guard::{Guard, GuardState};
use super::patience::Patience;
use crate::pipeline::{self, Edge, Malformed, Viewer};
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;

/// A request's head has to arrive within this time, and an idle connection gets its next request within it.
pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// A viewer that reads nothing of a response for this long is given up.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// Serves a connection until the viewer leaves, or until `closing` turns true: then what runs is finished.
pub(crate) async fn serve(
    edge: Arc<Edge>,
    stream: TcpStream,
    address: SocketAddr,
    mut closing: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let (guarded, state) = Guard::new(Patience::new(stream, READ_TIMEOUT));
    let viewer = Viewer {
        address,
        connection: state.clone(),
    };
    let service =
        service_fn(|request| answer(edge.clone(), viewer.clone(), state.clone(), request));
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(guarded), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    edge.metrics().connections(1);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = until_closing(&mut closing) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    edge.metrics().connections(-1);
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

async fn answer(
    edge: Arc<Edge>,
    viewer: Viewer,
    state: Arc<GuardState>,
    request: Request<Incoming>,
) -> Result<http::Response<pipeline::Delivery>, Infallible> {
    Ok(match state.begin_request() {
        Ok(()) => pipeline::handle(&edge, viewer, request).await,
        Err(refusal) => {
            let malformed = Malformed {
                status: refusal.status(),
                reason: refusal.reason().as_str(),
                text: refusal.detail(),
            };
            pipeline::refuse(&edge, viewer, &request, malformed)
        }
    })
}
