//! Idle connections to one origin, the one used last taken first.

use super::outgoing::OutgoingBody;
use super::watched::Exchange;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::SendRequest;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Idle connections kept for one origin.
const MAX_IDLE: usize = 256;

/// The sending half of a connection.
pub(crate) struct Connection {
    sender: SendRequest<OutgoingBody>,
    exchange: Arc<Exchange>,
}

impl Connection {
    pub(super) fn new(sender: SendRequest<OutgoingBody>, exchange: Arc<Exchange>) -> Connection {
        Connection { sender, exchange }
    }

    fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Waits until the response before has been read to its end.
    pub(super) async fn ready(&mut self) -> Result<(), hyper::Error> {
        self.sender.ready().await
    }

    /// Sends a request. The head of its response is checked.
    pub(super) fn send(
        &mut self,
        request: Request<OutgoingBody>,
    ) -> impl Future<Output = Result<Response<Incoming>, TrySendError<Request<OutgoingBody>>>> + use<>
    {
        self.exchange.begin();
        self.sender.try_send_request(request)
    }
}

/// Keeps connections for as long as the origin's keep-alive timeout allows.
pub(crate) struct Pool {
    idle: Mutex<Vec<(Instant, Connection)>>,
    keep: Duration,
}

impl Pool {
    pub(crate) fn new(keep: Duration) -> Pool {
        Pool {
            idle: Mutex::new(Vec::new()),
            keep,
        }
    }

    /// Returns a connection that was open a moment ago; `None` if a new one has to be made.
    pub(crate) fn take(&self) -> Option<Connection> {
        let mut idle = self.idle.lock();
        while let Some((since, connection)) = idle.pop() {
            if since.elapsed() < self.keep && !connection.is_closed() {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection whose response has been read to its end.
    pub(crate) fn put(&self, connection: Connection) {
        if connection.is_closed() {
            return;
        }
        let mut idle = self.idle.lock();
        if idle.len() < MAX_IDLE {
            idle.push((Instant::now(), connection));
        }
    }

    pub(crate) fn close_idle(&self) {
        let keep = self.keep;
        self.idle
            .lock()
            .retain(|(since, connection)| since.elapsed() < keep && !connection.is_closed());
    }
}
