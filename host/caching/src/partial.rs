//! Stored parts of a content (RFC 9111, sections 3.3 and 3.4; RFC 9110, section 15.3.7).
//!
//! Arithmetic on positions for the pipeline. Of a stored response that is a part it asks [`answer_from_part`]; where bytes
//! are missing it adds [`completion_fields`] to the origin request; about the response it asks [`may_combine`].
//!
//! Two responses are parts of one content only if they have the same strong validator: an ETag that is not weak, or, where
//! there is no ETag, a Last-Modified that is a second older than its Date (RFC 9110, section 8.8.2.2).

use crate::content_range::ContentRange;
use crate::message::{Request, Response};
use crate::ranges::{Asked, asked, if_range_holds, strong_validator};
use crate::stored::{Stored, StoredBody};
use http::header::{ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, RANGE};
use http::{HeaderMap, HeaderValue, StatusCode};

/// The use of a stored part for a request. Positions are those in the whole content, and the last one is included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartAnswer {
    /// The range asked for is stored: 206 with Content-Range.
    Within {
        /// Position of the first byte.
        first: u64,
        /// Position of the last byte.
        last: u64,
    },
    /// The whole is asked for, and the part is all of it: 200, without the stored Content-Range (RFC 9110, section 15.3.7.3).
    Whole,
    /// 416 (Range Not Satisfiable): no range asked for has a byte of the content.
    Unsatisfiable,
    /// Bytes on one side of the part are missing; with them the request can be answered.
    Missing {
        /// Position of the first missing byte.
        first: u64,
        /// Position of the last missing byte; `None` for the content's end, where that is not known.
        last: Option<u64>,
    },
    /// The part is of no use for this request: bytes on both sides are missing or all of those asked for, several ranges are
    /// asked for of which one may be satisfied, or If-Range names another representation.
    Useless,
}

impl PartAnswer {
    /// The word in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            PartAnswer::Within { .. } => "part-within",
            PartAnswer::Whole => "part-whole",
            PartAnswer::Unsatisfiable => "part-unsatisfiable",
            PartAnswer::Missing { .. } => "part-missing",
            PartAnswer::Useless => "part-useless",
        }
    }
}

/// Returns the use of a stored part for a request (RFC 9111, section 3.3). A request without a Range that counts asks for the whole
/// content. For a response that is stored whole the answer is [`PartAnswer::Useless`]: ask
/// [`select_ranges`](crate::select_ranges).
pub fn answer_from_part(request: &Request<'_>, stored: &Stored) -> PartAnswer {
    let Some(part) = part_of(stored) else {
        return PartAnswer::Useless;
    };
    // A Range that does not count, or that If-Range takes back, asks for the whole.
    let asked = asked(request).filter(|_| if_range_holds(request.fields, &stored.fields));
    let is_ranged = asked.is_some();
    let asked = match asked.as_deref() {
        None => WHOLE,
        Some([asked]) => *asked,
        Some(several) => {
            let is_nothing =
                |asked: &Asked| matches!(wanted(*asked, part.complete_length), Wanted::Nothing);
            return match several.iter().all(is_nothing) {
                true => PartAnswer::Unsatisfiable,
                false => PartAnswer::Useless,
            };
        }
    };
    match wanted(asked, part.complete_length) {
        Wanted::Nothing => PartAnswer::Unsatisfiable,
        Wanted::Unknown => PartAnswer::Useless,
        Wanted::Range(first, Some(last)) if part.first <= first && last <= part.last => {
            if is_ranged {
                PartAnswer::Within { first, last }
            } else {
                PartAnswer::Whole
            }
        }
        Wanted::Range(first, last) => missing(&part, first, last),
    }
}

const WHOLE: Asked = Asked::From {
    first: 0,
    last: None,
};

/// The positions that a range is about.
enum Wanted {
    /// From the first to the last; `None` for an end that is not known.
    Range(u64, Option<u64>),
    /// No byte of the content.
    Nothing,
    /// The end is not known, and the range counts from there.
    Unknown,
}

fn wanted(asked: Asked, complete_length: Option<u64>) -> Wanted {
    match (complete_length, asked) {
        (Some(length), _) => match asked.within(length) {
            Some((first, last)) => Wanted::Range(first, Some(last)),
            None => Wanted::Nothing,
        },
        (None, Asked::From { first, last }) => Wanted::Range(first, last),
        (None, Asked::Suffix(0)) => Wanted::Nothing,
        (None, Asked::Suffix(_)) => Wanted::Unknown,
    }
}

