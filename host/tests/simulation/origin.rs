//! The scripted origin: real connections on loopback, answers as the resources' states say, and a log of what it sent.
//!
//! Each response has `X-Sent` with the number of its entry in the log. Since a cache keeps fields with the response, and
//! takes over those of a confirmation, that number says of anything that a viewer gets when the origin last vouched for it.

mod connection;
mod request;
mod response;

pub(crate) use response::Exchange;

use crate::content::RESOURCES;
use crate::state::State;
use selvedge::observe::clock::Clock;
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};

/// Where the origin stops and waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Before it answers.
    Head,
    /// In the middle of the body.
    Body,
}

pub(crate) struct Inner {
    pub(crate) states: Vec<State>,
    pub(crate) log: Vec<Exchange>,
    /// Requests that arrived, for each resource.
    pub(crate) arrived: Vec<u64>,
    /// Requests that got no response, for each resource.
    pub(crate) failed: Vec<u64>,
    /// Fetches that should have been one.
    pub(crate) crowds: Vec<String>,
    /// All of them.
    pub(crate) arrivals: u64,
    /// True if something happens because of which requests that look alike may not share a fetch.
    pub(crate) is_disturbed: bool,
    /// Where the origin hangs: it says nothing more there, ever.
    pub(crate) hangs: Option<(usize, Gate)>,
    /// Requests for which it hangs.
    pub(crate) hanging: usize,
    in_flight: HashMap<String, usize>,
    gate: Option<(usize, Gate)>,
    held: usize,
}

pub(crate) struct Origin {
    shared: Arc<Shared>,
    address: SocketAddr,
    serving: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
    reserved: Option<TcpSocket>,
}

struct Shared {
    inner: Mutex<Inner>,
    changed: watch::Sender<()>,
    clock: Arc<Clock>,
    start: u64,
}

impl Origin {
    pub(crate) async fn start(states: Vec<State>, clock: Arc<Clock>) -> Origin {
        let count = states.len();
        let shared = Arc::new(Shared {
            start: clock.now().0,
            inner: Mutex::new(Inner {
                states,
                log: Vec::new(),
                arrived: vec![0; count],
                arrivals: 0,
                is_disturbed: false,
                hangs: None,
                hanging: 0,
                failed: vec![0; count],
                crowds: Vec::new(),
                in_flight: HashMap::new(),
                gate: None,
                held: 0,
            }),
            changed: watch::channel(()).0,
            clock,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let mut origin = Origin {
            shared,
            address,
            serving: None,
            reserved: None,
        };
        origin.serve(listener);
        origin
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.shared.lock()
    }

    pub(crate) fn is_up(&self) -> bool {
        self.serving.is_some()
    }

    /// Ends all connections; new ones are refused.
    pub(crate) async fn down(&mut self) {
        if let Some((stop, serving)) = self.serving.take() {
            let _ = stop.send(());
            let _ = serving.await;
            // Bound but not listening: refuses connections, and nobody else gets the port.
            let socket = TcpSocket::new_v4().expect("a socket");
            socket.set_reuseaddr(true).expect("a socket option");
            socket.bind(self.address).expect("the port that was ours");
            self.reserved = Some(socket);
        }
    }

    pub(crate) fn up(&mut self) {
        if let Some(socket) = self.reserved.take() {
            self.serve(socket.listen(64).expect("a bound socket listens"));
        }
    }

    fn serve(&mut self, listener: TcpListener) {
        let shared = self.shared.clone();
        let (stop, mut stopped) = oneshot::channel();
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    Ok((stream, _)) = listener.accept() => {
                        connections.spawn(shared.clone().connection(stream));
                        while connections.try_join_next().is_some() {}
                    }
                    _ = &mut stopped => break,
                }
            }
            drop(listener);
            connections.shutdown().await;
        });
        self.serving = Some((stop, serving));
    }

    /// From now on requests for this resource stop there.
    pub(crate) fn close_gate(&self, resource: usize, gate: Gate) {
        self.inner().gate = Some((resource, gate));
    }

    pub(crate) fn open_gate(&self) {
        self.inner().gate = None;
        self.shared.changed.send_replace(());
    }

    /// Waits until something is true of the origin, for ten seconds at most; whether it is.
    pub(crate) async fn until(&self, holds: impl Fn(&Inner) -> bool) -> bool {
        let mut changed = self.shared.changed.subscribe();
        let reached = async {
            while !holds(&self.inner()) {
                // It may be about something else that changes, so look again now and then.
                let _ = tokio::time::timeout(Duration::from_millis(2), changed.changed()).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), reached)
            .await
            .is_ok()
    }
}

impl Inner {
    pub(crate) fn under_way(&self) -> usize {
        self.in_flight.values().sum()
    }

    /// A whole response that was sent twice since this entry of the log, although the first one could be shared and kept.
    pub(crate) fn sent_twice(&self, since: usize) -> Option<&str> {
        let mut seen = HashSet::new();
        let whole = self.log.iter().skip(since).filter(|exchange| {
            RESOURCES[exchange.resource].is_steady
                && exchange.status == 200
                && exchange.asked.starts_with("GET")
        });
        whole
            .map(|exchange| exchange.asked.as_str())
            .find(|asked| !asked.contains("range=") && !seen.insert(*asked))
    }

    /// Returns true if a request waits at the gate.
    pub(crate) fn is_held(&self) -> bool {
        self.held > 0
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
