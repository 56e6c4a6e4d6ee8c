//! The freshness lifetime of a response (RFC 9111, section 4.2), within the bounds of a behavior's cache policy.
//!
//! In this order: a ttl hook's decision, the directives of the field that counts (RFC 9213, then Cache-Control), Expires,
//! the policy's default, and where that is 0 the heuristic of section 4.2.2.

use crate::age;
use crate::date::parse_http_date;
use crate::directives::{Directives, MAX_DELTA, delta_seconds};
use crate::lifetime::{Lifetime, LifetimeSource};
use crate::message::Response;
use crate::policy::{Compatibility, Policy};
use crate::targeted::DirectivesFrom;
use http::StatusCode;
use http::header::{EXPIRES, LAST_MODIFIED, RETRY_AFTER};

/// The lifetime that the response itself gives (RFC 9111, section 4.2.1), within the limit that its unreadable parts leave.
pub(crate) fn explicit(
    received: &Response<'_>,
    directives: &Directives,
    from: DirectivesFrom,
) -> Option<Lifetime> {
    let readable = readable(received, directives, from);
    let Some(limit) = directives.limit else {
        return readable;
    };
    Some(
        readable
            .filter(|lifetime| lifetime.seconds <= limit)
            .unwrap_or(Lifetime {
                seconds: limit,
                source: LifetimeSource::Unreadable,
            }),
    )
}

fn readable(
    received: &Response<'_>,
    directives: &Directives,
    from: DirectivesFrom,
) -> Option<Lifetime> {
    let (seconds, source) = if let Some(seconds) = directives.s_maxage {
        (seconds, LifetimeSource::SMaxage)
    } else if let Some(seconds) = directives.max_age {
        (seconds, LifetimeSource::MaxAge)
    } else if from == DirectivesFrom::CacheControl {
        (expires(received)?, LifetimeSource::Expires)
    } else {
        return None;
    };
    let source = match from {
        DirectivesFrom::Selvedge => LifetimeSource::SelvedgeCdnCacheControl,
        DirectivesFrom::Cdn => LifetimeSource::CdnCacheControl,
        DirectivesFrom::CacheControl => source,
    };
    Some(Lifetime { seconds, source })
}

/// Seconds from Date to Expires. One that can't be read is in the past (RFC 9111, section 5.3); of several the earliest
/// counts. Without Date the time of arrival takes its place.
fn expires(received: &Response<'_>) -> Option<u64> {
    let date = age::date(received.fields).unwrap_or(received.response_time);
    received
        .fields
        .get_all(EXPIRES)
        .iter()
        .map(|line| {
            parse_http_date(line.as_bytes())
                .map_or(0, |expires| expires.secs_since(date).min(MAX_DELTA))
        })
        .min()
}

/// The lifetime of a response that says nothing about its freshness: the policy's default, or the heuristic if that is 0.
/// Error responses have no default: it is meant for content.
pub(crate) fn implicit(received: &Response<'_>, policy: &Policy) -> Lifetime {
    if policy.default_ttl > 0 {
        if is_error(received.status) {
            return Lifetime::NONE;
        }
        return Lifetime {
            seconds: policy.default_ttl,
            source: LifetimeSource::Default,
        };
    }
    heuristic(received).unwrap_or(Lifetime::NONE)
}

/// A tenth of the time between Last-Modified and Date (RFC 9111, section 4.2.2).
fn heuristic(received: &Response<'_>) -> Option<Lifetime> {
    let modified = parse_http_date(received.fields.get(LAST_MODIFIED)?.as_bytes())?;
    let date = age::date(received.fields).unwrap_or(received.response_time);
    Some(Lifetime {
        seconds: (date.secs_since(modified) / 10).min(MAX_DELTA),
        source: LifetimeSource::Heuristic,
    })
}

/// Returns the lifetime within the policy's bounds, and for a 429 within its Retry-After.
pub(crate) fn bounded(
    lifetime: Lifetime,
    received: &Response<'_>,
    initial_age_ms: u64,
    policy: &Policy,
) -> Lifetime {
    let bounded = by_policy(lifetime, received.status, initial_age_ms, policy);
    match retry_after(received) {
        Some(seconds) if seconds < bounded.seconds => Lifetime {
            seconds,
            source: LifetimeSource::RetryAfter,
        },
        _ => bounded,
    }
}

/// Minimums count from the response's arrival: with a minimum of a minute, a response that arrives an hour old is used for
/// a minute. An error that says that it is not fresh is not raised to the minimum for errors, except in CloudFront's manner.
fn by_policy(
    lifetime: Lifetime,
    status: StatusCode,
    initial_age_ms: u64,
    policy: &Policy,
) -> Lifetime {
    let (minimum, source) = if is_error(status) {
        (
            policy.error_min_ttl.of(status),
            LifetimeSource::ErrorMinimum,
        )
    } else {
        (policy.min_ttl, LifetimeSource::Minimum)
    };
    let is_said_to_be_over = is_error(status)
        && lifetime.seconds == 0
        && (lifetime.source.is_explicit() || lifetime.source == LifetimeSource::Unreadable)
        && policy.compatibility == Compatibility::Selvedge;
    let maximum = policy.max_ttl;
    if lifetime.seconds > maximum {
        return Lifetime {
            seconds: maximum,
            source: LifetimeSource::Maximum,
        };
    }
    let from_arrival = from_arrival(minimum.min(maximum), initial_age_ms);
    if minimum > 0 && lifetime.seconds < from_arrival && !is_said_to_be_over {
        return Lifetime {
            seconds: from_arrival,
            source,
        };
    }
    lifetime
}

/// The seconds after which a viewer that gets a 429 may ask again (RFC 6585, section 4; RFC 9110, section 10.2.3): the
/// response must not be used for longer. One that can't be read is 0; of several the smallest counts.
fn retry_after(received: &Response<'_>) -> Option<u64> {
    if received.status != StatusCode::TOO_MANY_REQUESTS {
        return None;
    }
    let made = age::date(received.fields).unwrap_or(received.response_time);
    let seconds = |value: &[u8]| {
        let until = || Some(parse_http_date(value)?.secs_since(made));
        delta_seconds(value).or_else(until).unwrap_or(0)
    };
    let lines = received.fields.get_all(RETRY_AFTER).iter();
    lines
        .map(|line| seconds(line.as_bytes().trim_ascii()))
        .min()
}

/// Seconds counted from the arrival as seconds counted from the making.
pub(crate) fn from_arrival(seconds: u64, initial_age_ms: u64) -> u64 {
    seconds.saturating_add(initial_age_ms / 1000)
}

/// Returns true if a response without freshness of its own may be assumed fresh for its status.
pub(crate) fn is_assumed_fresh(status: StatusCode, public: bool, policy: &Policy) -> bool {
    is_heuristically_cacheable(status)
        || public
        || (policy.compatibility == Compatibility::Cloudfront && status.as_u16() < 400)
}

/// RFC 9110, section 15.1.
const fn is_heuristically_cacheable(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        200 | 203 | 204 | 206 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501
    )
}

pub(crate) fn is_error(status: StatusCode) -> bool {
    status.as_u16() >= 400
}

#[cfg(test)]
mod tests;
