use super::*;
use crate::stale_on_error::{OriginTrouble, StaleRefusal, may_serve_stale_on_error};
use crate::testing::{NOW, fields, get, honoured, on_error, plain, stored};
use http::HeaderMap;

/// The use of a response with this Cache-Control and an ETag, some seconds after its arrival.
fn reuse(line: &str, seconds: u64) -> Reuse {
    let stored = stored(200, &[("cache-control", line), ("etag", "\"a\"")]);
    may_reuse(
        &get(&HeaderMap::new()),
        &stored,
        &plain(),
        NOW.plus_secs(seconds),
    )
}

/// The use for a request with this Cache-Control, honoured.
fn asked(request: &str, response: &str, seconds: u64) -> Reuse {
    let stored = stored(200, &[("cache-control", response), ("etag", "\"a\"")]);
    let request = fields(&[("cache-control", request)]);
    let ignored = may_reuse(&get(&request), &stored, &plain(), NOW.plus_secs(seconds));
    assert_eq!(
        ignored,
        reuse(response, seconds),
        "a viewer's directives don't count unless they are honoured"
    );
    may_reuse(&get(&request), &stored, &honoured(), NOW.plus_secs(seconds))
}

const fn fresh(ttl: i64) -> Reuse {
    Reuse::Fresh { ttl }
}

const fn validate(why: ValidateReason) -> Reuse {
    Reuse::MustValidate(why)
}

const STALE: Reuse = validate(ValidateReason::Stale);

#[test]
fn rfc_9111_4_which_methods_are_looked_up() {
    let none = HeaderMap::new();
    for (method, expected) in [
        ("GET", LookupRule::Use),
        ("HEAD", LookupRule::Use),
        ("POST", LookupRule::Pass(PassReason::Method)),
        ("OPTIONS", LookupRule::Pass(PassReason::Method)),
        ("DELETE", LookupRule::Pass(PassReason::Method)),
        ("get", LookupRule::Pass(PassReason::Method)),
    ] {
        let method = Method::from_bytes(method.as_bytes()).expect(method);
        let request = Request {
            method: &method,
            ..get(&none)
        };
        assert_eq!(may_look_up(&request, &honoured()), expected, "{method}");
    }
}

#[test]
fn rfc_9111_5_2_1_5_and_7_no_store_and_only_if_cached_count_where_they_are_honoured() {
    let no_store = fields(&[("cache-control", "no-store")]);
    assert_eq!(may_look_up(&get(&no_store), &plain()), LookupRule::Use);
    let passed = LookupRule::Pass(PassReason::RequestNoStore);
    assert_eq!(may_look_up(&get(&no_store), &honoured()), passed);
    let only = fields(&[("cache-control", "only-if-cached")]);
    assert!(is_only_if_cached(&get(&only), &honoured()));
    assert!(!is_only_if_cached(&get(&only), &plain()));
    assert!(!is_only_if_cached(&get(&no_store), &honoured()));
}

#[test]
fn rfc_9111_4_2_fresh_until_its_lifetime_is_over() {
    for (seconds, expected) in [(0, fresh(60)), (59, fresh(1)), (60, STALE), (61, STALE)] {
        assert_eq!(reuse("max-age=60", seconds), expected, "{seconds}");
    }
    assert_eq!(reuse("max-age=0", 0), STALE);
}

#[test]
fn rfc_9111_4_2_age_on_arrival_counts() {
    let stored = stored(
        200,
        &[
            ("cache-control", "max-age=60"),
            ("age", "50"),
            ("etag", "\"a\""),
        ],
    );
    let none = HeaderMap::new();
    for (seconds, expected) in [(0, fresh(10)), (9, fresh(1)), (10, STALE)] {
        let reuse = may_reuse(&get(&none), &stored, &plain(), NOW.plus_secs(seconds));
        assert_eq!(reuse, expected, "{seconds}");
    }
}

