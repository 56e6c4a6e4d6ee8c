//! What a look-up or a fetch gave for a request, before it is made into a response to the viewer.

use super::Edge;
use super::receive::Received;
use super::respond::{self, Content, Prepared};
use http::HeaderMap;
use selvedge_caching::Stored;
use selvedge_caching::cache_status::CacheStatus;
use std::sync::Arc;

/// What answers a request.
pub(crate) enum Obtained {
    /// A stored response, or one that is being stored.
    Stored(FromStore),
    /// Anything else, ready for the viewer.
    Other(Prepared),
}

/// A stored response, or one that is being stored, and how it was come by.
pub(crate) struct FromStore {
    pub(crate) head: Arc<Stored>,
    pub(crate) content: Content,
    pub(crate) cache: CacheStatus,
    /// The fields as the origin sent them, where not all of them are stored and they came for this request.
    pub(crate) sent: Option<HeaderMap>,
}

impl Obtained {
    pub(crate) fn stored(head: Arc<Stored>, content: Content, cache: CacheStatus) -> Obtained {
        Obtained::Stored(FromStore {
            head,
            content,
            cache,
            sent: None,
        })
    }

    /// The response to the request that asked for it.
    pub(crate) fn respond(self, edge: &Edge, received: &Received) -> Prepared {
        match self {
            Obtained::Stored(stored) => stored.respond(edge, received),
            Obtained::Other(prepared) => prepared,
        }
    }
}

impl FromStore {
    /// The response to a request: the whole or what it asks for of it.
    pub(crate) fn respond(self, edge: &Edge, received: &Received) -> Prepared {
        let mut prepared =
            respond::from_stored(edge, received, &self.head, self.content, self.cache);
        if let Some(sent) = self.sent {
            respond::add_missing(&mut prepared, &sent);
        }
        prepared
    }
}
