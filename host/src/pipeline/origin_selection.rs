//! OriginSelection: which origins are asked, and in which order.
//!
//! The behavior names an origin; a plugin may name another, or several to try in turn. What a plugin read to decide must
//! be in the cache key, or one viewer's answer is stored for all: where it is not, the host warns.

use super::exchange::{Job, PluginFailure, Target};
use super::hooks::Hooks;
use super::unkeyed;
use crate::config::Protocol;
use crate::origin::Origin;
use selvedge_runtime::{Hook, OnError, OriginDecision, Plugin, RequestFacts, Scheme, Transaction};
use std::sync::Arc;

/// The longest name of a host (RFC 1035, section 3.1).
const MAX_HOST_LENGTH: usize = 253;

/// Asks the behavior, then each plugin with an origin-selection hook; the last one that decides wins.
///
/// # Errors
/// A plugin failed whose failure is the request's failure.
pub(crate) async fn select(
    job: &Job,
    facts: &Arc<RequestFacts>,
    transaction: &mut Transaction,
    hooks: &mut Hooks,
) -> Result<Vec<Target>, PluginFailure> {
    let mut chosen = vec![job.behavior.origin().clone()];
    for plugin in job.behavior.plugins_with(Hook::OriginSelection) {
        let called = transaction.shared_origin_selection(plugin, facts).await;
        let reads = called.reads.clone();
        let decided = match hooks.note(plugin, called).as_deref() {
            Ok(OriginDecision::Policy) => continue,
            Ok(OriginDecision::Origin(id)) => by_id(job, plugin, std::slice::from_ref(id)),
            Ok(OriginDecision::Failover(ids)) => by_id(job, plugin, ids),
            Ok(OriginDecision::Host { name, .. }) if name.len() > MAX_HOST_LENGTH => Err(format!(
                "it chose the host '{}', which is longer than the {MAX_HOST_LENGTH} characters that names of hosts may have",
                plugin.masks().name(name)
            )),
            Ok(OriginDecision::Host { scheme, name, port }) => job
                .distribution
                .host(*scheme, name, *port)
                .map(|origin| vec![origin]),
            Err(()) if plugin.on_error() == OnError::Continue => continue,
            Err(()) => return Err(hooks.failed(Hook::OriginSelection)),
        };
        match decided {
            Ok(origins) => {
                unkeyed::warn(job, plugin, Hook::OriginSelection, &reads);
                hooks.overrule();
                chosen = origins;
            }
            Err(why) => {
                hooks.refuse(plugin, Hook::OriginSelection, &why);
                if plugin.on_error() == OnError::Fail {
                    return Err(hooks.failed(Hook::OriginSelection));
                }
            }
        }
    }
    Ok(chosen
        .into_iter()
        .map(|origin| Target {
            secure: is_secure(job, &origin),
            origin,
        })
        .collect())
}

/// Returns true if this origin is asked by TLS.
pub(crate) fn is_secure(job: &Job, origin: &Origin) -> bool {
    match origin.settings().protocol {
        Protocol::HttpOnly => false,
        Protocol::HttpsOnly => true,
        Protocol::MatchViewer => job.facts.scheme == Scheme::Https,
    }
}

fn by_id(job: &Job, plugin: &Plugin, ids: &[String]) -> Result<Vec<Arc<Origin>>, String> {
    if ids.is_empty() {
        return Err("it chose from an empty list of origins".to_owned());
    }
    ids.iter()
        .map(|id| {
            job.distribution.origin(id).cloned().ok_or_else(|| {
                format!(
                    "it chose the origin '{}', but the distribution has {}",
                    plugin.masks().name(id),
                    job.distribution.origin_ids()
                )
            })
        })
        .collect()
}
