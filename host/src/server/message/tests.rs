//! The rules as tables, over requests as any protocol would hand them over.

use super::RefusalReason::{self, *};
use super::*;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Version};

fn request(method: &str, target: &str, fields: &[(&str, &str)]) -> Request<()> {
    let mut builder = Request::builder().method(method).uri(target);
    for (name, value) in fields {
        builder = builder.header(*name, *value);
    }
    builder.body(()).expect("a request")
}

const HOST: (&str, &str) = ("host", "a.test");

fn judged(method: &str, target: &str) -> Result<String, RefusalReason> {
    let judged = judge_target(method.as_bytes(), target.as_bytes())?;
    let mut encoded = Vec::new();
    match judged {
        Target::Plain => encoded.extend_from_slice(target.as_bytes()),
        Target::ToEncode => encode(target.as_bytes(), &mut encoded),
    }
    Ok(String::from_utf8(encoded).expect("ASCII"))
}

#[test]
fn a_target_has_a_form_that_its_method_allows() {
    for (method, target) in [
        ("GET", "/"),
        ("GET", "/a/b;c=1/%00/~x,y|z{1}^\\[]?q=`|{}^'[]?/"),
        ("GET", "//double"),
        ("GET", "http://a.test"),
        ("GET", "HTTPS://a.test:8443/x?y"),
        ("GET", "http://[::1]:80/x"),
        ("GET", "http://a.test?q"),
        ("OPTIONS", "*"),
        ("PURGE", "/x"),
    ] {
        assert_eq!(judged(method, target), Ok(target.to_owned()));
        let parsed = request(method, target, &[HOST]);
        assert_eq!(check_head(&parsed), Ok(()), "{method} {target}");
    }
    for (method, target) in [
        ("GET", "*"),
        ("GET", "a.test:80"),
        ("GET", "a/b"),
        ("GET", "?q"),
        ("GET", "ftp://a.test/"),
        ("GET", "http:///x"),
        ("GET", "http://user@a.test/"),
        ("GET", "http://a.test:99999/"),
        ("GET", "http://a.test\\b/"),
        ("OPTIONS", "**"),
    ] {
        assert_eq!(judged(method, target), Err(InvalidTarget), "{target}");
        // What `http::Uri` can hold is refused there too.
        let parsed = Request::builder().method(method).uri(target);
        if let Ok(parsed) = parsed.header("host", "a.test").body(()) {
            let found = check_head(&parsed);
            assert_eq!(found, Err(InvalidTarget), "{method} {target}");
        }
    }
}

#[test]
fn what_viewers_should_have_encoded_is_encoded() {
    for (sent, seen) in [
        ("/a?q=\"<b>\"", "/a?q=%22%3Cb%3E%22"),
        ("/a?q=ü&r=`|{}^", "/a?q=%C3%BC&r=`|{}^"),
        ("/ä/<b>`\"?x", "/%C3%A4/%3Cb%3E%60%22?x"),
        ("http://a.test/ä?ö?", "http://a.test/%C3%A4?%C3%B6?"),
        ("http://[::1]:80?<", "http://[::1]:80?%3C"),
    ] {
        assert_eq!(judged("GET", sent).as_deref(), Ok(seen));
        assert!(seen.parse::<http::Uri>().is_ok(), "{seen}");
    }
    let mut encoded = Vec::new();
    encode(b"/\xe4", &mut encoded);
    assert_eq!(encoded, b"/%E4", "any byte, whatever charset it is of");
}

#[test]
fn a_target_may_have_8_kib_after_it_was_encoded() {
    let target = |length: usize| format!("/{}", "a".repeat(length - 1));
    let longest = request("GET", &target(MAX_TARGET_BYTES), &[HOST]);
    assert_eq!(check_head(&longest), Ok(()));
    let longer = request("GET", &target(MAX_TARGET_BYTES + 1), &[HOST]);
    assert_eq!(check_head(&longer), Err(TargetTooLong));
    let short = MAX_TARGET_BYTES - "http://a.test".len();
    let absolute = |length| request("GET", &format!("http://a.test{}", target(length)), &[HOST]);
    assert_eq!(check_head(&absolute(short)), Ok(()));
    assert_eq!(check_head(&absolute(short + 1)), Err(TargetTooLong));
    let encoded = |count: usize| judged("GET", &format!("/{}", "<".repeat(count)));
    assert!(encoded((MAX_TARGET_BYTES - 1) / 3).is_ok());
    assert_eq!(encoded(MAX_TARGET_BYTES / 3 + 1), Err(TargetTooLong));
}

#[test]
fn connect_is_refused() {
    assert_eq!(judged("CONNECT", "a.test:443"), Err(ConnectRefused));
    let parsed = request("CONNECT", "a.test:443", &[HOST]);
    assert_eq!(check_head(&parsed), Err(ConnectRefused));
}

