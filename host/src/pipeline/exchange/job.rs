//! Facts that a fetch needs of the request that caused it.

use super::conditions::Conditions;
use super::edits::Edits;
use super::found::Completing;
use super::key::{CacheKey, KeyParts};
use super::received::Received;
use crate::distribution::{Behavior, Distribution, RequestSettings};
use crate::pipeline::edge::Edge;
use crate::pipeline::invalidations::Sequence;
use crate::pipeline::notes::Notes;
use http::{HeaderValue, Method, StatusCode, Uri};
use selvedge_caching::cache_status::Fwd;
use selvedge_runtime::{Read, RequestFacts};
use selvedge_store::Variant;
use std::sync::Arc;

/// Facts that a fetch needs. In a box: it is handed from stage to stage, and the future of a fetch would have room for each of
/// its places.
pub(crate) struct Job {
    pub(crate) edge: Arc<Edge>,
    pub(crate) distribution: Arc<Distribution>,
    pub(crate) behavior: Arc<Behavior>,
    /// The settings of the server file when the request began.
    pub(crate) settings: RequestSettings,
    pub(crate) facts: Arc<RequestFacts>,
    pub(crate) uri: Uri,
    /// The parts of the cache key: all of them are sent to the origin.
    pub(crate) parts: KeyParts,
    /// Where the response is stored; `None` where it is not.
    pub(crate) key: Option<CacheKey>,
    /// Its sequence number among fetches and invalidations: before the look-up that led to it.
    pub(crate) began: Sequence,
    /// Reads of the cache-key hooks.
    pub(crate) key_reads: Vec<Read>,
    /// The stored response that the origin is asked to confirm, and that is used when the origin fails.
    pub(crate) validating: Option<Variant>,
    /// The stored part of which the origin is asked for the rest.
    pub(crate) completing: Option<Box<Completing>>,
    /// The side that evaluates the request's own conditions.
    pub(crate) conditions: Conditions,
    /// Changes of origin-request hooks to the request that was answered.
    pub(crate) edits: Edits,
    /// The protocol that the viewer wants to change to.
    pub(crate) upgrade: Option<HeaderValue>,
    /// The reason why the request goes to the origin, as hooks read it.
    pub(crate) fwd: Option<Fwd>,
}

impl Job {
    pub(crate) fn new(
        edge: &Arc<Edge>,
        received: &Received,
        parts: KeyParts,
        key: Option<CacheKey>,
        key_reads: Vec<Read>,
        validating: Option<Variant>,
    ) -> Box<Job> {
        Box::new(Job {
            edge: edge.clone(),
            distribution: received.distribution.clone(),
            behavior: received.behavior.clone(),
            settings: received.settings,
            facts: received.facts.clone(),
            uri: received.uri.clone(),
            parts,
            conditions: match key {
                Some(_) => Conditions::Evaluated,
                None => Conditions::Forwarded,
            },
            key,
            began: edge.invalidations().now(),
            key_reads,
            validating,
            completing: None,
            edits: Edits::default(),
            upgrade: None,
            fwd: None,
        })
    }

    /// Stores the response where one of this status belongs: what a slice's request gets that is no part is for the whole.
    pub(crate) fn belongs_where(&mut self, status: StatusCode) {
        let is_part = matches!(
            status,
            StatusCode::PARTIAL_CONTENT | StatusCode::NOT_MODIFIED
        );
        if let Some(whole) = self
            .key
            .as_ref()
            .and_then(|key| key.whole.clone())
            .filter(|_| !is_part)
        {
            self.key = Some((*whole).clone());
        }
    }

    /// Makes it a GET, whichever method led to it.
    pub(crate) fn into_get(mut self: Box<Self>) -> Box<Job> {
        if self.facts.method != Method::GET {
            let mut facts = (*self.facts).clone();
            facts.method = Method::GET;
            self.facts = Arc::new(facts);
        }
        self
    }

    /// Has the response stored under the key that a GET has.
    pub(crate) fn for_get(mut self: Box<Self>, key: CacheKey, began: Sequence) -> Box<Job> {
        self.began = began;
        self.key = Some(key);
        self
    }

    /// Returns the notes for a response under this key.
    pub(crate) fn notes<'a>(&'a self, key: &'a CacheKey) -> Notes<'a> {
        Notes {
            began: self.began,
            distribution: self.distribution.id(),
            target: self
                .uri
                .path_and_query()
                .map_or("/", |target| target.as_str()),
            path: &self.facts.path,
            key: &key.bytes,
            made_by: self.behavior.made_by(),
        }
    }

    /// The stored response that the origin is asked to confirm. One that other plugins had a say in is fetched anew.
    pub(crate) fn confirming(&self) -> Option<&Variant> {
        self.validating
            .as_ref()
            .filter(|stored| Notes::made_by(&stored.notes) == Some(self.behavior.made_by()))
    }

    pub(crate) fn request(&self) -> selvedge_caching::Request<'_> {
        selvedge_caching::Request {
            method: &self.facts.method,
            fields: &self.facts.fields,
            uri: &self.uri,
        }
    }
}
