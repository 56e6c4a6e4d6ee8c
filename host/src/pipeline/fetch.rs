//! Fetch: ask the chosen origins in turn until one answers.

use super::exchange::{Fetched, FetchedBody, Job, Outgoing, Target};
use super::fetches::Slot;
use super::origin_request;
use crate::origin::{OriginError, OutgoingBody};
use http::StatusCode;
use http::header::{DATE, HeaderValue, RANGE};

/// Statuses at which the next origin of a failover list is asked.
const FAILS_OVER: [StatusCode; 4] = [
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];

/// Sends the request to each target until one gives a usable response. A request with a body, or with a method that is
/// not safe, goes to the first target only.
pub(crate) async fn fetch(
    job: &Job,
    targets: &[Target],
    outgoing: &Outgoing,
    body: OutgoingBody,
    slot: &Slot,
) -> Result<Box<Fetched>, OriginError> {
    let repeatable = job.facts.method.is_safe() && matches!(body, OutgoingBody::Empty);
    let Some((last, earlier)) = targets.split_last() else {
        return Err(OriginError::Closed("no origin was chosen".to_owned()));
    };
    if repeatable {
        for target in earlier {
            match one(job, target, outgoing, OutgoingBody::Empty, slot).await {
                Ok(fetched) if !FAILS_OVER.contains(&fetched.status) => return Ok(fetched),
                Ok(_) => {}
                Err(error) => note(job, target, &error),
            }
        }
        return one(job, last, outgoing, body, slot)
            .await
            .inspect_err(|error| note(job, last, error));
    }
    let first = earlier.first().unwrap_or(last);
    one(job, first, outgoing, body, slot)
        .await
        .inspect_err(|error| note(job, first, error))
}

async fn one(
    job: &Job,
    target: &Target,
    outgoing: &Outgoing,
    body: OutgoingBody,
    slot: &Slot,
) -> Result<Box<Fetched>, OriginError> {
    let head = origin_request::head_for(job, outgoing, target);
    let request_time = job.edge.clock().now();
    let asked_for_range = head.headers.contains_key(RANGE);
    let sent = target.origin.send(&head, body, target.secure).await?;
    job.edge
        .metrics()
        .fetch(job.distribution.id(), target.origin.id(), "answered");
    let response_time = job.edge.clock().now();
    let mut response = sent.response;
    let agreed = job.upgrade.is_some() && response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let upgrade = agreed.then(|| hyper::upgrade::on(&mut response));
    let (mut head, body) = response.into_parts();
    if head.status.is_informational() && !agreed {
        return Err(OriginError::Garbage("101 without an upgrade".to_owned()));
    }
    selvedge_caching::end_to_end(&mut head.headers);
    if !head.headers.contains_key(DATE) {
        // RFC 9110, section 6.6.1: a recipient with a clock records when a response without Date came.
        let now = httpdate::fmt_http_date(response_time.to_system());
        if let Ok(now) = HeaderValue::try_from(now) {
            head.headers.insert(DATE, now);
        }
    }
    Ok(Box::new(Fetched {
        status: head.status,
        fields: head.headers,
        body: FetchedBody::Origin(body),
        asked_for_range,
        origin: Some(target.origin.id().to_owned()),
        request_time,
        response_time,
        slot: Some(slot.clone()),
        upgrade,
    }))
}

fn note(job: &Job, target: &Target, error: &OriginError) {
    job.edge
        .metrics()
        .fetch(job.distribution.id(), target.origin.id(), error.as_str());
    tracing::warn!(
        target: "origin",
        distribution = &**job.distribution.id(),
        origin = target.origin.id(),
        request_id = %job.facts.request_id,
        error = error.as_str(),
        "{error}"
    );
}
