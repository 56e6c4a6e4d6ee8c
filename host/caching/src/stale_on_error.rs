//! The use of a stale response when the origin fails (RFC 5861, section 4; RFC 9111, section 4.2.4).

use crate::directives::RequestDirectives;
use crate::message::Request;
use crate::policy::{Compatibility, Policy};
use crate::reuse::{Reuse, by_request, has_what_is_asked, is_within};
use crate::stored::Stored;
use crate::time::Time;

/// Why a stale response is not used although the origin fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StaleRefusal {
    /// It says `no-cache`.
    NoCache,
    /// It says `must-revalidate`, `proxy-revalidate` or `s-maxage`.
    MustRevalidate,
    /// Nothing allows its stale use.
    NoWindow,
    /// The time in which something allowed it is over.
    WindowOver,
    /// Only a part is stored, and the request asks for more.
    Partial,
    /// The request's directives want it validated.
    Request,
}

impl StaleRefusal {
    /// The word in logs and in metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            StaleRefusal::NoCache => "no-cache",
            StaleRefusal::MustRevalidate => "must-revalidate",
            StaleRefusal::NoWindow => "no-stale-if-error",
            StaleRefusal::WindowOver => "stale-if-error-over",
            StaleRefusal::Partial => "partial",
            StaleRefusal::Request => "request",
        }
    }
}

/// The way in which an origin failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OriginTrouble {
    /// It can't be reached, or gave no response: the cache is disconnected (RFC 9111, section 4.2.4).
    Disconnected,
    /// It answered with an error (RFC 5861, section 4).
    Error,
}

/// Decides whether the stored response may be used since the origin failed (RFC 5861, section 4; RFC 9111, section 4.2.4).
/// Returns the freshness left, in seconds; negative for a stale response.
///
/// A disconnected cache may use a response unless something forbids it: for at most the policy's maximum after the lifetime, unless
/// `stale-if-error` says how long.
///
/// # Errors
/// The reason against it.
pub fn may_serve_stale_on_error(
    request: &Request<'_>,
    stored: &Stored,
    policy: &Policy,
    trouble: OriginTrouble,
    now: Time,
) -> Result<i64, StaleRefusal> {
    if !has_what_is_asked(request, stored) {
        return Err(StaleRefusal::Partial);
    }
    if stored.directives.no_cache {
        return Err(StaleRefusal::NoCache);
    }
    let ttl = stored.ttl(now);
    let asked = if policy.honor_viewer_cache_control {
        RequestDirectives::of_request(request.fields)
    } else {
        RequestDirectives::default()
    };
    if asked.no_cache {
        return Err(StaleRefusal::Request);
    }
    by_request_on_error(&asked, stored, ttl, now)?;
    if ttl > 0 && !stored.invalidated_softly {
        return Ok(ttl);
    }
    if stored.directives.forbid_stale() {
        return Err(StaleRefusal::MustRevalidate);
    }
    let windows = [
        stored.stale_if_error,
        stored.stale_while_revalidate,
        asked.stale_if_error,
    ];
    if windows.iter().any(|window| is_within(*window, ttl))
        || is_kept_by_cloudfront(stored, policy)
        || (trouble == OriginTrouble::Disconnected
            && is_kept_while_disconnected(stored, policy, ttl))
    {
        return Ok(ttl);
    }
    Err(if windows.iter().any(Option::is_some) {
        StaleRefusal::WindowOver
    } else {
        StaleRefusal::NoWindow
    })
}

/// A response that the request does not accept while the origin answers is not accepted when the origin fails either, unless
/// the request's own `stale-if-error` says so.
fn by_request_on_error(
    asked: &RequestDirectives,
    stored: &Stored,
    ttl: i64,
    now: Time,
) -> Result<(), StaleRefusal> {
    match by_request(asked, stored, ttl, Reuse::Fresh { ttl }, now) {
        Reuse::MustValidate(_) if !is_within(asked.stale_if_error, ttl) => {
            Err(StaleRefusal::Request)
        }
        _ => Ok(()),
    }
}

/// CloudFront uses an expired response when the origin fails, for any time, unless `stale-if-error` says otherwise.
fn is_kept_by_cloudfront(stored: &Stored, policy: &Policy) -> bool {
    policy.compatibility == Compatibility::Cloudfront
        && stored.stale_if_error.is_none()
        && policy.max_ttl > 0
}

/// RFC 9111, section 4.2.4: a disconnected cache may send a stale response.
fn is_kept_while_disconnected(stored: &Stored, policy: &Policy, ttl: i64) -> bool {
    stored.stale_if_error.is_none() && is_within(Some(policy.max_ttl), ttl)
}

#[cfg(test)]
mod tests;
