//! A request that has found its behavior.

use super::key::CacheKey;
use super::refusal::Refusal;
use super::upgrade::Upgrade;
use crate::distribution::{Behavior, Distribution, RequestSettings};
use crate::origin::OutgoingBody;
use crate::pipeline::invalidations::Names;
use http::{HeaderName, Uri};
use selvedge_runtime::RequestFacts;
use std::sync::Arc;

/// A request that has found its behavior and may go on.
pub(crate) struct Received {
    pub(crate) distribution: Arc<Distribution>,
    pub(crate) behavior: Arc<Behavior>,
    /// The settings of the server file when the request began: a reload changes nothing for it.
    pub(crate) settings: RequestSettings,
    pub(crate) facts: Arc<RequestFacts>,
    /// Fields that viewer-request hooks set.
    pub(crate) made: Vec<HeaderName>,
    /// Why it goes no further although its behavior is known.
    pub(crate) gate: Option<Refusal>,
    /// The URI that the viewer asked for, absolute.
    pub(crate) uri: Uri,
    /// The request's body.
    pub(crate) body: OutgoingBody,
    /// The viewer's wish to leave HTTP.
    pub(crate) upgrade: Option<Upgrade>,
}

impl Received {
    /// The request as the caching rules look at it.
    pub(crate) fn request(&self) -> selvedge_caching::Request<'_> {
        selvedge_caching::Request {
            method: &self.facts.method,
            fields: &self.facts.fields,
            uri: &self.uri,
        }
    }

    /// Returns the names that invalidations find it by.
    pub(crate) fn names<'a>(&'a self, key: &'a CacheKey) -> Names<'a> {
        let target = self
            .uri
            .path_and_query()
            .map_or("/", |target| target.as_str());
        Names::new(target, &self.facts.path, &key.bytes)
    }
}
