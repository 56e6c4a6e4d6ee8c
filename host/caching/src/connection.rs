//! Which fields belong to one connection (RFC 9110, section 7.6.1).
//!
//! A message loses them when it is received: a viewer's request before anything is decided by its fields, an origin's
//! response before it is stored (RFC 9111, section 3.1) or passed on. Both sides of the edge are connections of their own,
//! and the HTTP library writes their fields.

use crate::list::members;
use http::header::{
    AGE, AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_TYPE, COOKIE, DATE, EXPIRES, HOST, PRAGMA, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION,
    SET_COOKIE, TE, TRANSFER_ENCODING, UPGRADE, VARY,
};
use http::{HeaderMap, HeaderName};

/// Removed although no Connection field may name them: those of section 7.6.1, and those of proxy authentication (section
/// 11.7), which are for the next proxy or the proxy before. Trailer stays: it tells every recipient what to expect
/// (section 6.6.2).
const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    HeaderName::from_static("proxy-authentication-info"),
    PROXY_AUTHORIZATION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Kept although a Connection field names them. They are for all recipients of the content, so no sender may name them
/// (section 7.6.1 gives Cache-Control as the example); whoever does so is after a message that means something else behind
/// the edge: without `no-store`, without the credentials that its answer is for, with content decoded in another way.
const FOR_ALL_RECIPIENTS: [HeaderName; 15] = [
    AGE,
    AUTHORIZATION,
    CACHE_CONTROL,
    HeaderName::from_static("cdn-cache-control"),
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_RANGE,
    CONTENT_TYPE,
    COOKIE,
    DATE,
    EXPIRES,
    HOST,
    PRAGMA,
    SET_COOKIE,
    VARY,
];

/// Removes the fields that belong to the connection on which the message arrived, those that its Connection field names
/// among them, and leaves the end-to-end fields (RFC 9110, section 7.6.1).
///
/// A field that is for all recipients (Age, Authorization, Cache-Control, CDN-Cache-Control, Content-Encoding,
/// Content-Length, Content-Range, Content-Type, Cookie, Date, Expires, Host, Pragma, Set-Cookie, Vary) stays even if it is
/// named: the section forbids to name it.
pub fn end_to_end(fields: &mut HeaderMap) {
    // Most messages have none of them. The Connection field is one, so without any none is named either.
    if !fields.keys().any(|name| HOP_BY_HOP.contains(name)) {
        return;
    }
    let named: Vec<HeaderName> = members(fields, &CONNECTION)
        .filter_map(|option| HeaderName::from_bytes(option).ok())
        .filter(|name| !FOR_ALL_RECIPIENTS.contains(name))
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        fields.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn left(fields: &[(&str, &[u8])]) -> Vec<String> {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(
                HeaderName::from_bytes(name.as_bytes()).expect("a name"),
                HeaderValue::from_bytes(value).expect("a value"),
            );
        }
        end_to_end(&mut map);
        map.keys().map(|name| name.as_str().to_owned()).collect()
    }

    #[test]
    fn rfc_9110_7_6_1_fields_of_a_connection_are_removed() {
        for name in [
            "Connection",
            "Keep-Alive",
            "Proxy-Connection",
            "Proxy-Authenticate",
            "Proxy-Authentication-Info",
            "Proxy-Authorization",
            "TE",
            "Transfer-Encoding",
            "Upgrade",
        ] {
            assert_eq!(left(&[(name, b"x"), ("X-Other", b"1")]), ["x-other"]);
        }
    }

    #[test]
    fn rfc_9110_7_6_1_named_fields_are_removed() {
        let fields: [(&str, &[u8]); 8] = [
            ("Connection", b"close, X-One ,,x-TWO"),
            ("Connection", b"X-Three, not a token, \xff, X-Absent"),
            ("Close", b"1"),
            ("X-One", b"1"),
            ("X-Two", b"1"),
            ("X-Two", b"2"),
            ("X-Three", b"1"),
            ("X-Four", b"1"),
        ];
        assert_eq!(left(&fields), ["x-four"]);
    }

    #[test]
    fn rfc_9110_7_6_1_fields_for_all_recipients_stay() {
        for name in &FOR_ALL_RECIPIENTS {
            assert_eq!(
                left(&[
                    ("Connection", name.as_str().as_bytes()),
                    (name.as_str(), b"1")
                ]),
                [name.as_str()]
            );
        }
    }

    #[test]
    fn rfc_9110_6_6_2_trailer_is_end_to_end() {
        assert_eq!(left(&[("Trailer", b"Digest")]), ["trailer"]);
    }
}
