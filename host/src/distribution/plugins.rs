//! From a distribution's `[[plugins]]` to loaded plugins.

use super::grants;
use super::work::{Builder, Work};
use crate::config::{self, Problem};
use crate::files::{Digest, Ledger, ReadError};
use bytes::Bytes;
use selvedge_runtime::capabilities::{Fetch, FetchError, Waiting};
use selvedge_runtime::{
    Capabilities, Hook, Isolation, Limits, LoadError, OnError, Plugin, PluginSpec, RequestFacts,
    Runtime, ShortCircuit,
};
use std::io::ErrorKind;
use std::sync::Arc;

/// The largest plugin file in bytes.
const MAX_PLUGIN_FILE: u64 = 64 << 20;

/// A plugin, with what it was made from.
#[derive(Clone)]
pub(super) struct LoadedPlugin {
    pub(super) plugin: Arc<Plugin>,
    /// The digest of the plugin's bytes, by which it is known, and those of its secrets and `ca_file`s.
    digests: Vec<Option<Digest>>,
}

/// Loads all plugins of a distribution; what is wrong with one becomes a problem at the position that names it. Those of
/// `before`, with their entries, are taken over if nothing has changed for them.
pub(super) fn load(
    work: &mut Work<'_>,
    distribution: &config::Distribution,
    before: &[(&config::PluginEntry, &LoadedPlugin)],
) -> Vec<LoadedPlugin> {
    // A file that could not be read from the configuration has been complained of already.
    let typed = distribution.plugins.iter();
    let typed = typed.filter(|entry| entry.file.is_typed());
    let mut plugins = Vec::new();
    for entry in typed {
        let known = before.iter().find(|(known, loaded)| {
            means_the_same(known, entry) && loaded.is_current(entry, work.ledger)
        });
        match known {
            Some((_, loaded)) => plugins.push((*loaded).clone()),
            None => plugins.extend(load_one(work, distribution.id.as_str(), entry)),
        }
    }
    plugins
}

/// A plugin is known by its bytes: the path that leads to them does not count.
fn means_the_same(one: &config::PluginEntry, other: &config::PluginEntry) -> bool {
    let without_file = |entry: &config::PluginEntry| config::PluginEntry {
        file: config::Placed::default(),
        ..entry.clone()
    };
    without_file(one) == without_file(other)
}

impl LoadedPlugin {
    /// Returns true if all files that the entry names are those that it was made from.
    pub(super) fn is_current(&self, entry: &config::PluginEntry, ledger: &mut Ledger) -> bool {
        let mut digests = self.digests.iter().flatten();
        let is_same = |file| {
            let digest = ledger.digest(file, MAX_PLUGIN_FILE);
            digest.is_some() && digests.next().copied() == digest
        };
        entry.named_files().all(is_same)
    }
}

fn load_one(work: &mut Work<'_>, id: &str, entry: &config::PluginEntry) -> Option<LoadedPlugin> {
    let (capabilities, of_capabilities) = grants::capabilities(work, id, entry);
    let loaded = read(work, entry).and_then(|(file, digest)| {
        let plugin = work
            .runtime
            .load_bytes(&spec(id, entry, capabilities), &file)?;
        let digests = std::iter::once(Some(digest)).chain(of_capabilities);
        Ok(LoadedPlugin {
            plugin,
            digests: digests.collect(),
        })
    });
    loaded
        .map_err(|error| {
            work.machine_failed |= error.is_of_machine();
            work.problems.push(problem(entry, &error));
        })
        .ok()
}

fn read(work: &mut Work<'_>, entry: &config::PluginEntry) -> Result<(Vec<u8>, Digest), LoadError> {
    let path = || entry.file.value.clone();
    work.ledger
        .read(&entry.file, MAX_PLUGIN_FILE)
        .map_err(|error| match error {
            ReadError::Io(error) if error.kind() == ErrorKind::NotFound => {
                LoadError::Missing { path: path() }
            }
            ReadError::TooLarge { size, limit } => LoadError::TooLarge {
                path: path(),
                size,
                limit,
            },
            ReadError::Io(source) => LoadError::Unreadable {
                path: path(),
                source,
            },
            error => LoadError::Unreadable {
                path: path(),
                source: std::io::Error::other(error.to_string()),
            },
        })
}