/// The bytes of a range that a part lacks.
fn missing(part: &ContentRange, first: u64, last: Option<u64>) -> PartAnswer {
    let begins_within = part.first <= first && first <= part.last;
    let ends_within = last.is_some_and(|last| part.first <= last && last <= part.last);
    match (begins_within, ends_within) {
        (true, false) => PartAnswer::Missing {
            // Not the last of all positions: the range goes on beyond the part.
            first: part.last.saturating_add(1),
            last,
        },
        (false, true) => PartAnswer::Missing {
            first,
            // Not the first position: the range begins before the part.
            last: part.first.checked_sub(1),
        },
        _ => PartAnswer::Useless,
    }
}

/// The fields of an origin request for bytes that a stored part lacks: Range, and If-Range with the part's strong validator
/// (RFC 9110, sections 13.1.5 and 14.2). Positions are those of [`PartAnswer::Missing`].
///
/// The origin answers 206 with these bytes, or 200 with the whole of the current content. `None` without a strong validator,
/// since the response could not be combined.
pub fn completion_fields(stored: &Stored, first: u64, last: Option<u64>) -> Option<HeaderMap> {
    let validator = strong_validator(&stored.fields)?;
    let last = last.map(|last| last.to_string()).unwrap_or_default();
    // Digits, a dash and a word are always a field value.
    let range = HeaderValue::try_from(format!("bytes={first}-{last}")).ok()?;
    let mut fields = HeaderMap::new();
    fields.insert(RANGE, range);
    fields.insert(IF_RANGE, validator.clone());
    Some(fields)
}

/// The condition of an origin request that asks whether a stored part is current: its strong validator as If-None-Match or
/// If-Modified-Since (RFC 9110, section 13.1). The request keeps its Range, so that the origin answers 304, or with that range
/// of the current content. `None` without a strong validator.
pub fn confirmation_fields(stored: &Stored) -> Option<HeaderMap> {
    let validator = strong_validator(&stored.fields)?.clone();
    let name = if stored.fields.contains_key(ETAG) {
        IF_NONE_MATCH
    } else {
        IF_MODIFIED_SINCE
    };
    Some(HeaderMap::from_iter([(name, validator)]))
}

/// Why a response can't be combined with a stored part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotCombined {
    /// The stored response is not a part.
    NotAPart,
    /// The response is not a 206 with one valid Content-Range.
    NoRange,
    /// Not both have a strong validator, or they differ.
    Validator,
    /// They disagree about the length of the whole.
    Length,
    /// Bytes between them are missing.
    Gap,
}

impl NotCombined {
    /// The word in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            NotCombined::NotAPart => "not-a-part",
            NotCombined::NoRange => "no-range",
            NotCombined::Validator => "validator-differs",
            NotCombined::Length => "length-differs",
            NotCombined::Gap => "gap",
        }
    }
}

/// Returns how much is stored once a received 206 is combined with a stored part (RFC 9111, section 3.4; RFC 9110, section
/// 15.3.7.3): [`StoredBody::Complete`] if that is the whole content. Where both have a byte, either will do: the same strong
/// validator says that they are equal.
///
/// # Errors
/// Why they can't be combined; the received response then stands for itself.
pub fn may_combine(stored: &Stored, received: &Response<'_>) -> Result<StoredBody, NotCombined> {
    let one = part_of(stored).ok_or(NotCombined::NotAPart)?;
    if received.status != StatusCode::PARTIAL_CONTENT {
        return Err(NotCombined::NoRange);
    }
    let other = ContentRange::of(received.fields).ok_or(NotCombined::NoRange)?;
    let validators = strong_validator(&stored.fields).zip(strong_validator(received.fields));
    if validators.is_none_or(|(one, other)| one != other) {
        return Err(NotCombined::Validator);
    }
    let complete_length = one.complete_length.or(other.complete_length);
    let last = one.last.max(other.last);
    let agrees = |length: Option<u64>| length.is_none_or(|length| Some(length) == complete_length);
    if !agrees(other.complete_length) || complete_length.is_some_and(|length| last >= length) {
        return Err(NotCombined::Length);
    }
    let (left, right) = if one.first <= other.first {
        (one, other)
    } else {
        (other, one)
    };
    if right.first > left.last.saturating_add(1) {
        return Err(NotCombined::Gap);
    }
    if left.first == 0 && complete_length.is_some_and(|length| last == length - 1) {
        return Ok(StoredBody::Complete {
            length: complete_length,
        });
    }
    Ok(StoredBody::Partial {
        first: left.first,
        last,
        complete_length,
    })
}

fn part_of(stored: &Stored) -> Option<ContentRange> {
    match stored.body {
        StoredBody::Complete { .. } => None,
        StoredBody::Partial {
            first,
            last,
            complete_length,
        } => Some(ContentRange {
            first,
            last,
            complete_length,
        }),
    }
}

#[cfg(test)]
mod tests;
