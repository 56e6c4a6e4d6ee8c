//! The viewer's side of a request: key, look-up, and then a stored response, somebody's fetch, or a fetch of its own.

use super::cache_key::{self, CacheKey, KeyParts, Keyed};
use super::completion::Completing;
use super::fetch_side::{self, Answer, Failure, Job, Outcome, Own, Report, StoredUse};
use super::flights::{FlightKey, Permit, Role};
use super::hooks::Hooks;
use super::invalidations::{Order, Standing};
use super::look_up::{self, Found, look_up};
use super::obtained::{FromStore, Obtained};
use super::origin_request;
use super::receive::Received;
use super::respond::{self, Content, Prepared};
use super::slices;
use super::upgrade::{self, Upgrade};
use super::Edge;
use crate::observe::access::Record;
use crate::origin::OutgoingBody;
use http::{HeaderMap, HeaderName, Method, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use selvedge_caching::cache_status::{CacheStatus, Fwd};
use selvedge_caching::{LookupRule, OriginTrouble, Reuse, ValidateReason};
use selvedge_runtime::{Read, Transaction};
use selvedge_store::Variant;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// The field by which a request asks for its cache key.
const DEBUG: HeaderName = HeaderName::from_static("selvedge-debug");

/// A request that waited for another's fetch and can't use the answer looks again this many times, then fetches alone.
const MOST_ROUNDS: u32 = 3;

/// The first piece of a request's body has to arrive within this time; the origin's read timeout bounds the rest.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Why the origin is asked: RFC 9211's word and one of ours.
#[derive(Clone, Copy)]
struct Miss {
    why: Fwd,
    detail: Option<&'static str>,
}

/// Serves one request that has found its behavior.
pub(crate) async fn serve(edge: &Arc<Edge>, mut received: Received, record: &mut Record) -> Prepared {
    let mut transaction = Transaction::new(edge.runtime());
    let mut hooks = Hooks::new(edge, &received.facts.request_id);
    let keyed = cache_key::decide(&received, &mut transaction, &mut hooks).await;
    let key_reads = std::mem::take(&mut hooks.key_reads);
    record.hooks = hooks.calls;
    drop(transaction);
    let body = received.body.take();
    if let Some(upgrade) = received.upgrade.take() {
        let parts = match keyed {
            Keyed::Failed(reason) => return failed(StatusCode::INTERNAL_SERVER_ERROR, reason),
            Keyed::Pass(_, parts) => parts,
            Keyed::Key(key) => key.parts,
        };
        return pass_upgrade(edge, &received, upgrade, parts, key_reads, record).await;
    }
    match keyed {
        Keyed::Failed(reason) => failed(StatusCode::INTERNAL_SERVER_ERROR, reason),
        Keyed::Pass(why, parts) => pass(edge, &received, parts, key_reads, body, why, record).await,
        Keyed::Key(key) => match selvedge_caching::may_look_up(&received.request(), received.behavior.policy()) {
            LookupRule::Pass(why) => {
                pass(edge, &received, key.parts, key_reads, body, why.as_str(), record).await
            }
            LookupRule::Use => {
                let shown_key = shown_key(edge, &received, &key);
                let mut prepared = match slices::size(&received) {
                    Some(size) => slices::serve(edge, &received, key, key_reads, size, record).await,
                    None => obtain(edge, &received, key, key_reads, record).await.respond(edge, &received),
                };
                if let Some(cache) = &mut prepared.cache {
                    cache.key = shown_key;
                }
                prepared
            }
        },
    }
}

/// The key for Cache-Status, where the request asks for it and the server file allows that.
fn shown_key(edge: &Edge, received: &Received, key: &CacheKey) -> Option<String> {
    let asked = received.facts.fields.get(DEBUG).is_some_and(|value| value == "key");
    (asked && edge.plan().config().server.debug_fields).then(|| cache_key::as_text(&key.bytes))
}

/// Neither looked up nor stored: straight to the origin and back.
async fn pass(
    edge: &Arc<Edge>,
    received: &Received,
    parts: KeyParts,
    key_reads: Vec<Read>,
    body: Option<Incoming>,
    why: &'static str,
    record: &mut Record,
) -> Prepared {
    let body = match body {
        None => OutgoingBody::Empty,
        Some(incoming) => match read_ahead(incoming).await {
            Ok(body) => body,
            Err(malformed) => return *malformed,
        },
    };
    let fwd = if why == "method" { Fwd::Method } else { Fwd::Bypass };
    let job = Job::new(edge, received, parts, None, key_reads, None);
    let miss = Miss {
        why: fwd,
        detail: None,
    };
    match fetch_side::alone(job, body, why).await {
        Ok(outcome) => from_outcome(edge, received, outcome, miss, record).respond(edge, received),
        Err(failure) => from_own(Err(failure), miss, record),
    }
}

/// Passes a wish to leave HTTP on to the origin, and joins the two connections where it agrees.
async fn pass_upgrade(
    edge: &Arc<Edge>,
    received: &Received,
    upgrade: Upgrade,
    parts: KeyParts,
    key_reads: Vec<Read>,
    record: &mut Record,
) -> Prepared {
    let miss = Miss {
        why: Fwd::Bypass,
        detail: None,
    };
    let mut job = Job::new(edge, received, parts, None, key_reads, None);
    job.upgrade = Some(upgrade.protocol.clone());
    match fetch_side::alone(job, OutgoingBody::Empty, "upgrade").await {
        Ok(Outcome::Own(mut own)) => match own.upgrade.take() {
            Some(origin) => upgrade::join(edge, upgrade, origin, from_own(Ok(*own), miss, record)),
            None => from_own(Ok(*own), miss, record),
        },
        Ok(outcome) => from_outcome(edge, received, outcome, miss, record).respond(edge, received),
        Err(failure) => from_own(Err(failure), miss, record),
    }
}

/// Reads the first piece of a body, so that no origin hears of a request whose body is malformed from the start.
async fn read_ahead(mut incoming: Incoming) -> Result<OutgoingBody, Box<Prepared>> {
    match tokio::time::timeout(BODY_TIMEOUT, incoming.frame()).await {
        Ok(None) => Ok(OutgoingBody::viewer(None, incoming)),
        Ok(Some(Ok(frame))) => Ok(OutgoingBody::viewer(Some(frame), incoming)),
        Err(_) => Err(Box::new(respond::refusal(
            StatusCode::REQUEST_TIMEOUT,
            "The request's body did not come in time.",
            "request-body-timeout",
            true,
        ))),
        Ok(Some(Err(_))) => Err(Box::new(respond::refusal(
            StatusCode::BAD_REQUEST,
            "The request's body is malformed or broke off.",
            "request-body-error",
            true,
        ))),
    }
}

/// What answers a request that the cache may answer.
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
            return Obtained::Other(not_cached(miss));
        }
        let flight = flight_key(edge, received, &key, validating.as_ref(), completing.as_deref(), &nominated);
        let job = || {
            let parts = key.parts.clone();
            let mut job = Job::new(edge, received, parts, Some(key.clone()), key_reads.clone(), validating.clone());
            job.began = began;
            job.completing = completing.clone();
            job
        };
        match edge.flights().join(flight) {
            Role::Leader(permit) => return lead(edge, received, job(), permit, miss, record).await,
            Role::Alone => return lead(edge, received, job(), Permit::for_nobody(), miss, record).await,
            Role::Follower(mut waiting) => {
                let Some(answer) = waiting.answer().await else { continue };
                if let Answer::Filling { head, .. } = &answer {
                    // Another variant: the next round waits for, or leads, the fetch of this request's own.
                    nominated.extend(head.vary.iter().map(|nominated| nominated.name.clone()));
                }
                let is_outlived = is_outlived(edge, &answer);
                if is_usable(edge, received, &key, &answer)
                    && let Some(obtained) = from_answer(edge, received, answer, miss, true, record)
                {
                    return obtained;
                }
                if is_outlived {
                    edge.flights().retire(flight, &waiting);
                }
            }
        }
    }
    let miss = Miss {
        why: Fwd::UriMiss,
        detail: None,
    };
    let job = Job::new(edge, received, key.parts.clone(), Some(key), key_reads, None);
    lead(edge, received, job, Permit::for_nobody(), miss, record).await
}