/// Why one plugin was not loaded.
pub struct NotLoaded {
    /// The problem, at its position.
    pub problem: Problem,
    /// True if this machine failed: nothing is known to be wrong with the plugin then.
    pub is_of_machine: bool,
}

/// Loads one plugin by its entry, only to know if it loads: what is wrong with the backends and secrets of the entry, and what
/// became of the plugin.
pub fn load_alone(
    distribution: &str,
    entry: &config::PluginEntry,
    runtime: &Arc<Runtime>,
) -> (Vec<Problem>, Result<Arc<Plugin>, Box<NotLoaded>>) {
    let builder = Builder::for_checking(runtime.clone());
    let mut ledger = Ledger::default();
    let mut work = builder.work(&mut ledger);
    let (mut capabilities, _) = grants::capabilities(&mut work, distribution, entry);
    capabilities.fetch = Some(Arc::new(AsksNobody));
    let loaded = read(&mut work, entry)
        .and_then(|(file, _)| runtime.load_bytes(&spec(distribution, entry, capabilities), &file));
    let not_loaded = |error: LoadError| NotLoaded {
        problem: problem(entry, &error),
        is_of_machine: error.is_of_machine(),
    };
    (
        work.problems,
        loaded.map_err(|error| Box::new(not_loaded(error))),
    )
}

/// Backends of a plugin that only shows whether it works.
struct AsksNobody;

impl Fetch for AsksNobody {
    fn start(
        &self,
        _: Option<&Arc<RequestFacts>>,
        _: &str,
        _: http::Request<Bytes>,
    ) -> Result<Waiting<Result<http::Response<Bytes>, FetchError>>, FetchError> {
        Err(FetchError::Failed(
            "no backend is asked while a plugin is checked".to_owned(),
        ))
    }
}

fn spec(distribution: &str, entry: &config::PluginEntry, capabilities: Capabilities) -> PluginSpec {
    let limits = &entry.limits;
    PluginSpec {
        name: entry.name.to_string(),
        distribution: distribution.to_owned(),
        file: entry.file.value.clone(),
        hooks: entry
            .hooks
            .iter()
            .filter_map(|hook| hook.parse::<Hook>().ok())
            .collect(),
        config: entry.config.clone(),
        isolation: match entry.isolation {
            config::Isolation::Request => Isolation::Request,
            config::Isolation::Reuse => Isolation::Reuse,
        },
        on_error: match entry.on_error {
            config::OnError::Fail => OnError::Fail,
            config::OnError::Continue => OnError::Continue,
        },
        limits: Limits {
            cpu: limits.cpu,
            wall: limits.wall,
            memory: limits.memory,
            table_elements: limits.table_elements,
            host_calls: limits.host_calls,
            passed_bytes: limits.passed_bytes,
            output_bytes: limits.output_bytes,
            log_lines: limits.log_lines,
            log_bytes: limits.log_bytes,
            body_bytes: limits.body_bytes,
            fetches: limits.fetches,
        },
        short_circuit: ShortCircuit {
            failures: entry.short_circuit.failures,
            calls: entry.short_circuit.calls,
            pause: entry.short_circuit.pause,
            probes: entry.short_circuit.probes,
        },
        remember: entry.remember,
        capabilities,
    }
}

/// The error at the hook that is asked for, at the configuration that is refused, or else at the file.
fn problem(entry: &config::PluginEntry, error: &LoadError) -> Problem {
    let at = match error {
        LoadError::LacksHook { hook, .. } => entry
            .hooks
            .iter()
            .find(|asked| ***asked == hook.as_str())
            .map_or(entry.file.at, |asked| asked.at),
        LoadError::InitRefused { .. } => entry.config_at,
        _ => entry.file.at,
    };
    Problem::new(format!("plugin '{}': {error}", &*entry.name)).at(at)
}
