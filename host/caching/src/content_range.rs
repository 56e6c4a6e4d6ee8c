//! The part of a representation that a 206 carries (RFC 9110, section 14.4).

use http::HeaderMap;
use http::header::CONTENT_RANGE;

/// The positions and the length in Content-Range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ContentRange {
    /// Position of the first byte.
    pub(crate) first: u64,
    /// Position of the last byte, not less than `first`.
    pub(crate) last: u64,
    /// Length of the whole, where known; more than `last`.
    pub(crate) complete_length: Option<u64>,
}

impl ContentRange {
    /// The response's single Content-Range in bytes; `None` for anything else.
    pub(crate) fn of(fields: &HeaderMap) -> Option<ContentRange> {
        let mut lines = fields.get_all(CONTENT_RANGE).iter();
        let value = lines.next()?.as_bytes();
        if lines.next().is_some() {
            return None;
        }
        ContentRange::parse(value)
    }

    fn parse(value: &[u8]) -> Option<ContentRange> {
        let (unit, rest) = value.trim_ascii().split_at_checked(6)?;
        if !unit.eq_ignore_ascii_case(b"bytes ") {
            return None;
        }
        let (positions, length) = cut(rest, b'/')?;
        let (first, last) = cut(positions, b'-')?;
        let (first, last) = (position(first)?, position(last)?);
        let complete_length = if length == b"*" {
            None
        } else {
            Some(position(length)?)
        };
        // The length of the part has to fit into 64 bits too.
        let possible =
            first <= last && last < u64::MAX && complete_length.is_none_or(|length| last < length);
        possible.then_some(ContentRange {
            first,
            last,
            complete_length,
        })
    }
}

fn cut(value: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let index = value.iter().position(|byte| *byte == at)?;
    Some((value.get(..index)?, value.get(index + 1..)?))
}

/// Digits only, at most what 64 bits hold.
fn position(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fields;

    #[test]
    fn rfc_9110_14_4_content_range() {
        for (value, expected) in [
            ("bytes 0-0/1", Some((0, 0, Some(1)))),
            ("bytes 5-9/*", Some((5, 9, None))),
            ("Bytes 5-9/10", Some((5, 9, Some(10)))),
            ("bytes 5-9/9", None),
            ("bytes 9-5/10", None),
            ("bytes */10", None),
            ("bytes 0-1", None),
            ("lines 0-1/2", None),
            ("bytes=0-1/2", None),
            ("bytes 0-99999999999999999999/*", None),
            ("bytes 0-18446744073709551615/*", None),
            (
                "bytes 0-18446744073709551614/*",
                Some((0, u64::MAX - 1, None)),
            ),
            ("bytes -1/2", None),
            ("", None),
        ] {
            let range = ContentRange::of(&fields(&[("content-range", value)]));
            let range = range.map(|range| (range.first, range.last, range.complete_length));
            assert_eq!(range, expected, "{value}");
        }
    }
}
