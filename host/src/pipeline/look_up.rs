//! Lookup: is there a stored response for this request, and may it be used (RFC 9111, section 4)?

use super::completion;
use super::edge::Edge;
use super::exchange::{CacheKey, Found, Looked, Received};
use super::invalidations::Standing;
use super::notes::Notes;
use super::sent::Sent;
use http::HeaderName;
use selvedge_caching::cache_status::Fwd;
use selvedge_caching::{Reuse, Stored, ValidateReason};
use selvedge_store::{Entry, Found as InStore, Variant, heads};
use std::sync::Arc;

/// Looks in memory first; only what is on disk takes a wait.
pub(crate) async fn look_up(edge: &Edge, received: &Received, key: &CacheKey) -> Looked {
    let began = edge.invalidations().now();
    let entry = edge.stored(&key.hash).await;
    if let Some(entry) = &entry {
        remove_gone(edge, received, key, entry);
    }
    Looked {
        began,
        found: of_entry(edge, received, key, entry.as_deref()),
    }
}

/// Looks up without a wait; `None` if it may be on disk.
pub(crate) fn in_memory(edge: &Edge, received: &Received, key: &CacheKey) -> Option<Looked> {
    let began = edge.invalidations().now();
    let entry = match edge.look_up(&key.hash) {
        InStore::Memory(entry) => Some(entry),
        InStore::Absent => None,
        InStore::OnDisk => return None,
    };
    let found = of_entry(edge, received, key, entry.as_deref());
    if let (Some(entry), Found::Missing { .. }) = (&entry, &found) {
        remove_gone(edge, received, key, entry);
    }
    Some(Looked { began, found })
}

/// Removes variants that were invalidated.
fn remove_gone(edge: &Edge, received: &Received, key: &CacheKey, entry: &Entry) {
    for variant in entry.variants() {
        if standing(edge, received, key, &variant.head, &variant.notes) == Standing::Gone {
            let (store, key, id) = (edge.store().clone(), key.hash, variant.id);
            edge.spawn(async move { store.remove(&key, Some(id)).await });
        }
    }
}

fn of_entry(edge: &Edge, received: &Received, key: &CacheKey, entry: Option<&Entry>) -> Found {
    match entry {
        Some(entry) => match screened(edge, received, key, entry) {
            None => judge(edge, received, key, entry.variants()),
            Some(left) if left.is_empty() => Found::Missing {
                why: Fwd::UriMiss,
                detail: Some(ValidateReason::Invalidated.as_str()),
                validating: None,
                completing: None,
                nominated: Vec::new(),
            },
            Some(left) => judge(edge, received, key, &left),
        },
        None => missing(Fwd::UriMiss),
    }
}

/// Returns a key's variants without those that were invalidated; `None` if none was.
fn screened(
    edge: &Edge,
    received: &Received,
    key: &CacheKey,
    entry: &Entry,
) -> Option<Vec<Variant>> {
    let standing = |variant: &Variant| standing(edge, received, key, &variant.head, &variant.notes);
    if entry
        .variants()
        .iter()
        .all(|variant| standing(variant) == Standing::Valid)
    {
        return None;
    }
    let mut left = Vec::new();
    for variant in entry.variants() {
        match standing(variant) {
            Standing::Valid => left.push(variant.clone()),
            Standing::Stale { since } => {
                let mut stale = variant.clone();
                stale.head = Arc::new(variant.head.invalidated_softly_at(since));
                left.push(stale);
            }
            Standing::Gone => {}
        }
    }
    Some(left)
}

/// Returns the standing of a stored response for this request: invalidations may know it by the request that it came for, or by
/// this one.
pub(crate) fn standing(
    edge: &Edge,
    received: &Received,
    key: &CacheKey,
    head: &Stored,
    notes: &[u8],
) -> Standing {
    let invalidations = edge.invalidations();
    if Notes::began(notes).is_some_and(|began| !invalidations.any_since(began)) {
        return Standing::Valid;
    }
    let Some(notes) = Notes::decode(notes) else {
        return Standing::Gone;
    };
    let (stored, asked) = (notes.names(), received.names(key));
    let names = [Some(stored), (asked != stored).then_some(asked)];
    invalidations.standing(
        notes.distribution,
        notes.began,
        &head.tags,
        names.into_iter().flatten(),
    )
}

fn judge(edge: &Edge, received: &Received, key: &CacheKey, variants: &[Variant]) -> Found {
    let request = received.request();
    let sent = Sent::of(received, key);
    let Some(index) = selvedge_caching::select_variant(&sent, heads(variants)) else {
        return Found::Missing {
            why: Fwd::VaryMiss,
            detail: None,
            validating: None,
            completing: None,
            nominated: nominated(variants),
        };
    };
    let Some(variant) = variants.get(index).cloned() else {
        return missing(Fwd::VaryMiss);
    };
    if is_mismatched(&variant) {
        return missing(Fwd::UriMiss);
    }
    let policy = received.behavior.policy();
    if Notes::made_by(&variant.notes) != Some(received.behavior.made_by()) {
        // It is there for when the origin fails.
        return Found::Missing {
            why: Fwd::Stale,
            detail: Some("plugin-changed"),
            validating: Some(variant),
            completing: None,
            nominated: Vec::new(),
        };
    }
    match selvedge_caching::may_reuse(&request, &variant.head, policy, edge.clock().now()) {
        Reuse::Fresh { ttl } => Found::Fresh { variant, ttl },
        Reuse::StaleWhileRevalidate { ttl } => Found::Stale { variant, ttl },
        // What is stored does not hold the bytes that are asked for: confirming it would not help, the rest may.
        Reuse::MustValidate(ValidateReason::Partial) => Found::Missing {
            why: Fwd::Partial,
            detail: None,
            validating: None,
            completing: completion::of(&request, variant),
            // Where it can't be completed, its fetch is also that of those who found other variants only.
            nominated: nominated(variants),
        },
        Reuse::MustValidate(reason) => Found::Missing {
            why: fwd(reason),
            detail: Some(reason.as_str()),
            validating: Some(variant),
            completing: None,
            nominated: Vec::new(),
        },
    }
}

/// Returns true for a part that is not as long as its Content-Range says: earlier versions stored such.
fn is_mismatched(variant: &Variant) -> bool {
    let body = &variant.head.body;
    !variant.head.is_complete() && body.length() != Some(variant.length())
}

/// The fields by which any of the variants was chosen.
fn nominated(variants: &[Variant]) -> Vec<HeaderName> {
    let mut names = Vec::new();
    for nominated in heads(variants).flat_map(|head| &head.vary) {
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
        completing: None,
        nominated: Vec::new(),
    }
}

/// Tells if the request or the stored response is the reason why the origin is asked.
fn fwd(reason: ValidateReason) -> Fwd {
    if reason.is_the_requests() {
        Fwd::Request
    } else {
        Fwd::Stale
    }
}
