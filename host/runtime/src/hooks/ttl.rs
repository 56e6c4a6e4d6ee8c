//! The hook `ttl`: how long a response may be used by this cache. It runs when a response has come from the origin.

use std::sync::Arc;

use wasmtime::component::Resource;

use super::call::{HookCall, Refused, found, total};
use crate::bindings::exported::ttl as wit;
use crate::decision::TtlDecision;
use crate::facts::{RequestFacts, ResponseFacts};
use crate::hook::Hook;
use crate::instance::Instance;
use crate::plugin::Plugin;
use crate::transaction::{Called, Transaction};

impl From<wit::Decision> for TtlDecision {
    fn from(decision: wit::Decision) -> Self {
        match decision {
            wit::Decision::Policy => TtlDecision::Policy,
            wit::Decision::Set(settings) => TtlDecision::Set {
                lifetime: settings.lifetime,
                stale_while_revalidate: settings.stale_while_revalidate,
                stale_if_error: settings.stale_if_error,
                tags: settings.tags,
            },
            wit::Decision::DontStore => TtlDecision::DontStore,
        }
    }
}

struct Ttl;

impl HookCall for Ttl {
    const HOOK: Hook = Hook::Ttl;
    type Decision = TtlDecision;

    async fn run(instance: &mut Instance) -> wasmtime::Result<Result<TtlDecision, Refused>> {
        let (guest, store) = found!(instance, ttl);
        let decision = guest
            .call_decide(
                &mut *store,
                Resource::new_borrow(0),
                Resource::new_borrow(1),
            )
            .await?;
        Ok(decision.map(TtlDecision::from).map_err(Refused::Guest))
    }

    fn size(decision: &TtlDecision) -> u64 {
        match decision {
            TtlDecision::Policy | TtlDecision::DontStore => 0,
            TtlDecision::Set { tags, .. } => total(tags),
        }
    }
}

impl Transaction {
    /// Asks the plugin for how long a response may be used.
    pub async fn ttl(
        &mut self,
        plugin: &Arc<Plugin>,
        request: &Arc<RequestFacts>,
        response: &Arc<ResponseFacts>,
    ) -> Called<TtlDecision> {
        self.call::<Ttl>(plugin, request, Some(response)).await
    }
}
