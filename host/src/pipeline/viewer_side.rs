//! The viewer's side of a request: key, look-up, and then a stored response, somebody's fetch, or a fetch of its own.

use super::edge::Edge;
use super::exchange::{
    Answer, CacheKey, Conditions, Content, Found, Job, Keyed, Miss, Obtained, Prepared, Received,
    key_bytes,
};
use super::flight_key::flight_key;
use super::flights::{Permit, Role};
use super::hooks::Hooks;
use super::invalidations::Order;
use super::look_up::look_up;
use super::pass::{pass, pass_upgrade};
use super::viewer_request::{self, ViewerRequest};
use super::{answers, at_once, cache_key, fetch_side, respond, slices, viewer_response};
use crate::observe::access::Record;
use http::{HeaderName, Method, StatusCode};
use selvedge_caching::cache_status::{CacheStatus, Fwd};
use selvedge_caching::{LookupRule, OriginTrouble};
use selvedge_runtime::{Hook, Read, Transaction};
use selvedge_store::{Found as InStore, Variant};
use std::sync::Arc;
use tokio::sync::oneshot;

/// The field by which a request asks for its cache key.
const DEBUG: HeaderName = HeaderName::from_static("selvedge-debug");

/// A request that waited for another's fetch and can't use the answer looks again this many times, then fetches alone.
const MOST_ROUNDS: u32 = 3;

/// A request whose stored response cannot be read is tried this many times, then fetched alone.
const MAX_BEGINNINGS: u32 = 2;

/// What Cache-Status says of a request that is fetched alone.
const ALONE: Miss = Miss {
    why: Fwd::UriMiss,
    detail: None,
};

/// Serves one request that has found its behavior. `keyed` is the key, where it was made already: no plugin has a say then.
pub(crate) async fn serve(
    edge: &Arc<Edge>,
    mut received: Received,
    keyed: Option<Keyed>,
    record: &mut Record,
) -> Prepared {
    let mut transaction = Transaction::new();
    let mut hooks = Hooks::new(edge, received.facts.request_id);
    let mut key = None;
    let prepared = match ask(&mut received, &mut transaction, &mut hooks).await {
        ViewerRequest::Next => {
            let keyed = match keyed {
                Some(keyed) => keyed,
                None => cache_key::decide(&received, &mut transaction, &mut hooks).await,
            };
            drop(transaction);
            key = key_for_viewer_response(&received, &keyed);
            let key_reads = std::mem::take(&mut hooks.key_reads);
            record.hooks = std::mem::take(&mut hooks.calls);
            match at_once::hit(edge, &received, &keyed) {
                Some(prepared) => prepared,
                // On the heap, as all that a hit does not need: a small future is cheap to move.
                None => Box::pin(answer(edge, &mut received, keyed, key_reads, record)).await,
            }
        }
        ViewerRequest::Answered(prepared) => *prepared,
        ViewerRequest::Failed(reason) => answers::failed(super::hooks::status(reason), reason),
    };
    // Those of a viewer-request hook that answered or failed; the others have been taken.
    record.hooks.append(&mut hooks.calls);
    if received
        .behavior
        .plugins_with(Hook::ViewerResponse)
        .is_empty()
    {
        return prepared;
    }
    let asking = viewer_response::handle(&received, key, prepared, &mut hooks, record);
    let prepared = Box::pin(asking).await;
    record.hooks.append(&mut hooks.calls);
    prepared
}

/// The gates' word first, then that of the viewer-request hooks.
async fn ask(
    received: &mut Received,
    transaction: &mut Transaction,
    hooks: &mut Hooks,
) -> ViewerRequest {
    match received.gate {
        Some(refusal) => ViewerRequest::Answered(Box::new(Prepared::refused(refusal))),
        None if received
            .behavior
            .plugins_with(Hook::ViewerRequest)
            .is_empty() =>
        {
            ViewerRequest::Next
        }
        None => Box::pin(viewer_request::handle(received, transaction, hooks)).await,
    }
}

/// The key as text where a viewer-response hook may want it.
fn key_for_viewer_response(received: &Received, keyed: &Keyed) -> Option<String> {
    let plugins = received.behavior.plugins_with(Hook::ViewerResponse);
    match keyed {
        Keyed::Key(key) if !plugins.is_empty() => Some(key_bytes::as_text(
            &key.bytes,
            received.distribution.masks(),
        )),
        _ => None,
    }
}

