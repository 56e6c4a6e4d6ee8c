//! Requests for the slices of one request.

use super::version::Version;
use crate::distribution::{Behavior, Distribution, RequestSettings};
use crate::observe::access::Record;
use crate::origin::OutgoingBody;
use crate::pipeline::cache_key;
use crate::pipeline::edge::Edge;
use crate::pipeline::exchange::{
    CacheKey, Content, Found, Obtained, Prepared, Received, SELECTING,
};
use crate::pipeline::flight_key::flight_key;
use crate::pipeline::look_up::look_up;
use crate::pipeline::obtain::obtain;
use http::header::RANGE;
use http::{HeaderValue, Method, StatusCode, Uri};
use selvedge_caching::StoredBody;
use selvedge_runtime::{Read, RequestFacts, RequestId};
use selvedge_store::{Entry, Key};
use std::sync::Arc;

/// A stored slice of another version is removed this often before the present version counts as the old one.
const MAX_ROUNDS: u32 = 3;

/// A viewer's request, from which those for its slices are made.
pub(crate) struct Plan {
    pub(crate) edge: Arc<Edge>,
    distribution: Arc<Distribution>,
    behavior: Arc<Behavior>,
    settings: RequestSettings,
    /// The viewer's as a GET without its conditions and its range.
    facts: RequestFacts,
    uri: Uri,
    whole: Arc<CacheKey>,
    key_reads: Vec<Read>,
    /// Bytes of a slice; only the last one may be shorter.
    pub(crate) size: u64,
}

/// A slice that can't be had.
pub(crate) enum Lost {
    /// The origin has another version by now. The slices of the old one are removed.
    Changed,
    /// The origin failed: there is this response in place of the slice.
    Failed(Box<Prepared>),
    /// The origin gave something else, or what may not be stored.
    Refused,
}

impl Plan {
    pub(crate) fn new(
        edge: &Arc<Edge>,
        received: &Received,
        key: CacheKey,
        key_reads: Vec<Read>,
        size: u64,
    ) -> Plan {
        let mut facts = (*received.facts).clone();
        for name in SELECTING {
            facts.fields.remove(name);
        }
        facts.method = Method::GET;
        Plan {
            edge: edge.clone(),
            distribution: received.distribution.clone(),
            behavior: received.behavior.clone(),
            settings: received.settings,
            facts,
            uri: received.uri.clone(),
            whole: Arc::new(key),
            key_reads,
            size,
        }
    }

    pub(crate) fn whole_key(&self) -> Key {
        self.whole.hash
    }

    pub(crate) fn distribution(&self) -> &str {
        self.distribution.id()
    }

    pub(crate) fn request_id(&self) -> RequestId {
        self.facts.request_id
    }

    /// Which slice this position is in.
    pub(crate) fn index_of(&self, position: u64) -> u64 {
        position / self.size
    }

    /// Where a slice begins.
    pub(crate) fn start_of(&self, index: u64) -> u64 {
        index.saturating_mul(self.size)
    }

    fn key(&self, index: u64) -> CacheKey {
        cache_key::of_slice(&self.whole, self.size, index)
    }

    /// The request for one slice.
    fn received(&self, index: u64) -> Received {
        let first = self.start_of(index);
        let last = first.saturating_add(self.size - 1);
        let mut facts = self.facts.clone();
        // Digits, a dash and a word are always a field value.
        if let Ok(range) = HeaderValue::try_from(format!("bytes={first}-{last}")) {
            facts.fields.insert(RANGE, range);
        }
        Received {
            distribution: self.distribution.clone(),
            behavior: self.behavior.clone(),
            settings: self.settings,
            facts: Arc::new(facts),
            made: self.whole.parts.made.clone(),
            gate: None,
            uri: self.uri.clone(),
            body: OutgoingBody::Empty,
            upgrade: None,
        }
    }

    /// Looks a slice up.
    pub(crate) async fn look_up(&self, index: u64) -> Found {
        look_up(&self.edge, &self.received(index), &self.key(index))
            .await
            .found
    }

