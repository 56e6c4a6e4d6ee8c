//! Idle connections to one origin, the one used last taken first.

use super::body::OutgoingBody;
use hyper::client::conn::http1::SendRequest;
use parking_lot::Mutex;
use std::time::{Duration, Instant};

/// More idle connections than this are not kept for one origin.
const MOST_IDLE: usize = 256;

/// The sending half of a connection.
pub(crate) type Sender = SendRequest<OutgoingBody>;

/// Keeps connections for as long as the origin's keep-alive timeout allows.
pub(crate) struct Pool {
    idle: Mutex<Vec<(Instant, Sender)>>,
    keep: Duration,
}

impl Pool {
    pub(crate) fn new(keep: Duration) -> Pool {
        Pool {
            idle: Mutex::new(Vec::new()),
            keep,
        }
    }

    /// A connection that was open a moment ago; `None` where there is none and a new one has to be made.
    pub(crate) fn take(&self) -> Option<Sender> {
        let mut idle = self.idle.lock();
        while let Some((since, sender)) = idle.pop() {
            if since.elapsed() < self.keep && !sender.is_closed() {
                return Some(sender);
            }
        }
        None
    }

    /// Keeps a connection whose response has been read to its end.
    pub(crate) fn put(&self, sender: Sender) {
        if sender.is_closed() {
            return;
        }
        let mut idle = self.idle.lock();
        if idle.len() < MOST_IDLE {
            idle.push((Instant::now(), sender));
        }
    }

    pub(crate) fn close_idle(&self) {
        let keep = self.keep;
        self.idle
            .lock()
            .retain(|(since, sender)| since.elapsed() < keep && !sender.is_closed());
    }
}
