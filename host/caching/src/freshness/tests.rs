use super::*;
use crate::no_store::NoStore;
use crate::testing::{NOW, date, lifetime, plain};

#[test]
fn rfc_9111_4_2_1_which_lifetime_counts() {
    use LifetimeSource::{
        CdnCacheControl, Expires, MaxAge, None, SMaxage, SelvedgeCdnCacheControl,
    };
    let later = date(40);
    let own = ("selvedge-cdn-cache-control", "max-age=10");
    let own_s = ("selvedge-cdn-cache-control", "max-age=10, s-maxage=11");
    let cdn = ("cdn-cache-control", "max-age=20");
    let silent = ("cdn-cache-control", "public");
    let s_maxage = ("cache-control", "max-age=30, s-maxage=29");
    let max_age = ("cache-control", "max-age=30");
    let expires = ("expires", later.as_str());
    for (lines, seconds, source) in [
        (
            &[own, cdn, s_maxage, expires][..],
            10,
            SelvedgeCdnCacheControl,
        ),
        (&[own_s, cdn], 11, SelvedgeCdnCacheControl),
        (&[cdn, s_maxage, expires], 20, CdnCacheControl),
        (&[s_maxage, expires], 29, SMaxage),
        (&[max_age, expires], 30, MaxAge),
        (&[expires], 40, Expires),
        (&[("cache-control", "public"), expires], 40, Expires),
        // RFC 9213, section 2.2: neither Cache-Control nor Expires beside a targeted field.
        (&[silent, max_age, expires], 0, None),
        (&[], 0, None),
    ] {
        assert_eq!(
            lifetime(200, lines, &plain()),
            Ok((seconds, source)),
            "{lines:?}"
        );
    }
}

#[test]
fn rfc_9111_5_3_expires_in_odd_forms() {
    let (before, later, sooner) = (date(-10), date(40), date(20));
    let made = date(-100);
    for (lines, seconds) in [
        (&[("expires", later.as_str())][..], 40),
        (&[("expires", before.as_str())], 0),
        (&[("expires", "0")], 0),
        (&[("expires", "-1")], 0),
        (&[("expires", "")], 0),
        (&[("expires", "tomorrow")], 0),
        (&[("expires", "Sunday, 06-Nov-94 08:50:37 GMT")], 60),
        (&[("expires", "Sun Nov  6 08:50:37 1994")], 60),
        (&[("expires", "Sun, 06 Nov 1994 08:50:37 UTC")], 0),
        // From Date on, not from the arrival.
        (&[("expires", later.as_str()), ("date", made.as_str())], 140),
        (&[("expires", later.as_str()), ("date", "never")], 40),
        // Of several the earliest.
        (
            &[("expires", later.as_str()), ("expires", sooner.as_str())],
            20,
        ),
        (&[("expires", later.as_str()), ("expires", "0")], 0),
        (&[("expires", "Fri, 31 Dec 9999 23:59:59 GMT")], 31_536_000),
    ] {
        let found = lifetime(200, lines, &plain()).map(|(seconds, _)| seconds);
        assert_eq!(found, Ok(seconds), "{lines:?}");
    }
}

#[test]
fn rfc_9111_4_2_2_a_tenth_of_the_time_since_last_modified() {
    let (long_ago, ahead, made) = (date(-1000), date(50), date(-500));
    for (lines, expected) in [
        (
            &[("last-modified", long_ago.as_str())][..],
            (100, LifetimeSource::Heuristic),
        ),
        (
            &[
                ("last-modified", long_ago.as_str()),
                ("date", made.as_str()),
            ],
            (50, LifetimeSource::Heuristic),
        ),
        (
            &[("last-modified", ahead.as_str())],
            (0, LifetimeSource::Heuristic),
        ),
        (&[("last-modified", "long ago")], (0, LifetimeSource::None)),
        (&[], (0, LifetimeSource::None)),
        // What is said is not guessed.
        (
            &[
                ("last-modified", long_ago.as_str()),
                ("cache-control", "max-age=1"),
            ],
            (1, LifetimeSource::MaxAge),
        ),
        (
            &[
                ("last-modified", long_ago.as_str()),
                ("cache-control", "max-age=x"),
            ],
            (0, LifetimeSource::MaxAge),
        ),
        (
            &[("last-modified", long_ago.as_str()), ("expires", "0")],
            (0, LifetimeSource::Expires),
        ),
    ] {
        assert_eq!(lifetime(200, lines, &plain()), Ok(expected), "{lines:?}");
    }
}

