//! Respond: what the viewer gets, from a stored response, from an origin, or from the host itself.
//!
//! Preconditions and ranges are answered here (RFC 9110, sections 13.2 and 14), and the fields that a cache adds: Age
//! (RFC 9111, section 5.1), Cache-Status (RFC 9211), Via, and X-Cache for people who are used to CloudFront.

use super::edge::Edge;
use super::exchange::{
    Content, FromStore, Obtained, Own, Parts, Prepared, Received, SYNTHETIC, Source, bodiless,
};
use crate::origin;
use http::header::{
    ACCEPT_RANGES, AGE, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderName, HeaderValue, VIA,
};
use http::{HeaderMap, Method, Response, StatusCode};
use selvedge_caching::cache_status::CacheStatus;
use selvedge_caching::multipart::MultipartRanges;
use selvedge_caching::{PartAnswer, Precondition, RangeAnswer, Stored, StoredBody};

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
const X_CACHE: HeaderName = HeaderName::from_static("x-cache");

/// The response to the request that asked for it.
pub(crate) fn obtained(edge: &Edge, received: &Received, obtained: Obtained) -> Prepared {
    match obtained {
        Obtained::Stored(stored) => of_stored(edge, received, stored),
        Obtained::Other(prepared) => prepared,
    }
}

/// The response from a stored response, or from one that is being stored: the whole or what the request asks for of it.
pub(crate) fn of_stored(edge: &Edge, received: &Received, stored: FromStore) -> Prepared {
    let mut prepared = from_stored(edge, received, &stored.head, stored.content, stored.cache);
    if let Some(sent) = stored.sent {
        add_missing(&mut prepared, &sent);
    }
    prepared
}

/// Answers from a stored response.
pub(crate) fn from_stored(
    edge: &Edge,
    received: &Received,
    head: &Stored,
    content: Content,
    cache: CacheStatus,
) -> Prepared {
    let request = received.request();
    let mut fields = head.fields.clone();
    let age = selvedge_caching::current_age(head, edge.clock().now());
    // Age says that a response did not come straight from its origin (RFC 9111, section 5.1).
    if age > 0 || content.was_stored() || cache.hit || cache.collapsed {
        fields.insert(AGE, HeaderValue::from(age));
    }
    let mut prepared = Prepared {
        status: head.status,
        fields,
        body: Source::Empty,
        cache: Some(cache),
        reason: None,
        close: false,
    };
    match selvedge_caching::evaluate_preconditions(&request, head.status, &head.fields) {
        Precondition::Proceed => {}
        Precondition::NotModified => {
            not_modified(&mut prepared);
            return prepared;
        }
        Precondition::Failed => {
            let mut failed = Prepared::text(
                StatusCode::PRECONDITION_FAILED,
                "The stored response does not meet the request's conditions.",
            );
            failed.cache = prepared.cache;
            return failed;
        }
    }
    let Some(length) = content.length() else {
        prepared.fields.remove(CONTENT_LENGTH);
        if *request.method != Method::HEAD {
            prepared.body = content.whole();
        }
        return prepared;
    };
    match head.body {
        StoredBody::Partial {
            first,
            complete_length,
            ..
        } => part(
            &mut prepared,
            received,
            head,
            content,
            first,
            complete_length,
        ),
        StoredBody::Complete { .. } => ranges(&mut prepared, received, head, content, length),
    }
    prepared
}

/// Answers from a stored part (RFC 9111, section 3.3).
fn part(
    prepared: &mut Prepared,
    received: &Received,
    head: &Stored,
    content: Content,
    start: u64,
    complete: Option<u64>,
) {
    match selvedge_caching::answer_from_part(&received.request(), head) {
        PartAnswer::Within { first, last } => {
            prepared.status = StatusCode::PARTIAL_CONTENT;
            let complete = complete.map_or("*".to_owned(), |complete| complete.to_string());
            content_range(
                &mut prepared.fields,
                &format!("bytes {first}-{last}/{complete}"),
                last - first + 1,
            );
            prepared.body = content.range(first - start, last - start);
        }
        PartAnswer::Whole => {
            prepared.status = StatusCode::OK;
            prepared.fields.remove(CONTENT_RANGE);
            if let Some(length) = content.length() {
                prepared
                    .fields
                    .insert(CONTENT_LENGTH, HeaderValue::from(length));
            }
            prepared.body = content.whole();
        }
        PartAnswer::Unsatisfiable => unsatisfiable(prepared, complete),
        // Only the request that the part came for gets here: it gets what the origin sent.
        PartAnswer::Missing { .. } | PartAnswer::Useless => {
            prepared.body = content.whole();
        }
    }
    if received.facts.method == Method::HEAD {
        prepared.body = Source::Empty;
    }
}

/// 416 for ranges that have no byte of a content of this length.
fn unsatisfiable(prepared: &mut Prepared, length: Option<u64>) {
    let cache = prepared.cache.take();
    *prepared = Prepared::text(
        StatusCode::RANGE_NOT_SATISFIABLE,
        "No byte of the requested ranges exists.",
    );
    prepared.cache = cache;
    if let Some(length) = length {
        let range = format!("bytes */{length}");
        set(&mut prepared.fields, CONTENT_RANGE, &range);
    }
    set(&mut prepared.fields, ACCEPT_RANGES, "bytes");
}

fn content_range(fields: &mut HeaderMap, range: &str, length: u64) {
    set(fields, CONTENT_RANGE, range);
    fields.insert(CONTENT_LENGTH, HeaderValue::from(length));
}

