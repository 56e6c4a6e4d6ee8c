//! Tables of range requests, by section of RFC 9110.

use super::*;
use http::{HeaderName, Uri};

const DAY: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const LATER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

fn map(fields: &[(&str, &[u8])]) -> HeaderMap {
    fields
        .iter()
        .map(|(name, value)| {
            (
                HeaderName::from_bytes(name.as_bytes()).expect("a name"),
                HeaderValue::from_bytes(value).expect("a value"),
            )
        })
        .collect()
}

fn select(
    method: &Method,
    status: StatusCode,
    asked: &HeaderMap,
    stored: &HeaderMap,
    length: u64,
) -> RangeAnswer {
    let request = Request {
        method,
        fields: asked,
        uri: &Uri::from_static("http://example.com/"),
    };
    select_ranges(&request, status, stored, length)
}

fn range(value: &str, length: u64) -> RangeAnswer {
    select(
        &Method::GET,
        StatusCode::OK,
        &map(&[("range", value.as_bytes())]),
        &HeaderMap::new(),
        length,
    )
}

fn single(first: u64, last: u64) -> RangeAnswer {
    RangeAnswer::Single { first, last }
}

#[test]
fn rfc_9110_14_1_2_one_range() {
    for (value, length, expected) in [
        ("bytes=0-0", 100, single(0, 0)),
        ("bytes=0-9", 100, single(0, 9)),
        ("bytes=99-99", 100, single(99, 99)),
        ("bytes=90-", 100, single(90, 99)),
        ("bytes=0-", 100, single(0, 99)),
        ("bytes=90-1000", 100, single(90, 99)),
        ("bytes=-1", 100, single(99, 99)),
        ("bytes=-100", 100, single(0, 99)),
        ("bytes=-1000", 100, single(0, 99)),
        ("BYTES=0-9", 100, single(0, 9)),
        ("bytes= 0-9 ", 100, single(0, 9)),
        ("bytes=,0-9,", 100, single(0, 9)),
        ("bytes=007-009", 100, single(7, 9)),
        // Beyond 64 bits.
        ("bytes=0-99999999999999999999999", 100, single(0, 99)),
        ("bytes=-99999999999999999999999", 100, single(0, 99)),
        ("bytes=0-", u64::MAX, single(0, u64::MAX - 1)),
        // Of several only those that have bytes.
        ("bytes=200-,0-9", 100, single(0, 9)),
        ("bytes=0-9,-0", 100, single(0, 9)),
    ] {
        assert_eq!(range(value, length), expected, "{value} of {length}");
    }
}

#[test]
fn rfc_9110_14_1_2_where_one_range_begins() {
    for (method, value, expected) in [
        (Method::GET, "bytes=5-9", Some(5)),
        (Method::GET, "bytes=5-", Some(5)),
        (Method::GET, "bytes=-5", None),
        (Method::GET, "bytes=5-9,20-29", None),
        (Method::GET, "lines=5-9", None),
        (Method::HEAD, "bytes=5-9", None),
    ] {
        let request = Request {
            method: &method,
            fields: &map(&[("range", value.as_bytes()), ("if-range", b"\"other\"")]),
            uri: &Uri::from_static("http://example.com/"),
        };
        assert_eq!(first_position(&request), expected, "{value}");
    }
}

#[test]
fn rfc_9110_14_1_2_no_byte_of_the_content() {
    for (value, length) in [
        ("bytes=100-", 100),
        ("bytes=100-200", 100),
        ("bytes=-0", 100),
        ("bytes=200-300,400-", 100),
        ("bytes=99999999999999999999999-", 100),
        ("bytes=0-", 0),
        ("bytes=0-0", 0),
        ("bytes=-0", 0),
    ] {
        assert_eq!(
            range(value, length),
            RangeAnswer::Unsatisfiable,
            "{value} of {length}"
        );
    }
    // Satisfiable, but without a byte: there is no Content-Range for it.
    assert_eq!(range("bytes=-5", 0), RangeAnswer::Whole);
}