/// Answers from a stored response without asking anybody.
fn hit(variant: Variant, ttl: i64, detail: Option<&'static str>) -> Obtained {
    let cache = CacheStatus {
        hit: true,
        ttl: Some(ttl),
        detail,
        ..CacheStatus::default()
    };
    Obtained::stored(variant.head.clone(), Content::Complete(variant), cache)
}

/// Fetches a fresh response in the background, once for all who find the stale one.
fn refresh(
    edge: &Arc<Edge>,
    received: &Received,
    key: &CacheKey,
    key_reads: &[Read],
    stale: &Variant,
    began: Order,
) {
    let flight = flight_key(edge, received, key, Some(stale), None, &[]);
    if let Role::Leader(permit) = edge.flights().join(flight) {
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
        edge.spawn(fetch_side::lead(job, permit, nobody));
    }
}

/// Whether a stale response is used at once because the origin could not be reached a moment ago: nobody waits for the same
/// timeout again. Returns the seconds of freshness left.
fn usable_meanwhile(edge: &Edge, received: &Received, stale: &Variant) -> Option<i64> {
    if !received.behavior.origin().is_unreachable() {
        return None;
    }
    let (policy, now) = (received.behavior.policy(), edge.clock().now());
    let trouble = OriginTrouble::Disconnected;
    selvedge_caching::may_serve_stale_on_error(&received.request(), &stale.head, policy, trouble, now).ok()
}

