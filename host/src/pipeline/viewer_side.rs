//! The viewer's side of a request: which steps it takes, and in which order.
//!
//! Each step names the next one. What a step needs of the ones before it is in its value; what all of them need is in the
//! [`Side`]. The other side, which asks the origin, is [`super::fetch_side`].

use super::at_once::Known;
use super::edge::Edge;
use super::exchange::{
    BypassReason, CacheKey, KeyParts, Keyed, Looked, Obtained, Prepared, Received, key_bytes,
};
use super::hooks::Hooks;
use super::viewer_request::ViewerRequest;
use super::{at_once, cache_key, obtain, pass, respond, slices, viewer_request, viewer_response};
use crate::observe::access::Record;
use selvedge_runtime::{Hook, Read, Transaction};
use std::sync::Arc;

/// A step, with what the one before it found out.
enum Step {
    ViewerRequest,
    CacheKey,
    AtOnce(Keyed),
    /// Past the cache, in slices, or through the cache.
    Route(Keyed, Option<Box<Looked>>),
    Upgrade(KeyParts),
    Pass(BypassReason, KeyParts),
    Slices(CacheKey, u64),
    Obtain(CacheKey, Option<Box<Looked>>),
    /// From the origin, for this request alone.
    Alone(CacheKey),
    Respond(CacheKey, Obtained),
    /// The first bytes are read and verified, before anything is sent.
    Begin(CacheKey, Prepared),
    ViewerResponse(Prepared),
}

/// Serves one request that has found its behavior. `known` is what has been found out without a wait; where there is a key, no
/// plugin has a say. What is rare is on the heap, as all that a hit does not need: a small future is cheap to move.
pub(crate) async fn serve(
    edge: &Arc<Edge>,
    received: Received,
    known: Known,
    record: &mut Record,
) -> Prepared {
    let mut side = Side::new(edge, received, record);
    let mut step = match known.keyed {
        Some(keyed) => Step::Route(keyed, known.looked),
        None => Step::ViewerRequest,
    };
    loop {
        step = match step {
            Step::ViewerRequest => side.viewer_request().await,
            Step::CacheKey => side.cache_key().await,
            Step::AtOnce(keyed) => side.at_once(keyed),
            Step::Route(keyed, looked) => side.route(keyed, looked),
            Step::Upgrade(parts) => Box::pin(side.upgrade(parts)).await,
            Step::Pass(why, parts) => Box::pin(side.pass(why, parts)).await,
            Step::Slices(key, size) => Box::pin(side.slices(key, size)).await,
            Step::Obtain(key, looked) => Box::pin(side.obtain(key, looked)).await,
            Step::Alone(key) => Box::pin(side.alone(key)).await,
            Step::Respond(key, obtained) => side.respond(key, obtained),
            Step::Begin(key, prepared) => side.begin(key, prepared).await,
            Step::ViewerResponse(prepared) => return side.viewer_response(prepared).await,
        }
    }
}

/// The transaction of one request on the viewer's side.
struct Side<'a> {
    edge: &'a Arc<Edge>,
    received: Received,
    record: &'a mut Record,
    /// Until the key is made: instances are scarce, and origins may be slow.
    transaction: Option<Transaction>,
    hooks: Hooks,
    /// Reads of the cache-key hooks.
    key_reads: Vec<Read>,
    /// The key as text for viewer-response hooks.
    key_for_hooks: Option<String>,
    /// Stored responses that were to be sent.
    begun: u32,
}

/// A request whose stored response can't be read is tried this many times, then fetched alone.
const MAX_BEGUN: u32 = 2;

