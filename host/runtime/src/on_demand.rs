//! Facts of a request that are found only when a hook asks for them, and the answers that guests wait for.

use std::borrow::Cow;
use std::net::IpAddr;
use std::pin::Pin;

use bytes::Bytes;

/// Answer that comes later. Dropping it gives it up.
pub type Waiting<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// An answer that is here, or one to wait for.
pub enum Answer<T> {
    /// It is here: no waiting, nothing allocated for it.
    Now(T),
    /// It will come.
    Later(Waiting<T>),
}

impl<T> Answer<T> {
    pub(crate) async fn wait(self) -> T {
        match self {
            Answer::Now(answer) => answer,
            Answer::Later(waiting) => waiting.await,
        }
    }
}

/// Geographic facts of viewers' addresses, as the request's `geo` gives them. Nothing is looked up unless a hook asks.
pub trait Geo: Send + Sync {
    /// The fact of this name about an address, for instance `country`; `None` where it is not known.
    fn fact(&self, address: IpAddr, name: &str) -> Option<Cow<'_, str>>;
}

/// The body of a request, for hooks that may read it. Nothing is read unless a hook asks.
pub trait ReadBody: Send + Sync {
    /// The whole body if it has at most `max` bytes. What was read stays with the implementation: the same body can be read
    /// again, and goes out to the origin.
    fn read(&self, max: u64) -> Answer<Result<Bytes, BodyRefusal>>;
}

/// Why a hook does not get the request's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyRefusal {
    /// Not at this hook.
    #[error("this hook cannot read the request's body")]
    NotHere,
    /// It is larger than was asked for, or than the host keeps for a hook.
    #[error("the request's body has more than {limit} bytes")]
    TooLarge {
        /// The smaller of what was asked for and what the host allows.
        limit: u64,
    },
    /// The viewer broke off.
    #[error("the request's body was cut off")]
    CutOff,
}

/// A body that is here already.
impl ReadBody for Bytes {
    fn read(&self, max: u64) -> Answer<Result<Bytes, BodyRefusal>> {
        Answer::Now(if self.len() as u64 <= max {
            Ok(self.clone())
        } else {
            Err(BodyRefusal::TooLarge { limit: max })
        })
    }
}
