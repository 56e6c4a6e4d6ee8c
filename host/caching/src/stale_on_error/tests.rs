use super::*;
use crate::testing::{NOW, fields, get, honoured, on_error, plain, stored};
use http::HeaderMap;

#[test]
fn rfc_5861_4_stale_if_error() {
    for (line, seconds, expected) in [
        ("max-age=60, stale-if-error=10", 59, Ok(1)),
        ("max-age=60, stale-if-error=10", 60, Ok(0)),
        ("max-age=60, stale-if-error=10", 69, Ok(-9)),
        (
            "max-age=60, stale-if-error=10",
            70,
            Err(StaleRefusal::WindowOver),
        ),
        (
            "max-age=60, stale-if-error=0",
            60,
            Err(StaleRefusal::WindowOver),
        ),
        ("max-age=60", 60, Err(StaleRefusal::NoWindow)),
        ("max-age=60", 59, Ok(1)),
        // What may be used stale while it is fetched may be used when the fetch fails.
        ("max-age=60, stale-while-revalidate=10", 69, Ok(-9)),
    ] {
        assert_eq!(
            on_error(line, seconds, &plain()),
            expected,
            "{line} {seconds}"
        );
    }
}

#[test]
fn rfc_9111_4_2_4_a_disconnected_cache_uses_what_nothing_forbids() {
    let none = HeaderMap::new();
    for (line, expected) in [
        ("max-age=60", Ok(-40)),
        (
            "max-age=60, stale-if-error=10",
            Err(StaleRefusal::WindowOver),
        ),
        (
            "max-age=60, must-revalidate",
            Err(StaleRefusal::MustRevalidate),
        ),
        ("s-maxage=60", Err(StaleRefusal::MustRevalidate)),
    ] {
        let stored = stored(200, &[("cache-control", line)]);
        let later = NOW.plus_secs(100);
        let decided = may_serve_stale_on_error(
            &get(&none),
            &stored,
            &plain(),
            OriginTrouble::Disconnected,
            later,
        );
        assert_eq!(decided, expected, "{line}");
    }
}

#[test]
fn cloudfront_uses_expired_responses_when_the_origin_fails() {
    let cloudfront = Policy {
        compatibility: Compatibility::Cloudfront,
        ..plain()
    };
    assert_eq!(on_error("max-age=60", 9999, &cloudfront), Ok(60 - 9999));
    assert_eq!(on_error("s-maxage=60", 9999, &cloudfront), Ok(60 - 9999));
    let out = on_error("max-age=60, stale-if-error=0", 9999, &cloudfront);
    assert_eq!(out, Err(StaleRefusal::WindowOver));
    let must = on_error("max-age=60, must-revalidate", 9999, &cloudfront);
    assert_eq!(must, Err(StaleRefusal::MustRevalidate));
}

#[test]
fn rfc_5861_4_a_requests_directives_when_the_origin_fails() {
    let stored = stored(200, &[("cache-control", "max-age=60")]);
    let ask = |line: &str, seconds: u64| {
        let request = fields(&[("cache-control", line)]);
        may_serve_stale_on_error(
            &get(&request),
            &stored,
            &honoured(),
            OriginTrouble::Error,
            NOW.plus_secs(seconds),
        )
    };
    assert_eq!(ask("stale-if-error=10", 69), Ok(-9));
    assert_eq!(ask("stale-if-error=10", 70), Err(StaleRefusal::WindowOver));
    assert_eq!(ask("no-cache", 10), Err(StaleRefusal::Request));
    assert_eq!(ask("max-age=5", 10), Err(StaleRefusal::Request));
    assert_eq!(ask("max-age=5, stale-if-error=10", 10), Ok(50));
    let request = fields(&[("cache-control", "stale-if-error=10")]);
    let ignored = may_serve_stale_on_error(
        &get(&request),
        &stored,
        &plain(),
        OriginTrouble::Error,
        NOW.plus_secs(61),
    );
    assert_eq!(ignored, Err(StaleRefusal::NoWindow));
}

#[test]
fn what_a_request_does_not_accept_it_does_not_accept_when_the_origin_fails() {
    // RFC 9111, section 5.2.1: stale or not makes no difference.
    let stored = stored(200, &[("cache-control", "max-age=60, stale-if-error=600")]);
    for (line, expected) in [
        ("max-age=0", Err(StaleRefusal::Request)),
        ("min-fresh=1", Err(StaleRefusal::Request)),
        ("max-age=0, stale-if-error=30", Ok(-10)),
        ("max-age=60, max-stale=20", Ok(-10)),
        ("max-stale", Ok(-10)),
    ] {
        let request = fields(&[("cache-control", line)]);
        let later = NOW.plus_secs(70);
        let answer = may_serve_stale_on_error(
            &get(&request),
            &stored,
            &honoured(),
            OriginTrouble::Error,
            later,
        );
        assert_eq!(answer, expected, "{line}");
    }
}
