//! Whether a stored response may answer a request (RFC 9111, section 4; RFC 5861).

use crate::age;
use crate::directives::{MaxStale, RequestDirectives};
use crate::message::Request;
use crate::partial::{PartAnswer, answer_from_part};
use crate::policy::{Compatibility, Policy};
use crate::stored::{Stored, StoredBody};
use crate::time::Time;
use http::Method;

/// Whether the cache has to do with a request at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookupRule {
    /// Look for a stored response.
    Use,
    /// Hand the request to the origin and the response back; store nothing.
    Pass(PassReason),
}

/// Why a request passes the cache by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PassReason {
    /// The method is neither GET nor HEAD.
    Method,
    /// The request says `no-store`, and the behavior honours it.
    RequestNoStore,
}

impl PassReason {
    /// The word in Cache-Status, in logs and in metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            PassReason::Method => "method",
            PassReason::RequestNoStore => "request-no-store",
        }
    }
}

/// Whether the cache has to do with the request at all: decided by its method and, where they are honoured, its directives.
pub fn may_look_up(request: &Request<'_>, policy: &Policy) -> LookupRule {
    if !matches!(*request.method, Method::GET | Method::HEAD) {
        return LookupRule::Pass(PassReason::Method);
    }
    if policy.honor_viewer_cache_control && RequestDirectives::of_request(request.fields).no_store {
        return LookupRule::Pass(PassReason::RequestNoStore);
    }
    LookupRule::Use
}

/// Whether the viewer takes a stored response or a 504, but no other (`only-if-cached`, RFC 9111, section 5.2.1.7).
/// Asked before the origin is.
pub fn is_only_if_cached(request: &Request<'_>, policy: &Policy) -> bool {
    policy.honor_viewer_cache_control
        && RequestDirectives::of_request(request.fields).only_if_cached
}

/// How a stored response may be used. `ttl` is the seconds of freshness left, negative for a stale response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// As it is.
    Fresh {
        /// Seconds of freshness left; 0 or less where the request's `max-stale` accepts a stale response.
        ttl: i64,
    },
    /// As it is, while a fresh one is fetched (RFC 5861, section 3).
    StaleWhileRevalidate {
        /// Seconds of freshness left, 0 or less.
        ttl: i64,
    },
    /// After the origin has confirmed it.
    MustValidate(ValidateReason),
}

/// Why a stored response can't be used as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValidateReason {
    /// It is older than its freshness lifetime.
    Stale,
    /// It says `no-cache`.
    NoCache,
    /// A soft invalidation marked it.
    Invalidated,
    /// Only a part is stored, and the request asks for more.
    Partial,
    /// The request says `no-cache`.
    RequestNoCache,
    /// The request's `max-age` is less than its age.
    RequestMaxAge,
    /// The request's `min-fresh` is more than the freshness it has left.
    RequestMinFresh,
}

impl ValidateReason {
    /// The word in Cache-Status, in logs and in metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            ValidateReason::Stale => "stale",
            ValidateReason::NoCache => "no-cache",
            ValidateReason::Invalidated => "invalidated",
            ValidateReason::Partial => "partial",
            ValidateReason::RequestNoCache => "request-no-cache",
            ValidateReason::RequestMaxAge => "request-max-age",
            ValidateReason::RequestMinFresh => "request-min-fresh",
        }
    }

    /// Whether it is the request that wants the origin asked; without its directives the stored response would do.
    pub const fn is_the_requests(&self) -> bool {
        matches!(
            self,
            ValidateReason::RequestNoCache
                | ValidateReason::RequestMaxAge
                | ValidateReason::RequestMinFresh
        )
    }
}

/// How the stored response may be used for a request that selects it (RFC 9111, section 4). Allocates nothing where the
/// whole content is stored.
///
/// A stored part that answers the request counts as fresh or stale like a whole response; [`answer_from_part`] says what is
/// sent of it. One that does not is [`ValidateReason::Partial`].
pub fn may_reuse(request: &Request<'_>, stored: &Stored, policy: &Policy, now: Time) -> Reuse {
    if !has_what_is_asked(request, stored) {
        return Reuse::MustValidate(ValidateReason::Partial);
    }
    let ttl = stored.ttl(now);
    let reuse = by_itself(stored, ttl);
    if !policy.honor_viewer_cache_control {
        return reuse;
    }
    let asked = RequestDirectives::of_request(request.fields);
    by_request(&asked, stored, ttl, reuse, now)
}