/// Gives the request that a response came for the fields that are not stored: those that `private` and `no-cache` name.
pub(crate) fn add_missing(prepared: &mut Prepared, sent: &HeaderMap) {
    if matches!(
        prepared.status,
        StatusCode::PRECONDITION_FAILED | StatusCode::RANGE_NOT_SATISFIABLE
    ) {
        // The host's own answer, which the origin's fields do not describe.
        return;
    }
    for name in sent.keys() {
        if !prepared.fields.contains_key(name)
            && !matches!(*name, AGE | CONTENT_LENGTH | CONTENT_RANGE)
        {
            for value in sent.get_all(name) {
                prepared.fields.append(name.clone(), value.clone());
            }
        }
    }
}

/// Which part of the body is sent.
fn ranges(
    prepared: &mut Prepared,
    received: &Received,
    head: &Stored,
    content: Content,
    length: u64,
) {
    let request = received.request();
    let is_head = *request.method == Method::HEAD;
    let answer = selvedge_caching::select_ranges(&request, head.status, &head.fields, length);
    match (answer, content) {
        (RangeAnswer::Single { first, last }, content) => {
            prepared.status = StatusCode::PARTIAL_CONTENT;
            let range = format!("bytes {first}-{last}/{length}");
            content_range(&mut prepared.fields, &range, last - first + 1);
            prepared.body = content.range(first, last);
        }
        (RangeAnswer::Several(ranges), Content::Complete(variant)) => {
            let layout = MultipartRanges::new(&ranges, length, prepared.fields.get(CONTENT_TYPE));
            let parts = Parts::new(&layout, |first, last| variant.reader(Some((first, last))));
            prepared.status = StatusCode::PARTIAL_CONTENT;
            prepared
                .fields
                .insert(CONTENT_LENGTH, HeaderValue::from(parts.length()));
            set(&mut prepared.fields, CONTENT_TYPE, &layout.content_type());
            prepared.body = Source::Parts(parts);
        }
        (RangeAnswer::Unsatisfiable, _) => unsatisfiable(prepared, Some(length)),
        // Several ranges of a body that is still arriving: all of it, as RFC 9110, section 14.2 allows.
        (RangeAnswer::Whole | RangeAnswer::Several(_), content) => {
            if let (Some(trailers), Content::Complete(variant), false) =
                (&head.trailers, &content, is_head)
            {
                // A length would leave no room for what comes after the body (RFC 9112, section 7.1.2).
                prepared.fields.remove(CONTENT_LENGTH);
                prepared.body = Source::Trailed(variant.reader(None), Some(trailers.clone()));
                return;
            }
            if !bodiless(head.status) {
                prepared
                    .fields
                    .insert(CONTENT_LENGTH, HeaderValue::from(length));
            }
            if !is_head {
                prepared.body = content.whole();
            }
        }
    }
}

/// Passes an origin's response on.
pub(crate) fn from_origin(own: Own, cache: CacheStatus) -> Prepared {
    Prepared {
        status: own.status,
        fields: own.fields,
        body: Source::Origin(Box::new(own.body), own.slot),
        cache: Some(cache),
        reason: Some(own.why),
        close: false,
    }
}

/// Evaluates the conditions that the origin was not sent, since its response was meant to be stored, on what it sent for this
/// request (RFC 9110, section 13.2.2): whoever revalidates what can't be stored need not get the bytes again.
pub(crate) fn meet_conditions(received: &Received, prepared: &mut Prepared) {
    let request = received.request();
    match selvedge_caching::evaluate_preconditions(&request, prepared.status, &prepared.fields) {
        Precondition::NotModified => not_modified(prepared),
        // Failed is for methods that are never looked up.
        Precondition::Proceed | Precondition::Failed => {}
    }
}

fn not_modified(prepared: &mut Prepared) {
    prepared.status = StatusCode::NOT_MODIFIED;
    prepared.body = Source::Empty;
    for name in [CONTENT_LENGTH, CONTENT_RANGE] {
        prepared.fields.remove(name);
    }
}

/// Adds what every response carries and makes it ready for the server. The version is the server's: it knows the connection.
pub(crate) fn finish(
    edge: &Edge,
    prepared: Prepared,
) -> (Response<()>, Source, Option<CacheStatus>) {
    let Prepared {
        status,
        mut fields,
        body,
        cache,
        reason,
        close: _,
    } = prepared;
    fields.append(VIA, edge.via(origin::VERSION).clone());
    fields.insert(X_CACHE, x_cache(cache.as_ref(), status, reason));
    if let Some(cache) = &cache {
        fields.append(CACHE_STATUS, cache.to_field("Selvedge"));
    }
    let mut response = Response::new(());
    *response.status_mut() = status;
    *response.headers_mut() = fields;
    (response, body, cache)
}

/// CloudFront's words for what the cache did.
fn x_cache(
    cache: Option<&CacheStatus>,
    status: StatusCode,
    reason: Option<&'static str>,
) -> HeaderValue {
    HeaderValue::from_static(match cache {
        Some(cache) if cache.hit => "Hit from selvedge",
        Some(cache) if cache.fwd_status == Some(304) => "RefreshHit from selvedge",
        _ if reason == Some(SYNTHETIC) => "PluginGeneratedResponse from selvedge",
        _ if status.is_client_error() || status.is_server_error() => "Error from selvedge",
        None if reason.is_some() => "Error from selvedge",
        _ => "Miss from selvedge",
    })
}

fn set(fields: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        fields.insert(name, value);
    }
}
