//! Requests, responses and policies that the tests of several modules share.

use crate::{
    Compatibility, ErrorMinimum, LifetimeSource, NoStore, OriginTrouble, Overrides, Policy,
    Request, Response, StaleRefusal, Stored, Time, may_serve_stale_on_error, may_store,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use std::sync::LazyLock;

static URI: LazyLock<Uri> = LazyLock::new(|| Uri::from_static("http://www.example.test/a?b=c"));

/// When responses arrive in tests: Sun, 06 Nov 1994 08:49:37 GMT.
pub(crate) const NOW: Time = Time(784_111_777_000);
/// [`NOW`] as a field value.
pub(crate) const NOW_TEXT: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

pub(crate) fn fields(lines: &[(&str, &str)]) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for (name, value) in lines {
        fields.append(
            HeaderName::from_bytes(name.as_bytes()).expect(name),
            HeaderValue::from_str(value).expect(value),
        );
    }
    fields
}

/// A date some seconds from [`NOW`].
pub(crate) fn date(seconds: i64) -> String {
    let time = Time(NOW.0.saturating_add_signed(seconds * 1000));
    httpdate::fmt_http_date(time.to_system())
}

pub(crate) fn get(fields: &HeaderMap) -> Request<'_> {
    Request {
        method: &Method::GET,
        fields,
        uri: &URI,
    }
}

/// A response that arrives at [`NOW`] without delay.
pub(crate) fn received(status: u16, fields: &HeaderMap) -> Response<'_> {
    Response {
        status: StatusCode::from_u16(status).expect("a status code"),
        fields,
        request_time: NOW,
        response_time: NOW,
    }
}

/// A policy that leaves everything to the specification.
pub(crate) fn plain() -> Policy {
    Policy {
        default_ttl: 0,
        error_min_ttl: ErrorMinimum::of_default(0),
        ..Policy::default()
    }
}

/// Returns the lifetime of a response that arrives at [`NOW`] and its source, or why it is not stored. An ETag keeps what is not fresh.
pub(crate) fn lifetime(
    status: u16,
    lines: &[(&str, &str)],
    policy: &Policy,
) -> Result<(u64, LifetimeSource), NoStore> {
    let mut response = fields(lines);
    response.insert("etag", http::HeaderValue::from_static("\"a\""));
    let none = fields(&[]);
    may_store(
        &get(&none),
        &received(status, &response),
        policy,
        &Overrides::default(),
    )
    .map(|stored| (stored.lifetime, stored.lifetime_source))
}

/// The plain policy where a request's directives count.
pub(crate) fn honoured() -> Policy {
    Policy {
        honor_viewer_cache_control: true,
        ..plain()
    }
}

/// The use of a response with this Cache-Control and an ETag when the origin fails, some seconds after its arrival.
pub(crate) fn on_error(line: &str, seconds: u64, policy: &Policy) -> Result<i64, StaleRefusal> {
    let response = fields(&[("cache-control", line), ("etag", "\"a\"")]);
    let none = HeaderMap::new();
    let stored = may_store(
        &get(&none),
        &received(200, &response),
        policy,
        &Overrides::default(),
    );
    may_serve_stale_on_error(
        &get(&none),
        &stored.expect(line),
        policy,
        OriginTrouble::Error,
        NOW.plus_secs(seconds),
    )
}

/// The response stored at [`NOW`] under the plain policy.
pub(crate) fn stored(status: u16, lines: &[(&str, &str)]) -> Stored {
    stored_for(&[], status, lines)
}

/// The response stored at [`NOW`] for a request with fields.
pub(crate) fn stored_for(request: &[(&str, &str)], status: u16, lines: &[(&str, &str)]) -> Stored {
    store_with(request, status, lines, &plain(), &Overrides::default())
        .unwrap_or_else(|why| panic!("{lines:?} is not stored: {}", why.as_str()))
}

/// A request's or a response's fields.
pub(crate) type Lines<'a> = &'a [(&'a str, &'a str)];

/// Stores a response that arrives at [`NOW`].
pub(crate) fn store_with(
    request: Lines<'_>,
    status: u16,
    lines: Lines<'_>,
    policy: &Policy,
    overrides: &Overrides,
) -> Result<Stored, NoStore> {
    let (request, response) = (fields(request), fields(lines));
    may_store(
        &get(&request),
        &received(status, &response),
        policy,
        overrides,
    )
}

/// Stores a 200 to a plain request under the plain policy.
pub(crate) fn store(lines: Lines<'_>) -> Result<Stored, NoStore> {
    store_with(&[], 200, lines, &plain(), &Overrides::default())
}

/// CloudFront's habits with the default bounds.
pub(crate) fn cloudfront() -> Policy {
    Policy {
        compatibility: Compatibility::Cloudfront,
        ..Policy::default()
    }
}

/// Numbers that look random and are the same each time (splitmix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("below a usize")
    }
}
