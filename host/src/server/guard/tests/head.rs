//! One head at a time: what passes, how its content is framed, what is refused and why.

use super::super::super::message::RefusalReason::{self, *};
use super::super::super::message::{MAX_FIELD_BYTES, MAX_FIELDS, MAX_TARGET_BYTES};
use super::super::framing::Framing;
use super::super::head::check_head;

fn verdict(bytes: &[u8]) -> Result<Option<Framing>, RefusalReason> {
    check_head(bytes)
        .map(|head| head.map(|head| head.framing))
        .map_err(|refusal| refusal.reason())
}

/// A POST with these field lines and a Host.
fn with_fields(lines: &str) -> Vec<u8> {
    format!("POST /a HTTP/1.1\r\nHost: a.test\r\n{lines}\r\n").into_bytes()
}

fn assert_refused(bytes: &[u8], reason: RefusalReason) {
    assert_eq!(verdict(bytes), Err(reason), "{}", bytes.escape_ascii());
}

#[track_caller]
fn assert_framed(bytes: &[u8], framing: Framing) {
    assert_eq!(
        verdict(bytes),
        Ok(Some(framing)),
        "{}",
        bytes.escape_ascii()
    );
}

#[test]
fn a_request_line_is_method_target_version_with_single_spaces() {
    let refused: &[(&[u8], RefusalReason)] = &[
        (b"GET /\r\n", MalformedRequestLine),
        (b"GET\r\n", MalformedRequestLine),
        (b" GET / HTTP/1.1\r\n", MalformedRequestLine),
        (b"GET  / HTTP/1.1\r\n", MalformedRequestLine),
        (b"GET /  HTTP/1.1\r\n", MalformedRequestLine),
        (b"GET / HTTP/1.1 \r\n", MalformedRequestLine),
        (b"GET\t/ HTTP/1.1\r\n", MalformedRequestLine),
        (b"G\x00T / HTTP/1.1\r\n", MalformedRequestLine),
        (b"GE(T / HTTP/1.1\r\n", MalformedRequestLine),
        (b"GET / a HTTP/1.1\r\n", MalformedRequestLine),
        (b"GET / http/1.1\r\n", MalformedRequestLine),
        (b"GET / HTTP/1\r\n", MalformedRequestLine),
        (b"GET / HTTP/01.1\r\n", MalformedRequestLine),
        (b"GET / HTTP/1.1\x0b\r\n", MalformedRequestLine),
        (b"\x16\x03\x01\x02\x00\x01\x00", MalformedRequestLine),
        (b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", MalformedRequestLine),
        (b"GET / HTTP/1.1\n", BareLf),
        (b"GET /\nHost: a", BareLf),
        (b"GET\n", BareLf),
        (b"GET / HTTP/1.1\rHost", BareCr),
        (b"GET / HTTP/1.2\r\n", UnsupportedVersion),
        (b"GET / HTTP/0.9\r\n", UnsupportedVersion),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", UnsupportedVersion),
        (b"CONNECT a.test:443 HTTP/1.1\r\n", ConnectRefused),
    ];
    for (bytes, reason) in refused {
        assert_refused(bytes, *reason);
    }
}

#[test]
fn a_target_that_hyper_could_not_read_is_refused_before() {
    let line = |target: &[u8]| [b"GET ", target, b" HTTP/1.1\r\nHost: a.test\r\n\r\n"].concat();
    for target in [
        "/a#b",
        "/a\tb",
        "/a\0b",
        "/a\u{7f}",
        "a/b",
        "?q",
        "http:///x",
    ] {
        assert_refused(&line(target.as_bytes()), InvalidTarget);
    }
    for target in [&b"/a<b"[..], b"/\xe4", b"/a?\"", b"http://a.test/\xff"] {
        let found = check_head(&line(target)).map(|found| found.and_then(|head| head.raw_target));
        assert_eq!(found, Ok(Some((4, 4 + target.len()))));
    }
}

#[test]
fn a_target_of_8_kib_passes_and_a_byte_more_is_refused_before_the_line_ends() {
    let target = |length: usize| format!("/{}", "a".repeat(length - 1));
    let longest = format!(
        "GET {} HTTP/1.1\r\nHost: a\r\n\r\n",
        target(MAX_TARGET_BYTES)
    );
    assert_framed(longest.as_bytes(), Framing::Empty);
    let longer = format!("GET {}", target(MAX_TARGET_BYTES + 1));
    assert_refused(longer.as_bytes(), TargetTooLong);
}

#[test]
fn a_header_section_of_32_kib_passes_and_a_byte_more_is_refused() {
    let head = |section: usize| {
        let (host, name) = ("Host: a\r\n", "x: ");
        let value = "v".repeat(section - host.len() - name.len() - 2);
        format!("GET / HTTP/1.1\r\n{host}{name}{value}\r\n\r\n")
    };
    assert_framed(head(MAX_FIELD_BYTES).as_bytes(), Framing::Empty);
    assert_refused(head(MAX_FIELD_BYTES + 1).as_bytes(), FieldsTooLarge);
    assert_refused(
        format!("GET / HTTP/1.1\r\n{}", "n".repeat(MAX_FIELD_BYTES + 3)).as_bytes(),
        FieldsTooLarge,
    );
}

#[test]
fn a_header_section_of_100_lines_passes_and_a_line_more_is_refused() {
    let lines = |count: usize| with_fields(&"x: y\r\n".repeat(count - 1));
    assert_framed(&lines(MAX_FIELDS), Framing::Empty);
    assert_refused(&lines(MAX_FIELDS + 1), TooManyFields);
}

#[test]
fn field_lines_are_strict() {
    let refused = [
        ("a: b\n", BareLf),
        ("a\n", BareLf),
        ("\n", BareLf),
        ("a: b\rc: d\r\n", BareCr),
        ("a: b\r\r\n", BareCr),
        ("a: b\r\n c\r\n", ObsoleteFolding),
        ("a: b\r\n\tc\r\n", ObsoleteFolding),
        ("a : b\r\n", SpaceBeforeColon),
        ("a\t: b\r\n", SpaceBeforeColon),
        (": b\r\n", InvalidFieldName),
        ("a\r\n", InvalidFieldName),
        ("a(: b\r\n", InvalidFieldName),
        ("a\0: b\r\n", InvalidFieldName),
        ("\u{e4}: b\r\n", InvalidFieldName),
        ("a: b\0\r\n", InvalidFieldValue),
        ("a: \x0bb\r\n", InvalidFieldValue),
        ("a: b\x7f\r\n", InvalidFieldValue),
        ("a: \x1b[0m\r\n", InvalidFieldValue),
    ];
    for (lines, reason) in refused {
        assert_refused(&with_fields(lines), reason);
    }
    assert_framed(
        &with_fields("a:\r\nb: \t \r\nc: \u{e4}\tx\r\n"),
        Framing::Empty,
    );
    assert_refused(b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", ObsoleteFolding);
}

#[test]
fn content_length_is_one_plain_number() {
    let length = |value: &str| with_fields(&format!("Content-Length:{value}\r\n"));
    assert_framed(&length(" 5"), Framing::Length(5));
    assert_framed(&length("0"), Framing::Empty);
    assert_framed(&length("\t5 "), Framing::Length(5));
    assert_framed(
        &length(" 9223372036854775807"),
        Framing::Length(i64::MAX as u64),
    );
    for value in [
        "",
        "+5",
        "-5",
        "5 5",
        "5, 5",
        "5,5",
        "5;",
        "0x5",
        "5.0",
        "five",
        "05",
        "00",
        "\"5\"",
        "9223372036854775808",
        "18446744073709551616",
        "99999999999999999999999",
        "\u{b2}",
    ] {
        assert_refused(&length(value), InvalidContentLength);
    }
    for lines in [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5\r\ncontent-length: 5\r\n",
        "Content-Length: 0\r\nContent-Length: 0\r\n",
    ] {
        assert_refused(&with_fields(lines), RepeatedContentLength);
    }
}

#[test]
fn the_only_transfer_coding_is_one_chunked() {
    let coding = |value: &str| with_fields(&format!("Transfer-Encoding:{value}\r\n"));
    assert_framed(&coding(" chunked"), Framing::Chunked);
    assert_framed(&coding("\tChUnKeD "), Framing::Chunked);
    let refused = [
        (" gzip", UnsupportedCoding),
        (" identity", UnsupportedCoding),
        (" gzip, chunked", UnsupportedCoding),
        (" chunked, gzip", UnsupportedCoding),
        (" chunked, identity", UnsupportedCoding),
        (" xchunked", UnsupportedCoding),
        (" gzip;q=1", UnsupportedCoding),
        (" chunked, chunked", RepeatedChunked),
        ("", MalformedCoding),
        (" ,chunked", MalformedCoding),
        (" chunked,", MalformedCoding),
        (" \"chunked\"", MalformedCoding),
        (" chunked;q=1", MalformedCoding),
        (" chunked chunked", MalformedCoding),
        (" chunked\u{a0}", MalformedCoding),
        ("\x0bchunked", InvalidFieldValue),
        (" chunked\0", InvalidFieldValue),
    ];
    for (value, reason) in refused {
        assert_refused(&coding(value), reason);
    }
    assert_refused(
        &with_fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
        RepeatedChunked,
    );
    assert_refused(
        &with_fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"),
        UnsupportedCoding,
    );
    assert_refused(
        b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        CodingInHttp10,
    );
}

#[test]
fn a_length_beside_a_transfer_coding_is_refused_in_either_order() {
    for lines in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: gzip\r\nContent-Length: 0\r\n",
    ] {
        assert_refused(&with_fields(lines), LengthAndCoding);
    }
}

#[test]
fn a_few_empty_lines_may_come_first() {
    let after = |blank: &str| format!("{blank}GET / HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes();
    assert_framed(&after("\r\n"), Framing::Empty);
    assert_framed(&after("\r\n\r\n\r\n\r\n"), Framing::Empty);
    assert_refused(&after("\r\n\r\n\r\n\r\n\r\n"), MalformedRequestLine);
    assert_refused(&after("\n"), BareLf);
    assert_refused(&after("\r"), BareCr);
}

#[test]
fn a_head_ends_at_its_empty_line_and_not_before() {
    let head = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    for end in 0..head.len() {
        assert_eq!(verdict(&head[..end]), Ok(None));
    }
    let followed = [&head[..], b"\x00\n"].concat();
    let length = check_head(&followed).map(|found| found.map(|head| head.length));
    assert_eq!(length, Ok(Some(head.len())));
}
