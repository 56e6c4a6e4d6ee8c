use super::*;
use crate::testing::{NOW, cloudfront, date, plain, store, store_with};

#[test]
fn rfc_9111_5_2_2_directives_that_forbid_storing() {
    for (line, expected) in [
        ("no-store", Some(NoStore::NoStore)),
        ("max-age=60, No-Store", Some(NoStore::NoStore)),
        ("no-store, public, s-maxage=60", Some(NoStore::NoStore)),
        ("private", Some(NoStore::Private)),
        (
            "private, max-age=60, public, s-maxage=60",
            Some(NoStore::Private),
        ),
        ("private=\"\", max-age=60", Some(NoStore::Private)),
        ("private=\"x-a\", max-age=60", None),
        ("max-age=60", None),
        ("max-age=60, nostore", None),
        ("private; max-age=30", Some(NoStore::Private)),
        ("no-store; max-age=0", Some(NoStore::NoStore)),
        ("no-store\tmax-age=60", Some(NoStore::NoStore)),
        ("must-understand; no-store", Some(NoStore::NoStore)),
        ("must-understand, no-store;", Some(NoStore::NoStore)),
        // Stale on arrival, and no validator to ask with.
        ("public;max-age=0", Some(NoStore::NotFresh)),
        ("public; max-age=60", Some(NoStore::NotFresh)),
    ] {
        assert_eq!(store(&[("cache-control", line)]).err(), expected, "{line}");
    }
}

#[test]
fn rfc_9111_5_2_2_3_must_understand() {
    for (status, line, expected) in [
        (200, "must-understand, no-store, max-age=60", None),
        (404, "must-understand, no-store, max-age=60", None),
        (200, "must-understand, max-age=60", None),
        (
            200,
            "must-understand, private, max-age=60",
            Some(NoStore::Private),
        ),
        (
            299,
            "must-understand, no-store, max-age=60",
            Some(NoStore::MustUnderstand),
        ),
        (
            299,
            "must-understand, max-age=60",
            Some(NoStore::MustUnderstand),
        ),
        (
            599,
            "must-understand, max-age=60",
            Some(NoStore::MustUnderstand),
        ),
        (299, "max-age=60", None),
    ] {
        let decided = store_with(
            &[],
            status,
            &[("cache-control", line)],
            &plain(),
            &Overrides::default(),
        );
        assert_eq!(decided.err(), expected, "{status} {line}");
    }
}

#[test]
fn rfc_9111_3_5_responses_to_requests_with_authorization() {
    let asked = [("authorization", "Basic YTpi")];
    for (line, expected) in [
        ("max-age=60", Some(NoStore::Authorization)),
        ("max-age=60, proxy-revalidate", Some(NoStore::Authorization)),
        ("no-cache", Some(NoStore::Authorization)),
        ("max-age=60, public", None),
        ("max-age=60, must-revalidate", None),
        ("s-maxage=60", None),
        ("no-cache, public", None),
        ("public; max-age=60", Some(NoStore::Authorization)),
        ("must-revalidate; x", Some(NoStore::Authorization)),
        ("public, max-age=60, x y", Some(NoStore::Authorization)),
    ] {
        let lines = [("cache-control", line), ("etag", "\"a\"")];
        let decided = store_with(&asked, 200, &lines, &plain(), &Overrides::default());
        assert_eq!(decided.err(), expected, "{line}");
    }
    let expires = date(60);
    let decided = store_with(
        &asked,
        200,
        &[("expires", &expires)],
        &plain(),
        &Overrides::default(),
    );
    assert_eq!(decided, Err(NoStore::Authorization));
    let decided = store_with(&asked, 200, &[], &Policy::default(), &Overrides::default());
    assert_eq!(
        decided,
        Err(NoStore::Authorization),
        "not by the policy's default either"
    );
    let minimum = Policy {
        min_ttl: 60,
        ..cloudfront()
    };
    let decided = store_with(
        &asked,
        200,
        &[("cache-control", "private")],
        &minimum,
        &Overrides::default(),
    );
    assert_eq!(
        decided,
        Err(NoStore::Authorization),
        "nor in CloudFront's manner"
    );
}

