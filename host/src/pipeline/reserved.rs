//! Fields that no viewer may send: they are taken off its request before anything is decided by them.
//!
//! Two kinds. Some say what only the edge knows (`CloudFront-*`, `Selvedge-*`, `Client-Cert*`): an origin or a plugin takes
//! them for the edge's word. Others have `_` where a field of framing or of proxies has `-`. Applications behind CGI, WSGI
//! and their kin can't tell the two apart, so `X_Forwarded_For` would be read as the field that proxies write.

use http::{HeaderMap, HeaderName};

/// The field by which a viewer asks for the cache key: the only one of its family that viewers send.
const DEBUG: &str = "selvedge-debug";

/// Beginnings of names that only the edge writes.
const OF_THE_EDGE: [&str; 3] = ["cloudfront-", "selvedge-", "client-cert"];

/// Beginnings of names that frame messages, or that proxies and servers act on.
const ACTED_UPON: [&str; 31] = [
    "accept-",
    "cache-control",
    "cdn-",
    "cf-connecting-ip",
    "content-",
    "fastly-",
    "front-end-",
    "http2-settings",
    "if-",
    "keep-alive",
    "last-modified",
    "max-forwards",
    "proxy-",
    "sec-",
    "set-cookie",
    "strict-transport-",
    "surrogate-",
    "transfer-encoding",
    "true-client-ip",
    "user-agent",
    "www-authenticate",
    "x-accel-",
    "x-amz-",
    "x-amzn-",
    "x-arr-",
    "x-client-",
    "x-cluster-",
    "x-edge-",
    "x-forwarded",
    "x-real-ip",
    "x-sendfile",
];

/// Beginnings of names by which applications take a request for another one.
const OVERRIDES: [&str; 7] = [
    "x-host",
    "x-http-",
    "x-method",
    "x-original-",
    "x-originating-",
    "x-remote-",
    "x-rewrite-",
];

/// Takes off the fields that a viewer may not send. Most requests have none of them.
pub(super) fn take_off(fields: &mut HeaderMap) {
    if !fields.keys().any(|name| is_reserved(name.as_str())) {
        return;
    }
    let reserved: Vec<HeaderName> = fields
        .keys()
        .filter(|name| is_reserved(name.as_str()))
        .cloned()
        .collect();
    for name in reserved {
        fields.remove(name);
    }
}

/// Returns true if no viewer may send a field of this name. Names are in lower case.
fn is_reserved(name: &str) -> bool {
    if memchr::memchr(b'_', name.as_bytes()).is_some() {
        return is_shadow(&name.replace('_', "-"));
    }
    // Two comparisons of a byte for most names.
    match name.as_bytes() {
        [b'c', b'l', ..] | [b's', b'e', ..] => is_of_the_edge(name) && name != DEBUG,
        _ => false,
    }
}

fn is_of_the_edge(name: &str) -> bool {
    OF_THE_EDGE.iter().any(|start| name.starts_with(start))
}

/// Returns true if a field of this name is acted upon, so that none may pass for it.
fn is_shadow(name: &str) -> bool {
    let begins = |starts: &[&str]| starts.iter().any(|start| name.starts_with(start));
    is_of_the_edge(name) || begins(&ACTED_UPON) || begins(&OVERRIDES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn left(names: &[&str]) -> Vec<String> {
        let mut fields = HeaderMap::new();
        for name in names {
            let name: HeaderName = name.parse().expect("a name");
            fields.append(name, HeaderValue::from_static("x"));
        }
        take_off(&mut fields);
        let left = fields.keys().map(|name| name.as_str().to_owned());
        left.collect()
    }

    #[test]
    fn fields_that_only_the_edge_may_set_are_taken_off() {
        for name in [
            "CloudFront-Viewer-Country",
            "cloudfront-forwarded-proto",
            "CLOUDFRONT-IS-MOBILE-VIEWER",
            "CloudFront_Viewer_Country",
            "Selvedge-Anything",
            "Selvedge_Debug",
            "Client-Cert",
            "Client-Cert-Chain",
            "client_cert",
        ] {
            assert_eq!(left(&[name, "accept", name]), ["accept"], "{name}");
        }
        assert_eq!(left(&["selvedge-debug"]), ["selvedge-debug"]);
        assert_eq!(left(&["client-hints", "sec-ch-ua"]).len(), 2);
    }

    #[test]
    fn names_that_shadow_what_is_acted_upon_are_taken_off() {
        for name in [
            "Transfer_Encoding",
            "Content_Length",
            "Content-Length_",
            "X_Forwarded_For",
            "X-Forwarded_Host",
            "X_Real_IP",
            "X_HTTP_Method_Override",
            "X-Original_URL",
            "X_Rewrite_URL",
            "Proxy_Authorization",
            "Cdn_Loop",
            "True_Client_IP",
        ] {
            assert_eq!(left(&[name, "accept"]), ["accept"], "{name}");
        }
        for name in [
            "x_request_id",
            "api_key",
            "x-forwarded-for",
            "content-type",
            "_",
        ] {
            assert_eq!(left(&[name]), [name.to_owned()]);
        }
    }
}
