//! Store: a response is stored while it streams to those who asked for it.
//!
//! The rules (RFC 9111, section 3) are asked of the caching crate; this stage carries them out. A response
//! that breaks off is never stored as complete (section 3.3).

use super::announced::Announced;
use super::cache_key;
use super::exchange::{Answer, Audience, CacheKey, Fetched, Job, Outcome, Report, Trailers};
use super::flights::Permit;
use super::invalidations::{Names, Sequence, Standing};
use super::nominated;
use super::notes::Notes;
use super::sent::Sent;
use http::header::{ETAG, LAST_MODIFIED, SET_COOKIE};
use http::{HeaderMap, Method};
use http_body_util::BodyExt;
use selvedge_caching::{Freshen, Overrides, Response as Arrived, Reuse, Stored, ValidateReason};
use selvedge_store::{Fill, Found, Variant};
use std::sync::Arc;
use tokio::sync::oneshot;

/// Stores a response and streams it to its leader and all who wait, or hands it to its leader alone.
pub(crate) async fn store(
    job: Box<Job>,
    fetched: Box<Fetched>,
    overrides: &Overrides,
    permit: Permit,
    leader: oneshot::Sender<Outcome>,
    report: Arc<Report>,
) {
    let decided = may_store(&job, &fetched, overrides);
    let decided = match (decided, &job.key) {
        (Ok(head), Some(key)) if has_too_many_variants(&job, key, &head).await => {
            Err("too-many-variants")
        }
        (decided, _) => decided,
    };
    let (head, key) = match (decided, &job.key) {
        (Ok(head), Some(key)) => (head, key),
        (decided, _) => {
            let why = decided.err().unwrap_or("pass");
            permit.announce(Answer::NotShareable);
            let own = fetched.into_own(why, job.conditions, report);
            let _ = leader.send(Outcome::Own(Box::new(own)));
            return;
        }
    };
    let framed = http_body::Body::size_hint(&fetched.body).exact();
    // A part that is framed without a length has to be as long as its Content-Range says.
    let said = head.body.length();
    let announced = said.filter(|_| framed.is_none() && !head.is_complete());
    let head = Arc::new(head);
    let sent = (head.fields.len() < fetched.fields.len()).then(|| fetched.fields.clone());
    let audience = Audience {
        permit,
        leader,
        report,
    };
    let (fill, permit, trailers) = begin(&job, key, &head, sent, framed.or(announced), audience);
    pump(&job, fetched, fill, &head, announced, (permit, trailers)).await;
}

/// The number by which the store counts what is stored for a distribution: a hash of its id, so that it is the same after
/// a restart.
pub(crate) fn owner(distribution: &str) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *blake3::hash(distribution.as_bytes()).as_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// Begins to store a response: its leader and all who wait can read it from now on. `sent` are its fields where not all of
/// them are stored.
pub(crate) fn begin(
    job: &Job,
    key: &CacheKey,
    head: &Arc<Stored>,
    sent: Option<HeaderMap>,
    expected: Option<u64>,
    audience: Audience,
) -> (Fill, Permit, Trailers) {
    let Audience {
        permit,
        leader,
        report,
    } = audience;
    let notes = job.notes(key).encode();
    let fill = job
        .edge
        .store()
        .begin(key.hash, head.clone(), notes.clone(), expected)
        .owned_by(owner(job.distribution.id()));
    let trailers = Trailers::default();
    // The leader's reader joins before the first byte, so that it gets all of them even if the body is only passed on.
    let first = Outcome::Filling {
        fields: sent,
        head: head.clone(),
        body: fill.reader(),
        trailers: trailers.clone(),
        report: report.clone(),
    };
    permit.announce(if may_share(job, head) {
        Answer::Filling {
            head: head.clone(),
            notes,
            body: fill.follow(),
            trailers: trailers.clone(),
            report,
        }
    } else {
        Answer::NotShareable
    });
    let _ = leader.send(first);
    (fill, permit, trailers)
}

/// Returns the head to be stored, or the word why it may not be.
fn may_store(job: &Job, fetched: &Fetched, overrides: &Overrides) -> Result<Stored, &'static str> {
    let policy = job.behavior.policy();
    if fetched.is_unasked_part() {
        return Err("part-unasked");
    }
    let head = selvedge_caching::may_store(&job.request(), &fetched.arrived(), policy, overrides)
        .map_err(|why| why.as_str())?;
    let head = nominated::as_sent(job, head)?;
    // A stream of events never ends: it is stored only where somebody says for how long.
    if is_event_stream(fetched) && !head.lifetime_source.is_explicit() {
        return Err("event-stream");
    }
    Ok(head)
}