/// What answers a request as the viewer-request hooks left it. What is rare is on the heap, or all had room for it.
async fn answer(
    edge: &Arc<Edge>,
    received: &mut Received,
    keyed: Keyed,
    key_reads: Vec<Read>,
    record: &mut Record,
) -> Prepared {
    let body = std::mem::take(&mut received.body);
    if let Some(upgrade) = received.upgrade.take() {
        let parts = match keyed {
            Keyed::Failed(reason) => {
                return answers::failed(super::hooks::status(reason), reason);
            }
            Keyed::Pass(_, parts) => parts,
            Keyed::Key(key) => key.parts,
        };
        let passing = pass_upgrade(edge, received, upgrade, parts, key_reads, record);
        return Box::pin(passing).await;
    }
    match keyed {
        Keyed::Failed(reason) => answers::failed(super::hooks::status(reason), reason),
        Keyed::Pass(why, parts) => {
            Box::pin(pass(edge, received, parts, key_reads, body, why, record)).await
        }
        Keyed::Key(key) => {
            match selvedge_caching::may_look_up(&received.request(), received.behavior.policy()) {
                LookupRule::Pass(why) => {
                    let (parts, why) = (key.parts, why.as_str());
                    Box::pin(pass(edge, received, parts, key_reads, body, why, record)).await
                }
                LookupRule::Use => {
                    let shown_key = shown_key(edge, received, &key);
                    let mut prepared = begun(edge, received, key, key_reads, record).await;
                    if let Some(cache) = &mut prepared.cache {
                        cache.key = shown_key;
                    }
                    prepared
                }
            }
        }
    }
}

/// What answers a request that the cache may answer, with its first bytes at hand. A stored response whose first bytes turn
/// out to be damaged is removed, so the next attempt fetches it. One that cannot be read stays: the last attempt asks the
/// origin for this request alone.
async fn begun(
    edge: &Arc<Edge>,
    received: &Received,
    key: CacheKey,
    key_reads: Vec<Read>,
    record: &mut Record,
) -> Prepared {
    for _ in 0..MAX_BEGINNINGS {
        let (key, key_reads) = (key.clone(), key_reads.clone());
        let mut prepared = match slices::size(received) {
            Some(size) => {
                Box::pin(slices::serve(edge, received, key, key_reads, size, record)).await
            }
            None => {
                let obtained = obtain(edge, received, key, key_reads, record).await;
                respond::obtained(edge, received, obtained)
            }
        };
        match prepared.body.begin().await {
            Ok(()) => return prepared,
            Err(error) => tracing::warn!(
                target: "store",
                distribution = &**received.distribution.id(),
                request_id = %received.facts.request_id,
                error = error.as_str(),
                "a stored response cannot be sent and is asked for anew: {error}"
            ),
        }
    }
    let obtained = match selvedge_caching::is_only_if_cached(
        &received.request(),
        received.behavior.policy(),
    ) {
        true => Obtained::Other(answers::not_cached(ALONE)),
        false => fetch_alone(edge, received, key, key_reads, record).await,
    };
    respond::obtained(edge, received, obtained)
}

/// The key for Cache-Status, where the request asks for it and the server file allows that.
pub(crate) fn shown_key(edge: &Edge, received: &Received, key: &CacheKey) -> Option<String> {
    let is_allowed = edge.plan().config().server.debug_fields;
    let is_asked = || {
        let asked = received.facts.fields.get(DEBUG);
        asked.is_some_and(|value| value == "key")
    };
    let masks = received.distribution.masks();
    (is_allowed && is_asked()).then(|| key_bytes::as_text(&key.bytes, masks))
}

/// What answers a request that the cache may answer.
#[allow(clippy::too_many_lines, reason = "it falls into steps with names next")]
pub(crate) async fn obtain(
    edge: &Arc<Edge>,
    received: &Received,
    key: CacheKey,
    key_reads: Vec<Read>,
    record: &mut Record,
) -> Obtained {
    let mut nominated = Vec::new();
    for _ in 0..MOST_ROUNDS {
        let began = edge.invalidations().now();
        let (miss, validating, completing) = match look_up(edge, received, &key).await {
            Found::Fresh { variant, ttl } => {
                return hit(variant, ttl, None);
            }
            Found::Stale { variant, ttl } => {
                refresh(edge, received, &key, &key_reads, &variant, began);
                return hit(variant, ttl, Some("stale-while-revalidate"));
            }
            Found::Missing {
                why,
                detail,
                validating,
                completing,
                nominated: more,
            } => {
                nominated.extend(more);
                (Miss { why, detail }, validating, completing)
            }
        };
        if let Some(stale) = &validating
            && let Some(ttl) = usable_meanwhile(edge, received, stale)
        {
            if received.behavior.origin().may_try() {
                refresh(edge, received, &key, &key_reads, stale, began);
            }
            return hit(stale.clone(), ttl, Some("origin-unreachable"));
        }
        if selvedge_caching::is_only_if_cached(&received.request(), received.behavior.policy()) {
            return Obtained::Other(answers::not_cached(miss));
        }
        let flight = flight_key(
            edge,
            received,
            &received.facts.method,
            &key,
            validating.as_ref(),
            completing.as_deref(),
            &nominated,
        );
        let job = || {
            let parts = key.parts.clone();
            let mut job = Job::new(
                edge,
                received,
                parts,
                Some(key.clone()),
                key_reads.clone(),
                validating.clone(),
            );
            job.began = began;
            job.completing = completing.clone();
            job
        };
        match edge.flights().join(flight) {
            Role::Leader(permit) => {
                // Between the look-up and the permit somebody else's fetch may have ended.
                match look_up(edge, received, &key).await {
                    Found::Fresh { variant, ttl } => return hit(variant, ttl, None),
                    // It brought another variant: only now is it known by what they differ, and so whose fetch is this one's.
                    Found::Missing {
                        nominated: more, ..
                    } if more.iter().any(|name| !nominated.contains(name)) => {
                        nominated.extend(more);
                        continue;
                    }
                    _ => {}
                }
                return lead(edge, received, job(), permit, miss, record).await;
            }
            Role::Alone => {
                let mut job = job();
                job.conditions = Conditions::Forwarded;
                return lead(edge, received, job, Permit::for_nobody(), miss, record).await;
            }
            Role::Follower(mut waiting) => {
                let Some(answer) = waiting.answer().await else {
                    continue;
                };
                if let Answer::Filling { head, .. } = &answer {
                    // Another variant: the next round waits for, or leads, the fetch of this request's own.
                    nominated.extend(head.vary.iter().map(|nominated| nominated.name.clone()));
                }
                let is_outlived = answers::is_outlived(edge, &answer);
                if answers::is_usable(edge, received, &key, &answer)
                    && let Some(obtained) =
                        answers::from_answer(edge, received, answer, miss, true, record)
                {
                    return obtained;
                }
                if is_outlived {
                    edge.flights().retire(flight, &waiting);
                }
            }
        }
    }
    fetch_alone(edge, received, key, key_reads, record).await
}

