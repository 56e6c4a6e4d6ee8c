//! The time at which a scenario begins, as TOML writes dates.

use super::super::report::Problem;
use super::super::walk::Value;
use toml::de::DeValue;
use toml::value::{Datetime, Offset};

/// Reads a date with time and offset, as seconds since the Unix epoch.
pub(super) fn now(value: &Value<'_>) -> Option<u64> {
    let DeValue::Datetime(date) = value.raw else {
        return value.wrong_type("a date, without quotes");
    };
    match since_epoch(date) {
        Some(seconds) => Some(seconds),
        None => value.refuse(
            Problem::new("this is no time to begin at")
                .allowed("a date with a time and an offset, from 1970-01-02 on")
                .help("for instance 2026-01-31T12:00:00Z, without quotes"),
        ),
    }
}

/// `None` for a part of a date, and for what lies before its second day, which no offset makes negative.
fn since_epoch(date: &Datetime) -> Option<u64> {
    let (Some(day), Some(time), Some(offset)) = (date.date, date.time, date.offset) else {
        return None;
    };
    let east = match offset {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(minutes) * 60,
    };
    let days = days(
        i64::from(day.year),
        i64::from(day.month),
        i64::from(day.day),
    );
    let hours = days * 24 + i64::from(time.hour);
    let minutes = hours * 60 + i64::from(time.minute);
    let seconds = minutes * 60 + i64::from(time.second.unwrap_or(0)) - east;
    u64::try_from(seconds).ok().filter(|_| days > 0)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar. Years are counted from March, so that the leap day is the last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = match month > 2 {
        true => (year, month - 3),
        false => (year - 1, month + 9),
    };
    let leap_days = year / 4 - year / 100 + year / 400;
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    year * 365 + leap_days + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::since_epoch;

    #[test]
    fn dates_count_from_the_epoch() {
        let read = |text: &str| since_epoch(&text.parse().unwrap());
        assert_eq!(read("1970-01-02T00:00:00Z"), Some(86_400));
        assert_eq!(read("2000-02-29T23:59:59Z"), Some(951_868_799));
        assert_eq!(read("2000-03-01T00:00:00Z"), Some(951_868_800));
        assert_eq!(read("2026-01-31T12:00:00Z"), Some(1_769_860_800));
        assert_eq!(read("2026-01-31T14:00:00+02:00"), Some(1_769_860_800));
        assert_eq!(read("2100-12-31T00:00:00Z"), Some(4_133_894_400));
        for none in ["1970-01-01T00:00:00Z", "2026-01-31T12:00:00", "2026-01-31"] {
            assert_eq!(read(none), None, "{none}");
        }
    }
}