/// Returns true if one more variant would be more than the policy allows for a key: a Vary on something that differs for every viewer
/// must not fill the store.
async fn has_too_many_variants(job: &Job, key: &CacheKey, head: &Stored) -> bool {
    let invalidations = job.edge.invalidations();
    let is_valid = |variant: &Variant| {
        Notes::decode(&variant.notes).is_some_and(|notes| {
            let (tags, names) = (&variant.head.tags, [notes.names()]);
            invalidations.standing(notes.distribution, notes.began, tags, names) == Standing::Valid
        })
    };
    let now = job.edge.clock().now();
    job.edge.stored(&key.hash).await.is_some_and(|entry| {
        let replaces = entry.heads().any(|stored| stored.vary == head.vary);
        let fresh = entry
            .variants()
            .iter()
            .filter(|variant| variant.head.ttl(now) > 0 && is_valid(variant))
            .count();
        !replaces && fresh >= job.behavior.policy().max_variants
    })
}

const EVENT_STREAM: &[u8] = b"text/event-stream";

fn is_event_stream(fetched: &Fetched) -> bool {
    fetched
        .fields
        .get(http::header::CONTENT_TYPE)
        .is_some_and(|value| {
            let start = value
                .as_bytes()
                .trim_ascii_start()
                .get(..EVENT_STREAM.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(EVENT_STREAM))
        })
}

/// Returns true if a response to POST may be stored for GET (RFC 9110, section 9.3.3): it was asked for with nothing that
/// a GET would not have sent.
pub(crate) fn is_for_get(job: &Job, fetched: &Fetched) -> bool {
    may_store(job, fetched, &Overrides::default()).is_ok() && Sent::for_job(job).is_as_for_get()
}

/// Returns true if a stored response may answer those who wait for it. One that is stale at once may answer those who came before it was
/// asked for, if it has a validator: without one it is made anew for each, as is one that sets cookies.
fn may_share(job: &Job, head: &Stored) -> bool {
    let now = job.edge.clock().now();
    match selvedge_caching::may_reuse(&job.request(), head, job.behavior.policy(), now) {
        Reuse::Fresh { .. } | Reuse::StaleWhileRevalidate { .. } => true,
        Reuse::MustValidate(ValidateReason::Partial) => false,
        Reuse::MustValidate(_) => {
            let has = |name| head.fields.contains_key(name);
            (has(ETAG) || has(LAST_MODIFIED)) && !has(SET_COOKIE)
        }
    }
}

/// Returns true if a confirmed response may answer those who waited for the confirmation: not if it has become `private`, say.
pub(crate) fn may_share_confirmed(job: &Job, head: &Stored, overrides: &Overrides) -> bool {
    let request = selvedge_caching::Request {
        method: &Method::GET,
        ..job.request()
    };
    let confirmed = Arrived {
        status: head.status,
        fields: &head.fields,
        request_time: head.request_time,
        response_time: head.response_time,
    };
    let policy = job.behavior.policy();
    selvedge_caching::may_store(&request, &confirmed, policy, overrides).is_ok()
}

/// Moves the body from the origin into the store, where the viewers read it.
async fn pump(
    job: &Job,
    mut fetched: Box<Fetched>,
    mut fill: Fill,
    head: &Arc<Stored>,
    announced: Option<u64>,
    (permit, trailers): (Permit, Trailers),
) {
    let mut announced = Announced::of(announced);
    let broken = loop {
        let Some(frame) = fetched.body.frame().await else {
            match announced.end() {
                Ok(last) => {
                    fill.append(last.unwrap_or_default()).await;
                    break None;
                }
                Err(wrong) => break Some((wrong.as_str(), wrong.to_string())),
            }
        };
        match frame.map(|frame| frame.into_data()) {
            Ok(Ok(data)) => {
                match announced.take(data) {
                    Ok(data) => fill.append(data.unwrap_or_default()).await,
                    Err(wrong) => break Some((wrong.as_str(), wrong.to_string())),
                }
                if !fill.is_wanted() {
                    // First of all nobody may join any more, or a newcomer would share the failure.
                    drop(permit);
                    return fill.fail("nobody-reads");
                }
            }
            Ok(Err(frame)) => {
                if let Ok(section) = frame.into_trailers() {
                    // There is one such section at most.
                    let _ = trailers.set(section);
                }
            }
            Err(error) => break Some((error.as_str(), error.to_string())),
        }
    };
    if let Some((word, why)) = broken {
        tracing::warn!(
            target: "origin",
            distribution = &**job.distribution.id(),
            origin = fetched.origin.as_deref().unwrap_or("-"),
            request_id = %job.facts.request_id,
            error = word,
            "the response broke off and is not stored: {why}"
        );
        drop(permit);
        return fill.fail(word);
    }
    let complete = trailers.get().map(|trailers| Stored {
        trailers: Some(trailers.clone()),
        ..(**head).clone()
    });
    if is_less_than_stored(job, head) {
        fill.pass_on();
    }
    let id = fill.id();
    if let Err(why) = fill.finish(complete).await {
        tracing::debug!(
            target: "store",
            distribution = &**job.distribution.id(),
            request_id = %job.facts.request_id,
            "not stored: {why}"
        );
    }
    take_back_outdated(job, head, id).await;
    // Now that it can be looked up, nobody needs to join any more.
    drop(permit);
}

