//! The life of a request, one stage after the other.
//!
//! ```text
//! receive -> viewer_request -> cache_key -> look_up -+- fresh or stale but usable -----------+-> respond -> viewer_response -> deliver
//!                                                    +- being fetched: wait for its answer --+
//!                                                    +- missing, to be validated, or passed: |
//!                     origin_selection -> origin_request -> fetch -> origin_response -> ttl -> store
//! ```
//!
//! The viewer's side and the fetch side are two transactions, joined by one streaming body (`fetch_side`). A hit in memory
//! that no plugin has a say about takes the same steps without becoming a future (`at_once`).

mod announced;
mod answers;
mod at_once;
mod body;
mod bounded;
mod cache_key;
mod completion;
mod cookies;
mod decisions;
mod edge;
mod exchange;
mod failing;
mod fetch;
mod fetch_side;
mod fetches;
mod flight_key;
mod flights;
mod hooks;
mod imports;
pub mod insight;
mod invalidations;
mod look_up;
mod max_forwards;
mod nominated;
mod notes;
mod obtain;
mod origin_request;
mod origin_response;
mod origin_selection;
#[doc(hidden)]
pub mod parts;
mod pass;
mod query;
mod receive;
mod request_body;
mod reserved;
mod respond;
mod sent;
mod slices;
mod store_stage;
mod streamed;
mod target_host;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod ttl;
mod unkeyed;
mod upgrade;
mod viewer_request;
mod viewer_response;
mod viewer_side;

pub use body::Delivery;
pub use edge::{ChooseSinks, Edge, EdgeParts};
pub use exchange::{BodyError, Malformed, Tunnel, Viewer};
pub use imports::{Imports, Kv};
pub use invalidations::Invalidations;

use crate::observe::access::{Messages, Record, RequestFields};
use crate::viewer_body::ViewerBody;
use at_once::AtOnce;
use body::Meter;
use exchange::Prepared;
use http::header::CONTENT_TYPE;
use http::{Method, Request, Response, Uri};
use receive::receive;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

/// The way in which a request is being answered: at once, or by a future that waits for others.
///
/// The answer to a hit in memory is made where the request is received. What has to wait is put on the heap: moving it
/// about costs more than a hit does.
pub enum Handling {
    /// Here it is; `None` once it was taken.
    Now(Option<Box<Response<Delivery>>>),
    /// It takes a while.
    Later(Pin<Box<dyn Future<Output = Response<Delivery>> + Send>>),
}

impl Handling {
    fn now(response: Response<Delivery>) -> Handling {
        Handling::Now(Some(Box::new(response)))
    }
}

impl Future for Handling {
    type Output = Result<Response<Delivery>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Handling::Now(response) => match response.take() {
                Some(response) => Poll::Ready(Ok(*response)),
                None => Poll::Pending,
            },
            Handling::Later(answer) => answer.as_mut().poll(cx).map(Ok),
        }
    }
}

/// Answers one request. Every failure becomes a response; none is returned.
pub fn handle(edge: &Arc<Edge>, viewer: &Viewer, request: Request<ViewerBody>) -> Handling {
    let mut meter = Meter::new(edge, record_of(edge, viewer, &request));
    let received = match receive(edge, viewer, request, meter.record()) {
        Ok(received) => received,
        Err(refusal) => return Handling::now(deliver(meter, Prepared::refused(refusal))),
    };
    let known = match at_once::answer(edge, &received) {
        AtOnce::Answered(prepared) => return Handling::now(deliver(meter, prepared)),
        AtOnce::NotYet(known) => known,
    };
    let edge = edge.clone();
    Handling::Later(Box::pin(async move {
        let prepared = viewer_side::serve(&edge, received, known, meter.record()).await;
        deliver(meter, prepared)
    }))
}

/// Answers what the server refused; the connection is closed afterwards.
pub fn refuse(
    edge: &Arc<Edge>,
    viewer: &Viewer,
    request: &Request<ViewerBody>,
    malformed: Malformed<'_>,
) -> Handling {
    let mut record = record_of(edge, viewer, request);
    record.asked = None;
    if let Some(messages) = &mut record.messages {
        messages.fields = RequestFields::Own(request.headers().clone());
    }
    let prepared = Prepared::refusal(malformed.status, malformed.text, malformed.reason, true);
    Handling::now(deliver(Meter::new(edge, record), prepared))
}

fn record_of(edge: &Edge, viewer: &Viewer, request: &Request<ViewerBody>) -> Box<Record> {
    let mut record = new_record(edge, viewer.address, request.method(), request.uri());
    if edge.has_sinks() {
        record.messages = Some(Box::new(Messages::new(request.version())));
    }
    record
}

fn new_record(edge: &Edge, viewer: SocketAddr, method: &Method, uri: &Uri) -> Box<Record> {
    Box::new(Record {
        received: Instant::now(),
        request_id: edge.next_request_id(),
        viewer,
        method: method.clone(),
        host: None,
        asked: Some(uri.clone()),
        distribution: None,
        status: None,
        cache: None,
        reason: None,
        hooks: Vec::new(),
        origin: None,
        sent: 0,
        aborted: false,
        messages: None,
    })
}

fn deliver(mut meter: Meter, prepared: Prepared) -> Response<Delivery> {
    let close = prepared.close;
    let (reason, record) = (prepared.reason, meter.record());
    record.reason = record.reason.or(reason);
    let (response, source, cache) = respond::finish(meter.edge(), prepared);
    let record = meter.record();
    record.status = Some(response.status());
    record.cache = cache;
    if let Some(messages) = &mut record.messages {
        messages.first_byte = Some(record.received.elapsed());
        messages.content_type = response.headers().get(CONTENT_TYPE).cloned();
    }
    response.map(|()| Delivery::new(source, meter, close))
}
