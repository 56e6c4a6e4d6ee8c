//! Trailers: names that may stand behind the content, and the size of the section.

use super::{MAX_TRAILER_BYTES, MAX_TRAILERS, RefusalReason, head};
use http::HeaderMap;

/// Fields that may not come behind the content. They frame or route the message, authenticate, condition or describe how to read
/// it (RFC 9110 section 6.5.1), and this edge acts on them before the trailers come.
const FORBIDDEN: [&str; 41] = [
    "age",
    "authorization",
    "cache-control",
    "cdn-loop",
    "connection",
    "content-encoding",
    "content-length",
    "content-location",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "expect",
    "expires",
    "forwarded",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "location",
    "max-forwards",
    "pragma",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "retry-after",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "vary",
    "via",
    "www-authenticate",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
];

/// Returns true if a field of this name may come behind the content.
fn may_trail(name: &str) -> bool {
    !FORBIDDEN.contains(&name)
}

/// Checks a trailer section.
///
/// # Errors
/// The rule that it breaks.
pub fn check_trailers(fields: &HeaderMap) -> Result<(), RefusalReason> {
    if fields.len() > MAX_TRAILERS || head::section_bytes(fields) > MAX_TRAILER_BYTES {
        return Err(RefusalReason::TrailersTooLarge);
    }
    match fields.keys().all(|name| may_trail(name.as_str())) {
        true => Ok(()),
        false => Err(RefusalReason::ForbiddenTrailer),
    }
}