#[test]
fn rfc_9110_15_1_statuses_that_may_be_assumed_fresh() {
    let long_ago = date(-1000);
    let modified = ("last-modified", long_ago.as_str());
    let part = ("content-range", "bytes 0-9/10");
    for status in [200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501] {
        let found = lifetime(status, &[modified, part], &plain());
        assert_eq!(found, Ok((100, LifetimeSource::Heuristic)), "{status}");
    }
    for status in [
        201, 202, 205, 207, 226, 299, 302, 303, 307, 400, 401, 403, 418, 429, 499, 500, 502, 503,
        504, 599, 999,
    ] {
        assert_eq!(
            lifetime(status, &[modified], &plain()),
            Err(NoStore::NoFreshness),
            "{status}"
        );
        // Section 4.2.2: unless they say that they may be kept.
        let public = [modified, ("cache-control", "public")];
        assert_eq!(
            lifetime(status, &public, &plain()),
            Ok((100, LifetimeSource::Heuristic)),
            "{status}"
        );
        let explicit = [("cache-control", "max-age=60")];
        assert_eq!(
            lifetime(status, &explicit, &plain()),
            Ok((60, LifetimeSource::MaxAge)),
            "{status}"
        );
    }
}

#[test]
fn policy_bounds_what_the_response_says() {
    use LifetimeSource::{Default, Heuristic, MaxAge, Maximum, Minimum};
    let bounds = Policy {
        min_ttl: 10,
        default_ttl: 50,
        max_ttl: 100,
        ..plain()
    };
    let no_default = Policy {
        default_ttl: 0,
        ..bounds.clone()
    };
    let small_default = Policy {
        default_ttl: 5,
        ..bounds.clone()
    };
    let long_ago = date(-300);
    let modified = [("last-modified", long_ago.as_str())];
    for (lines, policy, expected) in [
        (
            &[("cache-control", "max-age=60")][..],
            &bounds,
            (60, MaxAge),
        ),
        (&[("cache-control", "max-age=600")], &bounds, (100, Maximum)),
        (&[("cache-control", "max-age=6")], &bounds, (10, Minimum)),
        (&[("cache-control", "max-age=0")], &bounds, (10, Minimum)),
        (&[("expires", "0")], &bounds, (10, Minimum)),
        (&[], &bounds, (50, Default)),
        (&modified, &bounds, (50, Default)),
        (&modified, &no_default, (30, Heuristic)),
        (&[], &no_default, (10, Minimum)),
        (&[], &small_default, (10, Minimum)),
        // The minimum counts from the arrival: an old response is used for as long as a new one.
        (
            &[("cache-control", "max-age=60"), ("age", "300")],
            &bounds,
            (310, Minimum),
        ),
        (
            &[("cache-control", "max-age=60"), ("age", "20")],
            &bounds,
            (60, MaxAge),
        ),
    ] {
        assert_eq!(lifetime(200, lines, policy), Ok(expected), "{lines:?}");
    }
}

#[test]
fn policy_a_default_is_for_statuses_that_may_be_assumed_fresh() {
    let policy = Policy {
        default_ttl: 50,
        ..plain()
    };
    assert_eq!(
        lifetime(301, &[], &policy),
        Ok((50, LifetimeSource::Default))
    );
    assert_eq!(lifetime(302, &[], &policy), Err(NoStore::NoFreshness));
    assert_eq!(
        lifetime(302, &[("cache-control", "public")], &policy),
        Ok((50, LifetimeSource::Default))
    );
    assert_eq!(
        lifetime(404, &[], &policy),
        Ok((0, LifetimeSource::None)),
        "not for errors"
    );
    let cloudfront = Policy {
        compatibility: Compatibility::Cloudfront,
        ..policy
    };
    assert_eq!(
        lifetime(302, &[], &cloudfront),
        Ok((50, LifetimeSource::Default))
    );
    assert_eq!(lifetime(403, &[], &cloudfront), Err(NoStore::NoFreshness));
}

#[test]
fn a_longer_lifetime_than_can_be_told_apart_is_the_longest() {
    let policy = Policy {
        max_ttl: u64::MAX,
        ..plain()
    };
    let line = [("cache-control", "max-age=99999999999999999999")];
    assert_eq!(
        lifetime(200, &line, &policy),
        Ok((MAX_DELTA, LifetimeSource::MaxAge))
    );
    let long = [("expires", "Fri, 31 Dec 9999 23:59:59 GMT")];
    assert_eq!(
        lifetime(200, &long, &policy),
        Ok((MAX_DELTA, LifetimeSource::Expires))
    );
    assert_eq!(NOW.plus_secs(MAX_DELTA).secs_since(NOW), MAX_DELTA);
}

#[test]
fn a_minimum_above_the_maximum_gives_way() {
    let odd = Policy {
        min_ttl: 100,
        max_ttl: 10,
        ..plain()
    };
    assert_eq!(
        lifetime(200, &[("cache-control", "max-age=5")], &odd),
        Ok((10, LifetimeSource::Minimum))
    );
}
