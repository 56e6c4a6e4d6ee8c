//! HTTP dates (RFC 9110, section 5.6.7): which timestamps count as dates, and when they are.
//!
//! Read wherever a response's freshness or a condition depends on a date: Date, Expires, Last-Modified, If-Modified-Since,
//! If-Range. The grammar is followed in all three forms, and a deviation makes the value invalid: an invalid Expires is in
//! the past, so being strict costs a validation and never a wrong answer. Four things are not deviations here:
//!
//! - names of days, names of months and `GMT` in any case, which no reader could take for something else;
//! - a day name that is not the date's: it says nothing that the date does not say;
//! - second 60, the grammar's leap second, which is the next minute's first second;
//! - dates before 1970, which are the epoch, the earliest [`Time`].
//!
//! A year of two digits is 1970 to 2069. From 2019 on that never reads a date as more than 50 years in the future, which
//! is what section 5.6.7 asks.

use crate::time::Time;

const MONTHS: [&[u8]; 12] = [
    b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
];
const SHORT_DAYS: [&[u8]; 7] = [b"mon", b"tue", b"wed", b"thu", b"fri", b"sat", b"sun"];
const LONG_DAYS: [&[u8]; 7] = [
    b"monday",
    b"tuesday",
    b"wednesday",
    b"thursday",
    b"friday",
    b"saturday",
    b"sunday",
];

