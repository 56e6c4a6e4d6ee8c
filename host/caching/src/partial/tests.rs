//! Tables of stored parts, by section of RFC 9110 and RFC 9111.

use super::*;
use crate::testing::{Random, date, fields, get, received, stored};
use http::Method;

/// A part as Content-Range says it, with these further fields.
fn part(range: &str, more: &[(&str, &str)]) -> Stored {
    let mut lines = vec![("content-range", range), ("cache-control", "max-age=60")];
    lines.extend_from_slice(more);
    stored(206, &lines)
}

fn within(first: u64, last: u64) -> PartAnswer {
    PartAnswer::Within { first, last }
}

fn lacks(first: u64, last: impl Into<Option<u64>>) -> PartAnswer {
    PartAnswer::Missing {
        first,
        last: last.into(),
    }
}

#[test]
fn rfc_9111_3_3_what_a_part_can_do() {
    use PartAnswer::{Unsatisfiable, Useless};
    const KNOWN: &str = "bytes 10-19/30";
    const UNKNOWN: &str = "bytes 10-19/*";
    const HEAD: &str = "bytes 0-9/30";
    for (stored, range, expected) in [
        (KNOWN, "bytes=10-19", within(10, 19)),
        (KNOWN, "bytes=12-13", within(12, 13)),
        (KNOWN, "bytes=15-24", lacks(20, 24)),
        (KNOWN, "bytes=12-20", lacks(20, 20)),
        (KNOWN, "bytes=15-", lacks(20, 29)),
        (KNOWN, "bytes=-15", lacks(20, 29)),
        (KNOWN, "bytes=15-400", lacks(20, 29)),
        (KNOWN, "bytes=5-14", lacks(5, 9)),
        (KNOWN, "bytes=0-19", lacks(0, 9)),
        (KNOWN, "bytes=5-24", Useless),
        (KNOWN, "bytes=0-9", Useless),
        (KNOWN, "bytes=20-29", Useless),
        (KNOWN, "bytes=0-", Useless),
        (KNOWN, "bytes=30-", Unsatisfiable),
        (KNOWN, "bytes=-0", Unsatisfiable),
        (KNOWN, "bytes=30-,40-50", Unsatisfiable),
        (KNOWN, "bytes=30-,12-13", Useless),
        (KNOWN, "bytes=10-11,13-14", Useless),
        // Ignored ranges ask for the whole.
        (KNOWN, "lines=10-19", Useless),
        (HEAD, "lines=10-19", lacks(10, 29)),
        (HEAD, "bytes=0-", lacks(10, 29)),
        ("bytes 0-29/30", "bytes=0-", within(0, 29)),
        ("bytes 20-29/30", "bytes=-10", within(20, 29)),
        ("bytes 20-29/30", "bytes=25-400", within(25, 29)),
        ("bytes 20-29/30", "bytes=0-", lacks(0, 19)),
        // The end is not known.
        (UNKNOWN, "bytes=12-19", within(12, 19)),
        (UNKNOWN, "bytes=12-", lacks(20, None)),
        (UNKNOWN, "bytes=12-24", lacks(20, 24)),
        (UNKNOWN, "bytes=-5", Useless),
        (UNKNOWN, "bytes=-0", Unsatisfiable),
        (UNKNOWN, "bytes=400-", Useless),
    ] {
        let asked = fields(&[("range", range)]);
        assert_eq!(
            answer_from_part(&get(&asked), &part(stored, &[])),
            expected,
            "{range} of {stored}"
        );
    }
}

#[test]
fn rfc_9111_3_3_a_request_for_the_whole_lacks_the_rest() {
    let none = HeaderMap::new();
    for (stored, expected) in [
        ("bytes 0-9/30", lacks(10, 29)),
        ("bytes 0-9/*", lacks(10, None)),
        ("bytes 20-29/30", lacks(0, 19)),
        ("bytes 10-19/30", PartAnswer::Useless),
        ("bytes 0-29/30", PartAnswer::Whole),
    ] {
        assert_eq!(
            answer_from_part(&get(&none), &part(stored, &[])),
            expected,
            "{stored}"
        );
    }
    let whole = stored(200, &[("cache-control", "max-age=60")]);
    assert_eq!(answer_from_part(&get(&none), &whole), PartAnswer::Useless);
}