/// A fetch that this request leads, be it shared or not.
async fn lead(
    edge: &Arc<Edge>,
    received: &Received,
    job: Job,
    permit: Permit,
    miss: Miss,
    record: &mut Record,
) -> Obtained {
    let (sender, result) = oneshot::channel();
    edge.spawn(fetch_side::lead(job, permit, sender));
    match result.await {
        Ok(outcome) => from_outcome(edge, received, outcome, miss, record),
        Err(_) => Obtained::Other(failed(StatusCode::BAD_GATEWAY, "fetch-lost")),
    }
}

/// What a fetch that this request led is for it.
fn from_outcome(edge: &Edge, received: &Received, outcome: Outcome, miss: Miss, record: &mut Record) -> Obtained {
    match outcome {
        Outcome::Shared(answer) => from_answer(edge, received, answer, miss, false, record)
            .unwrap_or_else(|| Obtained::Other(failed(StatusCode::BAD_GATEWAY, "fetch-lost"))),
        Outcome::Filling {
            head,
            fields,
            body,
            report,
        } => {
            note(record, &report, false);
            let cache = filling(edge, received, &head, &report, miss, false);
            Obtained::Stored(FromStore {
                head,
                content: Content::Arriving(body),
                cache,
                sent: fields,
            })
        }
        Outcome::Own(own) => Obtained::Other(from_own(Ok(*own), miss, record)),
    }
}

/// What a fetch's answer is for this request; `None` where it does not fit and the request has to look again.
fn from_answer(
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
        Answer::Filling { head, body, report, .. } => {
            let fits = selvedge_caching::select_variant(&received.request(), std::slice::from_ref(&head));
            fits?;
            let reader = body.reader()?;
            note(record, &report, true);
            let cache = filling(edge, received, &head, &report, miss, true);
            Some(Obtained::stored(head, Content::Arriving(reader), cache))
        }
        Answer::Stored {
            variant,
            use_of,
            report,
        } => {
            let fits = selvedge_caching::select_variant(&received.request(), std::slice::from_ref(&variant.head));
            if collapsed && fits.is_none() {
                return None;
            }
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
            Some(Obtained::stored(variant.head.clone(), Content::Complete(variant), cache))
        }
    }
}

