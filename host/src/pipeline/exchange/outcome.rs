//! The outcome of a fetch, for the request that led it.

use super::answer::{Answer, Report};
use super::conditions::Conditions;
use super::fetched_body::FetchedBody;
use super::source::Trailers;
use crate::pipeline::fetches::Slot;
use crate::pipeline::flights::Permit;
use http::{HeaderMap, StatusCode};
use hyper::upgrade::OnUpgrade;
use selvedge_caching::Stored;
use selvedge_store::BodyReader;
use std::sync::Arc;
use tokio::sync::oneshot;

/// The outcome of a fetch for the request that led it.
pub(crate) enum Outcome {
    Shared(Answer),
    /// A new stored response, with the first reader of its body.
    Filling {
        head: Arc<Stored>,
        /// The fields as the origin sent them, where not all of them are stored.
        fields: Option<HeaderMap>,
        body: BodyReader,
        trailers: Trailers,
        report: Arc<Report>,
    },
    /// A response that is not stored, with the word why.
    Own(Box<Own>),
}

/// A response that goes to one viewer only.
pub(crate) struct Own {
    pub(crate) status: StatusCode,
    pub(crate) fields: HeaderMap,
    pub(crate) body: FetchedBody,
    pub(crate) slot: Option<Slot>,
    pub(crate) why: &'static str,
    pub(crate) report: Arc<Report>,
    /// The side that evaluates the viewer's conditions.
    pub(crate) conditions: Conditions,
    /// The origin's connection, where it agreed to upgrade.
    pub(crate) upgrade: Option<OnUpgrade>,
}

/// The requests that hear of a response that is being stored.
pub(crate) struct Audience {
    pub(crate) permit: Permit,
    pub(crate) leader: oneshot::Sender<Outcome>,
    pub(crate) report: Arc<Report>,
}
