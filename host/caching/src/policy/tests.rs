use super::*;
use crate::lifetime::LifetimeSource;
use crate::no_store::NoStore;
use crate::testing::{date, lifetime, plain};

/// A minimum of 10 s for errors, and one of 30 s for other responses.
fn with_error_minimum() -> Policy {
    Policy {
        error_min_ttl: ErrorMinimum::of_default(10),
        min_ttl: 30,
        ..Policy::default()
    }
}

#[test]
fn policy_errors_have_a_minimum_of_their_own() {
    use LifetimeSource::{ErrorMinimum, MaxAge};
    let policy = with_error_minimum();
    for status in [404, 410, 500, 501, 502, 503, 504] {
        let expected = Ok((10, ErrorMinimum));
        assert_eq!(lifetime(status, &[], &policy), expected, "{status}");
    }
    for status in [402, 409, 423, 451, 505, 599] {
        let found = lifetime(status, &[], &policy);
        assert_eq!(found, Err(NoStore::NoFreshness), "{status}");
        for (line, expected) in [
            ("max-age=5", (10, ErrorMinimum)),
            ("max-age=50", (50, MaxAge)),
        ] {
            let found = lifetime(status, &[("cache-control", line)], &policy);
            assert_eq!(found, Ok(expected), "{status} {line}");
        }
    }
    for (line, why) in [
        ("no-store", NoStore::NoStore),
        ("private", NoStore::Private),
    ] {
        assert_eq!(lifetime(503, &[("cache-control", line)], &policy), Err(why));
    }
}

#[test]
fn an_error_that_says_that_it_is_not_fresh_is_not_kept() {
    let cloudfront = Policy {
        compatibility: Compatibility::Cloudfront,
        ..with_error_minimum()
    };
    let named = Policy {
        error_min_ttl: ErrorMinimum::of_default(10).with(404, 60).with(429, 60),
        ..Policy::default()
    };
    for status in [400, 401, 403, 404, 405, 410, 429, 431, 500, 503, 599] {
        for line in [
            ("cache-control", "max-age=0"),
            ("cache-control", "s-maxage=0, max-age=60"),
            ("cache-control", "no-cache"),
            ("cache-control", "max-age=x"),
            ("cache-control", "public; max-age=60"),
            ("cdn-cache-control", "max-age=0"),
            ("expires", "0"),
        ] {
            for policy in [&with_error_minimum(), &named] {
                let found = lifetime(status, &[line], policy).map(|(seconds, _)| seconds);
                assert_eq!(found, Ok(0), "{status} {line:?}");
            }
        }
    }
    let zero = [("cache-control", "max-age=0")];
    assert_eq!(
        lifetime(503, &zero, &cloudfront),
        Ok((10, LifetimeSource::ErrorMinimum))
    );
}

#[test]
fn errors_that_a_viewers_fields_cause_have_a_minimum_only_by_name() {
    use LifetimeSource::{ErrorMinimum as Minimum, MaxAge};
    let named = Policy {
        error_min_ttl: ErrorMinimum::of_default(10)
            .with(403, 5)
            .with(404, 60)
            .with(405, 0)
            .with(503, 0),
        ..plain()
    };
    for status in [
        400, 401, 403, 405, 406, 407, 408, 411, 413, 414, 415, 417, 421, 422, 425, 426, 428, 429,
        431,
    ] {
        let silent = lifetime(status, &[], &with_error_minimum());
        assert!(
            matches!(silent, Err(NoStore::NoFreshness) | Ok((0, _))),
            "{status}"
        );
        let short = lifetime(
            status,
            &[("cache-control", "max-age=5")],
            &with_error_minimum(),
        );
        assert_eq!(short, Ok((5, MaxAge)), "{status}");
    }
    for (status, lines, expected) in [
        (403, &[][..], (5, Minimum)),
        (403, &[("cache-control", "max-age=2")], (5, Minimum)),
        (403, &[("cache-control", "max-age=7")], (7, MaxAge)),
        (404, &[], (60, Minimum)),
        (410, &[], (10, Minimum)),
        (405, &[("cache-control", "max-age=2")], (2, MaxAge)),
        (503, &[("cache-control", "max-age=2")], (2, MaxAge)),
    ] {
        assert_eq!(
            lifetime(status, lines, &named),
            Ok(expected),
            "{status} {lines:?}"
        );
    }
    assert_eq!(lifetime(503, &[], &named), Err(NoStore::NoFreshness));
    let private = [("cache-control", "private")];
    assert_eq!(lifetime(403, &private, &named), Err(NoStore::Private));
}

#[test]
fn rfc_6585_4_a_429_is_not_used_for_longer_than_its_retry_after() {
    use LifetimeSource::{ErrorMinimum as Minimum, MaxAge, RetryAfter};
    let named = Policy {
        error_min_ttl: ErrorMinimum::of_default(10).with(429, 30),
        ..plain()
    };
    let (soon, made) = (date(20), date(-5));
    let retry = |value| ("retry-after", value);
    let lives = ("cache-control", "max-age=60");
    for (lines, expected) in [
        (&[][..], (30, Minimum)),
        (&[retry("5")], (5, RetryAfter)),
        (&[retry("100")], (30, Minimum)),
        (&[retry(&soon)], (20, RetryAfter)),
        (&[retry(&soon), ("date", &made)], (25, RetryAfter)),
        (&[retry("7"), retry("5")], (5, RetryAfter)),
        (&[retry("soon")], (0, RetryAfter)),
        (&[retry("0")], (0, RetryAfter)),
        (&[retry("5"), lives], (5, RetryAfter)),
        (&[retry("100"), lives], (60, MaxAge)),
    ] {
        assert_eq!(lifetime(429, lines, &named), Ok(expected), "{lines:?}");
    }
    assert_eq!(lifetime(503, &[retry("5")], &named), Ok((10, Minimum)));
}