#[test]
fn rfc_9111_5_2_2_4_no_cache_is_validated_at_each_use() {
    let no_cache = validate(ValidateReason::NoCache);
    for line in [
        "no-cache",
        "no-cache, max-age=60",
        "no-cache, max-age=60, stale-while-revalidate=60",
    ] {
        for seconds in [0, 70] {
            assert_eq!(reuse(line, seconds), no_cache, "{line}");
        }
        assert_eq!(
            on_error(line, 70, &plain()),
            Err(StaleRefusal::NoCache),
            "{line}"
        );
    }
}

#[test]
fn rfc_5861_3_stale_while_revalidate() {
    let line = "max-age=60, stale-while-revalidate=10";
    for (seconds, expected) in [
        (59, fresh(1)),
        (60, Reuse::StaleWhileRevalidate { ttl: 0 }),
        (69, Reuse::StaleWhileRevalidate { ttl: -9 }),
        (70, STALE),
    ] {
        assert_eq!(reuse(line, seconds), expected, "{seconds}");
    }
    assert_eq!(reuse("max-age=60, stale-while-revalidate=0", 60), STALE);
}

#[test]
fn rfc_9111_4_2_4_what_forbids_stale_use() {
    for (forbidding, refusal) in [
        ("must-revalidate", StaleRefusal::MustRevalidate),
        ("proxy-revalidate", StaleRefusal::MustRevalidate),
        ("s-maxage=60", StaleRefusal::MustRevalidate),
    ] {
        let line =
            format!("max-age=60, stale-while-revalidate=99, stale-if-error=99, {forbidding}");
        assert_eq!(reuse(&line, 59), fresh(1), "{line}");
        assert_eq!(reuse(&line, 61), STALE, "{line}");
        assert_eq!(on_error(&line, 61, &plain()), Err(refusal), "{line}");
        let asking = format!("max-age=60, {forbidding}");
        assert_eq!(asked("max-stale", &asking, 61), STALE, "{line}");
    }
}

#[test]
fn a_softly_invalidated_response_is_stale_although_its_lifetime_is_not_over() {
    let none = HeaderMap::new();
    for (line, expected, on_error) in [
        (
            "max-age=60",
            validate(ValidateReason::Invalidated),
            Err(StaleRefusal::NoWindow),
        ),
        (
            "max-age=60, stale-while-revalidate=5",
            Reuse::StaleWhileRevalidate { ttl: 0 },
            Ok(50),
        ),
        (
            "max-age=60, stale-if-error=5",
            validate(ValidateReason::Invalidated),
            Ok(50),
        ),
        (
            "max-age=60, stale-if-error=5, must-revalidate",
            validate(ValidateReason::Invalidated),
            Err(StaleRefusal::MustRevalidate),
        ),
    ] {
        let mut stored = stored(200, &[("cache-control", line)]);
        stored.invalidated_softly = true;
        let now = NOW.plus_secs(10);
        assert_eq!(
            may_reuse(&get(&none), &stored, &plain(), now),
            expected,
            "{line}"
        );
        let error =
            may_serve_stale_on_error(&get(&none), &stored, &plain(), OriginTrouble::Error, now);
        assert_eq!(error, on_error, "{line}");
        let any = fields(&[("cache-control", "max-stale")]);
        assert_eq!(
            may_reuse(&get(&any), &stored, &honoured(), now),
            expected,
            "{line}"
        );
    }
}

#[test]
fn rfc_9111_5_2_1_1_max_age_of_a_request() {
    let too_old = validate(ValidateReason::RequestMaxAge);
    for (request, response, seconds, expected) in [
        ("max-age=10", "max-age=60", 10, fresh(50)),
        ("max-age=10", "max-age=60", 11, too_old),
        ("max-age=0", "max-age=60", 0, fresh(60)),
        ("max-age=0", "max-age=60", 1, too_old),
        ("max-age=x", "max-age=60", 1, too_old),
        ("max-age=99", "max-age=60", 60, STALE),
        ("max-age=10, max-stale=5", "max-age=60", 15, fresh(45)),
        ("max-age=10, max-stale=5", "max-age=60", 16, too_old),
        // RFC 8246, section 2.
        ("max-age=0", "max-age=60, immutable", 30, fresh(30)),
        (
            "no-cache",
            "max-age=60, immutable",
            30,
            validate(ValidateReason::RequestNoCache),
        ),
    ] {
        assert_eq!(
            asked(request, response, seconds),
            expected,
            "{request} {response} {seconds}"
        );
    }
}

