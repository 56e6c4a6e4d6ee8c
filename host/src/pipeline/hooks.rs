//! Hook calls of one transaction: recorded for the access line, counted, and said in the log when they fail.

use super::decisions::Decision;
use super::edge::Edge;
use super::exchange::{BypassReason, PluginFailure};
use crate::observe::access::HookRecord;
use crate::observe::metrics::HookCounter;
use selvedge_runtime::{Called, Hook, HookError, Plugin, Read, RequestId};
use std::sync::{Arc, OnceLock};

/// The calls of one transaction.
pub(crate) struct Hooks {
    edge: Arc<Edge>,
    request_id: RequestId,
    /// Reads of cache-key hooks.
    pub(crate) key_reads: Vec<Read>,
    pub(crate) calls: Vec<HookRecord>,
    /// True if the last call was refused, since its plugin kept failing.
    short_circuited: bool,
}

impl Hooks {
    pub(crate) fn new(edge: &Arc<Edge>, request_id: RequestId) -> Hooks {
        Hooks {
            edge: edge.clone(),
            request_id,
            key_reads: Vec::new(),
            calls: Vec::new(),
            short_circuited: false,
        }
    }

    /// Records a call. Its failure has been counted and logged when this returns an error.
    pub(crate) fn note<D: Decision>(
        &mut self,
        plugin: &Arc<Plugin>,
        called: Called<D>,
    ) -> Result<D, ()> {
        let hook = D::HOOK;
        if hook == Hook::CacheKey {
            self.read_for_key(called.reads);
        }
        self.short_circuited = matches!(called.decision, Err(HookError::ShortCircuited { .. }));
        let outcome = match &called.decision {
            Ok(decision) => {
                self.count_good(plugin, hook, called.remembered);
                Ok(decision.decided(plugin.masks()))
            }
            // That it is, has been logged once.
            Err(error @ HookError::ShortCircuited { .. }) => {
                self.count(plugin, hook, error.as_str());
                Err(error_words(error))
            }
            Err(error) => {
                self.complain(plugin, hook, error.as_str(), &error.to_string());
                Err(error_words(error))
            }
        };
        let decides = called.decision.as_ref().is_ok_and(D::decides);
        self.calls.push(HookRecord {
            plugin: plugin.shared_name().clone(),
            hook,
            elapsed: called.elapsed,
            remembered: called.remembered,
            outcome,
            decides,
            overruled_by: None,
            masks: plugin.masks().clone(),
        });
        called.decision.map_err(|_| ())
    }

    /// The decision just noted counts in place of those before it at the same hook.
    pub(crate) fn overrule(&mut self) {
        let Some((last, before)) = self.calls.split_last_mut() else {
            return;
        };
        for call in before {
            if call.hook == last.hook && call.decides {
                call.overruled_by = Some(last.plugin.clone());
            }
        }
    }

    /// Notes that an earlier plugin keeps the decision just noted from counting.
    pub(crate) fn is_overruled_by(&mut self, plugin: &Arc<str>) {
        if let Some(last) = self.calls.last_mut() {
            last.overruled_by = Some(plugin.clone());
        }
    }

    fn read_for_key(&mut self, reads: Vec<Read>) {
        if self.key_reads.is_empty() {
            self.key_reads = reads;
        } else {
            self.key_reads.extend(reads);
        }
    }

    /// Records a plugin's answer that the host can't follow, as its failure. What is wrong may have the plugin's words in it.
    pub(crate) fn refuse(&mut self, plugin: &Arc<Plugin>, hook: Hook, why: &str) {
        let why = plugin.masks().printable(why);
        self.complain(plugin, hook, "bad-decision", &why);
        if let Some(call) = self.calls.last_mut() {
            call.outcome = Err(why);
            call.decides = false;
        }
    }

    /// Says what becomes of a body that a plugin makes after its hook has returned.
    pub(crate) fn witness(&self, plugin: &Arc<Plugin>, hook: Hook) -> Witness {
        Witness {
            edge: self.edge.clone(),
            request_id: self.request_id,
            plugin: plugin.clone(),
            hook,
        }
    }

    fn count_good(&self, plugin: &Plugin, hook: Hook, remembered: bool) {
        let outcome = if remembered { "remembered" } else { "ok" };
        let counters = plugin.kept(GoodCalls::default).and_then(|kept| {
            let of_hooks = if remembered {
                &kept.remembered
            } else {
                &kept.made
            };
            of_hooks.get(hook as usize)
        });
        match counters {
            Some(counter) => counter
                .get_or_init(|| {
                    let metrics = self.edge.metrics();
                    metrics.hook_counter(
                        plugin.distribution(),
                        plugin.name(),
                        hook.as_str(),
                        outcome,
                    )
                })
                .count(),
            None => self.count(plugin, hook, outcome),
        }
    }

    fn count(&self, plugin: &Plugin, hook: Hook, outcome: &'static str) {
        let (distribution, plugin) = (plugin.distribution(), plugin.name());
        let metrics = self.edge.metrics();
        metrics.hook(distribution, plugin, hook.as_str(), outcome);
    }

    /// The failure of the call just noted, where it is the request's.
    pub(crate) fn failed(&self, hook: Hook) -> PluginFailure {
        PluginFailure {
            hook,
            is_short_circuited: self.short_circuited,
        }
    }

    /// Why a request passes the cache since the call just noted failed.
    pub(crate) fn passed_over(&self) -> BypassReason {
        match self.short_circuited {
            true => BypassReason::PluginShortCircuited,
            false => BypassReason::PluginFailed,
        }
    }

    fn complain(&self, plugin: &Arc<Plugin>, hook: Hook, word: &'static str, why: &str) {
        self.witness(plugin, hook).complain(word, why);
    }
}

/// A plugin's counters of calls that went well, by hook, kept with the plugin: to find one by its labels costs as much as
/// a remembered decision.
#[derive(Default)]
struct GoodCalls {
    made: [OnceLock<HookCounter>; Hook::ALL.len()],
    remembered: [OnceLock<HookCounter>; Hook::ALL.len()],
}

/// Tells of failures of one plugin at one hook.
pub(crate) struct Witness {
    edge: Arc<Edge>,
    request_id: RequestId,
    plugin: Arc<Plugin>,
    hook: Hook,
}

impl Witness {
    /// The plugin failed while it made a body.
    pub(crate) fn failed(&self, error: &HookError) {
        self.complain(error.as_str(), &error.to_string());
    }

    fn complain(&self, word: &'static str, why: &str) {
        let plugin = &self.plugin;
        self.edge.metrics().hook(
            plugin.distribution(),
            plugin.name(),
            self.hook.as_str(),
            word,
        );
        tracing::warn!(
            target: "plugin",
            plugin = plugin.name(),
            distribution = plugin.distribution(),
            request_id = %self.request_id,
            hook = self.hook.as_str(),
            error = word,
            on_error = plugin.on_error().as_str(),
            "{why}"
        );
    }
}

fn error_words(error: &HookError) -> String {
    format!("{}: {error}", error.as_str())
}
