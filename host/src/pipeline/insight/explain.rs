//! `selvedge explain`: the stages of a request up to the fetch, run for real with nothing sent and nothing stored. As for any
//! look-up, a variant that an invalidation has ended is removed when it is found.

use super::list::{absolute, describe_all, plain};
use super::{Explanation, HookDecision, MAX_LISTED, Question, Refused};
use crate::config::Protocol;
use crate::pipeline::exchange::{CacheKey, Found, Keyed, Received, Refusal, key_bytes};
use crate::pipeline::flight_key::flight_key;
use crate::pipeline::hooks::Hooks;
use crate::pipeline::look_up::look_up;
use crate::pipeline::viewer_request::{self, ViewerRequest};
use crate::pipeline::{Edge, cache_key, slices};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use selvedge_runtime::{Hook, Transaction};
use selvedge_store::Variant;
use std::sync::Arc;

/// Explains a request.
///
/// # Errors
/// The question is wrong.
pub async fn explain(edge: &Arc<Edge>, question: &Question) -> Result<Explanation, Refused> {
    let uri = absolute(&question.url)?;
    let method = question.method.as_deref().unwrap_or("GET");
    let method = Method::from_bytes(method.as_bytes())
        .map_err(|_| Refused::Wrong(format!("'{}' is not a method", method.escape_debug())))?;
    let fields = fields(&question.fields)?;
    match plain(edge, &uri, method, fields, question.viewer) {
        Ok(mut received) => Ok(continued(edge, &mut received).await),
        Err(refusal) => Ok(refused(refusal)),
    }
}

fn fields(pairs: &[(String, String)]) -> Result<HeaderMap, Refused> {
    let mut fields = HeaderMap::new();
    for (name, value) in pairs {
        let wrong = || {
            Refused::Wrong(format!(
                "'{}: {}' is not a field",
                name.escape_debug(),
                value.escape_debug()
            ))
        };
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        fields.append(name, HeaderValue::from_str(value).map_err(|_| wrong())?);
    }
    Ok(fields)
}

fn refused(refusal: Refusal) -> Explanation {
    Explanation {
        outcome: "refuse".to_owned(),
        why: refusal.as_str().to_owned(),
        status: Some(refusal.status().as_u16()),
        ..Explanation::default()
    }
}

async fn continued(edge: &Arc<Edge>, received: &mut Received) -> Explanation {
    let mut transaction = Transaction::new();
    let mut hooks = Hooks::new(edge, received.facts.request_id);
    let asked = viewer_request::handle(received, &mut transaction, &mut hooks).await;
    let received = &*received;
    let viewer_hooks = decisions(&mut hooks);
    let keyed = match asked {
        ViewerRequest::Next => cache_key::decide(received, &mut transaction, &mut hooks).await,
        ViewerRequest::Answered(prepared) => {
            return Explanation {
                outcome: "respond".to_owned(),
                why: prepared.reason.unwrap_or_default().to_owned(),
                status: Some(prepared.status.as_u16()),
                ..plain_explanation(received, viewer_hooks)
            };
        }
        ViewerRequest::Failed(why) => Keyed::Failed(why),
    };
    let behavior = &received.behavior;
    let mut explanation = Explanation {
        key_hooks: decisions(&mut hooks),
        origin: Some(behavior.origin().id().to_owned()),
        origin_address: Some(address(received)),
        origin_hooks: behavior
            .plugins_with(Hook::OriginSelection)
            .iter()
            .map(|plugin| plugin.name().to_owned())
            .collect(),
        ..plain_explanation(received, viewer_hooks)
    };
    let masks = received.distribution.masks();
    let (outcome, why) = match keyed {
        Keyed::Failed(why) => {
            explanation.status = Some(why.status().as_u16());
            ("fail", why.as_str())
        }
        Keyed::Pass { why, bytes, .. } => {
            explanation.key = bytes.map(|bytes| key_bytes::as_text(&bytes, masks));
            ("pass", why.as_str())
        }
        Keyed::Key(key) => {
            explanation.key = Some(key_bytes::as_text(&key.bytes, masks));
            let whole = looked_up(edge, received, &key, &mut explanation).await;
            match (whole, slices::size(received)) {
                (("miss", _), Some(size)) => sliced(edge, received, key, size, &mut explanation)
                    .await
                    .unwrap_or(whole),
                _ => whole,
            }
        }
    };
    explanation.outcome = outcome.to_owned();
    explanation.why = why.to_owned();
    explanation
}

