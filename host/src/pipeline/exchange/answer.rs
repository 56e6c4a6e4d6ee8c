//! The answer of a fetch, for all who wait for it.

use super::reasons::FailureReason;
use super::source::Trailers;
use crate::observe::access::HookRecord;
use bytes::Bytes;
use selvedge_caching::{OriginTrouble, Stored};
use selvedge_store::{Follow, Variant};
use std::sync::Arc;

/// The work of the fetch side, for the access line of the request that led it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    pub(crate) hooks: Vec<HookRecord>,
    pub(crate) origin: Option<String>,
    /// The status that the origin sent (Cache-Status `fwd-status`).
    pub(crate) status: Option<u16>,
}

/// The answer of a fetch for all who wait for it.
#[derive(Clone)]
pub(crate) enum Answer {
    /// A new stored response whose body may still be arriving.
    Filling {
        head: Arc<Stored>,
        /// The notes that are stored beside the head.
        notes: Bytes,
        body: Follow,
        trailers: Trailers,
        report: Arc<Report>,
    },
    /// A stored response: confirmed by the origin, or used although stale since the origin failed.
    Stored {
        variant: Variant,
        use_of: StoredUse,
        report: Arc<Report>,
    },
    /// The response was for the request that led only.
    NotShareable,
    /// There is no response.
    Failed(Failure),
}

/// Why a stored response answers after a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoredUse {
    /// The origin confirmed it.
    Validated,
    /// The origin failed (RFC 5861, section 4).
    StaleOnError {
        /// The kind of failure.
        trouble: OriginTrouble,
        /// The word for Cache-Status.
        word: &'static str,
    },
}

/// A fetch without a response to show.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) reason: FailureReason,
    pub(crate) report: Arc<Report>,
}
