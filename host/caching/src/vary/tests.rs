use super::*;
use crate::testing::{date, fields, get, stored_for};

/// Returns true if a response stored for one request, with `Vary: name`, answers another.
fn answers(name: &str, stored_with: &[&str], asked_with: &[&str]) -> bool {
    let stored_with: Vec<_> = stored_with.iter().map(|value| (name, *value)).collect();
    let asked_with: Vec<_> = asked_with.iter().map(|value| (name, *value)).collect();
    let stored = stored_for(
        &stored_with,
        200,
        &[("cache-control", "public, max-age=60"), ("vary", name)],
    );
    let asked = fields(&asked_with);
    select_variant(&asked, [&stored]).is_some()
}

#[test]
fn rfc_9111_4_1_nominated_fields_must_match() {
    for (stored_with, asked_with, expected) in [
        (&["1"][..], &["1"][..], true),
        (&["1"], &["2"], false),
        (&["1"], &[], false),
        (&[], &["1"], false),
        (&[], &[], true),
        (&[""], &[], false),
        (&[], &[""], false),
        (&[""], &[""], true),
        (&["a"], &["A"], false),
        (&["1"], &["1", "2"], false),
    ] {
        assert_eq!(
            answers("x-test", stored_with, asked_with),
            expected,
            "{stored_with:?} {asked_with:?}"
        );
    }
}

#[test]
fn rfc_9111_4_1_lists_are_equal_in_other_lines_and_spacing() {
    for (stored_with, asked_with, expected) in [
        (&["1,2"][..], &["1, 2"][..], true),
        (&["1 ,\t2"], &["1,2"], true),
        (&["1", "2"], &["1, 2"], true),
        (&["1, 2"], &["1", "2"], true),
        (&["1,,2,"], &["1, 2"], true),
        (&["1, 2"], &["2, 1"], false),
        (&["1 2"], &["1  2"], false),
        (&["\"a,b\""], &["\"a, b\""], false),
    ] {
        assert_eq!(
            answers("x-test", stored_with, asked_with),
            expected,
            "{stored_with:?} {asked_with:?}"
        );
    }
}

#[test]
fn rfc_9111_4_1_fields_that_are_no_lists_match_as_they_are() {
    for name in ["user-agent", "cookie", "referer", "authorization", "origin"] {
        assert!(answers(name, &["a (b, c)"], &["a (b, c)"]), "{name}");
        assert!(!answers(name, &["a (b, c)"], &["a (b,c)"]), "{name}");
        assert!(!answers(name, &["a=1"], &["A=1"]), "{name}");
    }
}

#[test]
fn rfc_9111_4_1_preferences_are_equal_by_meaning() {
    for (stored_with, asked_with, expected) in [
        (&["en, de"][..], &["en,de"][..], true),
        (&["en, de"], &["EN, De"], true),
        (&["en, de"], &["de, en"], true),
        (&["en", "de"], &["de, en"], true),
        (&["en, de;q=0.5"], &["de;q=0.5, en"], true),
        (&["en;q=1.0, de; q=0.50"], &["en,de;Q=0.5"], true),
        (&["en, en"], &["en"], true),
        (&["en;q=0.5, de"], &["en, de;q=0.5"], false),
        (&["en;q=0"], &["en"], false),
        (&["en, *;q=0.1"], &["en"], false),
        (&["en, de"], &["en, fr"], false),
        // A weight that can't be read: only the spacing is brought into form.
        (&["en;q=x,de"], &["en;q=x, de"], true),
        (&["en;q=x, de"], &["de, en;q=x"], false),
        (&["en;q=1.5"], &["en;q=1.5"], true),
        (&["en;q=0.1234, de"], &["de, en;q=0.1234"], false),
    ] {
        for name in ["accept-language", "accept-encoding", "accept"] {
            assert_eq!(
                answers(name, stored_with, asked_with),
                expected,
                "{name} {stored_with:?} {asked_with:?}"
            );
        }
    }
}

#[test]
fn rfc_9110_12_4_2_weights() {
    for (text, expected) in [
        ("0", Some(0)),
        ("1", Some(1000)),
        ("0.", Some(0)),
        ("0.5", Some(500)),
        ("0.05", Some(50)),
        ("0.005", Some(5)),
        ("1.000", Some(1000)),
        ("1.001", None),
        ("0.0001", None),
        ("2", None),
        ("", None),
        (".5", None),
        ("00", None),
        ("0.x", None),
        ("-1", None),
    ] {
        assert_eq!(thousandths(text.as_bytes()), expected, "{text}");
    }
}

#[test]
fn rfc_9111_4_1_the_vary_field_itself() {
    let request = fields(&[("a", "1"), ("b", "2")]);
    let names = |vary: &[&str]| {
        let lines: Vec<_> = vary.iter().map(|value| ("vary", *value)).collect();
        let nominated = nominated(&get(&request), &fields(&lines))?;
        Some(
            nominated
                .iter()
                .map(|field| field.name.as_str().to_owned())
                .collect::<Vec<_>>(),
        )
    };
    for (vary, expected) in [
        (&[][..], Some(&[][..])),
        (&[""], Some(&[])),
        (&["B, a"], Some(&["a", "b"])),
        (&["b", "a"], Some(&["a", "b"])),
        (&["a, A, a"], Some(&["a"])),
        (&["*"], None),
        (&["a, *"], None),
        (&["*", "a"], None),
        (&["a b"], None),
        (&["\"a\""], None),
    ] {
        assert_eq!(
            names(vary).as_deref(),
            expected
                .map(|names| names
                    .iter()
                    .map(|name| (*name).to_owned())
                    .collect::<Vec<_>>())
                .as_deref(),
            "{vary:?}"
        );
    }
}

#[test]
fn rfc_9111_4_1_the_matching_response_made_last_is_used() {
    let variant = |language: &str, made: i64| {
        stored_for(
            &[("accept-language", language)],
            200,
            &[
                ("cache-control", "max-age=9999"),
                ("vary", "accept-language"),
                ("date", &date(made)),
            ],
        )
    };
    let everybodys = |made: i64| {
        stored_for(
            &[],
            200,
            &[("cache-control", "max-age=9999"), ("date", &date(made))],
        )
    };
    let asked = fields(&[("accept-language", "de")]);
    let select = |variants: &[Stored]| select_variant(&asked, variants);
    assert_eq!(select(&[variant("en", -1), variant("de", -9)]), Some(1));
    assert_eq!(select(&[variant("de", -9), everybodys(-5)]), Some(1));
    assert_eq!(select(&[everybodys(-9), variant("de", -5)]), Some(1));
    assert_eq!(
        select(&[variant("de", -5), everybodys(-5)]),
        Some(0),
        "equally new: the first"
    );
    assert_eq!(select(&[variant("en", -1)]), None);
    assert_eq!(select(&[]), None);
}