/// What the response itself allows.
fn by_itself(stored: &Stored, ttl: i64) -> Reuse {
    if stored.directives.no_cache {
        return Reuse::MustValidate(ValidateReason::NoCache);
    }
    let fresh = ttl > 0;
    if fresh && !stored.invalidated_softly {
        return Reuse::Fresh { ttl };
    }
    if is_within(stored.stale_while_revalidate, ttl) && !stored.directives.forbid_stale() {
        return Reuse::StaleWhileRevalidate { ttl: ttl.min(0) };
    }
    Reuse::MustValidate(if stored.invalidated_softly {
        ValidateReason::Invalidated
    } else {
        ValidateReason::Stale
    })
}

/// What the request's directives make of it (RFC 9111, section 5.2.1).
fn by_request(
    asked: &RequestDirectives,
    stored: &Stored,
    ttl: i64,
    reuse: Reuse,
    now: Time,
) -> Reuse {
    if asked.no_cache {
        return match reuse {
            Reuse::MustValidate(_) => reuse,
            _ => Reuse::MustValidate(ValidateReason::RequestNoCache),
        };
    }
    let accepted = asked.max_stale.filter(|_| {
        reuse == Reuse::MustValidate(ValidateReason::Stale)
            && !stored.directives.forbid_stale()
            && !stored.invalidated_softly
    });
    let reuse = match accepted {
        Some(MaxStale::Any) => Reuse::Fresh { ttl },
        Some(MaxStale::Seconds(seconds)) if is_within_or_at(seconds, ttl) => Reuse::Fresh { ttl },
        _ => reuse,
    };
    if matches!(reuse, Reuse::MustValidate(_)) {
        return reuse;
    }
    // RFC 8246, section 2: what does not change needs no check because of its age.
    let unchanging = stored.directives.immutable && ttl > 0;
    if !unchanging
        && asked
            .max_age
            .is_some_and(|most| exceeds(age::current_age(stored, now), most, asked.max_stale))
    {
        return Reuse::MustValidate(ValidateReason::RequestMaxAge);
    }
    let left = u64::try_from(ttl).unwrap_or(0);
    if asked.min_fresh.is_some_and(|least| left < least) {
        return Reuse::MustValidate(ValidateReason::RequestMinFresh);
    }
    reuse
}

/// Whether an age is more than the request's `max-age`, which `max-stale` extends (RFC 9111, section 5.2.1.1).
fn exceeds(age: u64, most: u64, max_stale: Option<MaxStale>) -> bool {
    match max_stale {
        Some(MaxStale::Any) => false,
        Some(MaxStale::Seconds(seconds)) => age > most.saturating_add(seconds),
        None => age > most,
    }
}

/// Whether a response with this much freshness left is in a window that begins where its freshness ends.
fn is_within(window: Option<u64>, ttl: i64) -> bool {
    window.is_some_and(|window| window > 0 && ttl.min(0).unsigned_abs() < window)
}

fn is_within_or_at(window: u64, ttl: i64) -> bool {
    ttl.min(0).unsigned_abs() <= window
}

/// Whether the stored content is all that the request needs (RFC 9111, section 3.3).
fn has_what_is_asked(request: &Request<'_>, stored: &Stored) -> bool {
    match stored.body {
        StoredBody::Complete { .. } => true,
        StoredBody::Partial { .. } => matches!(
            answer_from_part(request, stored),
            PartAnswer::Within { .. } | PartAnswer::Whole | PartAnswer::Unsatisfiable
        ),
    }
}

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

/// How an origin failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OriginTrouble {
    /// It can't be reached, or gave no response: the cache is disconnected (RFC 9111, section 4.2.4).
    Disconnected,
    /// It answered with an error (RFC 5861, section 4).
    Error,
}

/// Whether the stored response may be used since the origin failed (RFC 5861, section 4; RFC 9111, section 4.2.4). Returns
/// the seconds of freshness left, negative for a stale response.
///
/// A disconnected cache may use what nothing forbids: for at most the policy's maximum after the lifetime, unless
/// `stale-if-error` says how long.
///
/// # Errors
/// What forbids it.
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

/// What the request does not accept while the origin answers it does not accept when the origin fails either, unless its own
/// `stale-if-error` says so.
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
