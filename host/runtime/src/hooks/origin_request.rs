//! The hook `origin-request`: change what goes out to the origin, or answer in its place. It runs after the choice of an origin.

use std::sync::Arc;

use wasmtime::component::Resource;

use super::call::{HookCall, Refused, found};
use super::convert;
use crate::bindings::exported::origin_request as wit;
use crate::decision::OriginRequestDecision;
use crate::facts::RequestFacts;
use crate::fault::Fault;
use crate::hook::Hook;
use crate::instance::Instance;
use crate::plugin::Plugin;
use crate::transaction::{Called, Transaction};

fn checked(decision: wit::Decision) -> Result<OriginRequestDecision, Fault> {
    Ok(match decision {
        wit::Decision::Next => OriginRequestDecision::Next,
        wit::Decision::Edit(edits) => {
            OriginRequestDecision::Edit(convert::request_edits(Hook::OriginRequest, edits)?)
        }
        wit::Decision::Respond(response) => {
            OriginRequestDecision::Respond(convert::synthetic(response)?)
        }
    })
}

struct OriginRequest;

impl HookCall for OriginRequest {
    const HOOK: Hook = Hook::OriginRequest;
    const RETURNS_CONTENT: bool = true;
    type Decision = OriginRequestDecision;

    async fn run(
        instance: &mut Instance,
    ) -> wasmtime::Result<Result<OriginRequestDecision, Refused>> {
        let (guest, store) = found!(instance, origin_request);
        let decision = guest
            .call_handle(&mut *store, Resource::new_borrow(0))
            .await?;
        Ok(match decision {
            Ok(decision) => checked(decision).map_err(Refused::Fault),
            Err(message) => Err(Refused::Guest(message)),
        })
    }

    fn size(decision: &OriginRequestDecision) -> u64 {
        match decision {
            OriginRequestDecision::Next => 0,
            OriginRequestDecision::Edit(edits) => convert::size_of_request_edits(edits),
            OriginRequestDecision::Respond(response) => convert::size_of_fields(&response.fields),
        }
    }

    fn body_size(decision: &OriginRequestDecision) -> u64 {
        match decision {
            OriginRequestDecision::Respond(response) => response.body.len() as u64,
            OriginRequestDecision::Edit(edits) => {
                edits.body.as_ref().map_or(0, |body| body.len() as u64)
            }
            OriginRequestDecision::Next => 0,
        }
    }
}

impl Transaction {
    /// Asks the plugin whether to change the request to the origin, or to answer in its place.
    pub async fn origin_request(
        &mut self,
        plugin: &Arc<Plugin>,
        request: &Arc<RequestFacts>,
    ) -> Called<OriginRequestDecision> {
        self.call::<OriginRequest>(plugin, request, None).await
    }
}
