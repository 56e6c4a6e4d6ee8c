//! Values of reads: the value behind a [`Read`], as bytes to look up. It has to tell apart whatever the guest can tell
//! apart by any of the calls that are recorded as this read.

use std::borrow::Cow;
use std::net::IpAddr;

use http::HeaderMap;

use crate::facts::{Read, RequestFacts};

/// A value, or its absence.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Absent,
    Text(Cow<'a, [u8]>),
    /// An address or a number.
    Small([u8; 16]),
}

impl Value<'_> {
    /// The bytes to look up; `None` for absence.
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Absent => None,
            Value::Text(text) => Some(text),
            Value::Small(bytes) => Some(bytes),
        }
    }
}

fn text(value: &[u8]) -> Value<'_> {
    Value::Text(Cow::Borrowed(value))
}

fn optional(value: Option<&[u8]>) -> Value<'_> {
    value.map_or(Value::Absent, text)
}

fn made(value: Option<Cow<'_, str>>) -> Value<'_> {
    match value {
        None => Value::Absent,
        Some(Cow::Borrowed(value)) => text(value.as_bytes()),
        Some(Cow::Owned(value)) => Value::Text(Cow::Owned(value.into_bytes())),
    }
}

fn number(value: u64) -> Value<'static> {
    Value::Small(u128::from(value).to_be_bytes())
}

/// The value of a read. `None` for what is never the same for two equal requests, and for what is not of the request.
pub(super) fn value<'a>(read: &Read, request: &'a RequestFacts) -> Option<Value<'a>> {
    Some(match read {
        Read::Method => text(request.method.as_str().as_bytes()),
        Read::Scheme => text(request.scheme.as_str().as_bytes()),
        Read::Host => text(request.host.as_bytes()),
        Read::Path => text(request.path.as_bytes()),
        Read::Query => optional(request.query.as_deref().map(str::as_bytes)),
        Read::QueryParam(name) => made(request.query_param(name)),
        Read::Field(name) => lines(request.fields.get_all(name).iter()),
        Read::FieldNames => names(&request.fields),
        Read::Cookie(name) => optional(request.cookie(name)),
        Read::ViewerAddress => Value::Small(match request.viewer.ip().to_canonical() {
            IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
            IpAddr::V6(address) => address.octets(),
        }),
        Read::ViewerPort => number(u64::from(request.viewer.port())),
        Read::HttpVersion => number(match request.version {
            http::Version::HTTP_10 => 10,
            http::Version::HTTP_11 => 11,
            http::Version::HTTP_2 => 20,
            http::Version::HTTP_3 => 30,
            _ => 0,
        }),
        Read::TlsVersion => optional(request.tls.as_ref().map(|tls| tls.version.as_bytes())),
        Read::TlsCipher => optional(request.tls.as_ref().map(|tls| tls.cipher.as_bytes())),
        Read::Geo(name) => made(request.geo(name)),
        Read::Distribution => text(request.distribution.as_bytes()),
        Read::Edge => text(request.edge.as_bytes()),
        Read::Origin => optional(request.origin.as_deref().map(str::as_bytes)),
        Read::CacheStatus => optional(request.cache_status.map(str::as_bytes)),
        Read::CacheAge => request.cache_age.map_or(Value::Absent, number),
        Read::CacheKey => optional(request.cache_key.as_deref().map(str::as_bytes)),
        Read::Body
        | Read::RequestId
        | Read::Elapsed
        | Read::ResponseStatus
        | Read::ResponseField(_)
        | Read::ResponseFieldNames
        | Read::ResponseOrigin
        | Read::Clock
        | Read::Random
        | Read::Kv
        | Read::Fetch
        | Read::Cache
        | Read::Metrics
        | Read::Secret
        | Read::Log => return None,
    })
}

/// The lines of a field, each ended where it cannot end by itself: no line contains a line feed.
fn lines<'a>(mut lines: impl Iterator<Item = &'a http::HeaderValue>) -> Value<'a> {
    let Some(first) = lines.next() else {
        return Value::Absent;
    };
    let mut all = Cow::Borrowed(first.as_bytes());
    for line in lines {
        let all = all.to_mut();
        all.push(b'\n');
        all.extend_from_slice(line.as_bytes());
    }
    Value::Text(all)
}

fn names(fields: &HeaderMap) -> Value<'static> {
    let mut all = Vec::new();
    for name in fields.keys() {
        all.extend_from_slice(name.as_str().as_bytes());
        all.push(b'\n');
    }
    Value::Text(Cow::Owned(all))
}
