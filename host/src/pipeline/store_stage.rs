//! Store: a response is stored while it streams to those who asked for it.
//!
//! Whether it may be stored is RFC 9111, section 3, asked of the caching crate; this stage carries it out. A response
//! that breaks off is never stored as complete (section 3.3).

use super::cache_key;
use super::fetch_side::{Answer, Fetched, Job, Outcome, Own, Report, arrived};
use super::flights::Permit;
use super::notes::Notes;
use http_body_util::BodyExt;
use selvedge_caching::{Freshen, Overrides, Reuse, Stored};
use selvedge_store::{Fill, Variant};
use std::sync::Arc;
use tokio::sync::oneshot;

/// Stores a response and streams it to its leader and all who wait, or hands it to its leader alone.
pub(crate) async fn store(
    job: Job,
    fetched: Fetched,
    overrides: &Overrides,
    permit: Permit,
    leader: oneshot::Sender<Outcome>,
    report: Arc<Report>,
) {
    let decided = may_store(&job, &fetched, overrides);
    let (head, key) = match (decided, &job.key) {
        (Ok(head), Some(key)) => (head, key),
        (decided, _) => {
            let why = decided.err().unwrap_or("pass");
            permit.announce(Answer::NotShareable);
            let own = own(fetched, why, report);
            let _ = leader.send(Outcome::Own(Box::new(own)));
            return;
        }
    };
    let notes = Notes::of(&job, key).encode();
    let expected = http_body::Body::size_hint(&fetched.body).exact();
    let fill = job.edge.store().begin(key.hash, head.clone(), notes, expected);
    let head = Arc::new(head);
    // The leader's reader joins before the first byte, so that it gets all of them even if the body is only passed on.
    let first = Outcome::Filling {
        fields: (head.fields.len() < fetched.fields.len()).then(|| fetched.fields.clone()),
        head: head.clone(),
        body: fill.reader(),
        report: report.clone(),
    };
    permit.announce(if may_share(&job, &head) {
        Answer::Filling {
            head: head.clone(),
            body: fill.follow(),
            report,
        }
    } else {
        Answer::NotShareable
    });
    let _ = leader.send(first);
    pump(&job, fetched, fill, &head).await;
    drop(permit);
}

/// Whether it may be stored, and as what; or the word why not.
fn may_store(job: &Job, fetched: &Fetched, overrides: &Overrides) -> Result<Stored, &'static str> {
    let policy = job.behavior.policy();
    let head = selvedge_caching::may_store(&job.request(), &arrived(fetched), policy, overrides)
        .map_err(|why| why.as_str())?;
    // A stream of events never ends: it is stored only where somebody says for how long.
    if is_event_stream(fetched) && !head.lifetime_source.is_explicit() {
        return Err("event-stream");
    }
    Ok(head)
}

fn is_event_stream(fetched: &Fetched) -> bool {
    fetched
        .fields
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.trim_start().to_ascii_lowercase().starts_with("text/event-stream"))
}

/// Whether a response to POST may be stored for GET (RFC 9110, section 9.3.3).
pub(crate) fn is_for_get(job: &Job, fetched: &Fetched) -> bool {
    may_store(job, fetched, &Overrides::default()).is_ok()
}

/// A stored response that needs validation at once, or that is stale at once, answers only the request that it came for.
fn may_share(job: &Job, head: &Stored) -> bool {
    let now = job.edge.clock().now();
    matches!(
        selvedge_caching::may_reuse(&job.request(), head, job.behavior.policy(), now),
        Reuse::Fresh { .. } | Reuse::StaleWhileRevalidate { .. }
    )
}

/// Moves the body from the origin into the store, where the viewers read it.
async fn pump(job: &Job, mut fetched: Fetched, mut fill: Fill, head: &Arc<Stored>) {
    let mut trailers = None;
    while let Some(frame) = fetched.body.frame().await {
        match frame.map(|frame| frame.into_data()) {
            Ok(Ok(data)) => {
                fill.append(data).await;
                if !fill.is_wanted() {
                    return fill.fail("nobody-reads");
                }
            }
            Ok(Err(frame)) => trailers = frame.into_trailers().ok(),
            Err(error) => {
                tracing::warn!(
                    target: "origin",
                    distribution = &**job.distribution.id(),
                    origin = fetched.origin,
                    request_id = &*job.facts.request_id,
                    error = error.as_str(),
                    "the response broke off and is not stored: {error}"
                );
                return fill.fail(error.as_str());
            }
        }
    }
    let complete = trailers.map(|trailers| Stored {
        trailers: Some(trailers),
        ..(**head).clone()
    });
    if let Err(why) = fill.finish(complete).await {
        tracing::debug!(
            target: "store",
            distribution = &**job.distribution.id(),
            request_id = &*job.facts.request_id,
            "not stored: {why}"
        );
    }
}

/// Replaces the head of a confirmed stored response (RFC 9111, section 4.3.4).
pub(crate) async fn freshen(job: &Job, stored: Variant, head: Stored) -> Variant {
    if let Some(key) = &job.key {
        job.edge
            .store()
            .update_head(&key.hash, stored.id, head.clone())
            .await;
    }
    let mut confirmed = stored;
    confirmed.head = Arc::new(head);
    confirmed
}

/// Takes what a response to HEAD says of a stored response (RFC 9111, section 4.3.5): news of its fields, or that it is out
/// of date.
pub(crate) async fn freshen_by_head(job: &Job, stored: Variant, fetched: &Fetched, overrides: &Overrides) {
    let arrived = arrived(fetched);
    let policy = job.behavior.policy();
    let head = match selvedge_caching::freshen_by_head(&stored.head, &job.request(), &arrived, policy, overrides) {
        Freshen::Updated(head) => head,
        Freshen::NotThisOne => Stored {
            invalidated_softly: true,
            ..(*stored.head).clone()
        },
    };
    freshen(job, stored, head).await;
}

/// Removes what an unsafe request made out of date (RFC 9111, section 4.4).
pub(crate) async fn invalidate(job: &Job, fetched: &Fetched) {
    for uri in selvedge_caching::invalidated_uris(&job.request(), &arrived(fetched)) {
        let key = cache_key::key_of(&job.facts, &job.parts, uri.path(), uri.query());
        job.edge.store().remove(&key, None).await;
    }
}

/// A response for one viewer only.
pub(crate) fn own(fetched: Fetched, why: &'static str, report: Arc<Report>) -> Own {
    Own {
        status: fetched.status,
        fields: fetched.fields,
        body: fetched.body,
        why,
        report,
        upgrade: fetched.upgrade,
    }
}