/// Returns true if this is a part, and the whole was stored while it was on its way: then the whole stays.
fn is_less_than_stored(job: &Job, head: &Stored) -> bool {
    let Some(key) = job.key.as_ref().filter(|_| !head.is_complete()) else {
        return false;
    };
    // What is not in memory was not stored just now.
    let Found::Memory(entry) = job.edge.look_up(&key.hash) else {
        return false;
    };
    let mut stored = entry.heads();
    stored.any(|stored| {
        stored.is_complete()
            && stored.vary == head.vary
            && stored.response_time >= head.request_time
    })
}

/// Removes what was invalidated while it was being fetched: no look-up would use it.
pub(crate) async fn take_back_outdated(job: &Job, head: &Stored, id: u64) {
    let invalidations = job.edge.invalidations();
    let Some(key) = job
        .key
        .as_ref()
        .filter(|_| invalidations.any_since(job.began))
    else {
        return;
    };
    let names = job.notes(key).names();
    if invalidations.standing(job.distribution.id(), job.began, &head.tags, [names])
        == Standing::Gone
    {
        job.edge.store().remove(&key.hash, Some(id)).await;
    }
}

/// Replaces the head of a confirmed stored response (RFC 9111, section 4.3.4). What invalidated it before this fetch began
/// concerns it no more.
pub(crate) async fn freshen(job: &Job, stored: Variant, head: Stored) -> Variant {
    let mut confirmed = stored;
    confirmed.notes = Notes::confirmed(&confirmed.notes, job.began);
    if let Some(key) = &job.key {
        let (store, notes) = (job.edge.store(), confirmed.notes.clone());
        store
            .update_head_and_notes(&key.hash, confirmed.id, head.clone(), notes)
            .await;
    }
    confirmed.head = Arc::new(head);
    confirmed
}

/// Takes what a response to HEAD says of a stored response (RFC 9111, section 4.3.5): news of its fields, or that it is out
/// of date.
pub(crate) async fn freshen_by_head(
    job: &Job,
    stored: Variant,
    fetched: &Fetched,
    overrides: &Overrides,
) {
    let arrived = fetched.arrived();
    let policy = job.behavior.policy();
    let head = match selvedge_caching::freshen_by_head(
        &stored.head,
        &job.request(),
        &arrived,
        policy,
        overrides,
    ) {
        Freshen::Updated(head) => nominated::as_confirmed(job, &stored.head, head),
        Freshen::NotThisOne => {
            let head = stored.head.invalidated_softly_at(job.edge.clock().now());
            if let Some(key) = &job.key {
                job.edge
                    .store()
                    .update_head(&key.hash, stored.id, head)
                    .await;
            }
            return;
        }
    };
    freshen(job, stored, head).await;
}

/// Invalidates what an unsafe request made out of date (RFC 9111, section 4.4). Returns the sequence number
/// that the response itself has after that.
pub(crate) async fn invalidate(job: &Job, fetched: &Fetched) -> Sequence {
    let uris = selvedge_caching::invalidated_uris(&job.request(), &fetched.arrived());
    if uris.is_empty() {
        return job.began;
    }
    // What the target was rewritten to is what other requests may be rewritten to as well.
    let rewritten_query = cache_key::keyed_query(&job.parts, job.facts.query.as_deref());
    let rewritten = Names {
        target: &job.facts.path,
        path: &job.facts.path,
        keyed_query: rewritten_query.as_deref(),
    };
    let queries: Vec<_> = uris
        .iter()
        .map(|uri| cache_key::keyed_query(&job.parts, uri.query()))
        .collect();
    let names: Vec<Names<'_>> = uris
        .iter()
        .zip(&queries)
        .map(|(uri, keyed_query)| Names {
            target: uri.path_and_query().map_or("/", |target| target.as_str()),
            path: uri.path(),
            keyed_query: keyed_query.as_deref(),
        })
        .chain([rewritten])
        .collect();
    let began = job
        .edge
        .invalidations()
        .outdated(job.distribution.id(), &names, job.began);
    for uri in &uris {
        let key = cache_key::key_of(&job.facts, &job.parts, uri.path(), uri.query());
        job.edge.store().remove(&key, None).await;
    }
    began
}