impl<'a> Side<'a> {
    fn new(edge: &'a Arc<Edge>, received: Received, record: &'a mut Record) -> Side<'a> {
        Side {
            edge,
            transaction: None,
            hooks: Hooks::new(edge, received.facts.request_id),
            key_reads: Vec::new(),
            key_for_hooks: None,
            begun: 0,
            received,
            record,
        }
    }

    fn has(&self, hook: Hook) -> bool {
        !self.received.behavior.plugins_with(hook).is_empty()
    }

    /// The gates' word first, then that of the viewer-request hooks.
    async fn viewer_request(&mut self) -> Step {
        if let Some(refusal) = self.received.gate {
            return Step::ViewerResponse(Prepared::refused(refusal));
        }
        if !self.has(Hook::ViewerRequest) {
            return Step::CacheKey;
        }
        let transaction = self.transaction.insert(Transaction::new());
        let asking = viewer_request::handle(&mut self.received, transaction, &mut self.hooks);
        match Box::pin(asking).await {
            ViewerRequest::Next => Step::CacheKey,
            ViewerRequest::Answered(prepared) => Step::ViewerResponse(*prepared),
            ViewerRequest::Failed(why) => Step::ViewerResponse(Prepared::failed(why.into())),
        }
    }

    async fn cache_key(&mut self) -> Step {
        let mut transaction = self.transaction.take().unwrap_or_default();
        let keyed = cache_key::decide(&self.received, &mut transaction, &mut self.hooks).await;
        self.key_reads = std::mem::take(&mut self.hooks.key_reads);
        Step::AtOnce(keyed)
    }

    /// A fresh response in memory needs nobody else.
    fn at_once(&mut self, keyed: Keyed) -> Step {
        self.record.hooks = std::mem::take(&mut self.hooks.calls);
        if self.has(Hook::ViewerResponse)
            && let Some(bytes) = bytes(&keyed)
        {
            let masks = self.received.distribution.masks();
            self.key_for_hooks = Some(key_bytes::as_text(bytes, masks));
        }
        match at_once::hit(self.edge, &self.received, &keyed) {
            Ok(prepared) => Step::ViewerResponse(prepared),
            Err(looked) => Step::Route(keyed, looked),
        }
    }

    fn route(&mut self, keyed: Keyed, looked: Option<Box<Looked>>) -> Step {
        let is_upgrade = self.received.upgrade.is_some();
        match keyed {
            Keyed::Failed(why) => Step::ViewerResponse(Prepared::failed(why.into())),
            Keyed::Pass { parts, .. } if is_upgrade => Step::Upgrade(parts),
            Keyed::Key(key) if is_upgrade => Step::Upgrade(key.parts),
            Keyed::Pass { why, parts, .. } => Step::Pass(why, parts),
            Keyed::Key(key) => self.through_the_cache(key, looked),
        }
    }

    fn through_the_cache(&self, key: CacheKey, looked: Option<Box<Looked>>) -> Step {
        match slices::size(&self.received) {
            Some(size) => Step::Slices(key, size),
            None => Step::Obtain(key, looked),
        }
    }

    async fn upgrade(&mut self, parts: KeyParts) -> Step {
        let reads = std::mem::take(&mut self.key_reads);
        Step::ViewerResponse(
            pass::upgrade(self.edge, &mut self.received, parts, reads, self.record).await,
        )
    }

    async fn pass(&mut self, why: BypassReason, parts: KeyParts) -> Step {
        let body = std::mem::take(&mut self.received.body);
        let reads = std::mem::take(&mut self.key_reads);
        let passing = pass::pass(
            self.edge,
            &self.received,
            parts,
            reads,
            body,
            why,
            self.record,
        );
        Step::ViewerResponse(passing.await)
    }

    /// In slices, or else as a whole.
    async fn slices(&mut self, key: CacheKey, size: u64) -> Step {
        let (edge, received, reads) = (self.edge, &self.received, self.key_reads.clone());
        let served = slices::serve(edge, received, key.clone(), reads, size, self.record);
        match served.await {
            Ok(prepared) => Step::Begin(key, prepared),
            Err(looked) => Step::Obtain(key, looked),
        }
    }

    async fn obtain(&mut self, key: CacheKey, looked: Option<Box<Looked>>) -> Step {
        let (edge, received, reads) = (self.edge, &self.received, &self.key_reads);
        let obtaining = obtain::obtain(edge, received, &key, reads, looked, self.record);
        let obtained = obtaining.await;
        Step::Respond(key, obtained)
    }

    async fn alone(&mut self, key: CacheKey) -> Step {
        let (edge, received, reads) = (self.edge, &self.received, &self.key_reads);
        let obtained = obtain::alone(edge, received, &key, reads, self.record).await;
        Step::Respond(key, obtained)
    }

    fn respond(&mut self, key: CacheKey, obtained: Obtained) -> Step {
        let prepared = respond::obtained(self.edge, &self.received, obtained);
        Step::Begin(key, prepared)
    }

    /// A stored response whose first bytes are damaged is removed when they are read, so the next attempt fetches it. One that
    /// can't be read stays: the last attempt asks the origin for this request alone.
    async fn begin(&mut self, key: CacheKey, mut prepared: Prepared) -> Step {
        let received = &self.received;
        if let Err(error) = prepared.body.begin().await {
            tracing::warn!(
                target: "store",
                distribution = &**received.distribution.id(),
                request_id = %received.facts.request_id,
                error = error.as_str(),
                "a stored response cannot be sent and is asked for anew: {error}"
            );
            self.begun += 1;
            return match self.begun < MAX_BEGUN {
                true => self.through_the_cache(key, None),
                false => Step::Alone(key),
            };
        }
        if let Some(cache) = &mut prepared.cache {
            cache.key = cache_key::shown(received, &key.bytes);
        }
        Step::ViewerResponse(prepared)
    }

    async fn viewer_response(mut self, prepared: Prepared) -> Prepared {
        // Those of a viewer-request hook that answered or failed; the others have been taken.
        self.record.hooks.append(&mut self.hooks.calls);
        if !self.has(Hook::ViewerResponse) {
            return prepared;
        }
        let (received, key) = (&self.received, self.key_for_hooks);
        let asking = viewer_response::handle(received, key, prepared, &mut self.hooks, self.record);
        let prepared = Box::pin(asking).await;
        self.record.hooks.append(&mut self.hooks.calls);
        prepared
    }
}

/// The key as bytes, where there is one.
fn bytes(keyed: &Keyed) -> Option<&[u8]> {
    match keyed {
        Keyed::Key(key) => Some(&key.bytes),
        Keyed::Pass { bytes, .. } => bytes.as_deref(),
        Keyed::Failed(_) => None,
    }
}