#[test]
fn rfc_9111_5_2_1_2_max_stale_of_a_request() {
    for (request, response, seconds, expected) in [
        ("max-stale", "max-age=60", 9999, fresh(60 - 9999)),
        ("max-stale=10", "max-age=60", 70, fresh(-10)),
        ("max-stale=10", "max-age=60", 71, STALE),
        ("max-stale=x", "max-age=60", 61, STALE),
        ("max-stale", "max-age=60", 10, fresh(50)),
        (
            "max-stale",
            "no-cache",
            0,
            validate(ValidateReason::NoCache),
        ),
    ] {
        assert_eq!(
            asked(request, response, seconds),
            expected,
            "{request} {response} {seconds}"
        );
    }
}

#[test]
fn rfc_9111_5_2_1_3_min_fresh_of_a_request() {
    let not_enough = validate(ValidateReason::RequestMinFresh);
    for (request, seconds, expected) in [
        ("min-fresh=10", 50, fresh(10)),
        ("min-fresh=10", 51, not_enough),
        ("min-fresh=99", 0, not_enough),
        ("min-fresh=x", 0, not_enough),
        ("min-fresh=0", 59, fresh(1)),
    ] {
        assert_eq!(
            asked(request, "max-age=60", seconds),
            expected,
            "{request} {seconds}"
        );
    }
}

#[test]
fn rfc_9111_5_2_1_4_and_5_4_no_cache_of_a_request() {
    let wished = validate(ValidateReason::RequestNoCache);
    assert_eq!(asked("no-cache", "max-age=60", 0), wished);
    assert_eq!(asked("no-cache, max-stale", "max-age=60", 0), wished);
    assert_eq!(asked("no-cache", "max-age=60", 60), STALE);
    assert_eq!(
        asked("no-cache", "max-age=60, stale-while-revalidate=10", 60),
        wished
    );
    let stored = stored(200, &[("cache-control", "max-age=60")]);
    let pragma = fields(&[("pragma", "no-cache")]);
    assert_eq!(may_reuse(&get(&pragma), &stored, &honoured(), NOW), wished);
    assert_eq!(may_reuse(&get(&pragma), &stored, &plain(), NOW), fresh(60));
}

#[test]
fn rfc_9111_3_3_a_part_is_used_for_what_lies_in_it_only() {
    let stored = stored(
        206,
        &[
            ("cache-control", "max-age=60"),
            ("content-range", "bytes 0-9/20"),
        ],
    );
    for range in ["bytes=2-5", "bytes=20-"] {
        let answered = fields(&[("range", range)]);
        assert_eq!(
            may_reuse(&get(&answered), &stored, &plain(), NOW),
            fresh(60),
            "{range}"
        );
    }
    for request in [fields(&[]), fields(&[("range", "bytes=5-12")])] {
        assert_eq!(
            may_reuse(&get(&request), &stored, &plain(), NOW),
            validate(ValidateReason::Partial)
        );
        let error =
            may_serve_stale_on_error(&get(&request), &stored, &plain(), OriginTrouble::Error, NOW);
        assert_eq!(error, Err(StaleRefusal::Partial));
    }
}

#[test]
fn the_requests_reasons_are_told_from_the_responses() {
    use ValidateReason::{
        Invalidated, NoCache, Partial, RequestMaxAge, RequestMinFresh, RequestNoCache, Stale,
    };
    for reason in [RequestMaxAge, RequestMinFresh, RequestNoCache] {
        assert!(reason.is_the_requests() && reason.as_str().starts_with("request-"));
    }
    for reason in [Stale, NoCache, Invalidated, Partial] {
        assert!(!reason.is_the_requests() && !reason.as_str().starts_with("request-"));
    }
}
