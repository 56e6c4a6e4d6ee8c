//! Tables of invalidated URIs, by section of RFC 9111 and RFC 3986.

use super::*;
use crate::testing::{Random, fields, received};
use http::{HeaderMap, HeaderValue};

fn invalidated(method: &str, target: &str, status: u16, lines: &[(&str, &str)]) -> Vec<String> {
    let method = Method::from_bytes(method.as_bytes()).expect(method);
    let uri: Uri = target.parse().expect(target);
    let request = Request {
        method: &method,
        fields: &HeaderMap::new(),
        uri: &uri,
    };
    let fields = fields(lines);
    invalidated_uris(&request, &received(status, &fields))
        .iter()
        .map(Uri::to_string)
        .collect()
}

const TARGET: &str = "http://example.com/b/c/d?q";

/// The URIs that a Location adds to the target URI.
fn location(target: &str, reference: &str) -> Option<String> {
    let mut uris = invalidated("POST", target, 201, &[("location", reference)]);
    assert!(!uris.is_empty() && uris.len() <= 2);
    uris.swap_remove(0);
    uris.pop()
}

#[test]
fn rfc_9111_4_4_methods_that_invalidate() {
    for (method, expected) in [
        ("GET", false),
        ("HEAD", false),
        ("OPTIONS", false),
        ("TRACE", false),
        ("POST", true),
        ("PUT", true),
        ("DELETE", true),
        ("PATCH", true),
        ("CONNECT", true),
        ("PURGE", true),
        // Methods have one case: this one is not known.
        ("get", true),
    ] {
        let uris = invalidated(method, TARGET, 200, &[("location", "/x")]);
        let both = [TARGET, "http://example.com/x"];
        assert_eq!(uris, if expected { &both[..] } else { &[] }, "{method}");
    }
}

#[test]
fn rfc_9111_4_4_only_responses_without_error_invalidate() {
    for (status, expected) in [
        (200, true),
        (201, true),
        (204, true),
        (299, true),
        (301, true),
        (303, true),
        (304, true),
        (399, true),
        (100, false),
        (400, false),
        (404, false),
        (412, false),
        (500, false),
        (503, false),
        (999, false),
    ] {
        let uris = invalidated("POST", TARGET, status, &[]);
        assert_eq!(!uris.is_empty(), expected, "{status}");
    }
}

#[test]
fn rfc_9111_4_4_location_and_content_location_without_duplicates() {
    for (lines, expected) in [
        (&[][..], &[TARGET][..]),
        (
            &[("location", "/1"), ("content-location", "/2")],
            &[TARGET, "http://example.com/1", "http://example.com/2"],
        ),
        (
            &[("location", "/1"), ("content-location", "/1")],
            &[TARGET, "http://example.com/1"],
        ),
        (&[("location", TARGET), ("content-location", "")], &[TARGET]),
        // Two lines contradict each other.
        (&[("location", "/1"), ("location", "/2")], &[TARGET]),
    ] {
        assert_eq!(
            invalidated("PUT", TARGET, 200, lines),
            expected,
            "{lines:?}"
        );
    }
}

#[test]
fn rfc_9111_4_4_only_the_same_origin() {
    for (target, reference, expected) in [
        ("http://a.test/", "http://a.test/x", true),
        ("http://a.test/", "HTTP://A.TEST/x", true),
        ("http://a.test/", "http://a.test:80/x", true),
        ("http://a.test/", "http://a.test:/x", true),
        ("http://a.test:80/", "http://a.test/x", true),
        ("http://A.test/", "//a.test/x", true),
        ("https://a.test/", "https://a.test:443/x", true),
        ("http://a.test:8080/", "http://a.test:8080/x", true),
        ("http://[::1]:8080/", "http://[::1]:8080/x", true),
        ("http://a.test/", "http://user@a.test/x", true),
        ("http://a.test/", "https://a.test/x", false),
        ("http://a.test/", "http://a.test:8080/x", false),
        ("http://a.test:8080/", "http://a.test/x", false),
        ("https://a.test/", "https://a.test:80/x", false),
        ("http://a.test/", "http://b.test/x", false),
        ("http://a.test/", "http://a.test.b.test/x", false),
        ("http://a.test/", "http://a.test@b.test/x", false),
        ("http://a.test/", "http://www.a.test/x", false),
        ("http://a.test/", "http://a.test./x", false),
        ("http://a.test/", "//b.test/x", false),
        ("http://a.test/", "///x", false),
        ("http://a.test/", "http:///x", false),
        ("http://a.test/", "http:/x", false),
        ("http://a.test/", "http:x", false),
        ("http://a.test/", "ftp://a.test/x", false),
        ("http://a.test/", "mailto:x@a.test", false),
        ("http://a.test/", "http://a.test:99999/x", false),
        ("http://a.test/", "http://a b/x", false),
        ("http://a.test/", "/x y", false),
    ] {
        let found = location(target, reference);
        assert_eq!(found.is_some(), expected, "{reference} at {target}");
        if let Some(found) = found {
            // With the target's spelling of the server.
            assert_eq!(found, format!("{target}x"), "{reference} at {target}");
        }
    }
}

