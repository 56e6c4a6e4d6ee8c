//! Pass: requests that neither look up nor are stored go straight to the origin and back.

use super::answers::{from_outcome, from_own};
use super::edge::Edge;
use super::exchange::{
    BypassReason, FailureReason, Job, KeyParts, Miss, Outcome, Prepared, Received,
};
use super::{fetch_side, max_forwards, respond, upgrade};
use crate::observe::access::Record;
use crate::origin::OutgoingBody;
use crate::viewer_body::TooSlow;
use http_body_util::BodyExt;
use selvedge_caching::cache_status::Fwd;
use selvedge_runtime::Read;
use std::sync::Arc;

/// Neither looked up nor stored: straight to the origin and back.
pub(crate) async fn pass(
    edge: &Arc<Edge>,
    received: &Received,
    parts: KeyParts,
    key_reads: Vec<Read>,
    body: OutgoingBody,
    why: BypassReason,
    record: &mut Record,
) -> Prepared {
    if let Some(own) = max_forwards::answer(received) {
        return own;
    }
    let body = match read_ahead(body).await {
        Ok(body) => body,
        Err(why) => return Prepared::failed(why),
    };
    let mut job = Job::new(edge, received, parts, None, key_reads, None);
    job.fwd = Some(why.fwd());
    let miss = Miss {
        why: why.fwd(),
        detail: None,
    };
    let outcome = fetch_side::alone(job, body, why).await;
    let obtained = from_outcome(edge, received, outcome, miss, record);
    respond::obtained(edge, received, obtained)
}

/// Passes a wish to leave HTTP on to the origin, and joins the two connections where it agrees.
pub(crate) async fn upgrade(
    edge: &Arc<Edge>,
    received: &mut Received,
    parts: KeyParts,
    key_reads: Vec<Read>,
    record: &mut Record,
) -> Prepared {
    let miss = Miss {
        why: Fwd::Bypass,
        detail: None,
    };
    let mut job = Job::new(edge, received, parts, None, key_reads, None);
    job.fwd = Some(Fwd::Bypass);
    let asked = received.upgrade.take();
    job.upgrade = asked.as_ref().map(|asked| asked.protocol.clone());
    let outcome = fetch_side::alone(job, OutgoingBody::Empty, BypassReason::Upgrade).await;
    let mut own = match outcome {
        Outcome::Own(own) => own,
        outcome => {
            let obtained = from_outcome(edge, received, outcome, miss, record);
            return respond::obtained(edge, received, obtained);
        }
    };
    let agreed = own.upgrade.take();
    let prepared = from_own(Ok(*own), miss, record);
    match (asked, agreed) {
        (Some(asked), Some(origin)) => upgrade::join(edge, asked, origin, prepared),
        _ => prepared,
    }
}

/// Reads the first piece of a body, so that no origin hears of a request whose body is malformed from the start.
async fn read_ahead(mut body: OutgoingBody) -> Result<OutgoingBody, FailureReason> {
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
    // The wait is bounded where the body comes from: the viewer has only so much time.
    match incoming.frame().await {
        None => Ok(body),
        Some(Ok(frame)) => {
            ahead.push_back(frame);
            Ok(body)
        }
        Some(Err(error)) if error.is::<TooSlow>() => Err(FailureReason::RequestBodyTimeout),
        Some(Err(_)) => Err(FailureReason::RequestBody),
    }
}