#[test]
fn there_is_exactly_one_valid_host() {
    for host in [
        "a.test",
        "A-b_c.test:80",
        "a:",
        "127.0.0.1:8080",
        "[::1]",
        "[2001:db8::1]:443",
        "a:65535",
    ] {
        assert_eq!(check_head(&request("GET", "/", &[("host", host)])), Ok(()));
    }
    for host in [
        "",
        "a b",
        "a,b",
        "a:b",
        "a:65536",
        "a:000080",
        "a/b",
        "a@b",
        "a%41",
        "[::1",
        "::1",
        "[a]",
        "[::1]x",
        ":80",
        "a:80:80",
        "http://a",
        "a?b",
        "*",
        &"a".repeat(254),
    ] {
        let found = check_head(&request("GET", "/", &[("host", host)]));
        assert_eq!(found, Err(InvalidHost), "{host}");
    }
    for version in [Version::HTTP_10, Version::HTTP_11, Version::HTTP_2] {
        let check = |target, fields: &[(&str, &str)]| {
            let mut request = request("GET", target, fields);
            *request.version_mut() = version;
            check_head(&request)
        };
        let hosts = |second| [("host", "a"), ("Host", second)];
        assert_eq!(check("/", &[("hosts", "a")]), Err(MissingHost));
        assert_eq!(check("/", &hosts("a")), Err(RepeatedHost));
        assert_eq!(check("/", &hosts("b")), Err(RepeatedHost));
        let with_authority = check("http://a.test/", &[]);
        match version {
            Version::HTTP_2 => assert_eq!(with_authority, Ok(())),
            _ => assert_eq!(with_authority, Err(MissingHost)),
        }
    }
}

fn fields(count: usize, value: usize) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for _ in 0..count {
        let value = HeaderValue::try_from("v".repeat(value)).expect("a value");
        fields.append(HeaderName::from_static("x"), value);
    }
    fields
}

#[test]
fn fields_have_a_number_and_a_size() {
    let check = |more: HeaderMap| {
        let mut request = request("GET", "/", &[("host", "a")]);
        request.headers_mut().extend(more);
        check_head(&request)
    };
    assert_eq!(check(fields(MAX_FIELDS - 1, 1)), Ok(()));
    assert_eq!(check(fields(MAX_FIELDS, 1)), Err(TooManyFields));
    let rest = MAX_FIELD_BYTES - "host:a\r\n".len() - "x:\r\n".len();
    assert_eq!(check(fields(1, rest)), Ok(()));
    assert_eq!(check(fields(1, rest + 1)), Err(FieldsTooLarge));
}

#[test]
fn trailers_have_permitted_names_a_number_and_a_size() {
    for (name, allowed) in [
        ("x-checksum", true),
        ("server-timing", true),
        ("content-length", false),
        ("transfer-encoding", false),
        ("host", false),
        ("authorization", false),
        ("x-forwarded-for", false),
    ] {
        let mut trailers = fields(1, 1);
        trailers.append(name, HeaderValue::from_static("y"));
        let expected = match allowed {
            true => Ok(()),
            false => Err(ForbiddenTrailer),
        };
        assert_eq!(check_trailers(&trailers), expected, "{name}");
    }
    assert_eq!(check_trailers(&fields(MAX_TRAILERS, 1)), Ok(()));
    let many = check_trailers(&fields(MAX_TRAILERS + 1, 1));
    assert_eq!(many, Err(TrailersTooLarge));
    let rest = MAX_TRAILER_BYTES - "x:\r\n".len();
    assert_eq!(check_trailers(&fields(1, rest)), Ok(()));
    let large = check_trailers(&fields(1, rest + 1));
    assert_eq!(large, Err(TrailersTooLarge));
}

#[test]
fn every_reason_has_its_own_kebab_case_word_and_an_error_status() {
    let mut words: Vec<&str> = RefusalReason::ALL.iter().map(|r| r.as_str()).collect();
    let is_word = |word: &&str| {
        word.bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b))
    };
    assert!(words.iter().all(is_word), "{words:?}");
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), RefusalReason::ALL.len());
    for reason in RefusalReason::ALL {
        let status = reason.status();
        assert!(status.is_client_error() || status.is_server_error());
    }
}

#[test]
fn sentences_name_the_limits_that_the_code_has() {
    for (reason, limit) in [
        (TargetTooLong, MAX_TARGET_BYTES),
        (FieldsTooLarge, MAX_FIELD_BYTES),
        (TooManyFields, MAX_FIELDS),
        (TrailersTooLarge, MAX_TRAILER_BYTES),
        (TrailersTooLarge, MAX_TRAILERS),
    ] {
        assert!(reason.detail().contains(&limit.to_string()), "{reason}");
    }
}
