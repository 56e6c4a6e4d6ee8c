//! The head of a stored response: everything that is known about it except its body.
//!
//! The response's fields are read once, when it is stored or freshened. A hit looks at plain numbers and flags, and allocates
//! nothing.

use crate::lifetime::LifetimeSource;
use crate::time::Time;
use http::{HeaderMap, HeaderName, StatusCode};

/// A stored response without its body. Kept behind an `Arc`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The status code.
    pub status: StatusCode,
    /// The end-to-end fields as received, without Age and without the fields that `no-cache` and `private` name.
    pub fields: HeaderMap,
    /// The trailer section, where there was one.
    pub trailers: Option<HeaderMap>,
    /// The time when the request for it, or for its last validation, went out.
    pub request_time: Time,
    /// The time when its head, or that of its last validation, arrived.
    pub response_time: Time,
    /// The time when the origin made it: its Date, or `response_time` without a usable one. The newest of several variants is used.
    pub date: Time,
    /// The age at `response_time`, in milliseconds (`corrected_initial_age`, RFC 9111, section 4.2.3).
    pub initial_age_ms: u64,
    /// The freshness lifetime within the policy's bounds, in seconds since it was made (RFC 9111, section 4.2.1).
    pub lifetime: u64,
    /// The source of the lifetime.
    pub lifetime_source: LifetimeSource,
    /// Seconds after the lifetime in which it may be used while it is fetched anew (RFC 5861, section 3).
    pub stale_while_revalidate: Option<u64>,
    /// Seconds after the lifetime in which it may be used when the origin fails (RFC 5861, section 4).
    pub stale_if_error: Option<u64>,
    /// The directives that count when it is reused.
    pub directives: StoredDirectives,
    /// The request fields that its Vary nominates, as they were in the request that it answered (RFC 9111, section 4.1).
    /// [`crate::may_store`] takes them from the viewer's; a caller that sends origins something else puts that in their place.
    pub vary: Vec<Nominated>,
    /// The names that it can be invalidated by.
    pub tags: Vec<String>,
    /// The part of the content that is stored.
    pub body: StoredBody,
    /// Marked stale by a soft invalidation: only stale uses are left until it is validated.
    pub invalidated_softly: bool,
}

/// One request field that a stored response's Vary nominates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nominated {
    /// The field.
    pub name: HeaderName,
    /// Its value in normal form; `None` if the request had no such field, which only its absence matches.
    pub value: Option<Box<[u8]>>,
}

/// The part of a response's content that is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredBody {
    /// All of it.
    Complete {
        /// Bytes, where the fields say it. The store knows the real length once the body has arrived.
        length: Option<u64>,
    },
    /// One range of it (RFC 9111, section 3.3).
    Partial {
        /// Position of the first stored byte.
        first: u64,
        /// Position of the last stored byte.
        last: u64,
        /// Length of the whole, where known.
        complete_length: Option<u64>,
    },
}

impl StoredBody {
    /// Returns the length of what is stored, in bytes, if the fields say it.
    pub fn length(&self) -> Option<u64> {
        match self {
            StoredBody::Complete { length } => *length,
            StoredBody::Partial { first, last, .. } => last.checked_sub(*first)?.checked_add(1),
        }
    }
}

/// The directives that count when a stored response is reused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoredDirectives {
    /// Never used without successful validation (RFC 9111, section 5.2.2.4).
    pub no_cache: bool,
    /// Never used stale (RFC 9111, section 5.2.2.2).
    pub must_revalidate: bool,
    /// Never used stale by a shared cache (RFC 9111, sections 5.2.2.8 and 5.2.2.10): `proxy-revalidate` or `s-maxage`.
    pub proxy_revalidate: bool,
    /// Does not change while it is fresh (RFC 8246).
    pub immutable: bool,
}

impl StoredDirectives {
    /// Returns true if the origin forbids stale use (RFC 9111, section 4.2.4).
    pub const fn forbid_stale(self) -> bool {
        self.no_cache || self.must_revalidate || self.proxy_revalidate
    }
}

impl Stored {
    /// Returns true if it has an ETag or a Last-Modified to ask the origin with.
    pub fn has_validator(&self) -> bool {
        self.fields.contains_key(http::header::ETAG)
            || self.fields.contains_key(http::header::LAST_MODIFIED)
    }

    /// Returns true if the whole content is stored.
    pub const fn is_complete(&self) -> bool {
        matches!(self.body, StoredBody::Complete { .. })
    }
}
