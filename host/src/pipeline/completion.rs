//! Completion: a stored part gets the bytes that a request needs beside it (RFC 9111, sections 3.3 and 3.4).
//!
//! Where a stored part has bytes only on one side of what is asked for, and a strong validator, the origin is asked for the
//! rest with If-Range. A 206 of the same representation is combined with the part: it is stored as one response, and
//! streams to those who asked while it is put together. A 200 says that the representation has changed, and takes its place.

use super::announced::{Announced, WrongLength};
use super::exchange::{Audience, Completing, Fetched, FetchedBody, Job};
use super::nominated;
use super::store_stage;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE};
use http::{HeaderValue, Method, StatusCode};
use http_body_util::BodyExt;
use selvedge_caching::{Freshen, Overrides, PartAnswer, Precondition, Request, Stored, StoredBody};
use selvedge_store::{BodyReader, Fill, Variant};
use std::sync::Arc;

/// The request that completes a stored part; `None` where that can't be done, or where the request has conditions that the
/// part's head may answer without a byte.
pub(crate) fn of(request: &Request<'_>, part: Variant) -> Option<Box<Completing>> {
    let PartAnswer::Missing { first, last } =
        selvedge_caching::answer_from_part(request, &part.head)
    else {
        return None;
    };
    let head = &part.head;
    let proceeds = selvedge_caching::evaluate_preconditions(request, head.status, &head.fields)
        == Precondition::Proceed;
    if *request.method != Method::GET || !proceeds {
        return None;
    }
    let fields = selvedge_caching::completion_fields(head, first, last)?;
    Some(Box::new(Completing { part, fields }))
}

/// The use of the answer to such a request.
pub(crate) enum Completed {
    /// Together with the part it is one response.
    Combined(Box<Combination>),
    /// For nothing: the origin is asked again as the viewer asked.
    Refetch,
    /// It is an answer to the viewer's request by itself.
    Other,
}

/// A stored part and a fetched one that belong together. Positions are those in the whole, of the first and the last byte.
pub(crate) struct Combination {
    head: Stored,
    part: BodyReader,
    /// The stored part's id in the store.
    part_id: u64,
    stored: (u64, u64),
    fetched: (u64, u64),
}

/// Judges the answer.
pub(crate) fn judge(
    job: &Job,
    part: &Variant,
    fetched: &Fetched,
    overrides: &Overrides,
) -> Completed {
    match fetched.status {
        StatusCode::PARTIAL_CONTENT => match combine(job, part, fetched, overrides) {
            Some(combination) => Completed::Combined(Box::new(combination)),
            None => Completed::Refetch,
        },
        StatusCode::NOT_MODIFIED | StatusCode::RANGE_NOT_SATISFIABLE => Completed::Refetch,
        _ => Completed::Other,
    }
}

/// `None` where part and answer don't belong together, where the answer may not be stored, or where both together are still
/// not what the request asks for.
fn combine(
    job: &Job,
    part: &Variant,
    fetched: &Fetched,
    overrides: &Overrides,
) -> Option<Combination> {
    if fetched.is_unasked_part() {
        return None;
    }
    let (request, policy, arrived) = (job.request(), job.behavior.policy(), fetched.arrived());
    let body = selvedge_caching::may_combine(&part.head, &arrived).ok()?;
    let answer = selvedge_caching::may_store(&request, &arrived, policy, overrides).ok()?;
    // RFC 9111, section 3.4: the combined response has the stored fields with the newer ones in their place.
    let Freshen::Updated(head) =
        selvedge_caching::freshen(&part.head, &request, &arrived, policy, overrides)
    else {
        return None;
    };
    let head = nominated::as_confirmed(job, &part.head, head);
    let head = with_body(head, body)?;
    let missing = selvedge_caching::answer_from_part(&request, &head);
    if !head.is_complete() && !matches!(missing, PartAnswer::Within { .. } | PartAnswer::Whole) {
        return None;
    }
    Some(Combination {
        head,
        stored: span(&part.head)?,
        fetched: span(&answer)?,
        part: part.reader(None),
        part_id: part.id,
    })
}

impl Completed {
    /// Reads the stored part's first bytes. If they can't be read, the origin is asked for all of it.
    pub(crate) async fn begun(self) -> Completed {
        match self {
            Completed::Combined(mut combination) => match combination.part.begin().await {
                Ok(()) => Completed::Combined(combination),
                Err(_) => Completed::Refetch,
            },
            other => other,
        }
    }
}

