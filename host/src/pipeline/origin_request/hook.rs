//! The hook of the stage: plugins may change what goes out, or answer in the origin's place.
//!
//! They see the request as it would go to the first of the chosen origins, without that origin's own path and `headers`. What
//! they change goes to whichever origin is asked. An answer counts as the origin's: it may be stored.

use super::{host_field, outgoing};
use crate::origin::OutgoingBody;
use crate::pipeline::exchange::{Edits, Fetched, Job, Outgoing, PluginFailure, Target};
use crate::pipeline::hooks::Hooks;
use crate::pipeline::request_body::{Broken, Lent, RequestBody};
use crate::pipeline::unkeyed;
use crate::pipeline::viewer_request::edited;
use http::HeaderValue;
use http::header::{CONTENT_LENGTH, HOST};
use selvedge_runtime::{Hook, OnError, OriginRequestDecision, RequestFacts, Transaction};
use std::sync::Arc;

/// The outcome of the stage.
pub(crate) enum OriginRequest {
    /// Ask the origin.
    Send(Box<Outgoing>, OutgoingBody),
    /// A plugin answers in its place.
    Answered(Box<Fetched>),
}

/// The reason why there is nothing to send.
#[derive(Clone, Copy)]
pub(crate) enum Unsent {
    /// A plugin whose failure is the request's failure.
    Failed(PluginFailure),
    /// The viewer broke its body off while a plugin read it.
    BrokenBody,
}

/// Makes the request, and asks each plugin with an origin-request hook in order. `done` is what they did to it.
pub(crate) async fn handle(
    job: &Job,
    facts: &Arc<RequestFacts>,
    first: Option<&Target>,
    mut body: OutgoingBody,
    transaction: &mut Transaction,
    hooks: &mut Hooks,
    done: &mut Edits,
) -> Result<OriginRequest, Unsent> {
    let plain = outgoing(job);
    let behavior = job.behavior.clone();
    let plugins = behavior.plugins_with(Hook::OriginRequest);
    let Some(first) = first.filter(|_| !plugins.is_empty()) else {
        return Ok(OriginRequest::Send(Box::new(plain), body));
    };
    done.asked = true;
    let mut lent = RequestBody::lend(&mut body);
    let mut replaced = None;
    let host = host_field(job, first);
    let mut facts = Arc::new(seen(facts, plain, host.as_ref(), first, &lent));
    for plugin in plugins {
        let called = transaction.origin_request(plugin, &facts).await;
        let reads = called.reads.clone();
        done.reads.extend_from_slice(&reads);
        let refused = match hooks.note(plugin, called) {
            Ok(OriginRequestDecision::Next) => continue,
            Ok(OriginRequestDecision::Edit(edits)) => match edited(&facts, &edits) {
                Ok(changed) => {
                    unkeyed::warn(job, plugin, Hook::OriginRequest, &reads);
                    facts = Arc::new(changed);
                    let fields = edits.fields.iter().map(|edit| edit.name().clone());
                    done.fields.extend(fields);
                    if let Some(bytes) = edits.body {
                        replaced = Some(bytes.len());
                        lent = Lent::Whole(bytes);
                    }
                    continue;
                }
                Err(why) => Some(why),
            },
            Ok(OriginRequestDecision::Respond(response)) => match Fetched::made(job, response) {
                Ok(fetched) => {
                    unkeyed::warn(job, plugin, Hook::OriginRequest, &reads);
                    return Ok(OriginRequest::Answered(Box::new(fetched)));
                }
                Err(why) => Some(why),
            },
            Err(()) => None,
        };
        if let Some(why) = refused {
            hooks.refuse(plugin, Hook::OriginRequest, &why);
        }
        if plugin.on_error() == OnError::Fail {
            return Err(Unsent::Failed(hooks.failed(Hook::OriginRequest)));
        }
    }
    let body = lent.take_back().map_err(|Broken| Unsent::BrokenBody)?;
    let outgoing = sent(&facts, host, replaced);
    Ok(OriginRequest::Send(Box::new(outgoing), body))
}

/// The request as hooks see it.
fn seen(
    facts: &RequestFacts,
    plain: Outgoing,
    host: Option<&HeaderValue>,
    first: &Target,
    body: &Lent,
) -> RequestFacts {
    let mut seen = facts.clone();
    (seen.path, seen.query, seen.fields) = (plain.path, plain.query, plain.fields);
    if let Some(host) = host {
        seen.fields.insert(HOST, host.clone());
    }
    seen.origin = Some(first.origin.id().to_owned());
    seen.body = Some(body.reader());
    seen
}

/// The request after the hooks. A Host that they left as it was is each origin's own.
fn sent(facts: &RequestFacts, host: Option<HeaderValue>, replaced: Option<usize>) -> Outgoing {
    let mut fields = facts.fields.clone();
    let own = fields.remove(HOST).filter(|own| Some(own) != host.as_ref());
    if let Some(length) = replaced {
        fields.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    Outgoing {
        path: facts.path.clone(),
        query: facts.query.clone(),
        fields,
        host: own,
    }
}