#[test]
fn rfc_9110_14_2_a_range_of_another_method_does_not_count() {
    let asked = fields(&[("range", "bytes=0-4")]);
    let request = Request {
        method: &Method::POST,
        ..get(&asked)
    };
    assert_eq!(
        answer_from_part(&request, &part("bytes 0-9/30", &[])),
        lacks(10, 29)
    );
}

#[test]
fn rfc_9110_13_1_5_if_range_that_fails_asks_for_the_whole() {
    let several = fields(&[("range", "bytes=0-1,3-4"), ("if-range", "\"b\"")]);
    let stored = part("bytes 0-9/30", &[("etag", "\"a\"")]);
    assert_eq!(answer_from_part(&get(&several), &stored), lacks(10, 29));
    for (tag, expected) in [("\"a\"", within(0, 4)), ("\"b\"", lacks(10, 29))] {
        let asked = fields(&[("range", "bytes=0-4"), ("if-range", tag)]);
        assert_eq!(answer_from_part(&get(&asked), &stored), expected, "{tag}");
    }
}

#[test]
fn rfc_9110_13_1_5_completion_names_a_strong_validator() {
    let (modified, made) = (date(-60), date(0));
    let dated = [("last-modified", &*modified), ("date", &*made)];
    for (more, last, expected) in [
        (
            &[("etag", "\"a\"")][..],
            Some(29),
            Some(("bytes=10-29", "\"a\"")),
        ),
        (&[("etag", "\"a\"")], None, Some(("bytes=10-", "\"a\""))),
        (&dated, None, Some(("bytes=10-", &*modified))),
        (&[("etag", "W/\"a\"")], None, None),
        (&[], None, None),
    ] {
        let found = completion_fields(&part("bytes 0-9/30", more), 10, last);
        let expected =
            expected.map(|(range, validator)| fields(&[("range", range), ("if-range", validator)]));
        assert_eq!(found, expected, "{more:?}");
    }
}

#[test]
fn rfc_9110_13_1_a_part_is_confirmed_by_its_strong_validator_only() {
    let (modified, made) = (date(0), date(60));
    let dated = [("last-modified", &*modified), ("date", &*made)];
    let both = [("etag", "\"a\""), dated[0], dated[1]];
    for (more, expected) in [
        (&[("etag", "\"a\"")][..], Some(("if-none-match", "\"a\""))),
        (&both, Some(("if-none-match", "\"a\""))),
        (&dated, Some(("if-modified-since", &*modified))),
        (&[("etag", "W/\"a\"")], None),
        (&[], None),
    ] {
        let found = confirmation_fields(&part("bytes 0-9/30", more));
        assert_eq!(found, expected.map(|line| fields(&[line])), "{more:?}");
    }
}

fn combine(one: &str, other: &str, tags: (&str, &str)) -> Result<StoredBody, NotCombined> {
    let stored = part(one, &[("etag", tags.0)]);
    let arrived = fields(&[("content-range", other), ("etag", tags.1)]);
    may_combine(&stored, &received(206, &arrived))
}

#[test]
fn rfc_9111_3_4_parts_that_touch_are_combined() {
    let partial = |first, last, complete_length| {
        Ok(StoredBody::Partial {
            first,
            last,
            complete_length,
        })
    };
    let complete = |length| {
        Ok(StoredBody::Complete {
            length: Some(length),
        })
    };
    use NotCombined::{Gap, Length, NoRange};
    for (one, other, expected) in [
        ("bytes 0-9/30", "bytes 10-29/30", complete(30)),
        ("bytes 10-29/30", "bytes 0-9/30", complete(30)),
        ("bytes 0-19/30", "bytes 10-29/30", complete(30)),
        ("bytes 0-9/*", "bytes 10-29/30", complete(30)),
        ("bytes 0-9/30", "bytes 10-29/*", complete(30)),
        ("bytes 0-9/*", "bytes 10-29/*", partial(0, 29, None)),
        ("bytes 0-9/30", "bytes 10-19/30", partial(0, 19, Some(30))),
        (
            "bytes 10-19/30",
            "bytes 20-29/30",
            partial(10, 29, Some(30)),
        ),
        ("bytes 0-19/30", "bytes 5-9/30", partial(0, 19, Some(30))),
        ("bytes 5-9/30", "bytes 0-29/30", complete(30)),
        ("bytes 0-9/30", "bytes 11-29/30", Err(Gap)),
        ("bytes 20-29/30", "bytes 0-9/30", Err(Gap)),
        ("bytes 0-9/30", "bytes 10-29/31", Err(Length)),
        ("bytes 0-9/10", "bytes 10-29/*", Err(Length)),
        ("bytes 0-9/10", "bytes 10-10/*", Err(Length)),
        ("bytes 0-9/30", "bytes */30", Err(NoRange)),
        ("bytes 0-9/30", "bytes 10-29", Err(NoRange)),
    ] {
        assert_eq!(
            combine(one, other, ("\"a\"", "\"a\"")),
            expected,
            "{one} and {other}"
        );
    }
}