fn with_body(mut head: Stored, body: StoredBody) -> Option<Stored> {
    head.body = body;
    let length = match body {
        StoredBody::Complete { length } => {
            head.status = StatusCode::OK;
            head.fields.remove(CONTENT_RANGE);
            length?
        }
        StoredBody::Partial {
            first,
            last,
            complete_length,
        } => {
            let complete = complete_length.map_or("*".to_owned(), |length| length.to_string());
            let range = HeaderValue::try_from(format!("bytes {first}-{last}/{complete}")).ok()?;
            head.fields.insert(CONTENT_RANGE, range);
            last - first + 1
        }
    };
    head.fields
        .insert(CONTENT_LENGTH, HeaderValue::from(length));
    Some(head)
}

fn span(head: &Stored) -> Option<(u64, u64)> {
    match head.body {
        StoredBody::Complete { .. } => None,
        StoredBody::Partial { first, last, .. } => Some((first, last)),
    }
}

/// Stores part and answer as one response while it streams to its leader and all who wait.
pub(crate) async fn store(
    job: Box<Job>,
    combination: Combination,
    fetched: Box<Fetched>,
    audience: Audience,
) {
    let Combination {
        head,
        part,
        part_id,
        stored,
        fetched: arriving,
    } = combination;
    let Some(key) = &job.key else {
        return;
    };
    let length = stored.1.max(arriving.1) - stored.0.min(arriving.0) + 1;
    let head = Arc::new(head);
    let (mut fill, permit, _) = store_stage::begin(&job, key, &head, None, Some(length), audience);
    let joined = if stored.0 <= arriving.0 {
        join(&mut fill, (stored, part), (arriving, fetched.body)).await
    } else {
        join(&mut fill, (arriving, fetched.body), (stored, part)).await
    };
    let id = fill.id();
    if let Err(why) = joined {
        // In this order: whoever sees it break off and asks again must not join it.
        drop(permit);
        fill.fail(why);
        if why == WrongLength::TooLong.as_str() {
            // Or the next request for more than the part would break off in the same way.
            job.edge.store().remove(&key.hash, Some(part_id)).await;
        }
        return complain(&job, why);
    }
    if let Err(why) = fill.finish(None).await {
        complain(&job, why.as_str());
    }
    store_stage::take_back_outdated(&job, &head, id).await;
    drop(permit);
}

fn complain(job: &Job, why: &'static str) {
    tracing::warn!(
        target: "store",
        distribution = &**job.distribution.id(),
        request_id = %job.facts.request_id,
        error = why,
        "a stored part and what was fetched beside it are not stored together"
    );
}

/// Where the bytes of one part come from.
trait Pieces {
    async fn piece(&mut self) -> Option<Result<Bytes, &'static str>>;
}

impl Pieces for BodyReader {
    async fn piece(&mut self) -> Option<Result<Bytes, &'static str>> {
        Some(self.next().await?.map_err(|error| error.as_str()))
    }
}

impl Pieces for FetchedBody {
    async fn piece(&mut self) -> Option<Result<Bytes, &'static str>> {
        loop {
            match self.frame().await?.map(|frame| frame.into_data()) {
                Ok(Ok(data)) => return Some(Ok(data)),
                // Trailers are about the answer, not about the whole.
                Ok(Err(_)) => {}
                Err(error) => return Some(Err(error.as_str())),
            }
        }
    }
}

/// Fills in the left part, and then of the right one what lies behind the left.
async fn join(
    fill: &mut Fill,
    (left, mut left_bytes): ((u64, u64), impl Pieces),
    (right, mut right_bytes): ((u64, u64), impl Pieces),
) -> Result<(), &'static str> {
    copy(fill, &mut left_bytes, 0, left.1 - left.0 + 1).await?;
    let overlap = (left.1 + 1).saturating_sub(right.0);
    copy(fill, &mut right_bytes, overlap, right.1 - right.0 + 1).await
}

/// Copies a part of this length from the position `from` in it. A part of another length would put bytes in wrong places.
async fn copy(
    fill: &mut Fill,
    bytes: &mut impl Pieces,
    from: u64,
    length: u64,
) -> Result<(), &'static str> {
    let mut announced = Announced::of(Some(length));
    let mut skip = from;
    while let Some(piece) = bytes.piece().await {
        if let Some(piece) = announced.take(piece?).map_err(WrongLength::as_str)? {
            append(fill, &mut skip, piece).await?;
        }
    }
    match announced.end().map_err(WrongLength::as_str)? {
        Some(last) => append(fill, &mut skip, last).await,
        None => Ok(()),
    }
}

/// Appends a piece without the bytes that are still to be skipped.
async fn append(fill: &mut Fill, skip: &mut u64, mut piece: Bytes) -> Result<(), &'static str> {
    let skipped = (*skip).min(piece.len() as u64);
    *skip -= skipped;
    // At most the piece's own length.
    fill.append(piece.split_off(skipped as usize)).await;
    match fill.is_wanted() {
        true => Ok(()),
        false => Err("nobody-reads"),
    }
}
