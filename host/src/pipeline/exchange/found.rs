//! Results of look-ups.

use crate::pipeline::invalidations::Sequence;
use http::{HeaderMap, HeaderName};
use selvedge_caching::cache_status::Fwd;
use selvedge_store::Variant;

/// The result of a look-up.
pub(crate) enum Found {
    /// Use it.
    Fresh { variant: Variant, ttl: i64 },
    /// Use it, and fetch a fresh one in the background (RFC 5861, section 3).
    Stale { variant: Variant, ttl: i64 },
    /// The origin has to be asked.
    Missing {
        why: Fwd,
        detail: Option<&'static str>,
        validating: Option<Variant>,
        /// A stored part that the origin can complete.
        completing: Option<Box<Completing>>,
        /// The request fields that tell the stored variants of this key apart.
        nominated: Vec<HeaderName>,
    },
}

/// A look-up and its moment.
pub(crate) struct Looked {
    /// Before the look-up: a fetch that it leads to counts from then on.
    pub(crate) began: Sequence,
    pub(crate) found: Found,
}

/// A stored part and the fields of the request for what it lacks.
#[derive(Clone)]
pub(crate) struct Completing {
    pub(crate) part: Variant,
    pub(crate) fields: HeaderMap,
}