async fn looked_up(
    edge: &Edge,
    received: &Received,
    key: &CacheKey,
    explanation: &mut Explanation,
) -> (&'static str, &'static str) {
    let entry = edge.stored(&key.hash).await;
    let found = look_up(edge, received, key).await.found;
    let mut select = |variant: &Variant| {
        let variants = entry.as_ref().map_or(&[][..], |entry| entry.variants());
        explanation.selected = variants.iter().position(|one| one.id == variant.id);
    };
    let result = match &found {
        Found::Fresh { variant, .. } => {
            select(variant);
            ("hit", "fresh")
        }
        Found::Stale { variant, .. } => {
            select(variant);
            ("stale", "stale-while-revalidate")
        }
        Found::Missing {
            why,
            detail,
            validating,
            completing,
            nominated,
        } => {
            let part = completing.as_ref().map(|completing| &completing.part);
            if let Some(variant) = validating.as_ref().or(part) {
                select(variant);
            }
            let flight = flight_key(
                edge,
                received,
                &received.facts.method,
                key,
                validating.as_ref(),
                completing.as_deref(),
                nominated,
            );
            let outcome = match validating {
                _ if edge.flights().is_under_way(&flight) => "collapse",
                Some(_) => "validate",
                None => "miss",
            };
            (outcome, detail.unwrap_or(why.as_str()))
        }
    };
    if let Some(entry) = &entry {
        explanation.variants = describe_all(edge, &received.distribution, entry);
    }
    result
}

/// The stored slices, and the outcome by the one with which the response would begin; `None` if none is stored.
async fn sliced(
    edge: &Arc<Edge>,
    received: &Received,
    key: CacheKey,
    size: u64,
    explanation: &mut Explanation,
) -> Option<(&'static str, &'static str)> {
    let plan = slices::Plan::new(edge, received, key, Vec::new(), size);
    let stored = plan.stored(MAX_LISTED as u64).await;
    if stored.is_empty() {
        return None;
    }
    let known = explanation.variants.len();
    let first = plan.first_of(received);
    for (index, entry) in &stored {
        let variants = describe_all(edge, &received.distribution, entry);
        if *index == first && !variants.is_empty() {
            explanation.selected = Some(explanation.variants.len());
        }
        explanation.variants.extend(variants);
    }
    explanation.variants.truncate(known + MAX_LISTED);
    Some(match plan.look_up(first).await {
        Found::Fresh { .. } => ("hit", "slices"),
        Found::Stale { .. } => ("stale", "slices"),
        Found::Missing {
            validating: Some(_),
            ..
        } => ("validate", "slices"),
        Found::Missing { .. } if plan.is_under_way(first) => ("collapse", "slices"),
        Found::Missing { why, detail, .. } => ("miss", detail.unwrap_or(why.as_str())),
    })
}

/// The facts known before the key.
fn plain_explanation(received: &Received, viewer_hooks: Vec<HookDecision>) -> Explanation {
    let masks = received.distribution.masks();
    Explanation {
        distribution: Some(received.distribution.id().to_string()),
        behavior: Some(received.behavior.settings().pattern.to_string()),
        path: Some(masks.mask(&received.facts.path).into_owned()),
        viewer_hooks,
        ..Explanation::default()
    }
}

/// Returns the decisions of hooks since the last call.
fn decisions(hooks: &mut Hooks) -> Vec<HookDecision> {
    let calls = std::mem::take(&mut hooks.calls).into_iter();
    calls
        .map(|call| HookDecision {
            plugin: call.plugin.to_string(),
            failed: call.outcome.is_err(),
            decision: match &call.outcome {
                Ok(_) => call.words(),
                Err(error) => error.clone(),
            },
        })
        .collect()
}

/// Where the behavior's origin is, as a URL.
fn address(received: &Received) -> String {
    let origin = received.behavior.origin().settings();
    let (scheme, port) = match origin.protocol {
        Protocol::HttpsOnly => ("https", origin.https_port),
        Protocol::HttpOnly | Protocol::MatchViewer => ("http", origin.http_port),
    };
    format!("{scheme}://{}:{port}{}", origin.domain, origin.path)
}
