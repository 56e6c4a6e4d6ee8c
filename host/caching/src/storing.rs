//! The decision to store a response, and the head that is stored (RFC 9111, section 3).
//!
//! Asked after the ttl hooks, before the body arrives. A lifetime that a ttl hook sets is the operator's word in place of
//! the origin's: the response is stored even if its fields say `private` or `no-store`. Other reasons against storing
//! stay: its method, a 1xx, 304, 412 or 416, a part without its position, `Vary: *`.

use crate::age;
use crate::connection::end_to_end;
use crate::content_range::ContentRange;
use crate::directives::RequestDirectives;
use crate::invalidation::is_about_target;
use crate::message::{Request, Response};
use crate::no_store::NoStore;
use crate::overrides::Overrides;
use crate::policy::Policy;
use crate::stored::{Stored, StoredBody};
use crate::terms::Terms;
use crate::time::Time;
use http::header::{AGE, CONTENT_LENGTH, CONTENT_TYPE, DATE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

/// Decides whether the response may be stored, and returns the head to store.
///
/// The head gives the length that the fields give; the store learns the real length. [`Overrides::default`] leaves everything
/// to the policy.
///
/// # Errors
/// The reason why the response is not stored.
pub fn may_store(
    request: &Request<'_>,
    received: &Response<'_>,
    policy: &Policy,
    overrides: &Overrides,
) -> Result<Stored, NoStore> {
    if !is_storable_method(request, received) {
        return Err(NoStore::Method);
    }
    if overrides.dont_store {
        return Err(NoStore::Plugin);
    }
    if !is_storable_status(received.status) {
        return Err(NoStore::Status);
    }
    if policy.honor_viewer_cache_control && RequestDirectives::of_request(request.fields).no_store {
        return Err(NoStore::RequestNoStore);
    }
    let body = body(received)?;
    let terms = Terms::of(request, received, policy, overrides)?;
    if *request.method == Method::POST && !terms.lifetime.source.is_explicit() {
        return Err(NoStore::Method);
    }
    let head = head(terms, received, policy, overrides, body)?;
    if is_of_no_use(&head) {
        return Err(NoStore::NotFresh);
    }
    Ok(head)
}

/// Returns true for GET, and for POST if the response says that its content is that of GET (RFC 9110, section 9.3.3): it is
/// then stored for GET.
fn is_storable_method(request: &Request<'_>, received: &Response<'_>) -> bool {
    match *request.method {
        Method::GET => true,
        Method::POST => received.status == StatusCode::OK && is_about_target(request, received),
        _ => false,
    }
}

/// Returns true for a status that is not interim, not a confirmation, and not about conditions or a range, which the key does
/// not have.
fn is_storable_status(status: StatusCode) -> bool {
    let about_the_request = [
        StatusCode::NOT_MODIFIED,
        StatusCode::PRECONDITION_FAILED,
        StatusCode::RANGE_NOT_SATISFIABLE,
    ];
    status.as_u16() >= 200 && !about_the_request.contains(&status)
}

/// RFC 9111, section 3.3: a 206 is a part, anything else is whole. The position of a part is its Content-Range's; a part with
/// another length has no position.
fn body(received: &Response<'_>) -> Result<StoredBody, NoStore> {
    let length = received
        .fields
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    if received.status != StatusCode::PARTIAL_CONTENT {
        return Ok(StoredBody::Complete { length });
    }
    let part = ContentRange::of(received.fields)
        .filter(|_| !is_multipart(received.fields))
        .ok_or(NoStore::PartUnknown)?;
    let body = StoredBody::Partial {
        first: part.first,
        last: part.last,
        complete_length: part.complete_length,
    };
    if length.is_some() && length != body.length() {
        return Err(NoStore::PartLength);
    }
    Ok(body)
}

/// Returns true for content that is several parts (RFC 9110, section 14.6): Content-Range has no place beside it.
fn is_multipart(fields: &HeaderMap) -> bool {
    fields.get(CONTENT_TYPE).is_some_and(|value| {
        let kind = value.as_bytes().trim_ascii_start();
        let prefix = kind.get(..MULTIPART.len());
        prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(MULTIPART))
    })
}

const MULTIPART: &[u8] = b"multipart/byteranges";

/// Returns true for a response without validator, freshness or stale use: nothing can be done with it.
fn is_of_no_use(head: &Stored) -> bool {
    let fresh = !head.directives.no_cache && head.ttl(head.response_time) > 0;
    let stale = !head.directives.forbid_stale()
        && [head.stale_while_revalidate, head.stale_if_error]
            .into_iter()
            .flatten()
            .any(|window| window > 0);
    !fresh && !stale && !head.has_validator()
}

/// The head that is stored on these terms.
pub(crate) fn head(
    terms: Terms,
    received: &Response<'_>,
    policy: &Policy,
    overrides: &Overrides,
    body: StoredBody,
) -> Result<Stored, NoStore> {
    let mut fields = received.fields.clone();
    end_to_end(&mut fields);
    fields.remove(AGE);
    for name in &terms.left_out {
        fields.remove(name);
    }
    if size(&fields) > policy.max_field_bytes {
        return Err(NoStore::FieldsTooLarge);
    }
    let tags = tags(&fields, policy, overrides)?;
    let date = dated(&mut fields, received);
    Ok(Stored {
        status: received.status,
        fields,
        trailers: None,
        request_time: received.request_time,
        response_time: received.response_time,
        date,
        initial_age_ms: terms.initial_age_ms,
        lifetime: terms.lifetime.seconds,
        lifetime_source: terms.lifetime.source,
        stale_while_revalidate: terms.stale_while_revalidate,
        stale_if_error: terms.stale_if_error,
        directives: terms.directives,
        vary: terms.vary,
        tags,
        body,
        invalidated_softly: false,
    })
}

fn size(fields: &HeaderMap) -> usize {
    // What a field takes on the wire: name, ": ", value, line end.
    fields
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum()
}

/// The response's tags and the ttl hook's, each once.
fn tags(
    fields: &HeaderMap,
    policy: &Policy,
    overrides: &Overrides,
) -> Result<Vec<String>, NoStore> {
    let mut tags: Vec<String> = Vec::new();
    let mut add = |tag: &str| {
        if !tags.iter().any(|known| known == tag) {
            tags.push(tag.to_owned());
        }
        tags.len() <= policy.max_tags
    };
    if let Some(name) = &policy.tag_field {
        for line in fields.get_all(name) {
            let text = String::from_utf8_lossy(line.as_bytes());
            for tag in text.split([' ', '\t', ',']).filter(|tag| !tag.is_empty()) {
                if !add(tag) {
                    return Err(NoStore::TooManyTags);
                }
            }
        }
    }
    for tag in &overrides.tags {
        if !add(tag) {
            return Err(NoStore::TooManyTags);
        }
    }
    Ok(tags)
}

/// The response's Date. One that has none, or none that can be read, gets the time of its arrival (RFC 9110, section 6.6.1).
pub(crate) fn dated(fields: &mut HeaderMap, received: &Response<'_>) -> Time {
    if let Some(date) = age::date(fields) {
        return date;
    }
    if let Ok(value) =
        HeaderValue::try_from(httpdate::fmt_http_date(received.response_time.to_system()))
    {
        fields.insert(DATE, value);
    }
    received.response_time
}

#[cfg(test)]
mod tests;
