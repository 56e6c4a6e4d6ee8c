//! What the hooks of one transaction did: recorded for the access line, counted, and said in the log when they fail.

use super::Edge;
use crate::observe::access::HookRecord;
use selvedge_runtime::{
    Called, Hook, HookError, KeyDecision, KeyPart, OriginDecision, Plugin, Read, TtlDecision,
};
use std::sync::Arc;

/// The calls of one transaction.
pub(crate) struct Hooks {
    edge: Arc<Edge>,
    request_id: Arc<str>,
    /// What cache-key hooks read.
    pub(crate) key_reads: Vec<Read>,
    pub(crate) calls: Vec<HookRecord>,
}

impl Hooks {
    pub(crate) fn new(edge: &Arc<Edge>, request_id: &Arc<str>) -> Hooks {
        Hooks {
            edge: edge.clone(),
            request_id: request_id.clone(),
            key_reads: Vec::new(),
            calls: Vec::new(),
        }
    }

    pub(crate) fn note_key(
        &mut self,
        plugin: &Plugin,
        called: Called<KeyDecision>,
    ) -> Result<KeyDecision, ()> {
        self.key_reads.extend_from_slice(&called.reads);
        self.note(plugin, Hook::CacheKey, called, |decision| match decision {
            KeyDecision::Policy => "policy".to_owned(),
            KeyDecision::Pass => "pass".to_owned(),
            KeyDecision::Extend(parts) => format!("extend {}", key_parts(parts)),
            KeyDecision::Replace(parts) => format!("replace {}", key_parts(parts)),
        })
    }

    pub(crate) fn note_origin(
        &mut self,
        plugin: &Plugin,
        called: Called<OriginDecision>,
    ) -> Result<OriginDecision, ()> {
        self.note(
            plugin,
            Hook::OriginSelection,
            called,
            |decision| match decision {
                OriginDecision::Policy => "policy".to_owned(),
                OriginDecision::Origin(id) => id.clone(),
                OriginDecision::Failover(ids) => ids.join(" then "),
                OriginDecision::Host { name, .. } => format!("host {name}"),
            },
        )
    }

    pub(crate) fn note_ttl(
        &mut self,
        plugin: &Plugin,
        called: Called<TtlDecision>,
    ) -> Result<TtlDecision, ()> {
        self.note(plugin, Hook::Ttl, called, |decision| match decision {
            TtlDecision::Policy => "policy".to_owned(),
            TtlDecision::DontStore => "dont-store".to_owned(),
            TtlDecision::Set { lifetime, .. } => match lifetime {
                Some(seconds) => format!("{seconds} s"),
                None => "policy's lifetime".to_owned(),
            },
        })
    }

    /// Records a plugin's answer that the host can't follow, as its failure.
    pub(crate) fn refuse(&mut self, plugin: &Plugin, hook: Hook, why: &str) {
        self.complain(plugin, hook, "bad-decision", why);
        if let Some(call) = self.calls.last_mut() {
            call.outcome = Err(why.to_owned());
        }
    }

    fn note<T>(
        &mut self,
        plugin: &Plugin,
        hook: Hook,
        called: Called<T>,
        describe: impl Fn(&T) -> String,
    ) -> Result<T, ()> {
        let outcome = match &called.decision {
            Ok(decision) => {
                self.edge
                    .metrics()
                    .hook(plugin.distribution(), plugin.name(), hook.as_str(), "ok");
                Ok(describe(decision))
            }
            Err(error) => {
                self.complain(plugin, hook, error.as_str(), &error.to_string());
                Err(error_words(error))
            }
        };
        self.calls.push(HookRecord {
            plugin: plugin.name().to_owned(),
            hook,
            elapsed: called.elapsed,
            outcome,
        });
        called.decision.map_err(|_| ())
    }

    fn complain(&self, plugin: &Plugin, hook: Hook, word: &'static str, why: &str) {
        self.edge
            .metrics()
            .hook(plugin.distribution(), plugin.name(), hook.as_str(), word);
        tracing::warn!(
            target: "plugin",
            plugin = plugin.name(),
            distribution = plugin.distribution(),
            request_id = &*self.request_id,
            hook = hook.as_str(),
            error = word,
            on_error = plugin.on_error().as_str(),
            "{why}"
        );
    }
}

/// The word for a response that a plugin's failure decided.
pub(crate) fn plugin_failed(hook: Hook) -> &'static str {
    match hook {
        Hook::CacheKey => "cache-key-failed",
        Hook::OriginSelection => "origin-selection-failed",
        Hook::Ttl => "ttl-failed",
        _ => "plugin-failed",
    }
}

fn error_words(error: &HookError) -> String {
    format!("{}: {error}", error.as_str())
}

fn key_parts(parts: &[KeyPart]) -> String {
    let words: Vec<String> = parts
        .iter()
        .map(|part| match part {
            KeyPart::Path => "path".to_owned(),
            KeyPart::QueryOnly(names) => format!("query only {}", names.join(" ")),
            KeyPart::QueryExcept(names) => format!("query except {}", names.join(" ")),
            KeyPart::Field(name) => format!("field {name}"),
            KeyPart::Cookie(name) => format!("cookie {name}"),
            KeyPart::Literal(value) => format!("'{}'", value.escape_ascii()),
        })
        .collect();
    format!("[{}]", words.join(", "))
}
