//! The age of a response (RFC 9111, sections 4.2.3 and 5.1), and the freshness that it leaves.

use crate::directives::delta_seconds;
use crate::message::Response;
use crate::stored::Stored;
use crate::time::Time;
use http::HeaderMap;
use http::header::{AGE, DATE};

/// Returns the seconds since the origin made the response or last confirmed it (`current_age`, RFC 9111, section 4.2.3): the
/// value of the Age field that is sent. It does not fall while the clock does not.
pub fn current_age(stored: &Stored, now: Time) -> u64 {
    let resident = now.0.saturating_sub(stored.response_time.0);
    stored.initial_age_ms.saturating_add(resident) / 1000
}

impl Stored {
    /// Returns the freshness left, in seconds; negative for a stale response.
    pub fn ttl(&self, now: Time) -> i64 {
        let lifetime = i64::try_from(self.lifetime).unwrap_or(i64::MAX);
        let age = i64::try_from(current_age(self, now)).unwrap_or(i64::MAX);
        lifetime.saturating_sub(age)
    }

    /// Returns a copy that a soft invalidation makes stale at this time. Its freshness ends there, and its windows of stale
    /// use (RFC 5861) begin there, unless it was stale before.
    #[must_use]
    pub fn invalidated_softly_at(&self, at: Time) -> Stored {
        Stored {
            lifetime: self.lifetime.min(current_age(self, at)),
            invalidated_softly: true,
            ..self.clone()
        }
    }
}

/// Milliseconds of age on arrival (`corrected_initial_age`).
///
/// Date has whole seconds, so the apparent age is cut to whole seconds: a response from a well set clock is not taken to be
/// a second old.
pub(crate) fn initial_age_ms(received: &Response<'_>) -> u64 {
    let apparent = date(received.fields).map_or(0, |date| received.response_time.secs_since(date));
    let delay = received
        .response_time
        .0
        .saturating_sub(received.request_time.0);
    let corrected = age_value(received.fields)
        .saturating_mul(1000)
        .saturating_add(delay);
    corrected.max(apparent.saturating_mul(1000))
}

/// The response's Date, where it has one that can be read.
pub(crate) fn date(fields: &HeaderMap) -> Option<Time> {
    let date = fields.get(DATE)?;
    crate::date::parse_http_date(date.as_bytes())
}

/// The Age that the response came with; 0 for none.
///
/// A list where one value belongs: the first member is used, the rest ignored. A value that is no non-negative integer is
/// ignored (RFC 9111, section 5.1).
fn age_value(fields: &HeaderMap) -> u64 {
    crate::list::members(fields, &AGE)
        .next()
        .and_then(delta_seconds)
        .unwrap_or(0)
}

#[cfg(test)]
mod tests;
