//! Range requests that the cache answers (RFC 9110, section 14, and If-Range, section 13.1.5).
//!
//! Decided for a stored response that may be used, after its preconditions. A Range that is not understood is as good as
//! none: the whole content is a right answer to every range request (section 14.2).
//!
//! A viewer must not be able to make the edge send much more than the content, or work much harder than for it. So a request
//! for more than [`MAX_RANGES`] ranges, for more than two that overlap another one, or for more bytes in sum than the content
//! has, is answered with the whole content, which section 14.2 allows. What is left is sent in the order asked for.

use crate::etag::EntityTag;
use crate::list;
use crate::message::Request;
use crate::preconditions::only_date;
use http::header::{ACCEPT_RANGES, DATE, ETAG, IF_RANGE, LAST_MODIFIED, RANGE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

/// Ranges that one request may ask for; a request for more is answered with the whole content.
pub const MAX_RANGES: usize = 16;

/// The part of the content that answers a request. Positions count from 0, and the last one is included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RangeAnswer {
    /// All of it, as a request without Range gets it.
    Whole,
    /// One range: 206 with Content-Range.
    Single {
        /// Position of the first byte.
        first: u64,
        /// Position of the last byte.
        last: u64,
    },
    /// Two ranges or more, at most [`MAX_RANGES`], in the order asked for: 206 with `multipart/byteranges`.
    Several(Vec<(u64, u64)>),
    /// 416 (Range Not Satisfiable): no range has a byte of the content.
    Unsatisfiable,
}

/// Returns the part of a stored response's content that answers a request (RFC 9110, section 14.2). `status` and `fields` are the stored
/// response's, `length` is that of its content, in bytes. Ranges are for GET requests and 200 responses only.
pub fn select_ranges(
    request: &Request<'_>,
    status: StatusCode,
    fields: &HeaderMap,
    length: u64,
) -> RangeAnswer {
    // What says of itself that it has no ranges is one whole (section 14.3).
    let has_none = fields
        .get(ACCEPT_RANGES)
        .is_some_and(|units| units.as_bytes().eq_ignore_ascii_case(b"none"));
    if status != StatusCode::OK || has_none {
        return RangeAnswer::Whole;
    }
    let Some(asked) = asked(request) else {
        return RangeAnswer::Whole;
    };
    if !if_range_holds(request.fields, fields) {
        return RangeAnswer::Whole;
    }
    if length == 0
        && asked
            .iter()
            .any(|asked| matches!(asked, Asked::Suffix(1..)))
    {
        // Satisfiable by definition (section 14.1.2), but no Content-Range can say that there is nothing.
        return RangeAnswer::Whole;
    }
    let ranges: Vec<(u64, u64)> = asked
        .iter()
        .filter_map(|asked| asked.within(length))
        .collect();
    match *ranges {
        [] => RangeAnswer::Unsatisfiable,
        [(first, last)] => RangeAnswer::Single { first, last },
        _ if wasteful(&ranges, length) => RangeAnswer::Whole,
        _ => RangeAnswer::Several(ranges),
    }
}

/// Returns the start of the one range that a request asks for, if it is known without the content's length. `None` for the whole,
/// for several ranges, and for a range that is counted from the end. If-Range plays no part.
pub fn first_position(request: &Request<'_>) -> Option<u64> {
    match *asked(request)? {
        [Asked::From { first, .. }] => Some(first),
        _ => None,
    }
}

/// One range as a request asks for it (section 14.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// `5-` and `5-9`.
    From { first: u64, last: Option<u64> },
    /// `-5`: the last bytes.
    Suffix(u64),
}

impl Asked {
    /// The range in a content of this length, or `None` if it has no byte of it.
    pub(crate) fn within(self, length: u64) -> Option<(u64, u64)> {
        let end = length.checked_sub(1)?;
        match self {
            Asked::From { first, last } => {
                (first <= end).then(|| (first, last.map_or(end, |last| last.min(end))))
            }
            Asked::Suffix(0) => None,
            Asked::Suffix(bytes) => Some((length.saturating_sub(bytes), end)),
        }
    }

