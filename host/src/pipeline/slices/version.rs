//! Which version of the whole a slice is of.

use http::HeaderValue;
use selvedge_caching::{Stored, StoredBody, Time};

/// Properties that all slices of one response share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    /// The strong validator (RFC 9110, section 8.8.1).
    validator: HeaderValue,
    /// The complete length in bytes.
    pub(crate) length: u64,
    /// When the origin last said that this is current.
    pub(crate) confirmed: Time,
}

impl Version {
    /// The version of the slice that begins at `start`. `None` for what is not exactly this slice, and for a slice that can't
    /// be told from one of another version.
    pub(crate) fn of(head: &Stored, start: u64, size: u64) -> Option<Version> {
        let StoredBody::Partial {
            first,
            last,
            complete_length: Some(length),
        } = head.body
        else {
            return None;
        };
        let end = start.saturating_add(size - 1).min(length.checked_sub(1)?);
        let validator = selvedge_caching::strong_validator(&head.fields)?.clone();
        (first == start && last == end).then_some(Version {
            validator,
            length,
            confirmed: head.response_time,
        })
    }

    /// Returns true if slices of both belong together.
    pub(crate) fn is(&self, other: &Version) -> bool {
        self.validator == other.validator && self.length == other.length
    }
}