/// The time that a field's value names, or `None` when it is not an HTTP date. White space around it does not count.
pub(crate) fn parse_http_date(value: &[u8]) -> Option<Time> {
    let value = value.trim_ascii();
    imf_fixdate(value)
        .or_else(|| rfc850_date(value))
        .or_else(|| asctime_date(value))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn imf_fixdate(value: &[u8]) -> Option<Time> {
    let mut rest = Rest(value);
    rest.name(&SHORT_DAYS)?;
    rest.literal(b", ")?;
    let day = rest.number(2)?;
    rest.literal(b" ")?;
    let month = rest.name(&MONTHS)?;
    rest.literal(b" ")?;
    let year = rest.number(4)?;
    rest.literal(b" ")?;
    let second = rest.time_of_day()?;
    rest.literal(b" GMT")?;
    rest.end()?;
    time(year, month, day, second)
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`
fn rfc850_date(value: &[u8]) -> Option<Time> {
    let mut rest = Rest(value);
    rest.name(&LONG_DAYS)?;
    rest.literal(b", ")?;
    let day = rest.number(2)?;
    rest.literal(b"-")?;
    let month = rest.name(&MONTHS)?;
    rest.literal(b"-")?;
    let year = rest.number(2)?;
    rest.literal(b" ")?;
    let second = rest.time_of_day()?;
    rest.literal(b" GMT")?;
    rest.end()?;
    let century = if year < 70 { 2000 } else { 1900 };
    time(century + year, month, day, second)
}

/// `Sun Nov  6 08:49:37 1994`
fn asctime_date(value: &[u8]) -> Option<Time> {
    let mut rest = Rest(value);
    rest.name(&SHORT_DAYS)?;
    rest.literal(b" ")?;
    let month = rest.name(&MONTHS)?;
    rest.literal(b" ")?;
    let day = match rest.literal(b" ") {
        Some(()) => rest.number(1)?,
        None => rest.number(2)?,
    };
    rest.literal(b" ")?;
    let second = rest.time_of_day()?;
    rest.literal(b" ")?;
    let year = rest.number(4)?;
    rest.end()?;
    time(year, month, day, second)
}

/// The unread part of a date.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    /// Takes this text, in any case.
    fn literal(&mut self, text: &[u8]) -> Option<()> {
        let (head, tail) = self.0.split_at_checked(text.len())?;
        if !head.eq_ignore_ascii_case(text) {
            return None;
        }
        self.0 = tail;
        Some(())
    }

    /// Takes one of these names, in any case: which one, counted from 1.
    fn name(&mut self, names: &[&[u8]]) -> Option<u64> {
        (1..)
            .zip(names)
            .find_map(|(number, name)| self.literal(name).map(|()| number))
    }

    /// Takes exactly `count` digits.
    fn number(&mut self, digits: usize) -> Option<u64> {
        let (head, tail) = self.0.split_at_checked(digits)?;
        let mut number = 0;
        for digit in head {
            number = number * 10 + u64::from(char::from(*digit).to_digit(10)?);
        }
        self.0 = tail;
        Some(number)
    }

    /// Takes `08:49:37`: seconds since midnight.
    fn time_of_day(&mut self) -> Option<u64> {
        let hour = self.number(2)?;
        self.literal(b":")?;
        let minute = self.number(2)?;
        self.literal(b":")?;
        let second = self.number(2)?;
        (hour < 24 && minute < 60 && second <= 60).then_some((hour * 60 + minute) * 60 + second)
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// The time of a calendar date and a second of it, or `None` for a day that the month does not have.
fn time(year: u64, month: u64, day: u64, second: u64) -> Option<Time> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = match month {
        2 => 28 + u64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if day == 0 || day > length {
        return None;
    }
    // Years begin in March, so that the leap day is a year's last and 306 days lie before January.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        match year.checked_sub(1) {
            Some(year) => (year, month + 9),
            None => return Some(Time(0)),
        }
    };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    let seconds = (days * 86_400 + second).saturating_sub(EPOCH_DAYS * 86_400);
    Some(Time(seconds * 1000))
}

/// Days from 1 March of the year 0 to 1 January 1970.
const EPOCH_DAYS: u64 = 719_468;

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: u64 = 784_111_777;

    #[test]
    fn rfc_9110_5_6_7_valid_dates() {
        for (text, seconds) in [
            // The three forms, as the section writes them.
            ("Sun, 06 Nov 1994 08:49:37 GMT", SAMPLE),
            ("Sunday, 06-Nov-94 08:49:37 GMT", SAMPLE),
            ("Sun Nov  6 08:49:37 1994", SAMPLE),
            ("Wed Nov 16 08:49:37 1994", SAMPLE + 10 * 86_400),
            ("Wed Nov 06 08:49:37 1994", SAMPLE),
            // Any case.
            ("SUN, 06 nov 1994 08:49:37 gmt", SAMPLE),
            ("sunday, 06-NOV-94 08:49:37 Gmt", SAMPLE),
            // Another day's name.
            ("Mon, 06 Nov 1994 08:49:37 GMT", SAMPLE),
            // White space around the value.
            (" \tSun, 06 Nov 1994 08:49:37 GMT ", SAMPLE),
            // The leap second.
            ("Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_800),
            // The ends of what can be said.
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Thu, 01 Jan 1970 00:00:01 GMT", 1),
            ("Wed, 31 Dec 1969 23:59:59 GMT", 0),
            ("Sat, 01 Jan 0000 00:00:00 GMT", 0),
            ("Tue, 19 Jan 2038 03:14:08 GMT", 2_147_483_648),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799),
            // Two digits of a year.
            ("Thursday, 01-Jan-70 00:00:00 GMT", 0),
            ("Tuesday, 01-Jan-69 00:00:00 GMT", 3_124_224_000),
            // Leap days.
            ("Tue, 29 Feb 2000 00:00:00 GMT", 951_782_400),
            ("Thu, 29 Feb 2024 12:00:00 GMT", 1_709_208_000),
        ] {
            assert_eq!(
                parse_http_date(text.as_bytes()),
                Some(Time(seconds * 1000)),
                "{text}"
            );
        }
    }

    #[test]
    fn rfc_9110_5_6_7_what_is_no_date() {
        for text in [
            "",
            "0",
            "-1",
            "784111777",
            "Sun",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 AEST",
            "Sun, 06 Nov 1994 08:49:37 +0000",
            "Sun, 06 Nov 1994 08:49:37 GMT+1",
            "Sun, 06 Nov 1994 08:49:37 GMT; x",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 8:49:37 GMT",
            "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun, 06 Nov 1994 08.49.37 GMT",
            "Sun, 06-Nov-1994 08:49:37 GMT",
            "Sun 06 Nov 1994 08:49:37 GMT",
            "Sun,06 Nov 1994 08:49:37 GMT",
            "Sun,  06 Nov 1994 08:49:37 GMT",
            "Sun, 06  Nov 1994 08:49:37 GMT",
            "06 Nov 1994 08:49:37 GMT",
            "Sunday, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06-Nov-94 08:49:37 GMT",
            "Sunday, 06-Nov-1994 08:49:37 GMT",
            "Sun Nov 6 08:49:37 1994",
            "Sun Nov  6 08:49:37 1994 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 31 Nov 1994 08:49:37 GMT",
            "Sun, 29 Feb 2023 08:49:37 GMT",
            "Sun, 29 Feb 1900 08:49:37 GMT",
            "Sun, 06 Foo 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:60:00 GMT",
            "Sun, 06 Nov 1994 08:49:61 GMT",
            "Sun, 06 Nov +994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(parse_http_date(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse_http_date(b"Sun, 06 Nov 1994 08:49:37 GMT\xff"), None);
    }

    #[test]
    fn every_day_that_httpdate_can_write_is_read_back() {
        for day in (0..2_932_896).step_by(13) {
            let time = Time((day * 86_400 + day % 86_400) * 1000);
            let text = httpdate::fmt_http_date(time.to_system());
            assert_eq!(parse_http_date(text.as_bytes()), Some(time), "{text}");
        }
    }

    #[test]
    fn a_cut_or_changed_date_never_panics() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            for cut in 0..text.len() {
                assert_eq!(parse_http_date(&text.as_bytes()[..cut]), None);
                for byte in 0..=255 {
                    let mut changed = text.as_bytes().to_vec();
                    changed[cut] = byte;
                    let _ = parse_http_date(&changed);
                }
            }
        }
    }
}
