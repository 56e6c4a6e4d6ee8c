//! Slices: a large object is fetched and stored in pieces of one size (`range_slices`), so that a range of it costs that range.
//!
//! Each slice is a stored response of its own: a 206 under a key made of the whole's key, the slices' size and the slice's
//! number. It is looked up, fetched, shared, validated and invalidated like any other. The slice in which the request's range
//! begins is asked for first. Its head says how long the whole is and which version this is, and becomes the response's head;
//! preconditions and ranges are evaluated against it (RFC 9110, sections 13 and 14). The other slices follow while the response
//! is sent (`slices::body`).
//!
//! Slices of different versions are never mixed (RFC 9110, section 15.3.7.3): they must have the same strong validator and
//! the same complete length. An origin whose answers do not allow to tell versions apart, or that knows no ranges, is asked
//! for the whole, and that is remembered for a while (`slices::whole_only`).

mod body;
mod plan;
mod version;
mod whole_only;

use body::Slices;
use whole_only::Known;
pub(crate) use whole_only::WholeOnly;

use super::edge::Edge;
use super::exchange::{CacheKey, Content, Found, FromStore, Looked, Obtained, Prepared, Received};
use super::look_up::look_up;
use super::respond;
use crate::observe::access::Record;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE};
use http::{HeaderValue, Method, StatusCode};
use plan::Lost;
pub(crate) use plan::Plan;
use selvedge_caching::cache_status::CacheStatus;
use selvedge_caching::{Precondition, RangeAnswer, Stored, StoredBody};
use selvedge_runtime::Read;
use std::sync::Arc;
use version::Version;

/// Attempts to begin a response anew because its slices are of different versions, before the whole is asked for.
const MAX_STARTS: u32 = 2;

/// The size of the slices in which the answer to this request is put together; `None` where it is not.
pub(crate) fn size(received: &Received) -> Option<u64> {
    let is_read = matches!(received.facts.method, Method::GET | Method::HEAD);
    received
        .behavior
        .settings()
        .range_slices
        .filter(|size| is_read && *size > 0)
}

/// The outcome of an attempt to answer in slices.
enum Begun {
    /// This is the response.
    Response(Box<Prepared>),
    /// The origin's answers are of no use in slices: ask for the whole.
    Whole,
    /// Stored slices are of different versions. The old ones are removed.
    Changed,
}

/// Answers a GET in slices of this size, and a HEAD from a stored one.
///
/// # Errors
/// The whole has to be used or asked for; what its look-up found, where that is of use.
pub(crate) async fn serve(
    edge: &Arc<Edge>,
    received: &Received,
    key: CacheKey,
    key_reads: Vec<Read>,
    size: u64,
    record: &mut Record,
) -> Result<Prepared, Option<Box<Looked>>> {
    let looked = look_up(edge, received, &key).await;
    if is_stored_whole(&looked.found) {
        return Err(Some(Box::new(looked)));
    }
    let plan = Arc::new(Plan::new(edge, received, key, key_reads, size));
    let now = edge.clock().now();
    let answered = match edge.whole_only().find(&plan.whole_key(), now) {
        _ if received.facts.method == Method::HEAD => head(&plan, received).await,
        Some(known) => arriving_whole(&plan, known, received, record).await,
        None => in_slices(&plan, received, record).await,
    };
    answered.ok_or(None)
}

/// The response in slices; `None` where the whole has to be asked for.
async fn in_slices(plan: &Arc<Plan>, received: &Received, record: &mut Record) -> Option<Prepared> {
    for _ in 0..MAX_STARTS {
        match begin(plan, received, record).await {
            Begun::Response(prepared) => return Some(*prepared),
            Begun::Changed => {}
            Begun::Whole => {
                let now = plan.edge.clock().now();
                plan.edge.whole_only().add(plan.whole_key(), now, None);
                break;
            }
        }
    }
    None
}

/// The response to HEAD from the first slice, where that is stored and fresh.
async fn head(plan: &Arc<Plan>, received: &Received) -> Option<Prepared> {
    let Found::Fresh { variant, ttl } = plan.look_up(0).await else {
        return None;
    };
    let version = Version::of(&variant.head, 0, plan.size)?;
    let head = whole_head(&variant.head, version.length);
    let slices = Slices {
        plan: plan.clone(),
        version,
        was_stored: true,
        open: None,
        ahead: None,
    };
    let cache = CacheStatus {
        hit: true,
        ttl: Some(ttl),
        detail: Some("slices"),
        ..CacheStatus::default()
    };
    let content = Content::Slices(Box::new(slices));
    let edge = &plan.edge;
    Some(respond::from_stored(edge, received, &head, content, cache))
}

/// The whole, while it is arriving as the answer to somebody's request for a slice.
async fn arriving_whole(
    plan: &Plan,
    known: Known,
    received: &Received,
    record: &mut Record,
) -> Option<Prepared> {
    let index = known.asked_for.filter(|index| plan.is_under_way(*index))?;
    match plan.obtain(index, record).await {
        Obtained::Stored(stored) if stored.head.is_complete() => {
            Some(respond::of_stored(&plan.edge, received, stored))
        }
        _ => None,
    }
}