    fn parse(spec: &[u8]) -> Option<Asked> {
        let dash = spec.iter().position(|byte| *byte == b'-')?;
        let (first, last) = (spec.get(..dash)?, spec.get(dash + 1..)?);
        if first.is_empty() {
            return number(last).map(Asked::Suffix);
        }
        let first = number(first)?;
        if last.is_empty() {
            return Some(Asked::From { first, last: None });
        }
        let last = number(last)?;
        (first <= last).then_some(Asked::From {
            first,
            last: Some(last),
        })
    }
}

/// The ranges that a request asks for; `None` if it asks for none that counts: not GET, no Range or two, an unknown unit, a
/// value outside the grammar, or too many ranges.
pub(crate) fn asked(request: &Request<'_>) -> Option<Vec<Asked>> {
    if *request.method != Method::GET {
        return None;
    }
    let mut lines = request.fields.get_all(RANGE).iter();
    let value = lines.next()?.as_bytes();
    if lines.next().is_some() {
        return None;
    }
    let (unit, set) = value.split_at_checked(b"bytes=".len())?;
    if !unit.eq_ignore_ascii_case(b"bytes=") {
        return None;
    }
    let asked = list::split(set)
        .take(MAX_RANGES + 1)
        .map(Asked::parse)
        .collect::<Option<Vec<Asked>>>()?;
    (1..=MAX_RANGES).contains(&asked.len()).then_some(asked)
}

/// Returns true if sending the ranges costs more than sending the whole (section 14.2).
fn wasteful(ranges: &[(u64, u64)], length: u64) -> bool {
    let sum = ranges.iter().fold(0u64, |sum, (first, last)| {
        sum.saturating_add(last - first).saturating_add(1)
    });
    let overlaps = |(at, one): (usize, &(u64, u64))| {
        let mut others = ranges.iter().enumerate().filter(|(other, _)| *other != at);
        others.any(|(_, other)| one.0 <= other.1 && other.0 <= one.1)
    };
    sum > length
        || ranges
            .iter()
            .enumerate()
            .filter(|one| overlaps(*one))
            .count()
            > 2
}

/// Returns true if the ranges count: If-Range (section 13.1.5) is absent, or names the stored response's strong validator.
pub(crate) fn if_range_holds(asked: &HeaderMap, stored: &HeaderMap) -> bool {
    let mut lines = asked.get_all(IF_RANGE).iter();
    let Some(value) = lines.next() else {
        return true;
    };
    if lines.next().is_some() {
        return false;
    }
    match only_date(asked, &IF_RANGE) {
        Some(date) => dated_strongly(stored) && only_date(stored, &LAST_MODIFIED) == Some(date),
        None => EntityTag::parse(value.as_bytes())
            .zip(EntityTag::of(stored))
            .is_some_and(|(asked, stored)| asked.strong_eq(&stored)),
    }
}

/// The validator by which two parts are of one representation (section 8.8.1): a strong ETag, or, without any ETag, a
/// Last-Modified that is a strong validator.
pub fn strong_validator(fields: &HeaderMap) -> Option<&HeaderValue> {
    if fields.contains_key(ETAG) {
        let tag = EntityTag::of(fields)?;
        return fields.get(ETAG).filter(|_| !tag.is_weak());
    }
    fields.get(LAST_MODIFIED).filter(|_| dated_strongly(fields))
}

/// Returns true if Last-Modified is a strong validator: the response was made at least one second later (section 8.8.2.2).
fn dated_strongly(stored: &HeaderMap) -> bool {
    only_date(stored, &LAST_MODIFIED)
        .zip(only_date(stored, &DATE))
        .is_some_and(|(modified, made)| made >= modified.plus_secs(1))
}

/// A decimal number; one that is too large for 64 bits is the largest.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |number, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        Some(number.saturating_mul(10).saturating_add(u64::from(digit)))
    })
}

#[cfg(test)]
mod tests;
