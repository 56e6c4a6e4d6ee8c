//! The hook `viewer-request`: change the request before anything else, or answer at once. It runs first, before the key is made.

use std::sync::Arc;

use wasmtime::component::Resource;

use super::call::{HookCall, Refused, found};
use super::convert;
use crate::bindings::exported::viewer_request as wit;
use crate::decision::ViewerRequestDecision;
use crate::facts::RequestFacts;
use crate::fault::Fault;
use crate::hook::Hook;
use crate::instance::Instance;
use crate::plugin::Plugin;
use crate::transaction::{Called, Transaction};

fn checked(decision: wit::Decision) -> Result<ViewerRequestDecision, Fault> {
    Ok(match decision {
        wit::Decision::Next => ViewerRequestDecision::Next,
        wit::Decision::Edit(edits) => {
            ViewerRequestDecision::Edit(convert::request_edits(Hook::ViewerRequest, edits)?)
        }
        wit::Decision::Respond(response) => {
            ViewerRequestDecision::Respond(convert::synthetic(response)?)
        }
    })
}

struct ViewerRequest;

impl HookCall for ViewerRequest {
    const HOOK: Hook = Hook::ViewerRequest;
    const RETURNS_CONTENT: bool = true;
    type Decision = ViewerRequestDecision;

    async fn run(
        instance: &mut Instance,
    ) -> wasmtime::Result<Result<ViewerRequestDecision, Refused>> {
        let (guest, store) = found!(instance, viewer_request);
        let decision = guest
            .call_handle(&mut *store, Resource::new_borrow(0))
            .await?;
        Ok(match decision {
            Ok(decision) => checked(decision).map_err(Refused::Fault),
            Err(message) => Err(Refused::Guest(message)),
        })
    }

    fn size(decision: &ViewerRequestDecision) -> u64 {
        match decision {
            ViewerRequestDecision::Next => 0,
            ViewerRequestDecision::Edit(edits) => convert::size_of_request_edits(edits),
            ViewerRequestDecision::Respond(response) => convert::size_of_fields(&response.fields),
        }
    }

    fn body_size(decision: &ViewerRequestDecision) -> u64 {
        match decision {
            ViewerRequestDecision::Respond(response) => response.body.len() as u64,
            ViewerRequestDecision::Edit(edits) => {
                edits.body.as_ref().map_or(0, |body| body.len() as u64)
            }
            ViewerRequestDecision::Next => 0,
        }
    }
}

impl Transaction {
    /// Asks the plugin whether to change the request, or to answer it at once.
    pub async fn viewer_request(
        &mut self,
        plugin: &Arc<Plugin>,
        request: &Arc<RequestFacts>,
    ) -> Called<ViewerRequestDecision> {
        self.call::<ViewerRequest>(plugin, request, None).await
    }
}
