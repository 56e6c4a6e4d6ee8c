use super::*;
use crate::testing::{NOW, date, fields, stored};

/// The age on arrival in milliseconds of a response with these fields that took `delay` milliseconds.
fn arrived(lines: &[(&str, &str)], delay: u64) -> u64 {
    let fields = fields(lines);
    initial_age_ms(&Response {
        status: http::StatusCode::OK,
        fields: &fields,
        request_time: Time(NOW.0 - delay),
        response_time: NOW,
    })
}

#[test]
fn rfc_9111_4_2_3_the_age_on_arrival_is_the_greater_of_two() {
    let ten_ago = date(-10);
    let ahead = date(3600);
    for (lines, delay, expected) in [
        (&[][..], 0, 0),
        (&[("date", ten_ago.as_str())], 0, 10_000),
        // Date ahead of our clock: no negative age.
        (&[("date", ahead.as_str())], 0, 0),
        (&[("age", "7")], 0, 7_000),
        // The delay of the response is added to Age only.
        (&[("age", "7")], 1_500, 8_500),
        (&[("date", ten_ago.as_str())], 1_500, 10_000),
        (&[("age", "7"), ("date", ten_ago.as_str())], 2_500, 10_000),
        (&[("age", "7"), ("date", ten_ago.as_str())], 3_500, 10_500),
        (&[("age", "30"), ("date", ten_ago.as_str())], 0, 30_000),
        (&[("date", "yesterday")], 0, 0),
    ] {
        assert_eq!(arrived(lines, delay), expected, "{lines:?} {delay}");
    }
}

#[test]
fn a_part_of_a_second_since_date_is_no_age() {
    let fields = fields(&[("date", &date(0))]);
    let received = Response {
        status: http::StatusCode::OK,
        fields: &fields,
        request_time: Time(NOW.0 + 990),
        response_time: Time(NOW.0 + 999),
    };
    assert_eq!(initial_age_ms(&received), 9);
}

#[test]
fn rfc_9111_5_1_odd_ages() {
    for (lines, expected) in [
        (&[("age", "7")][..], 7),
        (&[("age", "007")], 7),
        (&[("age", "-7")], 0),
        (&[("age", "7.5")], 0),
        (&[("age", "7.0")], 0),
        (&[("age", "seven")], 0),
        (&[("age", "7 8")], 0),
        (&[("age", "7;x=1")], 0),
        (&[("age", "\"7\"")], 0),
        (&[("age", "")], 0),
        (&[("age", "7, 9")], 7),
        (&[("age", "9, 7")], 9),
        (&[("age", "x, 7")], 0),
        (&[("age", ", 7")], 7),
        (&[("age", "7"), ("age", "9")], 7),
        (&[("age", "9"), ("age", "7")], 9),
        (
            &[("age", "99999999999999999999")],
            crate::directives::MAX_DELTA,
        ),
    ] {
        assert_eq!(arrived(lines, 0), expected * 1000, "{lines:?}");
    }
}

#[test]
fn rfc_9111_4_2_3_the_age_grows_with_the_time_it_is_kept() {
    let stored = stored(200, &[("cache-control", "max-age=60"), ("age", "5")]);
    for (milliseconds, expected) in [(0, 5), (999, 5), (1000, 6), (61_500, 66)] {
        assert_eq!(
            current_age(&stored, Time(NOW.0 + milliseconds)),
            expected,
            "{milliseconds}"
        );
    }
    assert_eq!(
        current_age(&stored, Time(0)),
        5,
        "a clock that was set back"
    );
    assert_eq!(
        current_age(&stored, Time(u64::MAX)),
        (u64::MAX - NOW.0 + 5_000) / 1000
    );
}
