//! Max-Forwards of OPTIONS and TRACE: how many more servers may pass the request on (RFC 9110, section 7.6.2).
//!
//! At 0 the edge answers as the last recipient, so that a viewer sees where on the way its request is lost. Other methods may
//! ignore the field, and do.

use super::exchange::{Prepared, Received, Source};
use crate::config::AllowedMethods;
use bytes::Bytes;
use http::header::{
    ALLOW, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HeaderValue, MAX_FORWARDS,
    PROXY_AUTHORIZATION,
};
use http::{HeaderMap, Method, StatusCode};
use selvedge_caching::cache_status::CacheStatus;

/// The word for the edge's own answer.
const REASON: &str = "max-forwards";

/// Fields that an answer to TRACE does not repeat (RFC 9110, section 9.3.8).
const SENSITIVE: [http::HeaderName; 3] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION];

/// Returns the edge's own answer to a request that it may not pass on.
pub(super) fn answer(received: &Received) -> Option<Prepared> {
    let facts = &received.facts;
    if remaining(&facts.method, &facts.fields) != Some(0) {
        return None;
    }
    let mut fields = HeaderMap::new();
    let body = if facts.method == Method::TRACE {
        let kind = HeaderValue::from_static("message/http");
        fields.insert(CONTENT_TYPE, kind);
        repeated(received)
    } else {
        let methods = match received.behavior.settings().allowed_methods {
            AllowedMethods::Any => AllowedMethods::All,
            set => set,
        };
        let methods = methods.names().join(", ");
        fields.extend(HeaderValue::try_from(methods).map(|methods| (ALLOW, methods)));
        Bytes::new()
    };
    fields.insert(CONTENT_LENGTH, HeaderValue::from(body.len() as u64));
    Some(Prepared {
        status: StatusCode::OK,
        fields,
        body: Source::Whole(body),
        cache: Some(CacheStatus {
            detail: Some(REASON),
            ..CacheStatus::default()
        }),
        reason: Some(REASON),
        close: false,
    })
}

/// Counts the edge itself in the fields of the request that goes out.
pub(super) fn lower(method: &Method, fields: &mut HeaderMap) {
    if let Some(remaining) = remaining(method, fields) {
        fields.insert(MAX_FORWARDS, HeaderValue::from(remaining.saturating_sub(1)));
    }
}

/// Returns the number in the field; `None` for other methods, and for what is no number.
fn remaining(method: &Method, fields: &HeaderMap) -> Option<u64> {
    if !matches!(*method, Method::OPTIONS | Method::TRACE) {
        return None;
    }
    let mut lines = fields.get_all(MAX_FORWARDS).iter();
    let digits = lines.next()?.as_bytes().trim_ascii();
    if digits.is_empty() || lines.next().is_some() {
        return None;
    }
    // More than 64 bits hold is lowered to what they hold, as the section allows.
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        Some(number.saturating_mul(10).saturating_add(u64::from(digit)))
    })
}

/// The request's head, as TRACE asks for it.
fn repeated(received: &Received) -> Bytes {
    let target = received
        .uri
        .path_and_query()
        .map_or("/", |target| target.as_str());
    let mut text = format!("{} {target} HTTP/1.1\r\n", received.facts.method).into_bytes();
    for (name, value) in &received.facts.fields {
        if !SENSITIVE.contains(name) {
            text.extend_from_slice(name.as_str().as_bytes());
            text.extend_from_slice(b": ");
            text.extend_from_slice(value.as_bytes());
            text.extend_from_slice(b"\r\n");
        }
    }
    text.extend_from_slice(b"\r\n");
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_9110_7_6_2_max_forwards_counts_for_options_and_trace() {
        let lowered = |method: Method, values: &[&str]| {
            let mut fields = HeaderMap::new();
            for value in values {
                fields.append(MAX_FORWARDS, HeaderValue::from_str(value).expect("a value"));
            }
            lower(&method, &mut fields);
            fields
                .get(MAX_FORWARDS)
                .map(|value| value.to_str().expect("text").to_owned())
        };
        for (method, values, left) in [
            (Method::OPTIONS, &["5"][..], Some("4")),
            (Method::TRACE, &["1"], Some("0")),
            (
                Method::OPTIONS,
                &["99999999999999999999"],
                Some("18446744073709551614"),
            ),
            (Method::OPTIONS, &["-1"], Some("-1")),
            (Method::OPTIONS, &["1", "2"], Some("1")),
            (Method::OPTIONS, &[], None),
            (Method::GET, &["5"], Some("5")),
        ] {
            let left = left.map(str::to_owned);
            assert_eq!(lowered(method, values), left, "{values:?}");
        }
    }
}