#[test]
fn a_cookie_without_freshness_of_its_own_is_not_stored() {
    let cookie = ("set-cookie", "session=1");
    let (etag, long_ago) = (("etag", "\"a\""), date(-1000));
    let policies = [
        plain(),
        Policy::default(),
        Policy {
            min_ttl: 60,
            ..Policy::default()
        },
    ];
    for policy in &policies {
        for lines in [
            &[cookie][..],
            &[cookie, etag],
            &[cookie, ("last-modified", &long_ago)],
            &[cookie, etag, ("cache-control", "public")],
            &[cookie, etag, ("cache-control", "no-cache")],
            &[cookie, etag, ("cache-control", "max-age=0")],
            &[cookie, etag, ("expires", "0")],
        ] {
            let decided = store_with(&[], 200, lines, policy, &Overrides::default());
            assert_eq!(decided, Err(NoStore::SetCookie), "{lines:?}");
        }
        for lines in [
            &[cookie, ("cache-control", "max-age=60")][..],
            &[cookie, ("cache-control", "s-maxage=60")],
            &[cookie, ("cdn-cache-control", "max-age=60")],
        ] {
            let decided =
                store_with(&[], 200, lines, policy, &Overrides::default()).expect("it is stored");
            assert!(decided.fields.contains_key("set-cookie"));
        }
        let without = [cookie, etag, ("cache-control", "no-cache=\"set-cookie\"")];
        let decided =
            store_with(&[], 200, &without, policy, &Overrides::default()).expect("it is stored");
        assert!(!decided.fields.contains_key("set-cookie"));
    }
    assert!(
        store_with(
            &[],
            503,
            &[cookie],
            &Policy::default(),
            &Overrides::default()
        )
        .is_err()
    );
}

#[test]
fn rfc_5861_windows_are_kept_within_the_longest_lifetime() {
    let stored = store(&[(
        "cache-control",
        "max-age=60, stale-while-revalidate=5, stale-if-error=99999999999",
    )]);
    let stored = stored.expect("it is stored");
    assert_eq!(stored.stale_while_revalidate, Some(5));
    assert_eq!(stored.stale_if_error, Some(Policy::default().max_ttl));
}

#[test]
fn rfc_9111_5_2_2_10_s_maxage_includes_proxy_revalidate() {
    for (line, expected) in [
        ("s-maxage=60", true),
        ("max-age=60", false),
        ("max-age=60, proxy-revalidate", true),
    ] {
        let lines = [("cache-control", line)];
        assert_eq!(
            store(&lines).expect(line).directives.proxy_revalidate,
            expected,
            "{line}"
        );
    }
    let lines = [("cache-control", "s-maxage=60")];
    let stored =
        store_with(&[], 200, &lines, &cloudfront(), &Overrides::default()).expect("it is stored");
    assert!(!stored.directives.forbid_stale());
}

#[test]
fn a_ttl_hook_decides_in_the_origins_place() {
    let hook = Overrides {
        lifetime: Some(7),
        stale_while_revalidate: Some(8),
        stale_if_error: Some(9),
        tags: vec!["t".to_owned()],
        dont_store: false,
    };
    let policy = Policy {
        min_ttl: 100,
        max_ttl: 5,
        ..plain()
    };
    for lines in [
        &[][..],
        &[("cache-control", "no-store")],
        &[("cache-control", "private, no-cache")],
        &[("cache-control", "max-age=60, s-maxage=50, stale-if-error=1")],
        &[("set-cookie", "a")],
    ] {
        for status in [200, 302, 503, 999] {
            let stored = store_with(&[("authorization", "x")], status, lines, &policy, &hook)
                .expect("it is stored");
            assert_eq!(
                (stored.lifetime, stored.lifetime_source),
                (7, LifetimeSource::Plugin),
                "{lines:?}"
            );
            assert_eq!(
                (stored.stale_while_revalidate, stored.stale_if_error),
                (Some(8), Some(9)),
                "{lines:?}"
            );
            assert_eq!(stored.tags, ["t"]);
            assert!(!stored.directives.forbid_stale(), "{lines:?}");
        }
    }
    let aged = store_with(&[], 200, &[("age", "100")], &policy, &hook).expect("it is stored");
    assert_eq!(aged.ttl(NOW), 7, "counted from the arrival");
    let star = store_with(&[], 200, &[("vary", "*")], &policy, &hook);
    assert_eq!(star, Err(NoStore::VaryStar));
    let dont = Overrides {
        dont_store: true,
        ..hook
    };
    let decided = store_with(
        &[],
        200,
        &[("cache-control", "max-age=60")],
        &plain(),
        &dont,
    );
    assert_eq!(decided, Err(NoStore::Plugin));
}

