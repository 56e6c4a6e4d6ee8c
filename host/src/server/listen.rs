//! Listeners: accept until told to stop, then let what runs finish within a bounded time.

use super::admission::{Admission, Bounds, Full};
use super::connection;
use crate::pipeline::Edge;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// After a failed accept (out of file handles, for instance) the listener waits this long before the next.
const AFTER_FAILURE: Duration = Duration::from_millis(50);

/// A bound listener.
pub struct Listening {
    listener: TcpListener,
    address: SocketAddr,
}

impl Listening {
    /// Where it listens; the real port where 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The listener itself.
    pub fn into_inner(self) -> TcpListener {
        self.listener
    }
}

/// Binds one address.
///
/// # Errors
/// The system's, for instance that the port is taken.
pub fn bind(address: SocketAddr) -> io::Result<Listening> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    let listener = socket.listen(1024)?;
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
                Ok((stream, address)) => match admission.admit(bounds(&edge), address.ip()) {
                    Ok(admitted) => {
                        connections.spawn(connection::serve(
                            edge.clone(),
                            stream,
                            address,
                            admitted,
                            closing.clone(),
                        ));
                    }
                    Err(full) => refusals.one(&edge, full, address),
                },
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

/// What the server file in force allows.
fn bounds(edge: &Edge) -> Bounds {
    let plan = edge.plan();
    let server = plan.server();
    Bounds {
        all: server.max_connections,
        of_address: server.max_connections_per_address,
    }
}

/// Connections that one listener closed unread. Each is counted; the log says it once in a while, since it may be hostile.
#[derive(Default)]
struct Refusals {
    said: Option<Instant>,
    unsaid: u64,
}

/// The log names refused connections no more often than this.
const BETWEEN_WARNINGS: Duration = Duration::from_secs(10);

impl Refusals {
    fn one(&mut self, edge: &Edge, full: Full, address: SocketAddr) {
        let (key, word) = match full {
            Full::All => ("max_connections", "all"),
            Full::Address => ("max_connections_per_address", "address"),
        };
        edge.metrics().refused_connection(word);
        self.unsaid += 1;
        if self
            .said
            .is_some_and(|said| said.elapsed() < BETWEEN_WARNINGS)
        {
            return;
        }
        tracing::warn!(
            target: "viewer",
            viewer = %address,
            refused = self.unsaid,
            "a connection is closed unread: there are as many as `{key}` of the server file allows"
        );
        (self.said, self.unsaid) = (Some(Instant::now()), 0);
    }
}
