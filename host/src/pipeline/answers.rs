//! The answer of a fetch as one request sees it: a stored response, one that is being stored, the origin's own, or a failure;
//! with its Cache-Status (RFC 9211) and what the access line says of it.

use super::edge::Edge;
use super::exchange::{
    Answer, CacheKey, Conditions, Content, Failure, FailureReason, FromStore, Miss, Obtained,
    Outcome, Own, Prepared, Received, Report, StoredUse,
};
use super::invalidations::Standing;
use super::look_up;
use super::notes::Notes;
use super::respond;
use super::sent::Sent;
use crate::observe::access::Record;
use http::StatusCode;
use selvedge_caching::cache_status::CacheStatus;
use selvedge_caching::{Reuse, ValidateReason};

/// Makes the outcome of a fetch that this request led its answer.
pub(crate) fn from_outcome(
    edge: &Edge,
    received: &Received,
    outcome: Outcome,
    miss: Miss,
    record: &mut Record,
) -> Obtained {
    match outcome {
        Outcome::Shared(answer) => from_answer(edge, received, answer, miss, false, record)
            .unwrap_or_else(|| Obtained::Other(Prepared::failed(FailureReason::Lost))),
        Outcome::Filling {
            head,
            fields,
            body,
            trailers,
            report,
        } => {
            note(record, &report, false);
            let cache = filling(edge, received, &head, &report, miss, false);
            Obtained::Stored(FromStore {
                head,
                content: Content::Arriving(body, trailers),
                cache,
                sent: fields,
            })
        }
        Outcome::Own(own) => {
            let conditions = own.conditions;
            let mut prepared = from_own(Ok(*own), miss, record);
            if conditions == Conditions::Evaluated {
                respond::meet_conditions(received, &mut prepared);
            }
            Obtained::Other(prepared)
        }
    }
}

/// Makes the answer of a fetch that of this request; `None` if it does not fit and the request has to look again.
pub(crate) fn from_answer(
    edge: &Edge,
    received: &Received,
    answer: Answer,
    miss: Miss,
    collapsed: bool,
    record: &mut Record,
) -> Option<Obtained> {
    let cache = CacheStatus {
        fwd: Some(miss.why),
        collapsed,
        detail: miss.detail,
        ..CacheStatus::default()
    };
    match answer {
        Answer::NotShareable => None,
        Answer::Failed(failure) => Some(Obtained::Other(from_own(Err(failure), miss, record))),
        Answer::Filling {
            head,
            body,
            trailers,
            report,
            ..
        } => {
            let reader = body.reader()?;
            note(record, &report, true);
            let cache = filling(edge, received, &head, &report, miss, true);
            let content = Content::Arriving(reader, trailers);
            Some(Obtained::stored(head, content, cache))
        }
        Answer::Stored {
            variant,
            use_of,
            report,
        } => {
            note(record, &report, collapsed);
            let cache = CacheStatus {
                fwd_status: report.status,
                stored: use_of == StoredUse::Validated,
                ttl: ttl_of(edge, received, &variant.head),
                detail: match use_of {
                    StoredUse::Validated => cache.detail,
                    StoredUse::StaleOnError { word, .. } => Some(word),
                },
                ..cache
            };
            Some(Obtained::stored(
                variant.head.clone(),
                Content::Complete(variant),
                cache,
            ))
        }
    }
}

