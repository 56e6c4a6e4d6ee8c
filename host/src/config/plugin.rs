//! Plugins of a distribution: the file, its configuration, and how far it may go.

use std::path::{Path, PathBuf};

use super::capabilities::{self, Backend, Secret, SecretSource};
use super::limits::Limits;
use super::names;
use super::report::Problem;
use super::scalar::{boolean, json, one_of, path, text};
use super::server::Server;
use super::short_circuit::ShortCircuit;
use super::source::{At, Placed};
use super::walk::{self, Kind, Table, Value, distinct, kind, placed, table};
use toml::de::DeTable;

macro_rules! names {
    ($({ $hook:ident $module:ident $name:literal $($rest:tt)* })*) => {
        /// The names of the hooks, in the order in which they run.
        pub const HOOKS: [&str; [$($name),*].len()] = [$($name),*];

        const HOOK_WORDS: [(&str, &str); HOOKS.len()] = [$(($name, $name)),*];
    };
}

hooks!(names);

/// One `[[plugins]]` table of a distribution.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginEntry {
    /// `name`: what behaviors call it, and what logs and metrics say. Required; unique within the
    /// distribution.
    pub name: Placed<String>,
    /// `file`: the `.wasm` file, relative to the distribution's file. Required. Whether it exists is for the
    /// plugin loader to say, at this place.
    pub file: Placed<PathBuf>,
    /// `hooks`: which of its hooks run, each one of [`HOOKS`]. Default: all that the plugin exports (an
    /// empty list here).
    pub hooks: Vec<Placed<&'static str>>,
    /// `config`: any table; the plugin gets it as JSON. Default: nothing (`null` here).
    pub config: serde_json::Value,
    /// Where `config` is; the whole entry if there is none.
    pub config_at: At,
    /// `isolation`: `"request"` (a fresh instance for each transaction) or `"reuse"`. Default `"request"`.
    pub isolation: Isolation,
    /// `on_error`: `"fail"` (the request fails) or `"continue"` (it goes on as if the plugin were not
    /// there). Default `"fail"`.
    pub on_error: OnError,
    /// `remember`: whether decisions of cache-key and origin-selection are remembered where they can be. Default `true`.
    pub remember: bool,
    /// `limits`: what differs from the server file's `[limits]`.
    pub limits: Limits,
    /// `fetch`: the backends that it may send requests to, by name. Default: none.
    pub backends: Vec<Backend>,
    /// `secrets`: values that it may read and that are never printed. Default: none.
    pub secrets: Vec<Secret>,
    /// `short_circuit`: what differs from the server file's `[short_circuit]`.
    pub short_circuit: ShortCircuit,
}

impl PluginEntry {
    /// The files that it names: itself, certificates and secrets.
    pub fn named_files(&self) -> impl Iterator<Item = &Path> {
        let secrets = self
            .secrets
            .iter()
            .filter_map(|secret| match &secret.source {
                SecretSource::File(file) => Some(file.as_path()),
                SecretSource::Env(_) => None,
            });
        let certificates = self.backends.iter();
        let certificates =
            certificates.filter_map(|backend| Some(backend.ca_file.as_ref()?.value.as_path()));
        [self.file.value.as_path()]
            .into_iter()
            .chain(secrets)
            .chain(certificates)
    }
}

/// Sharing of a plugin's instances.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub enum Isolation {
    /// Nothing: every transaction gets a fresh instance.
    #[default]
    Request,
    /// An instance serves one transaction after another.
    Reuse,
}

/// Consequence for a request when a plugin fails.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub enum OnError {
    /// It is answered with an error.
    #[default]
    Fail,
    /// It goes on as the hook's documentation says.
    Continue,
}

const ISOLATION: [(&str, Isolation); 2] =
    [("request", Isolation::Request), ("reuse", Isolation::Reuse)];
const ON_ERROR: [(&str, OnError); 2] = [("fail", OnError::Fail), ("continue", OnError::Continue)];

/// Reads one plugin; what it leaves out of its limits is the server's.
pub(super) fn read(t: &Table<'_>, server: &Server) -> PluginEntry {
    let name = t.required(
        "name",
        "name = \"my-plugin\"",
        placed(text(names::identifier)),
    );
    let file = t.required("file", "file = \"my-plugin.wasm\"", placed(path));
    let backends = t.or("fetch", Vec::new(), capabilities::backends);
    let rest = read_rest(t, server);
    capabilities::warn_of_long_timeouts(t, &backends, rest.limits.wall);
    PluginEntry {
        name,
        file,
        backends,
        ..rest
    }
}

/// Reads an entry that stands alone in a file, for a plugin that is only checked: all but its name and its file, which the
/// command line says.
pub(super) fn document(file: &walk::File<'_>, raw: &DeTable<'_>, server: &Server) -> PluginEntry {
    walk::document(file, "the plugin's entry", raw, |t| {
        let backends = t.or("fetch", Vec::new(), capabilities::backends);
        let rest = read_rest(t, server);
        capabilities::warn_of_long_timeouts(t, &backends, rest.limits.wall);
        PluginEntry { backends, ..rest }
    })
}

/// Reads what a scenario says of the plugin that it tests: all but its name, its file and its backends.
pub(super) fn read_rest(t: &Table<'_>, server: &Server) -> PluginEntry {
    let Server {
        limits,
        short_circuit,
        ..
    } = server;
    let own = table("the table `limits`", |t| limits.clone().read(t));
    let own_circuit = table("the table `short_circuit`", |t| {
        short_circuit.clone().read(t)
    });
    PluginEntry {
        name: Placed::default(),
        file: Placed::default(),
        hooks: t.or("hooks", Vec::new(), hooks),
        config: t.or("config", serde_json::Value::Null, config),
        config_at: t.place("config").unwrap_or(t.at),
        isolation: t.or("isolation", Isolation::default(), one_of(&ISOLATION)),
        on_error: t.or("on_error", OnError::default(), one_of(&ON_ERROR)),
        remember: t.or("remember", true, boolean),
        limits: t.or("limits", limits.clone(), own),
        backends: Vec::new(),
        secrets: t.or("secrets", Vec::new(), capabilities::secrets),
        short_circuit: t.or("short_circuit", short_circuit.clone(), own_circuit),
    }
}

fn hooks(value: &Value<'_>) -> Option<Vec<Placed<&'static str>>> {
    let hooks = distinct(HOOKS.len(), one_of(&HOOK_WORDS))(value)?;
    if hooks.is_empty() && matches!(kind(value), Kind::List) {
        let problem = Problem::new("`hooks` names no hook, so the plugin would never run");
        return value.refuse(
            problem
                .exists(HOOKS)
                .help("leave `hooks` out to run all that the plugin exports"),
        );
    }
    Some(hooks)
}

fn config(value: &Value<'_>) -> Option<serde_json::Value> {
    match kind(value) {
        Kind::Table => json(value),
        _ => value.refuse(
            Problem::new("`config` takes a table")
                .help("write it as [plugins.config] below its [[plugins]], or { key = value }"),
        ),
    }
}