#[test]
fn rfc_9110_14_2_what_is_not_understood_is_ignored() {
    for value in [
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=a-b",
        "bytes=0-9x",
        "bytes=+0-9",
        "bytes=0--9",
        "bytes=--9",
        "bytes=0 - 9",
        "bytes=9-0",
        "bytes=0-9,9-0",
        "bytes=0-9,x",
        "bytes=0-9;10-19",
        "bytes 0-9",
        "bytes: 0-9",
        "bytes =0-9",
        "items=0-9",
        "bytesx=0-9",
        "0-9",
        "b\u{e9}=0-9",
    ] {
        assert_eq!(range(value, 100), RangeAnswer::Whole, "{value}");
    }
    let twice = map(&[("range", b"bytes=0-9"), ("range", b"bytes=0-9")]);
    assert_eq!(
        select(&Method::GET, StatusCode::OK, &twice, &HeaderMap::new(), 100),
        RangeAnswer::Whole
    );
}

#[test]
fn rfc_9110_14_2_ranges_are_for_get_and_200() {
    let asked = map(&[("range", b"bytes=0-9")]);
    for (method, status, expected) in [
        (Method::GET, 200, single(0, 9)),
        (Method::HEAD, 200, RangeAnswer::Whole),
        (Method::POST, 200, RangeAnswer::Whole),
        (Method::GET, 203, RangeAnswer::Whole),
        (Method::GET, 206, RangeAnswer::Whole),
        (Method::GET, 404, RangeAnswer::Whole),
        (Method::GET, 500, RangeAnswer::Whole),
    ] {
        let status = StatusCode::from_u16(status).expect("a status");
        assert_eq!(
            select(&method, status, &asked, &HeaderMap::new(), 100),
            expected,
            "{method} {status}"
        );
    }
}

#[test]
fn rfc_9110_14_2_several_ranges_keep_their_order() {
    for (value, expected) in [
        ("bytes=0-0,-1", &[(0, 0), (99, 99)][..]),
        ("bytes=50-59, 0-9", &[(50, 59), (0, 9)]),
        ("bytes=0-9,10-19", &[(0, 9), (10, 19)]),
        ("bytes=0-9,200-300,20-29", &[(0, 9), (20, 29)]),
        // Two that overlap are as asked.
        ("bytes=0-9,5-14", &[(0, 9), (5, 14)]),
        ("bytes=0-9,5-14,90-", &[(0, 9), (5, 14), (90, 99)]),
        ("bytes=5-5,5-5", &[(5, 5), (5, 5)]),
        ("bytes=0-49,50-99", &[(0, 49), (50, 99)]),
    ] {
        assert_eq!(
            range(value, 100),
            RangeAnswer::Several(expected.to_vec()),
            "{value}"
        );
    }
}

#[test]
fn rfc_9110_14_2_wasteful_requests_get_the_whole() {
    for value in [
        // More bytes than the content has.
        "bytes=0-,0-",
        "bytes=0-50,50-99",
        // Three that overlap another one.
        "bytes=0-9,5-14,10-19",
        "bytes=1-1,1-1,1-1",
    ] {
        assert_eq!(range(value, 100), RangeAnswer::Whole, "{value}");
    }
    let many = |count: u64| {
        let specs: Vec<String> = (0..count)
            .map(|at| format!("{}-{}", at * 10, at * 10))
            .collect();
        range(&format!("bytes={}", specs.join(",")), 100_000)
    };
    assert!(matches!(many(16), RangeAnswer::Several(ranges) if ranges.len() == 16));
    assert_eq!(many(17), RangeAnswer::Whole);
    assert_eq!(many(10_000), RangeAnswer::Whole);
    // Sums that leave 64 bits.
    assert_eq!(range("bytes=0-,1-,2-", u64::MAX), RangeAnswer::Whole);
}

