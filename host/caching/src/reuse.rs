//! The reuse of a stored response for a request (RFC 9111, section 4; RFC 5861).

use crate::age;
use crate::directives::{MaxStale, RequestDirectives};
use crate::message::Request;
use crate::partial::{PartAnswer, answer_from_part};
use crate::policy::Policy;
use crate::stored::{Stored, StoredBody};
use crate::time::Time;
use http::Method;

/// The decision to look a request up or to pass it.
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

/// Decides by the request's method and, if they are honoured, by its directives.
pub fn may_look_up(request: &Request<'_>, policy: &Policy) -> LookupRule {
    if !matches!(*request.method, Method::GET | Method::HEAD) {
        return LookupRule::Pass(PassReason::Method);
    }
    if policy.honor_viewer_cache_control && RequestDirectives::of_request(request.fields).no_store {
        return LookupRule::Pass(PassReason::RequestNoStore);
    }
    LookupRule::Use
}

/// Returns true if the viewer takes a stored response or a 504, but no other (`only-if-cached`, RFC 9111, section 5.2.1.7).
/// Asked before the origin is.
pub fn is_only_if_cached(request: &Request<'_>, policy: &Policy) -> bool {
    policy.honor_viewer_cache_control
        && RequestDirectives::of_request(request.fields).only_if_cached
}

/// The use of a stored response. `ttl` is the seconds of freshness left, negative for a stale response.
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

    /// Returns true if it is the request that wants the origin asked: without its directives the stored response would do.
    pub const fn is_the_requests(&self) -> bool {
        matches!(
            self,
            ValidateReason::RequestNoCache
                | ValidateReason::RequestMaxAge
                | ValidateReason::RequestMinFresh
        )
    }
}

/// Decides how the stored response may be used for a request that selects it (RFC 9111, section 4). Allocates nothing if the
/// whole content is stored.
///
/// A stored part that answers the request counts as fresh or stale like a whole response; [`answer_from_part`] says which
/// bytes are sent. One that does not is [`ValidateReason::Partial`].
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

/// The use that the response itself allows.
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

/// The use that the request's directives leave (RFC 9111, section 5.2.1).
pub(crate) fn by_request(
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
            .is_some_and(|max_age| exceeds(age::current_age(stored, now), max_age, asked.max_stale))
    {
        return Reuse::MustValidate(ValidateReason::RequestMaxAge);
    }
    let left = u64::try_from(ttl).unwrap_or(0);
    if asked.min_fresh.is_some_and(|min_fresh| left < min_fresh) {
        return Reuse::MustValidate(ValidateReason::RequestMinFresh);
    }
    reuse
}

/// Returns true if an age is more than the request's `max-age`, which `max-stale` extends (RFC 9111, section 5.2.1.1).
fn exceeds(age: u64, max_age: u64, max_stale: Option<MaxStale>) -> bool {
    match max_stale {
        Some(MaxStale::Any) => false,
        Some(MaxStale::Seconds(seconds)) => age > max_age.saturating_add(seconds),
        None => age > max_age,
    }
}

/// Returns true if a response with this freshness left is in a window that begins where its freshness ends.
pub(crate) fn is_within(window: Option<u64>, ttl: i64) -> bool {
    window.is_some_and(|window| window > 0 && ttl.min(0).unsigned_abs() < window)
}

fn is_within_or_at(window: u64, ttl: i64) -> bool {
    ttl.min(0).unsigned_abs() <= window
}

/// Returns true if the stored content is all that the request needs (RFC 9111, section 3.3).
pub(crate) fn has_what_is_asked(request: &Request<'_>, stored: &Stored) -> bool {
    match stored.body {
        StoredBody::Complete { .. } => true,
        StoredBody::Partial { .. } => matches!(
            answer_from_part(request, stored),
            PartAnswer::Within { .. } | PartAnswer::Whole | PartAnswer::Unsatisfiable
        ),
    }
}

#[cfg(test)]
mod tests;
