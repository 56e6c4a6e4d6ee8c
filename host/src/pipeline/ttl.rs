//! Ttl: how long a response may be used. The cache policy and the response's own fields say it; a plugin may say otherwise.

use super::hooks::Hooks;
use super::job::Job;
use selvedge_caching::Overrides;
use selvedge_runtime::{Hook, OnError, RequestFacts, ResponseFacts, Transaction, TtlDecision};
use std::sync::Arc;

/// Asks each plugin with a ttl hook; a later decision replaces what an earlier one said of the same thing.
///
/// # Errors
/// The word for the response, where a plugin failed whose failure is the request's failure.
pub(crate) async fn decide(
    job: &Job,
    facts: &Arc<RequestFacts>,
    response: ResponseFacts,
    transaction: &mut Transaction,
    hooks: &mut Hooks,
) -> Result<Overrides, &'static str> {
    let mut overrides = Overrides::default();
    let plugins = job.behavior.plugins_with(Hook::Ttl);
    if plugins.is_empty() || job.key.is_none() {
        return Ok(overrides);
    }
    let response = Arc::new(response);
    for plugin in plugins {
        let called = transaction.ttl(plugin, facts, &response).await;
        match hooks.note(plugin, called) {
            Ok(TtlDecision::Policy) => {}
            Ok(TtlDecision::DontStore) => overrides.dont_store = true,
            Ok(TtlDecision::Set {
                lifetime,
                stale_while_revalidate,
                stale_if_error,
                tags,
            }) => {
                overrides.dont_store = false;
                overrides.lifetime = lifetime.or(overrides.lifetime);
                overrides.stale_while_revalidate =
                    stale_while_revalidate.or(overrides.stale_while_revalidate);
                overrides.stale_if_error = stale_if_error.or(overrides.stale_if_error);
                overrides.tags.extend(tags);
            }
            Err(()) if plugin.on_error() == OnError::Continue => {}
            Err(()) => return Err(hooks.failed(Hook::Ttl)),
        }
    }
    Ok(overrides)
}