/// Whether somebody else's answer is one for this request too: no invalidation is in between, what arrives has not become
/// stale meanwhile, and the request's own directives accept it.
fn is_usable(edge: &Edge, received: &Received, key: &CacheKey, answer: &Answer) -> bool {
    let (head, notes) = match answer {
        Answer::Filling { head, notes, .. } => (head, notes),
        Answer::Stored { variant, .. } => (&variant.head, &variant.notes),
        Answer::NotShareable | Answer::Failed(_) => return true,
    };
    let (request, policy, now) = (received.request(), received.behavior.policy(), edge.clock().now());
    let is_accepted = match answer {
        Answer::Stored {
            use_of: StoredUse::StaleOnError { trouble, .. },
            ..
        } => selvedge_caching::may_serve_stale_on_error(&request, head, policy, *trouble, now).is_ok(),
        Answer::Filling { .. } => !matches!(
            selvedge_caching::may_reuse(&request, head, policy, now),
            Reuse::MustValidate(why) if why != ValidateReason::Partial
        ),
        _ => true,
    };
    is_accepted && look_up::standing(edge, received, key, head, notes) == Standing::Valid
}

/// Whether a response has become stale while it is still arriving.
fn is_outlived(edge: &Edge, answer: &Answer) -> bool {
    matches!(answer, Answer::Filling { head, .. } if head.ttl(edge.clock().now()) <= 0)
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

fn from_own(
    own: Result<Own, Failure>,
    miss: Miss,
    record: &mut Record,
) -> Prepared {
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
            let mut prepared = failed(failure.status, failure.reason);
            prepared.cache = Some(CacheStatus {
                detail: Some(failure.reason),
                ..cache
            });
            prepared
        }
    }
}

/// The viewer wants nothing but a stored response, and there is none (RFC 9111, section 5.2.1.7).
fn not_cached(miss: Miss) -> Prepared {
    let words = "The viewer asked for a stored response only, and none can be used.";
    let mut prepared = respond::refusal(StatusCode::GATEWAY_TIMEOUT, words, "only-if-cached", false);
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

fn failed(status: StatusCode, reason: &'static str) -> Prepared {
    let words = match status {
        StatusCode::GATEWAY_TIMEOUT => "The origin did not answer in time.",
        StatusCode::BAD_GATEWAY => "The origin could not be reached or gave no valid response.",
        StatusCode::BAD_REQUEST => "The request's body is malformed or broke off.",
        _ => "A plugin of this distribution failed.",
    };
    respond::refusal(status, words, reason, status == StatusCode::BAD_REQUEST)
}

/// One fetch serves those whose requests differ in nothing that its response depends on: the key, the variant, the
/// method, the conditions and ranges that go to the origin because nothing is stored, and the invalidations before it.
pub(crate) fn flight_key(
    edge: &Edge,
    received: &Received,
    key: &CacheKey,
    validating: Option<&Variant>,
    completing: Option<&Completing>,
    nominated: &[HeaderName],
) -> FlightKey {
    let mut hash = blake3::Hasher::new();
    hash.update(&key.hash.0);
    let head: &[u8] = if received.facts.method == Method::HEAD { b"h" } else { b"g" };
    hash.update(head);
    let since = edge.invalidations().since(received.distribution.id(), received.names(key));
    hash.update(&since.0.to_be_bytes());
    for name in nominated {
        if let Some(value) = selvedge_caching::normal_form(name, &received.facts.fields) {
            put(&mut hash, name, &value);
        }
    }
    if let Some(variant) = validating.or(completing.map(|completing| &completing.part)) {
        hash.update(&variant.id.to_be_bytes());
    }
    let own: HeaderMap;
    let sent = match completing {
        Some(completing) => &completing.fields,
        None => {
            own = origin_request::selecting(&received.facts.fields, validating.map(|stored| &*stored.head));
            &own
        }
    };
    for (name, value) in sent {
        put(&mut hash, name, value.as_bytes());
    }
    FlightKey(*hash.finalize().as_bytes())
}

fn put(hash: &mut blake3::Hasher, name: &HeaderName, value: &[u8]) {
    hash.update(name.as_str().as_bytes());
    hash.update(&(value.len() as u64).to_be_bytes());
    hash.update(value);
}
