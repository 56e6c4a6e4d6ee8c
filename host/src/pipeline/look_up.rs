//! Lookup: is there a stored response for this request, and may it be used (RFC 9111, section 4)?

use super::cache_key::CacheKey;
use super::receive::Received;
use super::Edge;
use http::HeaderName;
use selvedge_caching::cache_status::Fwd;
use selvedge_caching::{Reuse, ValidateReason};
use selvedge_store::{Entry, Found as InStore, Variant};
use std::sync::Arc;

/// What the look-up found.
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
        /// The request fields that tell the stored variants of this key apart.
        nominated: Vec<HeaderName>,
    },
}

/// Looks in memory first; only what is on disk takes a wait.
pub(crate) async fn look_up(edge: &Edge, received: &Received, key: &CacheKey) -> Found {
    let entry = match edge.store().look_up(&key.hash) {
        InStore::Memory(entry) => Some(entry),
        InStore::Absent => None,
        InStore::OnDisk => edge.store().load(&key.hash).await,
    };
    match entry {
        Some(entry) => judge(edge, received, &entry),
        None => missing(Fwd::UriMiss),
    }
}

fn judge(edge: &Edge, received: &Received, entry: &Arc<Entry>) -> Found {
    let request = received.request();
    let Some(index) = selvedge_caching::select_variant(&request, entry.heads()) else {
        return Found::Missing {
            why: Fwd::VaryMiss,
            detail: None,
            validating: None,
            nominated: nominated(entry),
        };
    };
    let Some(variant) = entry.variants().get(index).cloned() else {
        return missing(Fwd::VaryMiss);
    };
    let policy = received.behavior.policy();
    match selvedge_caching::may_reuse(&request, &variant.head, policy, edge.clock().now()) {
        Reuse::Fresh { ttl } => Found::Fresh { variant, ttl },
        Reuse::StaleWhileRevalidate { ttl } => Found::Stale { variant, ttl },
        // What is stored does not hold the bytes that are asked for: confirming it would not help.
        Reuse::MustValidate(ValidateReason::Partial) => missing(Fwd::Partial),
        Reuse::MustValidate(reason) => Found::Missing {
            why: fwd(reason),
            detail: Some(reason.as_str()),
            validating: Some(variant),
            nominated: Vec::new(),
        },
    }
}

/// The fields by which any of the variants was chosen.
fn nominated(entry: &Entry) -> Vec<HeaderName> {
    let mut names = Vec::new();
    for nominated in entry.heads().iter().flat_map(|head| &head.vary) {
        if !names.contains(&nominated.name) {
            names.push(nominated.name.clone());
        }
    }
    names
}

fn missing(why: Fwd) -> Found {
    Found::Missing {
        why,
        detail: None,
        validating: None,
        nominated: Vec::new(),
    }
}

/// Whether the request or the stored response is why the origin is asked.
fn fwd(reason: ValidateReason) -> Fwd {
    if reason.is_the_requests() { Fwd::Request } else { Fwd::Stale }
}
