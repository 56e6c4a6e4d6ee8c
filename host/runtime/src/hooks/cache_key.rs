//! The hook `cache-key`: what makes two requests the same for the cache. It runs before the look-up.

use std::sync::Arc;

use wasmtime::component::Resource;

use super::call::{ELEMENT, HookCall, Refused, found, total};
use crate::bindings::exported::cache_key as wit;
use crate::decision::{KeyDecision, KeyPart};
use crate::facts::{Read, RequestFacts};
use crate::hook::Hook;
use crate::instance::Instance;
use crate::plugin::Plugin;
use crate::remember::Remembered;
use crate::transaction::{Called, Transaction};

impl From<wit::KeyPart> for KeyPart {
    fn from(part: wit::KeyPart) -> Self {
        match part {
            wit::KeyPart::Path => KeyPart::Path,
            wit::KeyPart::QueryOnly(names) => KeyPart::QueryOnly(names),
            wit::KeyPart::QueryExcept(names) => KeyPart::QueryExcept(names),
            wit::KeyPart::Field(name) => KeyPart::Field(name),
            wit::KeyPart::Cookie(name) => KeyPart::Cookie(name),
            wit::KeyPart::Literal(value) => KeyPart::Literal(value),
        }
    }
}

impl From<wit::Decision> for KeyDecision {
    fn from(decision: wit::Decision) -> Self {
        let parts = |parts: Vec<wit::KeyPart>| parts.into_iter().map(KeyPart::from).collect();
        match decision {
            wit::Decision::Policy => KeyDecision::Policy,
            wit::Decision::Extend(list) => KeyDecision::Extend(parts(list)),
            wit::Decision::Replace(list) => KeyDecision::Replace(parts(list)),
            wit::Decision::Pass => KeyDecision::Pass,
        }
    }
}

impl KeyPart {
    fn size(&self) -> u64 {
        ELEMENT
            + match self {
                KeyPart::Path => 0,
                KeyPart::QueryOnly(names) | KeyPart::QueryExcept(names) => total(names),
                KeyPart::Field(name) | KeyPart::Cookie(name) => name.len() as u64,
                KeyPart::Literal(value) => value.len() as u64,
            }
    }
}

pub(super) struct CacheKey;

impl HookCall for CacheKey {
    const HOOK: Hook = Hook::CacheKey;
    type Decision = KeyDecision;

    fn recall(plugin: &Plugin, request: &RequestFacts) -> Option<Remembered<Self::Decision>> {
        plugin.memories()?.cache_key.recall(request)
    }

    fn keep(plugin: &Plugin, request: &RequestFacts, reads: &[Read], decision: &Self::Decision) {
        if let Some(memories) = plugin.memories() {
            let bytes = Self::size(decision);
            memories.cache_key.keep(request, reads, decision, bytes);
        }
    }

    async fn run(instance: &mut Instance) -> wasmtime::Result<Result<KeyDecision, Refused>> {
        let (guest, store) = found!(instance, cache_key);
        let decision = guest
            .call_decide(&mut *store, Resource::new_borrow(0))
            .await?;
        Ok(decision.map(KeyDecision::from).map_err(Refused::Guest))
    }

    fn size(decision: &KeyDecision) -> u64 {
        match decision {
            KeyDecision::Policy | KeyDecision::Pass => 0,
            KeyDecision::Extend(parts) | KeyDecision::Replace(parts) => {
                parts.iter().map(KeyPart::size).sum()
            }
        }
    }
}

impl Transaction {
    /// Asks the plugin what the cache key is made of.
    pub async fn cache_key(
        &mut self,
        plugin: &Arc<Plugin>,
        request: &Arc<RequestFacts>,
    ) -> Called<KeyDecision> {
        let shared = self.shared_cache_key(plugin, request).await;
        shared.map(Arc::unwrap_or_clone)
    }

    /// Does so too; a remembered decision is shared, not copied.
    pub async fn shared_cache_key(
        &mut self,
        plugin: &Arc<Plugin>,
        request: &Arc<RequestFacts>,
    ) -> Called<Arc<KeyDecision>> {
        match self.recall::<CacheKey>(plugin, request) {
            Some(known) => known,
            None => self
                .call::<CacheKey>(plugin, request, None)
                .await
                .map(Arc::new),
        }
    }
}
