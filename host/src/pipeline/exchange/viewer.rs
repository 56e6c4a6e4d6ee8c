//! The viewer's side of a connection, as the pipeline sees it.

use http::StatusCode;
use std::net::SocketAddr;
use std::sync::Arc;

/// A viewer.
#[derive(Clone)]
pub struct Viewer {
    /// The address that the connection comes from.
    pub address: SocketAddr,
    /// The connection itself.
    pub connection: Arc<dyn Connection>,
}

/// The part of a viewer's connection that the pipeline needs.
pub trait Connection: Send + Sync {
    /// Lets everything through from the end of the present request on; `false` where the viewer has sent more than it should.
    fn become_tunnel(&self) -> bool;
}

/// A request that the connection's guard refused before it could be read as one.
#[derive(Clone, Copy, Debug)]
pub struct Malformed<'a> {
    /// 400, 414, 431 or 501.
    pub status: StatusCode,
    /// The word for logs and metrics.
    pub reason: &'static str,
    /// The sentence for the viewer.
    pub text: &'a str,
}