/// Returns true if somebody else's answer is one for this request too: it is its variant, no invalidation is in between, what arrives has not become
/// stale meanwhile, and the request's own directives accept it.
///
/// `began_later` says that the fetch began after this request came: then the origin has just been asked on its behalf, and what
/// came needs no validation although it is stale at once.
pub(crate) fn is_usable(
    edge: &Edge,
    received: &Received,
    key: &CacheKey,
    answer: &Answer,
    began_later: bool,
) -> bool {
    let (head, notes) = match answer {
        Answer::Filling { head, notes, .. } => (head, notes),
        Answer::Stored { variant, .. } => (&variant.head, &variant.notes),
        Answer::NotShareable | Answer::Failed(_) => return true,
    };
    let (request, policy, now) = (
        received.request(),
        received.behavior.policy(),
        edge.clock().now(),
    );
    let is_accepted = match answer {
        Answer::Stored {
            use_of: StoredUse::StaleOnError { trouble, .. },
            ..
        } => selvedge_caching::may_serve_stale_on_error(&request, head, policy, *trouble, now)
            .is_ok(),
        Answer::Filling { .. } => {
            began_later
                || !matches!(
                    selvedge_caching::may_reuse(&request, head, policy, now),
                    Reuse::MustValidate(why) if why != ValidateReason::Partial
                )
        }
        _ => true,
    };
    let is_its_variant =
        selvedge_caching::select_variant(&Sent::of(received, key), [&**head]).is_some();
    // One that other plugins made is used only where the origin fails.
    let is_on_error = matches!(
        answer,
        Answer::Stored {
            use_of: StoredUse::StaleOnError { .. },
            ..
        }
    );
    let is_of_same = is_on_error || Notes::made_by(notes) == Some(received.behavior.made_by());
    is_accepted
        && is_its_variant
        && is_of_same
        && look_up::standing(edge, received, key, head, notes) == Standing::Valid
}

/// Returns true if a response that is still arriving has to be validated by all who come now.
pub(crate) fn is_outlived(edge: &Edge, answer: &Answer) -> bool {
    let Answer::Filling { head, .. } = answer else {
        return false;
    };
    head.directives.no_cache || head.ttl(edge.clock().now()) <= 0
}

/// Cache-Status of a response that is being stored.
fn filling(
    edge: &Edge,
    received: &Received,
    head: &selvedge_caching::Stored,
    report: &Report,
    miss: Miss,
    collapsed: bool,
) -> CacheStatus {
    CacheStatus {
        fwd: Some(miss.why),
        fwd_status: report.status,
        stored: true,
        collapsed,
        ttl: ttl_of(edge, received, head),
        detail: miss.detail,
        ..CacheStatus::default()
    }
}

/// Seconds of freshness that are left, for Cache-Status.
fn ttl_of(edge: &Edge, received: &Received, head: &selvedge_caching::Stored) -> Option<i64> {
    let now = edge.clock().now();
    match selvedge_caching::may_reuse(&received.request(), head, received.behavior.policy(), now) {
        Reuse::Fresh { ttl } | Reuse::StaleWhileRevalidate { ttl } => Some(ttl),
        Reuse::MustValidate(_) => None,
    }
}

pub(crate) fn from_own(own: Result<Own, Failure>, miss: Miss, record: &mut Record) -> Prepared {
    let cache = CacheStatus {
        fwd: Some(miss.why),
        detail: miss.detail,
        ..CacheStatus::default()
    };
    match own {
        Ok(own) => {
            note(record, &own.report, false);
            let cache = CacheStatus {
                fwd_status: own.report.status,
                detail: Some(own.why),
                ..cache
            };
            respond::from_origin(own, cache)
        }
        Err(failure) => {
            note(record, &failure.report, false);
            let mut prepared = Prepared::failed(failure.reason);
            prepared.cache = Some(CacheStatus {
                detail: Some(failure.reason.as_str()),
                ..cache
            });
            prepared
        }
    }
}

/// The viewer wants nothing but a stored response, and there is none (RFC 9111, section 5.2.1.7).
pub(crate) fn not_cached(miss: Miss) -> Prepared {
    let words = "The viewer asked for a stored response only, and none can be used.";
    let mut prepared =
        Prepared::refusal(StatusCode::GATEWAY_TIMEOUT, words, "only-if-cached", false);
    prepared.cache = Some(CacheStatus {
        fwd: Some(miss.why),
        detail: Some("only-if-cached"),
        ..CacheStatus::default()
    });
    prepared
}

/// Puts what the fetch side did into the record of the request that led it.
fn note(record: &mut Record, report: &Report, collapsed: bool) {
    record.origin = report.origin.clone();
    if !collapsed {
        record.hooks.extend(report.hooks.iter().cloned());
    }
}
