//! Plugins of a distribution: the file, its configuration, and how far it may go.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::capabilities::{self, Backend, Secret, SecretSource};
use super::names;
use super::report::{At, Placed, Problem};
use super::scalar::{boolean, duration, integer, json, one_of, path, size, text};
use super::server::Server;
use super::short_circuit::ShortCircuit;
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

/// The sharing of instances of a plugin.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub enum Isolation {
    /// Nothing: every transaction gets a fresh instance.
    #[default]
    Request,
    /// An instance serves one transaction after another.
    Reuse,
}

/// The fate of a request when a plugin fails.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub enum OnError {
    /// It is answered with an error.
    #[default]
    Fail,
    /// It goes on as the hook's documentation says.
    Continue,
}

/// How far a plugin may go. The same keys in the server file's `[limits]` and in a plugin's `limits`. All
/// but memory and tables count for one call of a hook.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Limits {
    /// `cpu`: processor time, 1 ms to 10 s. Default 50 ms.
    pub cpu: Duration,
    /// `wall`: time, waiting included, 1 ms to 60 s. Default 1 s.
    pub wall: Duration,
    /// `memory`: bytes of linear memory of an instance, 1 MiB to 4 GiB. Default 64 MiB.
    pub memory: u64,
    /// `table_elements`: entries of an instance's tables, 1 to 20,000. Default 10,000.
    pub table_elements: usize,
    /// `host_calls`: calls from the plugin to the host, 1 to 1,000,000. Default 10,000.
    pub host_calls: u64,
    /// `passed_bytes`: how much the plugin hands to the host, 1 KiB to 1 GiB. Default 1 MiB.
    pub passed_bytes: u64,
    /// `output_bytes`: how large a decision may be, 1 KiB to 1 GiB. Default 64 KiB.
    pub output_bytes: u64,
    /// `body_bytes`: how much content it may return, 1 KiB to 64 MiB. Default 1 MiB.
    pub body_bytes: u64,
    /// `fetches`: how many requests to backends it may start, 0 to 1,000. Default 16.
    pub fetches: u32,
    /// `log_lines`: how many lines reach the log, 0 to 10,000. Default 100.
    pub log_lines: u32,
    /// `log_bytes`: how much of them reaches the log, 0 to 1 MiB. Default 16 KiB.
    pub log_bytes: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            cpu: Duration::from_millis(50),
            wall: Duration::from_secs(1),
            memory: 64 << 20,
            table_elements: 10_000,
            host_calls: 10_000,
            passed_bytes: 1 << 20,
            output_bytes: 64 << 10,
            body_bytes: 1 << 20,
            fetches: 16,
            log_lines: 100,
            log_bytes: 16 << 10,
        }
    }
}

impl Limits {
    /// Reads a table of limits; those that it does not set stay as they are in `self`.
    pub(super) fn read(self, t: &Table<'_>) -> Limits {
        const BYTES: std::ops::RangeInclusive<u64> = (1 << 10)..=(1 << 30);
        let time = |longest| duration(Duration::from_millis(1)..=Duration::from_secs(longest));
        Limits {
            cpu: t.or("cpu", self.cpu, time(10)),
            wall: t.or("wall", self.wall, time(60)),
            memory: t.or("memory", self.memory, size((1 << 20)..=(4 << 30))),
            table_elements: t.or("table_elements", self.table_elements, integer(1..=20_000)),
            host_calls: t.or("host_calls", self.host_calls, integer(1..=1_000_000)),
            passed_bytes: t.or("passed_bytes", self.passed_bytes, size(BYTES)),
            output_bytes: t.or("output_bytes", self.output_bytes, size(BYTES)),
            body_bytes: t.or("body_bytes", self.body_bytes, size((1 << 10)..=(64 << 20))),
            fetches: t.or("fetches", self.fetches, integer(0..=1000)),
            log_lines: t.or("log_lines", self.log_lines, integer(0..=10_000)),
            log_bytes: t.or("log_bytes", self.log_bytes, size(0..=1 << 20)),
        }
    }
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
