use super::*;
use crate::testing::fields;

fn response(lines: &[&str]) -> Directives {
    let lines: Vec<_> = lines.iter().map(|line| ("cache-control", *line)).collect();
    Directives::of_response(&fields(&lines))
}

fn request(line: &str) -> RequestDirectives {
    RequestDirectives::of_request(&fields(&[("cache-control", line)]))
}

fn names(names: &[&'static str]) -> Qualified {
    Qualified::Fields(
        names
            .iter()
            .map(|name| HeaderName::from_static(name))
            .collect(),
    )
}

#[test]
fn rfc_9111_1_2_2_delta_seconds() {
    for (text, expected) in [
        ("0", Some(0)),
        ("60", Some(60)),
        ("0060", Some(60)),
        ("2147483648", Some(2_147_483_648)),
        ("4294967296", Some(MAX_DELTA)),
        ("99999999999999999999999999", Some(MAX_DELTA)),
        ("", None),
        ("-1", None),
        ("+1", None),
        ("1.0", None),
        ("1.5", None),
        (".5", None),
        ("1e3", None),
        ("0x10", None),
        ("60s", None),
        ("s60", None),
        ("6 0", None),
    ] {
        assert_eq!(delta_seconds(text.as_bytes()), expected, "{text}");
    }
}

#[test]
fn rfc_9111_5_2_arguments_and_their_forms() {
    for (lines, expected) in [
        (&["max-age=60"][..], Some(60)),
        (&["MAX-AGE=60"], Some(60)),
        (&["Max-Age=\"60\""], Some(60)),
        (&["foo, max-age=60"], Some(60)),
        (&[",, ,max-age=60 ,"], Some(60)),
        (&["x=\"a, max-age=1, b\", max-age=60"], Some(60)),
        (&["x=\"\\\", max-age=1\", max-age=60"], Some(60)),
        (&["s-max-age=60"], None),
        (&["max-age2=60"], None),
        (&["xmax-age=60"], None),
        (&["max_age=60"], None),
        (&["x=\"max-age=60\""], None),
        (&[""], None),
    ] {
        assert_eq!(response(lines).max_age, expected, "{lines:?}");
    }
}

#[test]
fn rfc_9111_4_2_1_a_lifetime_that_cant_be_read_is_over() {
    for line in [
        "max-age",
        "max-age=",
        "max-age=\"\"",
        "max-age=-1",
        "max-age=abc",
        "max-age=60.5",
        "max-age=60s",
        "max-age='60'",
        "max-age=\"60",
        "max-age =60",
        "max-age= 60",
        "max-age = 60",
        "max-age=60 s",
        "max-age=60; foo",
        "max-age=\"6\\0\"",
    ] {
        let said = response(&[line]);
        assert_eq!(said.limit.or(said.max_age), Some(0), "{line}");
    }
}

/// Other bytes than a HeaderValue takes from text.
fn response_of_bytes(line: &[u8]) -> Directives {
    let mut fields = HeaderMap::new();
    fields.insert(
        CACHE_CONTROL,
        http::HeaderValue::from_bytes(line).expect("a value"),
    );
    Directives::of_response(&fields)
}

const SEPARATORS: [&[u8]; 23] = [
    b";",
    b"; ",
    b" ",
    b"\t",
    b" ; ",
    b":",
    b"/",
    b"|",
    b"&",
    b"+",
    b".",
    b"\\",
    b"\"",
    b"'",
    b"(",
    b"{",
    b"<",
    b"@",
    b"?",
    b"\xa0",
    b"\xe3\x80\x81",
    b";;",
    b"; ,",
];

#[test]
fn rfc_9111_4_2_1_restrictions_are_recognised_whatever_separates_them() {
    for separator in SEPARATORS {
        for other in [&b"max-age=30"[..], b"public", b"x", b"\"x\"", b"60"] {
            for (restriction, obeyed) in [
                (
                    &b"no-store"[..],
                    (|said| said.no_store) as fn(&Directives) -> bool,
                ),
                (b"No-Store", |said| said.no_store),
                (b"private", |said| said.private.is_all()),
                (b"no-cache", |said| said.no_cache.is_all()),
                (b"max-age=0", |said| said.limit.or(said.max_age) == Some(0)),
                (b"s-maxage=0", |said| {
                    said.limit.or(said.s_maxage) == Some(0)
                }),
                (b"must-revalidate", |said| said.must_revalidate),
                (b"proxy-revalidate", |said| said.proxy_revalidate),
            ] {
                for line in [
                    [restriction, separator, other].concat(),
                    [other, separator, restriction].concat(),
                    [b"public, ", restriction, separator].concat(),
                    [separator, restriction, b", public"].concat(),
                ] {
                    let said = response_of_bytes(&line);
                    assert!(obeyed(&said), "{}", line.escape_ascii());
                }
            }
        }
    }
}

#[test]
fn rfc_9111_4_2_1_what_is_outside_the_grammar_leaves_no_freshness() {
    for line in [
        "public; max-age=60",
        "max-age=60;",
        "max-age=60; public",
        "public;x, max-age=60",
        "max-age=60, foo bar",
        "s-maxage=60, \"public\"",
        "max-age:60",
        "max-age 60",
        "max-age=60 s-maxage=60",
        "max-age==60",
        "=60, max-age=60",
        "max-age=60, x=\"",
    ] {
        assert_eq!(response(&[line]).limit, Some(0), "{line}");
    }
    for line in [
        "max-age=60",
        "max-age=60, x.y=z",
        "max-age=60, x=\"a; b\"",
        ", max-age=60,,",
    ] {
        assert_eq!(response(&[line]).limit, None, "{line}");
    }
    let lines = response(&["max-age=60", "x y"]);
    assert_eq!(
        (lines.max_age, lines.limit),
        (Some(60), Some(0)),
        "one of several lines"
    );
}

#[test]
fn rfc_9111_5_2_1_restrictions_of_a_request_are_recognised_whatever_separates_them() {
    for line in [
        "no-store; max-age=5",
        "no-store max-age=5",
        "max-age=5|no-store",
        "\"no-store\"",
    ] {
        assert!(request(line).no_store, "{line}");
        assert!(request(&line.replace("store", "cache")).no_cache, "{line}");
    }
    assert_eq!(request("x; max-age=5").max_age, Some(5));
    assert_eq!(request("x; min-fresh=5").min_fresh, Some(5));
    assert_eq!(request("x; max-stale").max_stale, None);
    assert_eq!(request("x; stale-if-error=5").stale_if_error, None);
}

#[test]
fn rfc_9111_4_2_1_of_several_lifetimes_the_smallest_counts() {
    for lines in [
        &["max-age=60, max-age=1"][..],
        &["max-age=1, max-age=60"],
        &["max-age=60", "max-age=1"],
        &["max-age=1", "max-age=60"],
        &["max-age=60, MAX-AGE=\"1\""],
    ] {
        assert_eq!(response(lines).max_age, Some(1), "{lines:?}");
    }
    assert_eq!(response(&["max-age=60, max-age=x"]).max_age, Some(0));
}

#[test]
fn rfc_9111_5_2_2_each_directive_is_known() {
    let all = response(&[
        "no-store, public, must-revalidate, proxy-revalidate, must-understand",
        "immutable, max-age=1, s-maxage=2, stale-while-revalidate=3, stale-if-error=4, no-cache, private",
    ]);
    let expected = Directives {
        no_store: true,
        no_cache: Qualified::All,
        private: Qualified::All,
        public: true,
        must_revalidate: true,
        proxy_revalidate: true,
        must_understand: true,
        immutable: true,
        max_age: Some(1),
        s_maxage: Some(2),
        stale_while_revalidate: Some(3),
        stale_if_error: Some(4),
        limit: None,
    };
    assert_eq!(all, expected);
}

#[test]
fn rfc_9111_5_2_a_restriction_with_an_argument_that_it_does_not_have_still_restricts() {
    for line in ["no-store=x", "no-store=\"\"", "No-Store = 0", "no-store ="] {
        assert!(response(&[line]).no_store, "{line}");
    }
}

#[test]
fn rfc_9111_5_2_2_4_and_7_qualified_forms() {
    for (line, expected) in [
        ("private", Qualified::All),
        ("private=\"Set-Cookie\"", names(&["set-cookie"])),
        ("private=set-cookie", names(&["set-cookie"])),
        ("private=\" a , b,\"", names(&["a", "b"])),
        ("private=\"a\", private=\"b\"", names(&["a", "b"])),
        ("private=\"a\", private", Qualified::All),
        ("private, private=\"a\"", Qualified::All),
        ("private=\"\"", Qualified::All),
        ("private=", Qualified::All),
        ("private=\"a b\"", Qualified::All),
        ("private = \"a\"", Qualified::All),
        ("privat", Qualified::Absent),
    ] {
        assert_eq!(response(&[line]).private, expected, "{line}");
        let line = line.replace("privat", "no-cach");
        let line = line.replace("no-cache", "NO-cache");
        assert_eq!(response(&[&line]).no_cache, expected, "{line}");
    }
}

#[test]
fn rfc_9111_5_2_a_quote_that_is_not_closed_hides_nothing() {
    assert!(response(&["x=\"a, no-store"]).no_store);
}

#[test]
fn rfc_9111_5_4_pragma_counts_without_cache_control_only() {
    for (lines, expected) in [
        (&[("pragma", "no-cache")][..], true),
        (&[("pragma", "x, No-Cache")], true),
        (&[("pragma", "no-cache; x")], true),
        (&[("pragma", "no-cache=x")], true),
        (&[("pragma", "xno-cache")], false),
        (&[("pragma", "x")], false),
        (
            &[("pragma", "no-cache"), ("cache-control", "max-age=1")],
            false,
        ),
        (&[("pragma", "no-cache"), ("cache-control", "")], false),
    ] {
        let fields = fields(lines);
        assert_eq!(
            RequestDirectives::of_request(&fields).no_cache,
            expected,
            "{lines:?}"
        );
        assert_eq!(
            Directives::of_response(&fields).no_cache.is_all(),
            expected,
            "{lines:?}"
        );
    }
}

#[test]
fn rfc_9111_5_2_1_request_directives() {
    let expected = RequestDirectives {
        max_age: Some(1),
        min_fresh: Some(2),
        max_stale: Some(MaxStale::Seconds(3)),
        stale_if_error: Some(4),
        no_cache: true,
        no_store: true,
        only_if_cached: true,
    };
    let line = "max-age=1, min-fresh=2, max-stale=3, stale-if-error=4, no-cache, no-store, only-if-cached, foo=5";
    assert_eq!(request(line), expected);
    assert_eq!(request("foo"), RequestDirectives::default());
}

#[test]
fn rfc_9111_5_2_1_of_several_request_values_the_one_that_uses_the_cache_least_counts() {
    assert_eq!(request("max-age=5, max-age=3").max_age, Some(3));
    assert_eq!(request("min-fresh=3, min-fresh=5").min_fresh, Some(5));
    assert_eq!(
        request("min-fresh=3, min-fresh=x").min_fresh,
        Some(MAX_DELTA)
    );
    for (line, expected) in [
        ("max-stale", MaxStale::Any),
        ("max-stale, max-stale=5", MaxStale::Seconds(5)),
        ("max-stale=5, max-stale", MaxStale::Seconds(5)),
        ("max-stale=5, max-stale=3", MaxStale::Seconds(3)),
        ("max-stale=x", MaxStale::Seconds(0)),
    ] {
        assert_eq!(request(line).max_stale, Some(expected), "{line}");
    }
}

#[test]
fn every_short_line_of_the_hard_bytes_is_read_without_a_panic() {
    let parts = [
        "max-age", "private", "=", "\"", ",", " ", "\\", "5", "\u{e9}",
    ];
    for mut number in 0..parts.len().pow(5) {
        let mut line = String::new();
        for _ in 0..5 {
            line.push_str(parts[number % parts.len()]);
            number /= parts.len();
        }
        let fields = fields(&[("cache-control", &line)]);
        let _ = Directives::of_response(&fields);
        let _ = RequestDirectives::of_request(&fields);
    }
}