#[test]
fn rfc_9110_13_1_5_if_range() {
    let whole = RangeAnswer::Whole;
    let tagged: &[(&str, &[u8])] = &[("etag", b"\"a\"")];
    let weak: &[(&str, &[u8])] = &[("etag", b"W/\"a\"")];
    let bare: &[(&str, &[u8])] = &[("etag", b"abc")];
    let strong: &[(&str, &[u8])] = &[
        ("last-modified", DAY.as_bytes()),
        ("date", LATER.as_bytes()),
    ];
    let same_second: &[(&str, &[u8])] =
        &[("last-modified", DAY.as_bytes()), ("date", DAY.as_bytes())];
    let undated: &[(&str, &[u8])] = &[("last-modified", DAY.as_bytes())];
    for (value, stored, expected) in [
        ("\"a\"", tagged, single(0, 9)),
        ("\"b\"", tagged, whole.clone()),
        ("W/\"a\"", tagged, whole.clone()),
        ("\"a\"", weak, whole.clone()),
        ("W/\"a\"", weak, whole.clone()),
        ("abc", bare, whole.clone()),
        ("\"a\", \"b\"", tagged, whole.clone()),
        ("*", tagged, whole.clone()),
        ("", tagged, whole.clone()),
        ("\"a\"", &[], whole.clone()),
        (DAY, strong, single(0, 9)),
        ("Sunday, 06-Nov-94 08:49:37 GMT", strong, single(0, 9)),
        // Exactly the date, not a later or earlier one.
        (LATER, strong, whole.clone()),
        ("Sun, 06 Nov 1994 08:49:36 GMT", strong, whole.clone()),
        // Section 8.8.2.2: a weak date.
        (DAY, same_second, whole.clone()),
        (DAY, undated, whole.clone()),
        (DAY, tagged, whole.clone()),
    ] {
        let asked = map(&[("range", b"bytes=0-9"), ("if-range", value.as_bytes())]);
        assert_eq!(
            select(&Method::GET, StatusCode::OK, &asked, &map(stored), 100),
            expected,
            "{value} {stored:?}"
        );
    }
}

#[test]
fn rfc_9110_13_1_5_if_range_comes_before_satisfiability() {
    let asked = map(&[("range", b"bytes=200-"), ("if-range", b"\"old\"")]);
    assert_eq!(
        select(
            &Method::GET,
            StatusCode::OK,
            &asked,
            &map(&[("etag", b"\"a\"")]),
            100
        ),
        RangeAnswer::Whole
    );
}

#[test]
fn rfc_9110_8_8_1_strong_validators() {
    for (fields, expected) in [
        (&[("etag", "\"a\"")][..], Some("\"a\"")),
        (&[("etag", "W/\"a\"")], None),
        (&[("etag", "abc")], None),
        (&[("last-modified", DAY), ("date", LATER)], Some(DAY)),
        (&[("last-modified", DAY), ("date", DAY)], None),
        (&[("last-modified", DAY)], None),
        (
            &[("etag", "\"a\""), ("last-modified", DAY), ("date", LATER)],
            Some("\"a\""),
        ),
        // With a weak tag the date may not stand in for it.
        (
            &[("etag", "W/\"a\""), ("last-modified", DAY), ("date", LATER)],
            None,
        ),
        (&[], None),
    ] {
        let fields: Vec<(&str, &[u8])> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_bytes()))
            .collect();
        let map = map(&fields);
        let found = strong_validator(&map).map(HeaderValue::as_bytes);
        assert_eq!(found, expected.map(str::as_bytes), "{fields:?}");
    }
}

#[test]
fn changed_bytes_never_panic_and_never_leave_the_content() {
    let sample = b"bytes=0-9,20-,-5";
    for at in 0..sample.len() {
        for byte in (0x20..=0x7e).chain(0x80..=0xff) {
            let mut value = sample.to_vec();
            value[at] = byte;
            let asked = map(&[("range", &value), ("if-range", &value[at..])]);
            for asked in [map(&[("range", &value)]), asked] {
                for length in [0, 1, 7, u64::MAX] {
                    let ranges = match select(
                        &Method::GET,
                        StatusCode::OK,
                        &asked,
                        &HeaderMap::new(),
                        length,
                    ) {
                        RangeAnswer::Single { first, last } => vec![(first, last)],
                        RangeAnswer::Several(ranges) => ranges,
                        RangeAnswer::Whole | RangeAnswer::Unsatisfiable => vec![],
                    };
                    for (first, last) in ranges {
                        assert!(first <= last && last < length);
                    }
                }
            }
        }
    }
}
