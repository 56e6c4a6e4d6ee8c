//! The hook `viewer-response`: change what leaves for the viewer. It runs last, after the cache, for errors and synthetic responses too.

use std::sync::Arc;

use wasmtime::component::Resource;

use super::call::{HookCall, Refused, found};
use super::convert;
use crate::bindings::exported::viewer_response as wit;
use crate::decision::ViewerResponseDecision;
use crate::facts::{RequestFacts, ResponseFacts};
use crate::fault::Fault;
use crate::hook::Hook;
use crate::instance::Instance;
use crate::plugin::Plugin;
use crate::transaction::{Called, Transaction};

fn checked(decision: wit::Decision) -> Result<ViewerResponseDecision, Fault> {
    Ok(match decision {
        wit::Decision::Next => ViewerResponseDecision::Next,
        wit::Decision::Edit(edits) => {
            ViewerResponseDecision::Edit(convert::response_edits(Hook::ViewerResponse, edits)?)
        }
        wit::Decision::Respond(response) => {
            ViewerResponseDecision::Respond(convert::synthetic(response)?)
        }
    })
}

struct ViewerResponse;

impl HookCall for ViewerResponse {
    const HOOK: Hook = Hook::ViewerResponse;
    const RETURNS_CONTENT: bool = true;
    type Decision = ViewerResponseDecision;

    async fn run(
        instance: &mut Instance,
    ) -> wasmtime::Result<Result<ViewerResponseDecision, Refused>> {
        let (guest, store) = found!(instance, viewer_response);
        let decision = guest
            .call_handle(
                &mut *store,
                Resource::new_borrow(0),
                Resource::new_borrow(1),
            )
            .await?;
        Ok(match decision {
            Ok(decision) => checked(decision).map_err(Refused::Fault),
            Err(message) => Err(Refused::Guest(message)),
        })
    }

    fn size(decision: &ViewerResponseDecision) -> u64 {
        match decision {
            ViewerResponseDecision::Next => 0,
            ViewerResponseDecision::Edit(edits) => convert::size_of_edits(&edits.fields),
            ViewerResponseDecision::Respond(response) => convert::size_of_fields(&response.fields),
        }
    }

    fn body_size(decision: &ViewerResponseDecision) -> u64 {
        match decision {
            ViewerResponseDecision::Respond(response) => response.body.len() as u64,
            _ => 0,
        }
    }
}

impl Transaction {
    /// Asks the plugin whether to change the response that leaves for the viewer.
    pub async fn viewer_response(
        &mut self,
        plugin: &Arc<Plugin>,
        request: &Arc<RequestFacts>,
        response: &Arc<ResponseFacts>,
    ) -> Called<ViewerResponseDecision> {
        self.call::<ViewerResponse>(plugin, request, Some(response))
            .await
    }
}
