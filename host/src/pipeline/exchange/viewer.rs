//! The viewer's side of a connection, as the pipeline sees it.

use http::StatusCode;
use selvedge_runtime::{Scheme, TlsFacts};
use std::net::SocketAddr;
use std::sync::Arc;

/// A viewer, and how it asks. One value serves all requests of a connection, unless a proxy in front says otherwise.
#[derive(Clone)]
pub struct Viewer {
    /// The viewer's address: the connection's, or what a trusted proxy says.
    pub address: SocketAddr,
    /// How the viewer asks, up to the proxy in front where there is a trusted one.
    pub scheme: Scheme,
    /// Facts of the viewer's TLS connection, shared by its requests; `None` where it is not TLS, or ends in front.
    pub tls: Option<Arc<TlsFacts>>,
    /// The way out of HTTP; `None` where the protocol has none.
    pub tunnel: Option<Arc<dyn Tunnel>>,
}

impl Viewer {
    /// A viewer at this address that speaks plain HTTP and can't leave it.
    pub fn plain(address: SocketAddr) -> Viewer {
        Viewer {
            address,
            scheme: Scheme::Http,
            tls: None,
            tunnel: None,
        }
    }
}

/// A connection that can leave HTTP.
pub trait Tunnel: Send + Sync {
    /// Lets everything through from the end of the present request on. Returns false where the viewer has sent more than it
    /// should.
    fn open(&self) -> bool;
}

/// A request that was refused before it could be read as one, or since it breaks a rule of messages.
#[derive(Clone, Copy, Debug)]
pub struct Malformed<'a> {
    /// 400, 403, 414, 431, 501 or 505.
    pub status: StatusCode,
    /// The word for logs and metrics.
    pub reason: &'static str,
    /// The text for the viewer.
    pub text: &'a str,
}
