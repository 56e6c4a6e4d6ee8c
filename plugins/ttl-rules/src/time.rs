//! Durations as the host's own configuration has them, in whole seconds: `"30 s"`, `"5 min"`, `"24 h"`, `"7 d"`.

use std::time::Duration;

const UNITS: [(&str, u64); 4] = [("s", 1), ("min", 60), ("h", 3_600), ("d", 86_400)];

/// A hundred years, as the host's lifetimes.
const MAX_LENGTH: u64 = 36_500 * 86_400;

/// Reads a duration; says what is wrong with what is none.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim();
    let factor = UNITS.iter().find(|(name, _)| *name == unit);
    let (Ok(number), Some((_, factor))) = (number.parse::<u64>(), factor) else {
        return Err(format!(
            "{text:?} is no duration: a whole number and one of s, min, h, d, for instance \"10 min\""
        ));
    };
    match number.checked_mul(*factor) {
        Some(seconds) if seconds <= MAX_LENGTH => Ok(Duration::from_secs(seconds)),
        _ => Err(format!("{text:?} is more than 100 years")),
    }
}
