//! The answer to a request as a look-up or a fetch gave it, before it is made into a response to the viewer.

use super::content::Content;
use super::prepared::Prepared;
use http::HeaderMap;
use selvedge_caching::Stored;
use selvedge_caching::cache_status::{CacheStatus, Fwd};
use selvedge_store::Variant;
use std::sync::Arc;

/// Why the origin is asked: RFC 9211's word and one of ours.
#[derive(Clone, Copy)]
pub(crate) struct Miss {
    pub(crate) why: Fwd,
    pub(crate) detail: Option<&'static str>,
}

/// The answer to a request.
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
    /// A stored response that answers without anybody being asked. `ttl` is its freshness left, in seconds.
    pub(crate) fn hit(variant: Variant, ttl: i64, detail: Option<&'static str>) -> Obtained {
        let cache = CacheStatus {
            hit: true,
            ttl: Some(ttl),
            detail,
            ..CacheStatus::default()
        };
        Obtained::stored(variant.head.clone(), Content::Complete(variant), cache)
    }

    pub(crate) fn stored(head: Arc<Stored>, content: Content, cache: CacheStatus) -> Obtained {
        Obtained::Stored(FromStore {
            head,
            content,
            cache,
            sent: None,
        })
    }
}