/// A fetch for this request only.
async fn fetch_alone(
    edge: &Arc<Edge>,
    received: &Received,
    key: CacheKey,
    key_reads: Vec<Read>,
    record: &mut Record,
) -> Obtained {
    let parts = key.parts.clone();
    let mut job = Job::new(edge, received, parts, Some(key), key_reads, None);
    job.conditions = Conditions::Forwarded;
    lead(edge, received, job, Permit::for_nobody(), ALONE, record).await
}

/// Answers from a stored response without asking anybody.
pub(crate) fn hit(variant: Variant, ttl: i64, detail: Option<&'static str>) -> Obtained {
    let cache = CacheStatus {
        hit: true,
        ttl: Some(ttl),
        detail,
        ..CacheStatus::default()
    };
    Obtained::stored(variant.head.clone(), Content::Complete(variant), cache)
}

/// Fetches a fresh response in the background, once for all who find the stale one, be it by GET or HEAD.
fn refresh(
    edge: &Arc<Edge>,
    received: &Received,
    key: &CacheKey,
    key_reads: &[Read],
    stale: &Variant,
    began: Order,
) {
    let flight = flight_key(edge, received, &Method::GET, key, Some(stale), None, &[]);
    if let Role::Leader(permit) = edge.flights().join(flight) {
        // Between the look-up and the permit somebody else's refresh may have ended.
        if is_replaced(edge, key, stale) {
            return;
        }
        let mut job = Job::new(
            edge,
            received,
            key.parts.clone(),
            Some(key.clone()),
            key_reads.to_vec(),
            Some(stale.clone()),
        );
        job.began = began;
        let (nobody, _) = oneshot::channel();
        edge.spawn(fetch_side::lead(job.into_get(), permit, nobody));
    }
}

/// Whether the store has something newer in place of a stale response. What is not in memory was not stored just now.
fn is_replaced(edge: &Edge, key: &CacheKey, stale: &Variant) -> bool {
    let InStore::Memory(entry) = edge.store().look_up(&key.hash) else {
        return false;
    };
    let is_it = |variant: &Variant| {
        variant.id == stale.id && variant.head.response_time == stale.head.response_time
    };
    !entry.variants().iter().any(is_it)
}

/// Whether a stale response is used at once because the origin could not be reached a moment ago: nobody waits for the same
/// timeout again. Returns the seconds of freshness left.
fn usable_meanwhile(edge: &Edge, received: &Received, stale: &Variant) -> Option<i64> {
    if !received.behavior.origin().is_unreachable() {
        return None;
    }
    let (policy, now) = (received.behavior.policy(), edge.clock().now());
    let trouble = OriginTrouble::Disconnected;
    selvedge_caching::may_serve_stale_on_error(
        &received.request(),
        &stale.head,
        policy,
        trouble,
        now,
    )
    .ok()
}

/// A fetch that this request leads, be it shared or not.
async fn lead(
    edge: &Arc<Edge>,
    received: &Received,
    job: Box<Job>,
    permit: Permit,
    miss: Miss,
    record: &mut Record,
) -> Obtained {
    let (sender, result) = oneshot::channel();
    edge.spawn(fetch_side::lead(job, permit, sender));
    match result.await {
        Ok(outcome) => answers::from_outcome(edge, received, outcome, miss, record),
        Err(_) => Obtained::Other(answers::failed(StatusCode::BAD_GATEWAY, "fetch-lost")),
    }
}
