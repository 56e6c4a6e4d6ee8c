//! From a distribution's `[[plugins]]` to loaded plugins.

use super::grants::{self, Keeps, KeepsNothing};
use crate::config::{self, Config, Problem};
use crate::origin::Tls;
use bytes::Bytes;
use selvedge_runtime::capabilities::{Fetch, FetchError, Waiting};
use selvedge_runtime::{
    Capabilities, Hook, Isolation, Limits, LoadError, OnError, Plugin, PluginSpec, RequestFacts,
    Runtime, ShortCircuit,
};
use std::sync::Arc;

/// Loads all plugins of a distribution; what is wrong with one becomes a problem at the place that names it.
pub(super) fn load(
    config: &Config,
    distribution: &config::Distribution,
    runtime: &Runtime,
    keeps: &dyn Keeps,
    web: &Arc<Tls>,
    problems: &mut Vec<Problem>,
) -> Vec<Arc<Plugin>> {
    let mut plugins = Vec::new();
    // A file that could not be read from the configuration has been complained of already.
    let typed = distribution
        .plugins
        .iter()
        .filter(|entry| entry.file.is_typed());
    for entry in typed {
        let id = distribution.id.as_str();
        let capabilities = grants::capabilities(config, id, entry, keeps, web, problems);
        match runtime.load(&spec(id, entry, capabilities)) {
            Ok(plugin) => plugins.push(plugin),
            Err(error) => problems.push(problem(config, entry, &error)),
        }
    }
    plugins
}

/// Why one plugin was not loaded.
pub struct NotLoaded {
    /// The problem, at its position.
    pub problem: Problem,
    /// True if this machine failed: nothing is known to be wrong with the plugin then.
    pub is_of_machine: bool,
}

/// Loads one plugin by its entry, for whoever only wants to know whether it loads: what is wrong with the backends and secrets
/// of the entry, and what became of the plugin.
pub fn load_alone(
    config: &Config,
    distribution: &str,
    entry: &config::PluginEntry,
    runtime: &Runtime,
) -> (Vec<Problem>, Result<Arc<Plugin>, Box<NotLoaded>>) {
    let mut problems = Vec::new();
    let web = Arc::new(Tls::web());
    let mut capabilities = grants::capabilities(
        config,
        distribution,
        entry,
        &KeepsNothing,
        &web,
        &mut problems,
    );
    capabilities.fetch = Some(Arc::new(AsksNobody));
    let loaded = runtime.load(&spec(distribution, entry, capabilities));
    let not_loaded = |error: LoadError| NotLoaded {
        problem: problem(config, entry, &error),
        is_of_machine: error.is_of_machine(),
    };
    (
        problems,
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
fn problem(config: &Config, entry: &config::PluginEntry, error: &LoadError) -> Problem {
    let at = match error {
        LoadError::LacksHook { hook, .. } => entry
            .hooks
            .iter()
            .find(|asked| ***asked == hook.as_str())
            .map_or(entry.file.at, |asked| asked.at),
        LoadError::InitRefused { .. } => entry.config_at,
        _ => entry.file.at,
    };
    config.problem(&at, format!("plugin '{}': {error}", &*entry.name))
}
