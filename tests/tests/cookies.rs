//! Cookies are opaque bytes (RFC 9110, section 5.5), in the key and at the origin.

use selvedge_tests::*;

/// Asks with these lines of Cookie, as bytes.
fn with_cookies(edge: &Edge, path: &str, lines: &[&[u8]]) -> Response {
    let mut request = format!("GET {path} HTTP/1.1\r\nHost: {ALIAS}\r\n").into_bytes();
    for line in lines {
        request.extend_from_slice(b"Cookie: ");
        request.extend_from_slice(line);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    edge.sent(request).response()
}

/// The Cookie that an origin was sent, as bytes.
fn cookie_of(seen: &Seen) -> Vec<u8> {
    let lines = seen.head.fields.iter();
    let lines = lines.filter(|(name, _)| name.eq_ignore_ascii_case("cookie"));
    let lines: Vec<&[u8]> = lines.map(|(_, value)| value).collect();
    lines.join(&b'|')
}

#[test]
fn all_cookies_go_to_the_origin_and_into_the_key_as_they_came() {
    for lines in [
        "cache = { cookies = \"all\" }",
        "forward = { cookies = \"all\" }",
    ] {
        let is_keyed = lines.starts_with("cache");
        let origin = Origin::start();
        let edge = Edge::in_front_of(&origin).behavior(lines).start();
        origin
            .on("*")
            .computes(|seen| Answer::ok(cookie_of(seen)).cache_control("max-age=60"));
        let asked: [(&[&[u8]], &[u8]); 6] = [
            (&[b"flag; sid=1"], b"flag; sid=1"),
            (&[b"flag=; sid=1"], b"flag=; sid=1"),
            (&[b"city=Z\xfcrich"], b"city=Z\xfcrich"),
            (&[b"city=Z\xc3\xbcrich; a=1"], b"city=Z\xc3\xbcrich; a=1"),
            (&[b"a=1", b"b=\xff"], b"a=1; b=\xff"),
            (&[b"a=1;b=2 ;; c"], b"a=1;b=2 ;; c"),
        ];
        for (number, (lines, sent)) in asked.iter().enumerate() {
            let path = match is_keyed {
                true => "/a".to_owned(),
                false => format!("/{number}"),
            };
            with_cookies(&edge, &path, lines)
                .expect(200)
                .body(sent)
                .no_cache_status("hit");
            with_cookies(&edge, &path, lines)
                .expect(200)
                .body(sent)
                .is_shared();
        }
    }
}

#[test]
fn chosen_cookies_are_bytes_too() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .cache("cookies = { only = [\"city\", \"flag\"] }")
        .start();
    origin
        .on("/a")
        .computes(|seen| Answer::ok(cookie_of(seen)).cache_control("max-age=60"));
    let asked: [(&[u8], &[u8]); 5] = [
        (b"other=\xff; city=Z\xfcrich", b"city=Z\xfcrich"),
        (b"city=Z\xf6rich; other", b"city=Z\xf6rich"),
        (b"flag; x=1", b"flag"),
        (b"flag=; x=1", b"flag="),
        (b"x=\x80", b""),
    ];
    for (line, sent) in asked {
        with_cookies(&edge, "/a", &[line])
            .expect(200)
            .body(sent)
            .no_cache_status("hit");
        with_cookies(&edge, "/a", &[line])
            .expect(200)
            .body(sent)
            .is_shared();
    }
}
