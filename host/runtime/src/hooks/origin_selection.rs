//! The hook `origin-selection`: which origin answers. It runs when an origin has to be asked.

use std::sync::Arc;

use wasmtime::component::Resource;

use super::call::{HookCall, Refused, found, total};
use crate::bindings::exported::origin_selection as wit;
use crate::bindings::imported::types;
use crate::decision::OriginDecision;
use crate::facts::{Read, RequestFacts, Scheme};
use crate::hook::Hook;
use crate::instance::Instance;
use crate::plugin::Plugin;
use crate::remember::Remembered;
use crate::transaction::{Called, Transaction};

impl From<wit::Decision> for OriginDecision {
    fn from(decision: wit::Decision) -> Self {
        match decision {
            wit::Decision::Policy => OriginDecision::Policy,
            wit::Decision::Origin(id) => OriginDecision::Origin(id),
            wit::Decision::Failover(ids) => OriginDecision::Failover(ids),
            wit::Decision::Host(host) => OriginDecision::Host {
                scheme: match host.scheme {
                    types::Scheme::Http => Scheme::Http,
                    types::Scheme::Https => Scheme::Https,
                },
                name: host.name,
                port: host.port,
            },
        }
    }
}

pub(super) struct OriginSelection;

impl HookCall for OriginSelection {
    const HOOK: Hook = Hook::OriginSelection;
    type Decision = OriginDecision;

    fn recall(plugin: &Plugin, request: &RequestFacts) -> Option<Remembered<Self::Decision>> {
        plugin.memories()?.origin_selection.recall(request)
    }

    fn keep(plugin: &Plugin, request: &RequestFacts, reads: &[Read], decision: &Self::Decision) {
        if let Some(memories) = plugin.memories() {
            let bytes = Self::size(decision);
            memories
                .origin_selection
                .keep(request, reads, decision, bytes);
        }
    }

    async fn run(instance: &mut Instance) -> wasmtime::Result<Result<OriginDecision, Refused>> {
        let (guest, store) = found!(instance, origin_selection);
        let decision = guest
            .call_select(&mut *store, Resource::new_borrow(0))
            .await?;
        Ok(decision.map(OriginDecision::from).map_err(Refused::Guest))
    }

    fn size(decision: &OriginDecision) -> u64 {
        match decision {
            OriginDecision::Policy => 0,
            OriginDecision::Origin(id) => id.len() as u64,
            OriginDecision::Failover(ids) => total(ids),
            OriginDecision::Host { name, .. } => name.len() as u64,
        }
    }
}

impl Transaction {
    /// Asks the plugin which origin answers.
    pub async fn origin_selection(
        &mut self,
        plugin: &Arc<Plugin>,
        request: &Arc<RequestFacts>,
    ) -> Called<OriginDecision> {
        let shared = self.shared_origin_selection(plugin, request).await;
        shared.map(Arc::unwrap_or_clone)
    }

    /// Does so too; a remembered decision is shared, not copied.
    pub async fn shared_origin_selection(
        &mut self,
        plugin: &Arc<Plugin>,
        request: &Arc<RequestFacts>,
    ) -> Called<Arc<OriginDecision>> {
        match self.recall::<OriginSelection>(plugin, request) {
            Some(known) => known,
            None => self
                .call::<OriginSelection>(plugin, request, None)
                .await
                .map(Arc::new),
        }
    }
}