    /// The slice in which the answer to a request begins.
    pub(crate) fn first_of(&self, received: &Received) -> u64 {
        let position = selvedge_caching::first_position(&received.request());
        position.map_or(0, |position| self.index_of(position))
    }

    /// The first stored slices with their numbers, of at most so many that are looked up.
    pub(crate) async fn stored(&self, most: u64) -> Vec<(u64, Arc<Entry>)> {
        let mut stored = Vec::new();
        let mut count = most;
        let mut index = 0;
        while index < count {
            if let Some(entry) = self.edge.stored(&self.key(index).hash).await {
                let lengths = entry.heads().filter_map(|head| match head.body {
                    StoredBody::Partial {
                        complete_length, ..
                    } => complete_length,
                    StoredBody::Complete { .. } => None,
                });
                if let Some(length) = lengths.max() {
                    count = length.div_ceil(self.size).min(most);
                }
                stored.push((index, entry));
            }
            index += 1;
        }
        stored
    }

    /// Returns true if a request for this slice would wait for another's fetch.
    pub(crate) fn is_under_way(&self, index: u64) -> bool {
        let (received, key) = (self.received(index), self.key(index));
        let method = &received.facts.method;
        let flight = flight_key(&self.edge, &received, method, &key, None, None, &[]);
        self.edge.flights().is_under_way(&flight)
    }

    /// Looks a slice up, joins its fetch, or fetches it.
    pub(crate) async fn obtain(&self, index: u64, record: &mut Record) -> Obtained {
        let received = self.received(index);
        obtain(
            &self.edge,
            &received,
            &self.key(index),
            &self.key_reads,
            None,
            record,
        )
        .await
    }

    /// The content of a slice of this version. A stored slice of an older version makes way for a new one. `sent` are the
    /// slices that were opened of this version: they are removed if the origin turns out to have another.
    ///
    /// # Errors
    /// There is no such slice.
    pub(crate) async fn open(
        &self,
        index: u64,
        version: &Version,
        sent: impl Iterator<Item = u64>,
    ) -> Result<Content, Lost> {
        let start = self.start_of(index);
        for _ in 0..MAX_ROUNDS {
            let stored = match self.obtain(index, &mut self.unread_record()).await {
                Obtained::Stored(stored) => stored,
                Obtained::Other(prepared) if prepared.status.is_server_error() => {
                    return Err(Lost::Failed(Box::new(prepared)));
                }
                Obtained::Other(_) => return Err(Lost::Refused),
            };
            let found = Version::of(&stored.head, start, self.size);
            if found.as_ref().is_some_and(|found| found.is(version)) {
                return Ok(stored.content);
            }
            match stored.content {
                Content::Complete(variant)
                    if found.is_none_or(|found| found.confirmed <= version.confirmed) =>
                {
                    // Removed, so that the next round fetches.
                    self.edge
                        .store()
                        .remove(&self.key(index).hash, Some(variant.id))
                        .await;
                }
                _ => break,
            }
        }
        self.remove(sent, version).await;
        Err(Lost::Changed)
    }

    /// Returns a record that nobody reads: slices after the first are in no access line.
    fn unread_record(&self) -> Record {
        Record {
            received: self.facts.received,
            request_id: self.facts.request_id,
            viewer: self.facts.viewer,
            method: self.facts.method.clone(),
            host: None,
            asked: None,
            distribution: None,
            status: Some(StatusCode::PARTIAL_CONTENT),
            cache: None,
            reason: None,
            hooks: Vec::new(),
            origin: None,
            sent: 0,
            aborted: false,
            messages: None,
        }
    }

    /// Removes the stored slices of a version that is no longer current.
    async fn remove(&self, indices: impl Iterator<Item = u64>, version: &Version) {
        let store = self.edge.store();
        for index in indices {
            let key = self.key(index).hash;
            let Some(entry) = self.edge.stored(&key).await else {
                continue;
            };
            for variant in entry.variants() {
                let found = Version::of(&variant.head, self.start_of(index), self.size);
                if found.is_some_and(|found| found.is(version)) {
                    store.remove(&key, Some(variant.id)).await;
                }
            }
        }
    }
}
