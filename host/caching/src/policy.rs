//! The cache policy of a behavior, as far as the rules need it.

use http::StatusCode;
use std::collections::BTreeMap;

/// The habits that decide where RFC 9111 and CloudFront differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compatibility {
    /// RFC 9111.
    #[default]
    Selvedge,
    /// CloudFront: a minimum lifetime overrides `private` and `no-store`, and so on.
    Cloudfront,
}

/// The shortest lifetimes of error responses, in seconds: one for each status that is named, and one for the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorMinimum {
    default: u64,
    by_status: BTreeMap<u16, u64>,
}

impl ErrorMinimum {
    /// The default, for each status that a viewer's own fields do not cause.
    pub const fn of_default(seconds: u64) -> ErrorMinimum {
        ErrorMinimum {
            default: seconds,
            by_status: BTreeMap::new(),
        }
    }

    /// Names a status, whatever causes it.
    #[must_use]
    pub fn with(mut self, status: u16, seconds: u64) -> ErrorMinimum {
        self.by_status.insert(status, seconds);
        self
    }

    /// Returns the shortest lifetime of a response with this status, in seconds.
    pub(crate) fn of(&self, status: StatusCode) -> u64 {
        match self.by_status.get(&status.as_u16()) {
            Some(seconds) => *seconds,
            None if is_caused_by_fields(status) => 0,
            None => self.default,
        }
    }

    /// Returns the lifetime of a response with this status that says nothing about its freshness, in seconds: of statuses
    /// that are not named, only those that each viewer of the URL would get.
    pub(crate) fn of_silent(&self, status: StatusCode) -> u64 {
        let is_everybodys = matches!(status.as_u16(), 404 | 410 | 500..=504);
        if is_everybodys || self.by_status.contains_key(&status.as_u16()) {
            self.of(status)
        } else {
            0
        }
    }
}

/// Returns true for errors that a viewer's own fields, method or target cause: a hostile viewer could have one stored for
/// everybody.
const fn is_caused_by_fields(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        400 | 401 | 403 | 405..=408 | 411 | 413..=415 | 417 | 421 | 422 | 425 | 426 | 428 | 429 | 431
    )
}

/// The lifetimes of responses beside what the origin says, and the limits of what is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The shortest lifetime of a response that is not an error, in seconds.
    pub min_ttl: u64,
    /// The lifetime of a response without freshness of its own, in seconds; 0 leaves it to the heuristics of RFC 9111,
    /// section 4.2.2.
    pub default_ttl: u64,
    /// The longest lifetime, in seconds.
    pub max_ttl: u64,
    /// The shortest lifetimes of error responses (400 and above).
    pub error_min_ttl: ErrorMinimum,
    /// True if the Cache-Control and Pragma of a request count (RFC 9111, section 5.2.1).
    pub honor_viewer_cache_control: bool,
    /// The habits that decide.
    pub compatibility: Compatibility,
    /// The longest cache key, in bytes. A request with a longer one passes the cache by.
    pub max_key_bytes: usize,
    /// The largest number of variants of one key.
    pub max_variants: usize,
    /// The largest number of tags of one stored response.
    pub max_tags: usize,
    /// The largest size of the stored fields, in bytes. A response with more is not stored.
    pub max_field_bytes: usize,
    /// The response field that carries the tags, in lower case; `None` if the origin sends none.
    pub tag_field: Option<http::HeaderName>,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            min_ttl: 0,
            default_ttl: 86_400,
            max_ttl: 31_536_000,
            error_min_ttl: ErrorMinimum::of_default(10),
            honor_viewer_cache_control: false,
            compatibility: Compatibility::Selvedge,
            max_key_bytes: 32 * 1024,
            max_variants: 64,
            max_tags: 128,
            max_field_bytes: 32 * 1024,
            tag_field: None,
        }
    }
}

#[cfg(test)]
mod tests;
