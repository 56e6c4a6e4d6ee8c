//! Asking the origin whether a stored response is still good, and taking its answer (RFC 9111, section 4.3).

use crate::age;
use crate::connection::end_to_end;
use crate::etag::EntityTag;
use crate::lifetime::LifetimeSource;
use crate::message::{Request, Response};
use crate::overrides::Overrides;
use crate::policy::Policy;
use crate::stored::Stored;
use crate::storing;
use crate::terms::Terms;
use http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, DATE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    LAST_MODIFIED,
};
use http::{HeaderMap, HeaderName};

/// The condition fields for a request that validates the stored response (RFC 9111, section 4.3.1): its ETag as
/// If-None-Match, its Last-Modified as If-Modified-Since.
///
/// `None` if it has neither, and if only a part is stored: a confirmation would not bring the missing bytes.
pub fn validation_fields(stored: &Stored) -> Option<HeaderMap> {
    if !stored.is_complete() {
        return None;
    }
    let mut conditions = HeaderMap::new();
    if EntityTag::of(&stored.fields).is_some()
        && let Some(tag) = stored.fields.get(ETAG)
    {
        conditions.insert(IF_NONE_MATCH, tag.clone());
    }
    if let Some(modified) = stored.fields.get(LAST_MODIFIED) {
        conditions.insert(IF_MODIFIED_SINCE, modified.clone());
    }
    (!conditions.is_empty()).then_some(conditions)
}

/// The effect of an answer on a stored response.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "made once per validation and taken apart at once"
)]
pub enum Freshen {
    /// It is confirmed; this head replaces the old one.
    Updated(Stored),
    /// The answer is about another representation: it is fetched anew, without conditions.
    NotThisOne,
}

/// Takes a 304 for a stored response (RFC 9111, sections 4.3.4 and 3.2).
///
/// A 304 without validators confirms the stored response too: the request for it had no conditions but this response's.
/// If the updated response could not be stored now (it has become `private`, for instance), it keeps no freshness and needs
/// validation at each use.
pub fn freshen(
    stored: &Stored,
    request: &Request<'_>,
    received: &Response<'_>,
    policy: &Policy,
    overrides: &Overrides,
) -> Freshen {
    if !is_about(stored, received.fields) {
        return Freshen::NotThisOne;
    }
    Freshen::Updated(updated(stored, request, received, policy, overrides))
}

/// Takes a 200 to a HEAD request for a stored response to GET (RFC 9111, section 4.3.5). On [`Freshen::NotThisOne`] the
/// stored response is out of date, and is to be treated as stale.
pub fn freshen_by_head(
    stored: &Stored,
    request: &Request<'_>,
    received: &Response<'_>,
    policy: &Policy,
    overrides: &Overrides,
) -> Freshen {
    let same = |name: HeaderName| match received.fields.get(&name) {
        Some(value) => stored.fields.get(&name) == Some(value),
        None => true,
    };
    if received.status != stored.status
        || ![ETAG, LAST_MODIFIED, CONTENT_LENGTH].into_iter().all(same)
    {
        return Freshen::NotThisOne;
    }
    Freshen::Updated(updated(stored, request, received, policy, overrides))
}

/// Returns true if a 304 with these fields is about the stored response: by ETag, else by Last-Modified (RFC 9111, section
/// 4.3.4).
///
/// A strong tag and a weak one with the same opaque text confirm each other if the whole content is stored: the bytes that are
/// sent are then of one response. Parts are combined, so they need the strong comparison.
fn is_about(stored: &Stored, fields: &HeaderMap) -> bool {
    let modified = || match (fields.get(LAST_MODIFIED), stored.fields.get(LAST_MODIFIED)) {
        (Some(theirs), Some(ours)) => theirs == ours,
        _ => true,
    };
    match (EntityTag::of(fields), EntityTag::of(&stored.fields)) {
        (Some(theirs), Some(ours)) if stored.is_complete() => theirs.weak_eq(&ours),
        (Some(theirs), Some(ours)) => theirs.strong_eq(&ours),
        (Some(_), None) => fields.contains_key(LAST_MODIFIED) && modified(),
        (None, _) => modified(),
    }
}

/// The stored response with the newer fields (RFC 9111, section 3.2) and the terms that they give.
fn updated(
    stored: &Stored,
    request: &Request<'_>,
    received: &Response<'_>,
    policy: &Policy,
    overrides: &Overrides,
) -> Stored {
    let fields = merged(stored, received);
    let newer = Response {
        status: stored.status,
        fields: &fields,
        request_time: received.request_time,
        response_time: received.response_time,
    };
    let overrides = &with_known_tags(stored, overrides);
    let head = Terms::of(request, &newer, policy, overrides)
        .and_then(|terms| storing::head(terms, &newer, policy, overrides, stored.body));
    match head {
        Ok(head) if !overrides.dont_store => Stored {
            trailers: stored.trailers.clone(),
            ..head
        },
        _ => unusable(stored, &newer),
    }
}

/// The stored fields with the newer ones in their place, except those that describe the stored bytes.
fn merged(stored: &Stored, received: &Response<'_>) -> HeaderMap {
    let mut newer = received.fields.clone();
    end_to_end(&mut newer);
    for name in [CONTENT_LENGTH, CONTENT_ENCODING, CONTENT_RANGE] {
        newer.remove(name);
    }
    if is_weak(&stored.fields) && !is_weak(&newer) {
        // The stored bytes may differ from those that the strong tag is about.
        newer.remove(ETAG);
    }
    let mut fields = stored.fields.clone();
    // An answer without Date was made now, not when the stored response was.
    fields.remove(DATE);
    for name in newer.keys() {
        fields.remove(name);
    }
    fields.extend(newer);
    fields
}

fn is_weak(fields: &HeaderMap) -> bool {
    EntityTag::of(fields).is_some_and(|tag| tag.is_weak())
}

/// A ttl hook that sets no tags now leaves the tags that it set when the response was stored.
fn with_known_tags(stored: &Stored, overrides: &Overrides) -> Overrides {
    let mut overrides = overrides.clone();
    if overrides.tags.is_empty() {
        overrides.tags.clone_from(&stored.tags);
    }
    overrides
}

/// A response that is confirmed, and must not be used again without validation.
fn unusable(stored: &Stored, newer: &Response<'_>) -> Stored {
    let mut unusable = stored.clone();
    unusable.fields = newer.fields.clone();
    unusable.fields.remove(http::header::AGE);
    unusable.date = storing::dated(&mut unusable.fields, newer);
    unusable.request_time = newer.request_time;
    unusable.response_time = newer.response_time;
    unusable.initial_age_ms = age::initial_age_ms(newer);
    unusable.lifetime = 0;
    unusable.lifetime_source = LifetimeSource::None;
    unusable.stale_while_revalidate = None;
    unusable.stale_if_error = None;
    unusable.directives.no_cache = true;
    unusable.invalidated_softly = false;
    unusable
}

#[cfg(test)]
mod tests;