/// Returns true if the response under the key of the whole is to be used or validated: the whole itself, or for instance a 404.
fn is_stored_whole(found: &Found) -> bool {
    match found {
        Found::Fresh { .. } | Found::Stale { .. } => true,
        Found::Missing { validating, .. } => validating.as_ref().is_some_and(|stored| {
            stored.head.is_complete() && stored.head.status == StatusCode::OK
        }),
    }
}

/// Opens the slices with which the response begins.
async fn begin(plan: &Arc<Plan>, received: &Received, record: &mut Record) -> Begun {
    let (index, first) = match first_slice(plan, received, record).await {
        Ok(first) => first,
        Err(begun) => return begun,
    };
    let Some(version) = Version::of(&first.head, plan.start_of(index), plan.size) else {
        return Begun::Whole;
    };
    let head = whole_head(&first.head, version.length);
    let was_stored = first.cache.hit;
    let mut slices = Slices {
        plan: plan.clone(),
        version,
        was_stored: matches!(first.content, Content::Complete(_)),
        open: Some((index, first.content)),
        ahead: None,
    };
    if let Some((from, to)) = needed(received, &head, slices.version.length)
        && let Err(lost) = open_first(
            &mut slices,
            plan.index_of(from),
            plan.index_of(to),
            was_stored,
        )
        .await
    {
        return match lost {
            Lost::Changed => Begun::Changed,
            Lost::Failed(prepared) => Begun::Response(prepared),
            Lost::Refused => Begun::Whole,
        };
    }
    let mut cache = first.cache;
    cache.detail = Some("slices");
    let mut prepared = respond::from_stored(
        &plan.edge,
        received,
        &head,
        Content::Slices(Box::new(slices)),
        cache,
    );
    if let Some(sent) = first.sent {
        respond::add_missing(&mut prepared, &sent);
    }
    Begun::Response(Box::new(prepared))
}

/// The slice that tells about the whole: that in which the range begins, or the first one.
async fn first_slice(
    plan: &Arc<Plan>,
    received: &Received,
    record: &mut Record,
) -> Result<(u64, FromStore), Begun> {
    let mut index = plan.first_of(received);
    let mut obtained = plan.obtain(index, record).await;
    if index > 0 && is_beyond_the_end(&obtained) {
        // The first slice says how long the whole is.
        index = 0;
        obtained = plan.obtain(index, record).await;
    }
    let refused = match obtained {
        Obtained::Stored(stored) if !stored.head.is_complete() => return Ok((index, stored)),
        Obtained::Stored(stored) => respond::of_stored(&plan.edge, received, stored),
        Obtained::Other(prepared) => match prepared.status {
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
                return Err(Begun::Whole);
            }
            _ => prepared,
        },
    };
    if matches!(refused.status, StatusCode::OK | StatusCode::PARTIAL_CONTENT) {
        let (key, now) = (plan.whole_key(), plan.edge.clock().now());
        plan.edge.whole_only().add(key, now, Some(index));
    }
    Err(Begun::Response(Box::new(refused)))
}

fn is_beyond_the_end(obtained: &Obtained) -> bool {
    matches!(obtained, Obtained::Other(prepared) if prepared.status == StatusCode::RANGE_NOT_SATISFIABLE)
}

/// The head of the whole, from that of a slice.
fn whole_head(slice: &Stored, length: u64) -> Stored {
    let mut head = slice.clone();
    head.status = StatusCode::OK;
    head.body = StoredBody::Complete {
        length: Some(length),
    };
    head.fields.remove(CONTENT_RANGE);
    head.fields
        .insert(CONTENT_LENGTH, HeaderValue::from(length));
    head
}

/// Positions of the first and the last byte that will be sent; `None` where none is.
fn needed(received: &Received, head: &Stored, length: u64) -> Option<(u64, u64)> {
    let request = received.request();
    let (status, fields) = (head.status, &head.fields);
    if selvedge_caching::evaluate_preconditions(&request, status, fields) != Precondition::Proceed {
        return None;
    }
    match selvedge_caching::select_ranges(&request, status, fields, length) {
        RangeAnswer::Single { first, last } => Some((first, last)),
        RangeAnswer::Whole | RangeAnswer::Several(_) => Some((0, length.checked_sub(1)?)),
        RangeAnswer::Unsatisfiable => None,
    }
}

/// Opens the slice that is sent first. Where the version is known from the store only, the one behind it is opened as well:
/// as long as nothing has been sent, a change at the origin does no harm.
async fn open_first(
    slices: &mut Slices,
    first: u64,
    last: u64,
    was_stored: bool,
) -> Result<(), Lost> {
    let (plan, version) = (slices.plan.clone(), slices.version.clone());
    let told = slices.open.as_ref().map_or(first, |(index, _)| *index);
    if told != first {
        slices.open = Some((
            first,
            plan.open(first, &version, [told, first].into_iter())
                .await?,
        ));
    }
    if was_stored && first < last {
        slices.ahead = Some((
            first + 1,
            plan.open(first + 1, &version, [told, first].into_iter())
                .await?,
        ));
    }
    Ok(())
}
