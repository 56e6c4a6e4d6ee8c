//! Whatever picks the origin, or changes what is stored, has to be in the cache key, or one viewer's answer is stored for all.

use super::exchange::Job;
use selvedge_runtime::{Hook, Plugin, Read};

/// Says once for each plugin and hook that a decision depends on something that the key does not contain.
pub(crate) fn warn(job: &Job, plugin: &Plugin, hook: Hook, reads: &[Read]) {
    let Some(key) = &job.key else {
        return;
    };
    let unkeyed: Vec<String> = reads
        .iter()
        .filter(|read| !key.covers(read, &job.key_reads))
        .map(|read| format!("{read:?}"))
        .collect();
    let call = format!("{} {}", plugin.name(), hook.as_str());
    if !unkeyed.is_empty() && job.edge.first_time(&job.distribution, &call) {
        tracing::warn!(
            target: "plugin",
            plugin = plugin.name(),
            distribution = &**job.distribution.id(),
            request_id = %job.facts.request_id,
            hook = hook.as_str(),
            "{hook} depends on {}, which is not in the cache key: one viewer's answer may be stored for others. Add it in the cache-key hook or in the cache policy",
            plugin.masks().printable(&unkeyed.join(", "))
        );
    }
}