#[test]
fn rfc_3986_5_4_references_are_resolved() {
    let target = "http://a/b/c/d;p?q";
    for (reference, expected) in [
        ("g", "http://a/b/c/g"),
        ("./g", "http://a/b/c/g"),
        ("g/", "http://a/b/c/g/"),
        ("/g", "http://a/g"),
        ("?y", "http://a/b/c/d;p?y"),
        ("g?y", "http://a/b/c/g?y"),
        ("g#s", "http://a/b/c/g"),
        ("g?y#s", "http://a/b/c/g?y"),
        (";x", "http://a/b/c/;x"),
        ("g;x", "http://a/b/c/g;x"),
        ("g;x?y#s", "http://a/b/c/g;x?y"),
        (".", "http://a/b/c/"),
        ("./", "http://a/b/c/"),
        ("..", "http://a/b/"),
        ("../", "http://a/b/"),
        ("../g", "http://a/b/g"),
        ("../..", "http://a/"),
        ("../../", "http://a/"),
        ("../../g", "http://a/g"),
        // Abnormal ones.
        ("../../../g", "http://a/g"),
        ("../../../../g", "http://a/g"),
        ("/./g", "http://a/g"),
        ("/../g", "http://a/g"),
        ("g.", "http://a/b/c/g."),
        (".g", "http://a/b/c/.g"),
        ("g..", "http://a/b/c/g.."),
        ("..g", "http://a/b/c/..g"),
        ("./../g", "http://a/b/g"),
        ("./g/.", "http://a/b/c/g/"),
        ("g/./h", "http://a/b/c/g/h"),
        ("g/../h", "http://a/b/c/h"),
        ("g;x=1/./y", "http://a/b/c/g;x=1/y"),
        ("g;x=1/../y", "http://a/b/c/y"),
        ("g?y/./x", "http://a/b/c/g?y/./x"),
        ("g?y/../x", "http://a/b/c/g?y/../x"),
        ("g#s/../x", "http://a/b/c/g"),
        // Beyond the section's tables.
        ("//a", "http://a/"),
        ("//a?y", "http://a/?y"),
        ("http://a/x/../y//z", "http://a/y//z"),
        ("./a:b", "http://a/b/c/a:b"),
        ("/a:b", "http://a/a:b"),
        ("/g?a=http://b/", "http://a/g?a=http://b/"),
        ("/%2e%2e/g", "http://a/%2e%2e/g"),
    ] {
        assert_eq!(
            location(target, reference).as_deref(),
            Some(expected),
            "{reference}"
        );
    }
    // The target itself.
    for reference in ["", "#s", "d;p?q"] {
        assert_eq!(location(target, reference), None, "{reference}");
    }
}

#[test]
fn random_references_never_panic_and_never_leave_the_origin() {
    let alphabet = b"/.:?#@[]%a\\b-\xc3\xa9\xff 8";
    let mut random = Random(3);
    let uri = Uri::from_static("http://a:8/b/c?d");
    for _ in 0..100_000 {
        let value: Vec<u8> = (0..random.below(16))
            .map(|_| alphabet[random.below(alphabet.len())])
            .collect();
        let mut fields = HeaderMap::new();
        fields.insert(LOCATION, HeaderValue::from_bytes(&value).expect("a value"));
        let request = Request {
            method: &Method::POST,
            fields: &HeaderMap::new(),
            uri: &uri,
        };
        for found in invalidated_uris(&request, &received(200, &fields)) {
            assert_eq!(
                found.authority().map(Authority::as_str),
                Some("a:8"),
                "{value:?}"
            );
            assert!(!found.path().contains("/../"), "{value:?}");
        }
    }
}

#[test]
fn a_target_that_is_not_absolute_invalidates_itself_only() {
    assert_eq!(
        invalidated("POST", "/x", 200, &[("location", "/y")]),
        ["/x"]
    );
}
