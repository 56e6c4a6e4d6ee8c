//! ViewerRequest: plugins may rewrite the request before anything is decided by it, or answer it at once.
//!
//! Their changes are seen by the cache key, the later hooks and the origin. The behavior stays the one that the viewer's
//! own path chose. An answer is for this viewer alone: it is not stored.

use super::exchange::{FailureReason, PluginFailure, Prepared, Received};
use super::hooks::Hooks;
use super::request_body::{Broken, Lent, RequestBody};
use crate::origin::OutgoingBody;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Method};
use selvedge_runtime::{
    Hook, OnError, RequestEdits, RequestFacts, Transaction, ViewerRequestDecision,
};
use std::sync::Arc;

/// The outcome of the stage.
pub(crate) enum ViewerRequest {
    /// Go on with the request as it is now.
    Next,
    /// This is the answer.
    Answered(Box<Prepared>),
    /// A plugin whose failure is the request's failure.
    Failed(PluginFailure),
}

/// Asks each plugin with a viewer-request hook in order.
pub(crate) async fn handle(
    received: &mut Received,
    transaction: &mut Transaction,
    hooks: &mut Hooks,
) -> ViewerRequest {
    let behavior = received.behavior.clone();
    let plugins = behavior.plugins_with(Hook::ViewerRequest);
    let mut body = RequestBody::lend(&mut received.body);
    let mut replaced = false;
    Arc::make_mut(&mut received.facts).body = Some(body.reader());
    for plugin in plugins {
        let called = transaction.viewer_request(plugin, &received.facts).await;
        match hooks.note(plugin, called) {
            Ok(ViewerRequestDecision::Next) => {}
            Ok(ViewerRequestDecision::Edit(edits)) => match edited(&received.facts, &edits) {
                Ok(facts) => {
                    received.facts = Arc::new(facts);
                    let set = edits.fields.iter().map(|edit| edit.name().clone());
                    received.made.extend(set);
                    if let Some(bytes) = edits.body {
                        body = Lent::Whole(bytes);
                        replaced = true;
                    }
                }
                Err(why) => {
                    hooks.refuse(plugin, Hook::ViewerRequest, &why);
                    if plugin.on_error() == OnError::Fail {
                        return ViewerRequest::Failed(hooks.failed(Hook::ViewerRequest));
                    }
                }
            },
            Ok(ViewerRequestDecision::Respond(response)) => {
                let method = &received.facts.method;
                return ViewerRequest::Answered(Box::new(Prepared::synthetic(method, response)));
            }
            Err(()) if plugin.on_error() == OnError::Continue => {}
            Err(()) => return ViewerRequest::Failed(hooks.failed(Hook::ViewerRequest)),
        }
    }
    let facts = Arc::make_mut(&mut received.facts);
    facts.body = None;
    match body.take_back() {
        Ok(body) => {
            if replaced {
                set_length(facts, &body);
            }
            received.body = body;
            ViewerRequest::Next
        }
        Err(Broken) => {
            ViewerRequest::Answered(Box::new(Prepared::failed(FailureReason::RequestBody)))
        }
    }
}

/// The request with a plugin's changes, or why it can't have them.
pub(crate) fn edited(facts: &RequestFacts, edits: &RequestEdits) -> Result<RequestFacts, String> {
    let has_body = edits.body.as_ref().is_some_and(|body| !body.is_empty());
    if has_body && matches!(facts.method, Method::GET | Method::HEAD) {
        return Err(format!("it gave a {} request a body", facts.method));
    }
    let mut facts = facts.clone();
    edits.apply(&mut facts).map_err(|error| error.to_string())?;
    Ok(facts)
}

/// Content-Length of a body that a plugin made.
fn set_length(facts: &mut RequestFacts, body: &OutgoingBody) {
    let length = match body {
        OutgoingBody::Whole(bytes) => bytes.len(),
        _ => 0,
    };
    facts
        .fields
        .insert(CONTENT_LENGTH, HeaderValue::from(length));
}
