//! Listeners: accept until told to stop, then let what runs finish within a bounded time.

use super::admission::{Admission, Full, Limits};
use super::{connection, forwarded};
use crate::config::Network;
use crate::pipeline::Edge;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The wait after a failed accept (out of file handles, for instance).
const AFTER_FAILURE: Duration = Duration::from_millis(50);

/// Largest backlog: what systems take is a signed 32-bit number, and more than this is never of use.
const MAX_BACKLOG: u32 = 65_535;

/// A bound listener.
pub struct Listening {
    listener: TcpListener,
    address: SocketAddr,
}

impl Listening {
    /// Returns its address, with the real port where 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The listener itself.
    pub fn into_inner(self) -> TcpListener {
        self.listener
    }
}

/// Binds one address. `backlog` connections may wait to be accepted; the system may allow fewer.
///
/// # Errors
/// The system's, for instance that the port is taken.
pub fn bind(address: SocketAddr, backlog: usize) -> io::Result<Listening> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    let listener = socket.listen(u32::try_from(backlog).unwrap_or(u32::MAX).min(MAX_BACKLOG))?;
    let address = listener.local_addr()?;
    Ok(Listening { listener, address })
}

/// Serves viewers until `closing` turns true. Then no further connection is accepted, idle ones are closed, and requests
/// under way have `grace` to finish; how many connections were cut off is returned.
pub async fn serve(
    edge: Arc<Edge>,
    listeners: Vec<Listening>,
    closing: watch::Receiver<bool>,
    grace: Duration,
) -> usize {
    let mut accepting = JoinSet::new();
    let admission = Arc::new(Admission::default());
    for listening in listeners {
        accepting.spawn(accept(
            edge.clone(),
            listening.listener,
            admission.clone(),
            closing.clone(),
        ));
    }
    let mut connections = Vec::new();
    while let Some(Ok(of_one)) = accepting.join_next().await {
        connections.push(of_one);
    }
    let deadline = tokio::time::Instant::now() + grace;
    let mut cut_off = 0;
    for mut of_one in connections {
        let all = async { while of_one.join_next().await.is_some() {} };
        if tokio::time::timeout_at(deadline, all).await.is_err() {
            cut_off += of_one.len();
            of_one.shutdown().await;
        }
    }
    cut_off
}

async fn accept(
    edge: Arc<Edge>,
    listener: TcpListener,
    admission: Arc<Admission>,
    mut closing: watch::Receiver<bool>,
) -> JoinSet<()> {
    let mut connections = JoinSet::new();
    let mut refusals = Refusals::default();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => {
                    let address = SocketAddr::new(address.ip().to_canonical(), address.port());
                    let Terms { limits, proxies } = terms(&edge, address);
                    match admission.admit(limits, address.ip()) {
                        Ok(admitted) => {
                            connections.spawn(connection::serve(
                                edge.clone(),
                                stream,
                                address,
                                proxies,
                                admitted,
                                closing.clone(),
                            ));
                        }
                        Err(full) => refusals.one(&edge, full, address),
                    }
                }
                Err(error) => {
                    tracing::warn!(target: "viewer", "a connection could not be accepted: {error}");
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            () = connection::until_closing(&mut closing) => return connections,
        }
    }
}

/// Terms on which a connection is taken.
struct Terms {
    limits: Limits,
    /// The trusted proxies, where the connection comes from one of them.
    proxies: Option<Arc<[Network]>>,
}

/// The terms of the server file in force. A trusted proxy brings many viewers, so it has no limit of its own.
fn terms(edge: &Edge, address: SocketAddr) -> Terms {
    let plan = edge.plan();
    let server = plan.server();
    let is_proxy = forwarded::is_trusted(&server.trusted_proxies, address.ip());
    Terms {
        limits: Limits {
            all: server.max_connections,
            of_address: (!is_proxy).then(|| server.connections_per_address()),
        },
        proxies: is_proxy.then(|| server.trusted_proxies.clone()),
    }
}

/// Connections that one listener closed unread. Each is counted. The log says it once in a while, since it may be hostile.
#[derive(Default)]
struct Refusals {
    warned: Option<Instant>,
    /// Those since the last warning.
    unreported: u64,
}

/// The time between two warnings about refused connections.
const WARNING_INTERVAL: Duration = Duration::from_secs(10);

impl Refusals {
    fn one(&mut self, edge: &Edge, full: Full, address: SocketAddr) {
        let (key, word) = match full {
            Full::All => ("max_connections", "all"),
            Full::Address => ("max_connections_per_address", "address"),
        };
        edge.metrics().refused_connection(word);
        self.unreported += 1;
        if self
            .warned
            .is_some_and(|warned| warned.elapsed() < WARNING_INTERVAL)
        {
            return;
        }
        tracing::warn!(
            target: "viewer",
            viewer = %address,
            refused = self.unreported,
            "a connection is closed unread: as many are open as `{key}` of the server file allows"
        );
        (self.warned, self.unreported) = (Some(Instant::now()), 0);
    }
}
