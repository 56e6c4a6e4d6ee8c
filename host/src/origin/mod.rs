//! The origin side: connections that are kept and reused, attempts, timeouts, and whom to blame.
//!
//! The pipeline's fetch stage hands over a finished request; this module decides which connection carries it, how
//! often it is tried, and how long each step may take, as CloudFront's origin settings say (connection attempts,
//! connection timeout, read timeout, keep-alive timeout). HTTP/1.1 only (RFC 9112).

mod address;
mod body;
mod connect;
mod error;
mod framing;
mod head;
mod health;
#[cfg(test)]
pub(crate) mod in_memory;
mod outgoing;
mod pool;
mod send;
#[cfg(test)]
mod tests;
mod tls;
mod watched;

pub use body::OriginBody;
pub use error::OriginError;
pub use outgoing::OutgoingBody;
pub use send::Sent;
pub use tls::Tls;

use crate::config;
use http::Version;
use std::sync::Arc;

/// The version that is spoken with origins.
pub const VERSION: Version = Version::HTTP_11;

/// One origin of a distribution with its pool of connections.
pub struct Origin {
    settings: config::Origin,
    plain: pool::Pool,
    secure: pool::Pool,
    tls: Arc<Tls>,
    reach: Reach,
    health: health::Health,
}

/// Which addresses may be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All.
    Anywhere,
    /// Public ones, checked after the name has been resolved.
    PublicOnly,
}

impl Origin {
    /// An origin without any connection yet.
    pub fn new(settings: config::Origin, tls: Arc<Tls>) -> Origin {
        Origin::reaching(settings, tls, Reach::Anywhere)
    }

    /// As [`Origin::new`], within this reach.
    pub fn reaching(settings: config::Origin, tls: Arc<Tls>, reach: Reach) -> Origin {
        let idle = settings.keepalive_timeout;
        Origin {
            settings,
            plain: pool::Pool::new(idle),
            secure: pool::Pool::new(idle),
            tls,
            reach,
            health: health::Health::default(),
        }
    }

    /// Its configuration.
    pub fn settings(&self) -> &config::Origin {
        &self.settings
    }

    /// The id by which behaviors and plugins name it.
    pub fn id(&self) -> &str {
        &self.settings.id
    }

    /// Closes the connections that have been idle for longer than the keep-alive timeout.
    pub fn close_idle(&self) {
        self.plain.close_idle();
        self.secure.close_idle();
    }

    /// Returns true if it could not be reached at the last try.
    pub(crate) fn is_unreachable(&self) -> bool {
        self.health.is_unreachable()
    }

    /// Returns true if it is time to try it (again); for an unreachable origin true once in a while.
    pub(crate) fn may_try(&self) -> bool {
        self.health.may_try()
    }

    fn pool(&self, secure: bool) -> &pool::Pool {
        if secure { &self.secure } else { &self.plain }
    }
}