#[test]
fn rfc_9111_3_4_parts_are_combined_by_the_same_strong_validator_only() {
    for tags in [
        ("\"a\"", "\"b\""),
        ("W/\"a\"", "W/\"a\""),
        ("\"a\"", "W/\"a\""),
        ("abc", "abc"),
    ] {
        assert_eq!(
            combine("bytes 0-9/30", "bytes 10-29/30", tags),
            Err(NotCombined::Validator),
            "{tags:?}"
        );
    }
}

#[test]
fn rfc_9111_3_4_only_a_206_is_combined_with_a_part() {
    let arrived = fields(&[("content-range", "bytes 10-29/30"), ("etag", "\"a\"")]);
    let one = part("bytes 0-9/30", &[("etag", "\"a\"")]);
    assert_eq!(
        may_combine(&one, &received(200, &arrived)),
        Err(NotCombined::NoRange)
    );
    let whole = stored(200, &[("cache-control", "max-age=60"), ("etag", "\"a\"")]);
    assert_eq!(
        may_combine(&whole, &received(206, &arrived)),
        Err(NotCombined::NotAPart)
    );
}

#[test]
fn what_is_missing_touches_the_part_and_completes_the_request() {
    let mut random = Random(7);
    let mut completed = 0;
    for _ in 0..5_000 {
        let (first, length) = (random.below(20), random.below(20) + 40);
        let last = first + random.below(20);
        let one = part(
            &format!("bytes {first}-{last}/{length}"),
            &[("etag", "\"a\"")],
        );
        let (from, to) = (random.below(60), random.below(60));
        let asked = fields(&[("range", &format!("bytes={from}-{to}"))]);
        let PartAnswer::Missing { first, last } = answer_from_part(&get(&asked), &one) else {
            continue;
        };
        let last = last.expect("the length is known");
        let arrived = fields(&[
            ("content-range", &format!("bytes {first}-{last}/{length}")),
            ("etag", "\"a\""),
        ]);
        let both = Stored {
            body: may_combine(&one, &received(206, &arrived)).expect("they touch"),
            ..one
        };
        if !both.is_complete() {
            assert!(matches!(
                answer_from_part(&get(&asked), &both),
                PartAnswer::Within { .. }
            ));
        }
        completed += 1;
    }
    assert!(completed > 500);
}

#[test]
fn the_largest_positions_do_not_overflow() {
    let edge = u64::MAX;
    for body in [
        (0, edge, None),
        (edge, edge, None),
        (edge - 1, edge - 1, Some(edge)),
    ] {
        let one = Stored {
            body: StoredBody::Partial {
                first: body.0,
                last: body.1,
                complete_length: body.2,
            },
            ..part("bytes 0-0/*", &[("etag", "\"a\"")])
        };
        for range in ["bytes=0-", "bytes=-1", "bytes=18446744073709551615-"] {
            let asked = fields(&[("range", range)]);
            let _ = answer_from_part(&get(&asked), &one);
        }
        let arrived = fields(&[
            ("content-range", "bytes 0-18446744073709551615/*"),
            ("etag", "\"a\""),
        ]);
        let _ = may_combine(&one, &received(206, &arrived));
    }
}
