//! The life of a request, one stage after the other.
//!
//! ```text
//! receive -> viewer_request -> cache_key -> look_up -+- fresh or stale but usable -----------+-> respond -> viewer_response -> deliver
//!                                                    +- being fetched: wait for its answer --+
//!                                                    +- missing, to be validated, or passed: |
//!                     origin_selection -> origin_request -> fetch -> origin_response -> ttl -> store
//! ```
//!
//! The viewer's side and the fetch side are two transactions, joined by one streaming body (`fetch_side`).

mod answers;
mod body;
mod cache_key;
mod completion;
mod decisions;
mod edge;
mod fetch;
mod fetch_side;
mod fetched_body;
mod fetches;
mod flight_key;
mod flights;
mod hooks;
mod imports;
pub mod insight;
mod invalidations;
mod job;
mod look_up;
mod notes;
mod obtained;
mod origin_request;
mod origin_response;
mod origin_selection;
mod pass;
mod query;
mod ranges;
mod receive;
mod request_body;
mod respond;
mod slices;
mod store_stage;
mod ttl;
mod unkeyed;
mod upgrade;
mod viewer_request;
mod viewer_response;
mod viewer_side;

pub use body::{BodyError, Delivery};
pub use edge::{Edge, EdgeParts};
pub use imports::{Imports, Kv};
pub use invalidations::Invalidations;

use crate::observe::access::Record;
use http::{Method, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use receive::receive;
use respond::Prepared;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// Who asks.
#[derive(Clone)]
pub struct Viewer {
    /// The address that the connection comes from.
    pub address: SocketAddr,
    /// The connection itself.
    pub connection: Arc<dyn Connection>,
}

/// What the pipeline wants of a viewer's connection.
pub trait Connection: Send + Sync {
    /// Lets everything through from the end of the present request on; `false` where the viewer has sent more than it should.
    fn become_tunnel(&self) -> bool;
}

/// A request that the connection's guard refused before it could be read as one.
#[derive(Clone, Copy, Debug)]
pub struct Malformed<'a> {
    /// 400, 414, 431 or 501.
    pub status: StatusCode,
    /// The word for logs and metrics.
    pub reason: &'static str,
    /// What the viewer is told.
    pub text: &'a str,
}

/// Answers one request. Every failure becomes a response; none is returned.
pub async fn handle(
    edge: &Arc<Edge>,
    viewer: Viewer,
    request: Request<Incoming>,
) -> Response<Delivery> {
    let version = request.version();
    let mut record = record_of(edge, &viewer, &request);
    let prepared = match receive(edge, &viewer, request, &mut record) {
        Ok(received) => viewer_side::serve(edge, received, &mut record).await,
        Err(refusal) => respond::refused(refusal),
    };
    deliver(edge, version, record, prepared)
}

/// Answers what the guard refused; the connection is closed afterwards.
pub fn refuse(
    edge: &Arc<Edge>,
    viewer: Viewer,
    request: &Request<Incoming>,
    malformed: Malformed<'_>,
) -> Response<Delivery> {
    let mut record = record_of(edge, &viewer, request);
    record.host.clear();
    record.target.clear();
    let prepared = respond::refusal(malformed.status, malformed.text, malformed.reason, true);
    deliver(edge, request.version(), record, prepared)
}

fn record_of(edge: &Edge, viewer: &Viewer, request: &Request<Incoming>) -> Box<Record> {
    new_record(edge, viewer.address, request.method(), request.uri())
}

fn new_record(edge: &Edge, viewer: SocketAddr, method: &Method, uri: &Uri) -> Box<Record> {
    Box::new(Record {
        received: Instant::now(),
        request_id: edge.next_request_id(),
        viewer,
        method: method.clone(),
        host: String::new(),
        target: uri
            .path_and_query()
            .map_or_else(|| uri.to_string(), |target| target.as_str().to_owned()),
        distribution: None,
        status: StatusCode::OK,
        cache: None,
        reason: None,
        hooks: Vec::new(),
        origin: None,
        sent: 0,
        aborted: false,
    })
}

fn deliver(
    edge: &Edge,
    version: http::Version,
    mut record: Box<Record>,
    prepared: Prepared,
) -> Response<Delivery> {
    record.reason = record.reason.or(prepared.reason);
    let (response, source, cache) = respond::finish(edge, version, prepared);
    record.status = response.status();
    record.cache = cache;
    let delivery = Delivery::new(source, record, edge.sink().clone(), edge.metrics().clone());
    response.map(|()| delivery)
}