#[test]
fn a_ttl_hook_that_sets_no_lifetime_overrules_nothing_else() {
    let hook = Overrides {
        stale_if_error: Some(9),
        tags: vec!["t".to_owned()],
        ..Overrides::default()
    };
    let private = store_with(&[], 200, &[("cache-control", "private")], &plain(), &hook);
    assert_eq!(private, Err(NoStore::Private));
    let stored = store_with(
        &[],
        200,
        &[("cache-control", "max-age=60, stale-if-error=1")],
        &plain(),
        &hook,
    );
    assert_eq!(
        stored.map(|stored| (stored.lifetime, stored.stale_if_error)),
        Ok((60, Some(9)))
    );
}

#[test]
fn a_policy_without_lifetime_stores_nothing() {
    let off = Policy {
        max_ttl: 0,
        default_ttl: 0,
        ..Policy::default()
    };
    let lines = [("cache-control", "max-age=60"), ("etag", "\"a\"")];
    assert_eq!(
        store_with(&[], 200, &lines, &off, &Overrides::default()),
        Err(NoStore::Disabled)
    );
    assert_eq!(
        store_with(&[], 503, &[], &off, &Overrides::default()),
        Err(NoStore::Disabled)
    );
}

#[test]
fn cloudfront_a_minimum_overrules_what_forbids_storing() {
    let minimum = Policy {
        min_ttl: 60,
        ..cloudfront()
    };
    for line in ["private", "no-store", "no-cache", "private, max-age=600"] {
        let lines = [("cache-control", line)];
        let stored = store_with(&[], 200, &lines, &minimum, &Overrides::default()).expect(line);
        assert_eq!(
            (stored.lifetime, stored.lifetime_source),
            (60, LifetimeSource::Minimum),
            "{line}"
        );
        assert!(!stored.directives.no_cache, "{line}");
        assert!(
            store_with(&[], 200, &lines, &cloudfront(), &Overrides::default()).is_err(),
            "{line}"
        );
        let selvedge = Policy {
            min_ttl: 60,
            ..Policy::default()
        };
        assert!(
            store_with(&[], 200, &lines, &selvedge, &Overrides::default()).is_err(),
            "{line}"
        );
        assert!(
            store_with(&[], 503, &lines, &cloudfront(), &Overrides::default()).is_ok(),
            "{line}"
        );
        assert!(
            store_with(&[], 404, &lines, &minimum, &Overrides::default()).is_err(),
            "{line}"
        );
    }
}

#[test]
fn cloudfront_vary_makes_no_variants_and_cookies_are_stored() {
    let lines = [("cache-control", "max-age=60"), ("vary", "accept-language")];
    let stored =
        store_with(&[], 200, &lines, &cloudfront(), &Overrides::default()).expect("it is stored");
    assert_eq!(stored.vary, []);
    let star = [("cache-control", "max-age=60"), ("vary", "*")];
    assert_eq!(
        store_with(&[], 200, &star, &cloudfront(), &Overrides::default()),
        Err(NoStore::VaryStar)
    );
    assert!(
        store_with(
            &[],
            200,
            &[("set-cookie", "a")],
            &cloudfront(),
            &Overrides::default()
        )
        .is_ok()
    );
}
