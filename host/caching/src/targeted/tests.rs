use super::*;
use crate::testing::fields;

const OWN: &str = "selvedge-cdn-cache-control";
const CDN: &str = "cdn-cache-control";

fn cdn(value: &str) -> (Directives, DirectivesFrom) {
    directives(&fields(&[
        (CDN, value),
        ("cache-control", "max-age=1, no-store"),
    ]))
}

#[test]
fn rfc_9213_2_2_the_most_specific_valid_field_counts_alone() {
    use DirectivesFrom::{CacheControl, Cdn, Selvedge};
    let all = [
        (OWN, "max-age=3"),
        (CDN, "max-age=2"),
        ("cache-control", "max-age=1"),
    ];
    for (lines, age, from) in [
        (&all[..], 3, Selvedge),
        (&all[1..], 2, Cdn),
        (&all[2..], 1, CacheControl),
    ] {
        let (said, of) = directives(&fields(lines));
        assert_eq!((said.max_age, of), (Some(age), from), "{lines:?}");
    }
    assert!(
        !cdn("max-age=2").0.no_store,
        "Cache-Control is not looked at"
    );
}

#[test]
fn rfc_9213_2_2_an_empty_or_malformed_field_is_as_if_absent() {
    for value in [
        "",
        " ",
        "max-age=2,",
        ",max-age=2",
        "max-age=2,, private",
        "max-age=",
        "max-age = 2",
        "Max-Age=2",
        "max-age=2, &&&",
        "max-age=\"2",
        "max-age=-",
        "max-age=2.",
        "max-age=10000000000000000",
        "2",
        "max-age=2; A=1",
        "no-store; max-age=2 x",
    ] {
        let (said, from) = cdn(value);
        assert_eq!(from, DirectivesFrom::CacheControl, "{value}");
        assert_eq!((said.max_age, said.no_store), (Some(1), true), "{value}");
    }
}

#[test]
fn restrictions_of_a_targeted_field_that_cant_be_read_hold() {
    let beside = |value: &str| {
        directives(&fields(&[
            (CDN, value),
            ("cache-control", "public, max-age=100, s-maxage=100"),
        ]))
        .0
    };
    for value in [
        "No-Store",
        "no-store,",
        "no-store x",
        "no-store; max-age=2 x",
        "no-store: 1",
    ] {
        assert!(beside(value).no_store, "{value}");
        assert!(!cdn(&value.replace("store", "sture")).0.public, "{value}");
    }
    for value in ["Private", "private x", "private, &&&"] {
        assert!(beside(value).private.is_all(), "{value}");
    }
    for (value, limit) in [
        ("Max-Age=7", 7),
        ("max-age = 7", 7),
        ("max-age=7, &&&", 7),
        ("s-maxage=7, max-age=9 x", 7),
        ("max-age=\"7", 7),
        ("max-age=7.", 0),
        ("max-age x", 0),
    ] {
        assert_eq!(beside(value).limit, Some(limit), "{value}");
    }
    assert_eq!(beside("&&&").limit, None);
}

#[test]
fn parameters_restrict_but_allow_nothing() {
    for (value, limit) in [
        ("public;max-age=0", Some(0)),
        ("max-age=60;max-age=5", Some(5)),
        ("max-age=60;x=s-maxage", Some(0)),
        ("max-age=60;x=1", None),
        ("max-age=60;x=\"max-age=0\"", None),
    ] {
        assert_eq!(cdn(value).0.limit, limit, "{value}");
    }
    assert!(cdn("max-age=60;private").0.private.is_all());
    assert!(cdn("max-age=60;no-store").0.no_store);
    assert!(cdn("max-age=60, x=(no-store)").0.no_store);
    assert!(!cdn("max-age=60;public").0.public);
}

#[test]
fn rfc_9213_2_1_lines_are_one_dictionary_and_the_last_of_a_name_counts() {
    let lines = fields(&[(CDN, "max-age=5, private"), (CDN, "max-age=7")]);
    let (said, _) = directives(&lines);
    assert_eq!(said.max_age, Some(7));
    assert!(said.private.is_all());
}

#[test]
fn rfc_9213_2_1_parameters_and_unknown_directives_are_ignored() {
    let (said, from) = cdn("max-age=2;x=\"y\";z, foo=(1 2), bar=:YQ==:, none");
    assert_eq!((said.max_age, from), (Some(2), DirectivesFrom::Cdn));
    let (said, from) = cdn("none");
    assert_eq!((said, from), (Directives::default(), DirectivesFrom::Cdn));
}

#[test]
fn rfc_9213_2_1_values_of_another_type_are_not_taken_for_lifetimes() {
    for value in [
        "max-age=\"60\"",
        "max-age=60.0",
        "max-age=60.5",
        "max-age=abc",
        "max-age",
        "max-age=?1",
        "max-age=(60)",
        "max-age=-60",
        "max-age=@60",
    ] {
        assert_eq!(cdn(value).0.max_age, Some(0), "{value}");
    }
}

#[test]
fn rfc_9213_2_1_directives_without_argument() {
    let every = "no-store, public, must-revalidate, proxy-revalidate, must-understand, immutable";
    let said = cdn(every).0;
    for flag in [
        said.no_store,
        said.public,
        said.must_revalidate,
        said.proxy_revalidate,
        said.must_understand,
        said.immutable,
    ] {
        assert!(flag);
    }
    assert!(cdn("no-store=?1").0.no_store);
    assert!(
        cdn("no-store=1").0.no_store,
        "a restriction in doubt restricts"
    );
    assert!(!cdn("no-store=?0").0.no_store);
}

#[test]
fn rfc_9213_2_1_qualified_directives() {
    for (value, expected) in [
        ("private", Qualified::All),
        ("private=?0", Qualified::Absent),
        ("private=\"a, b\"", Qualified::of(b"a, b")),
        ("private=\"\"", Qualified::All),
        ("private=a", Qualified::All),
        ("private=(\"a\" \"b\")", Qualified::All),
    ] {
        assert_eq!(cdn(value).0.private, expected, "{value}");
        let value = value.replace("private", "no-cache");
        assert_eq!(cdn(&value).0.no_cache, expected, "{value}");
    }
    assert_eq!(Qualified::of(b"a, b").fields().len(), 2);
}

#[test]
fn rfc_9213_2_1_large_numbers_are_capped() {
    assert_eq!(cdn("max-age=999999999999999").0.max_age, Some(MAX_DELTA));
    let said = cdn("s-maxage=4, stale-while-revalidate=5, stale-if-error=6").0;
    assert_eq!(
        (
            said.s_maxage,
            said.stale_while_revalidate,
            said.stale_if_error
        ),
        (Some(4), Some(5), Some(6))
    );
}
