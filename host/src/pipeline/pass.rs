//! Pass: requests that neither look up nor are stored go straight to the origin and back.

use super::answers::{from_outcome, from_own};
use super::edge::Edge;
use super::exchange::{Job, KeyParts, Miss, Outcome, Prepared, Received, Upgrade};
use super::{fetch_side, respond, upgrade};
use crate::observe::access::Record;
use crate::origin::OutgoingBody;
use http::StatusCode;
use http_body_util::BodyExt;
use selvedge_caching::cache_status::Fwd;
use selvedge_runtime::Read;
use std::sync::Arc;
use std::time::Duration;

/// The first piece of a request's body has to arrive within this time; the origin's read timeout bounds the rest.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Neither looked up nor stored: straight to the origin and back.
pub(crate) async fn pass(
    edge: &Arc<Edge>,
    received: &Received,
    parts: KeyParts,
    key_reads: Vec<Read>,
    body: OutgoingBody,
    why: &'static str,
    record: &mut Record,
) -> Prepared {
    let body = match read_ahead(body).await {
        Ok(body) => body,
        Err(malformed) => return *malformed,
    };
    let fwd = if why == "method" {
        Fwd::Method
    } else {
        Fwd::Bypass
    };
    let job = Job::new(edge, received, parts, None, key_reads, None);
    let miss = Miss {
        why: fwd,
        detail: None,
    };
    match fetch_side::alone(job, body, why).await {
        Ok(outcome) => respond::obtained(
            edge,
            received,
            from_outcome(edge, received, outcome, miss, record),
        ),
        Err(failure) => from_own(Err(failure), miss, record),
    }
}

/// Passes a wish to leave HTTP on to the origin, and joins the two connections where it agrees.
pub(crate) async fn pass_upgrade(
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
        Ok(outcome) => respond::obtained(
            edge,
            received,
            from_outcome(edge, received, outcome, miss, record),
        ),
        Err(failure) => from_own(Err(failure), miss, record),
    }
}

/// Reads the first piece of a body, so that no origin hears of a request whose body is malformed from the start.
async fn read_ahead(mut body: OutgoingBody) -> Result<OutgoingBody, Box<Prepared>> {
    let OutgoingBody::Viewer {
        ahead,
        rest: Some(incoming),
        ..
    } = &mut body
    else {
        return Ok(body);
    };
    if !ahead.is_empty() {
        // A plugin has read it.
        return Ok(body);
    }
    match tokio::time::timeout(BODY_TIMEOUT, incoming.frame()).await {
        Ok(None) => Ok(body),
        Ok(Some(Ok(frame))) => {
            ahead.push_back(frame);
            Ok(body)
        }
        Err(_) => Err(Box::new(Prepared::refusal(
            StatusCode::REQUEST_TIMEOUT,
            "The request's body did not come in time.",
            "request-body-timeout",
            true,
        ))),
        Ok(Some(Err(_))) => Err(Box::new(Prepared::refusal(
            StatusCode::BAD_REQUEST,
            "The request's body is malformed or broke off.",
            "request-body-error",
            true,
        ))),
    }
}
