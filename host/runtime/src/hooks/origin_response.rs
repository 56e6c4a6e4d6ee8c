//! The hook `origin-response`: change what came from the origin, before it is stored. It may hand over the making of the
//! body to its instance, which then belongs to that body ([`Transform`], [`Producer`]).

use std::sync::Arc;

use wasmtime::component::{Resource, ResourceAny};

use super::call::{HookCall, Refused, found};
use super::convert;
use crate::bindings::exported::origin_response as wit;
use crate::edits::{ResponseEdits, SyntheticResponse};
use crate::error::HookError;
use crate::facts::{RequestFacts, ResponseFacts};
use crate::fault::Fault;
use crate::hook::Hook;
use crate::instance::Instance;
use crate::plugin::Plugin;
use crate::stream::{Producer, Transform};
use crate::transaction::{Called, Transaction};

/// Decision on a response of an origin.
#[derive(Debug)]
pub enum OriginResponseDecision {
    /// Go on with the response as it is.
    Next,
    /// Go on with these changes.
    Edit(ResponseEdits),
    /// This, in place of the origin's response, body included.
    Respond(SyntheticResponse),
    /// Change the response, and pass its body through the plugin.
    Transform(ResponseEdits, Transform),
    /// Change the response, and let the plugin make its body.
    Produce(ResponseEdits, Producer),
    /// Drop this response and ask the origin with this id. Whether it exists is for the pipeline to check.
    Ask(String),
}

/// A decision whose stream has no instance yet.
enum Decided {
    Whole(OriginResponseDecision),
    Transform(ResponseEdits, ResourceAny),
    Produce(ResponseEdits, ResourceAny),
}

fn checked(decision: wit::Decision) -> Result<Decided, Fault> {
    let edits = |edits| convert::response_edits(Hook::OriginResponse, edits);
    Ok(match decision {
        wit::Decision::Next => Decided::Whole(OriginResponseDecision::Next),
        wit::Decision::Edit(changes) => {
            Decided::Whole(OriginResponseDecision::Edit(edits(changes)?))
        }
        wit::Decision::Respond(response) => Decided::Whole(OriginResponseDecision::Respond(
            convert::synthetic(response)?,
        )),
        wit::Decision::Transform(stream) => Decided::Transform(edits(stream.edits)?, stream.body),
        wit::Decision::Produce(stream) => Decided::Produce(edits(stream.edits)?, stream.body),
        wit::Decision::Ask(origin) => Decided::Whole(OriginResponseDecision::Ask(origin)),
    })
}

struct OriginResponse;

impl HookCall for OriginResponse {
    const HOOK: Hook = Hook::OriginResponse;
    const RETURNS_CONTENT: bool = true;
    type Decision = Decided;

    async fn run(instance: &mut Instance) -> wasmtime::Result<Result<Decided, Refused>> {
        let (guest, store) = found!(instance, origin_response);
        let decision = guest
            .call_handle(
                &mut *store,
                Resource::new_borrow(0),
                Resource::new_borrow(1),
            )
            .await?;
        let decision = match decision {
            Ok(decision) => decision,
            Err(message) => return Ok(Err(Refused::Guest(message))),
        };
        let body = match &decision {
            wit::Decision::Transform(stream) => Some(stream.body),
            wit::Decision::Produce(stream) => Some(stream.body),
            _ => None,
        };
        let checked = checked(decision);
        if let (Err(_), Some(body)) = (&checked, body) {
            body.resource_drop_async(&mut *store).await?;
        }
        Ok(checked.map_err(Refused::Fault))
    }

    fn size(decision: &Decided) -> u64 {
        match decision {
            Decided::Whole(OriginResponseDecision::Edit(edits))
            | Decided::Transform(edits, _)
            | Decided::Produce(edits, _) => convert::size_of_edits(&edits.fields),
            Decided::Whole(OriginResponseDecision::Respond(response)) => {
                convert::size_of_fields(&response.fields)
            }
            Decided::Whole(OriginResponseDecision::Ask(origin)) => origin.len() as u64,
            Decided::Whole(_) => 0,
        }
    }

    fn body_size(decision: &Decided) -> u64 {
        match decision {
            Decided::Whole(OriginResponseDecision::Respond(response)) => response.body.len() as u64,
            _ => 0,
        }
    }

    fn holds_instance(decision: &Decided) -> bool {
        matches!(decision, Decided::Transform(..) | Decided::Produce(..))
    }
}

impl Transaction {
    /// Asks the plugin what becomes of a response of an origin. Where it takes over the body, its instance leaves the
    /// transaction: a later hook of the plugin gets another one.
    pub async fn origin_response(
        &mut self,
        plugin: &Arc<Plugin>,
        request: &Arc<RequestFacts>,
        response: &Arc<ResponseFacts>,
    ) -> Called<OriginResponseDecision> {
        let Called {
            decision,
            elapsed,
            reads,
            remembered,
        } = self
            .call::<OriginResponse>(plugin, request, Some(response))
            .await;
        let decision = decision.and_then(|decided| self.with_stream(plugin, request, decided));
        Called {
            decision,
            elapsed,
            reads,
            remembered,
        }
    }

    fn with_stream(
        &mut self,
        plugin: &Arc<Plugin>,
        request: &Arc<RequestFacts>,
        decided: Decided,
    ) -> Result<OriginResponseDecision, HookError> {
        let mut stream = |body| {
            // The call has just left its instance with the transaction.
            let instance = self
                .take(plugin)
                .ok_or(HookError::NoHook(Hook::OriginResponse))?;
            Ok(crate::stream::Stream::new(plugin, request, instance, body))
        };
        Ok(match decided {
            Decided::Whole(decision) => decision,
            Decided::Transform(edits, body) => {
                OriginResponseDecision::Transform(edits, Transform::new(stream(body)?))
            }
            Decided::Produce(edits, body) => {
                OriginResponseDecision::Produce(edits, Producer::new(stream(body)?))
            }
        })
    }
}
