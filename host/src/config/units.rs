//! Durations and sizes as people write them: `"250 ms"`, `"24 h"`, `"64 MiB"`.

use std::time::Duration;

use super::printable::{printable, quoted};
use super::report::Problem;
use super::suggest::closest;

/// Units of duration, with their milliseconds.
const DURATIONS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("min", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// Units of duration as people write them elsewhere.
const SLIPS: [(&str, &str); 12] = [
    ("msec", "ms"),
    ("millis", "ms"),
    ("sec", "s"),
    ("secs", "s"),
    ("second", "s"),
    ("seconds", "s"),
    ("m", "min"),
    ("minutes", "min"),
    ("hour", "h"),
    ("hours", "h"),
    ("day", "d"),
    ("days", "d"),
];

/// Units of size, with their bytes. Powers of two first: they are what most people mean.
const SIZES: [(&str, u64); 9] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];

/// Reads `"250 ms"`, `"10 s"`, `"5 min"`, `"24 h"` or `"7 d"`.
pub(super) fn parse_duration(text: &str) -> Result<Duration, Problem> {
    parse(text, "duration", &DURATIONS, "10 s").map(Duration::from_millis)
}

/// Reads `"512 B"`, `"64 KiB"`, `"1 GB"` and so on, as bytes.
pub(super) fn parse_size(text: &str) -> Result<u64, Problem> {
    parse(text, "size", &SIZES, "64 MiB")
}

/// Writes a duration in the largest unit that leaves a whole number.
pub(crate) fn show_duration(duration: Duration) -> String {
    show(
        u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
        &DURATIONS,
        "s",
    )
}

/// Writes a size in the largest binary unit that leaves a whole number.
pub(crate) fn show_size(bytes: u64) -> String {
    show(bytes, SIZES.get(..5).unwrap_or(&SIZES), "B")
}

fn parse(text: &str, what: &str, units: &[(&str, u64)], example: &str) -> Result<u64, Problem> {
    let names = || units.iter().map(|(name, _)| *name);
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim();
    let slip = || {
        SLIPS
            .iter()
            .find(|(slip, meant)| *slip == unit && names().any(|name| name == *meant))
    };
    let near = || slip().map_or_else(|| closest(unit, names()), |(_, meant)| Some(meant));
    let shown = printable(text);
    let wrong = |message: String| {
        let problem =
            Problem::new(message).allowed(format!("a whole number and one of {}", quoted(names())));
        match near().filter(|_| {
            !number.is_empty() && !unit.is_empty() && unit.chars().all(char::is_alphabetic)
        }) {
            Some(near) => problem.help(format!("did you mean \"{number} {near}\"?")),
            None => problem.help(format!("for instance \"{example}\"")),
        }
    };
    if number.is_empty() || unit.contains(|c: char| !c.is_alphabetic()) {
        return Err(wrong(format!("`{shown}` is not a {what}")));
    }
    let Some((_, factor)) = units.iter().find(|(name, _)| *name == unit) else {
        return Err(wrong(match unit {
            "" => format!("the {what} `{shown}` lacks its unit"),
            unit => format!("`{unit}` is not a unit of {what}"),
        }));
    };
    let value = number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(*factor));
    value.ok_or_else(|| Problem::new(format!("the {what} `{shown}` is too large to count")))
}

fn show(value: u64, units: &[(&str, u64)], zero: &str) -> String {
    let whole = units
        .iter()
        .filter(|(_, factor)| value.is_multiple_of(*factor));
    match whole.max_by_key(|(_, factor)| *factor) {
        Some((name, factor)) if value > 0 => format!("{} {name}", value / factor),
        _ => format!("{value} {zero}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_are_read_in_every_unit() {
        let ms = |text| {
            parse_duration(text)
                .ok()
                .map(|duration| duration.as_millis())
        };
        assert_eq!(ms("250 ms"), Some(250));
        assert_eq!(ms("10s"), Some(10_000));
        assert_eq!(ms("5 min"), Some(300_000));
        assert_eq!(ms("24 h"), Some(86_400_000));
        assert_eq!(ms("7 d"), Some(604_800_000));
        assert_eq!(parse_size("64 MiB").ok(), Some(64 << 20));
        assert_eq!(parse_size("1 GB").ok(), Some(1_000_000_000));
    }

    #[test]
    fn what_is_no_duration_or_size_is_refused() {
        for text in [
            "",
            "s",
            "10",
            "-1 s",
            "1.5 h",
            "1 h 30 min",
            "10 parsecs",
            "99999999999999999999 s",
            "9e3 s",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        assert!(parse_size("18446744073709551615 KiB").is_err());
        assert!(parse_size("10 mb").is_err());
    }

    #[test]
    fn values_are_shown_in_the_unit_a_person_would_take() {
        assert_eq!(show_duration(Duration::from_secs(86_400)), "1 d");
        assert_eq!(show_duration(Duration::from_millis(1_500)), "1500 ms");
        assert_eq!(show_duration(Duration::ZERO), "0 s");
        assert_eq!(show_size(64 << 20), "64 MiB");
        assert_eq!(show_size(1_000), "1000 B");
    }
}
