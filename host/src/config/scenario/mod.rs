//! Scenario files: what `selvedge plugin test` sets up, asks, and expects.
//!
//! Read as a distribution file is, by the same readers: every value keeps its place, unknown keys are refused with what
//! exists, and all problems come at once. `[plugin]`, `[distribution]` and `[behavior]` are the tables of a distribution
//! file, without what a scenario fixes: one plugin, one behavior that runs it for every path, scripted origins.

mod fields;
mod script;
mod step;
mod time;

use super::behavior;
use super::capabilities;
use super::distribution::{self, Distribution, unique};
use super::origin::Origin;
use super::plugin::{self, PluginEntry};
use super::report::Problem;
use super::scalar::string;
use super::server::Server;
use super::source::Placed;
use super::walk::{self, File, Table, Value, entries, tables};
use super::{Alias, Config};
use toml::de::DeTable;

pub use fields::FieldLines;
pub use script::{Answer, Scripted};
pub use step::{Ask, AtOrigin, Cached, Expect, Step};

/// A scenario, and the configuration under which it runs.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// One distribution. Its servers' ports, the plugin's name and file, and what the server file says are for the run to
    /// fill in.
    pub config: Config,
    /// The requests and what is expected of them.
    pub script: Script,
}

/// The course of a scenario: origins, steps and expectations.
#[derive(Clone, Debug)]
pub struct Script {
    /// `about`: what it shows. Default: empty.
    pub about: String,
    /// `now`: when it begins, in seconds since the Unix epoch. Default: at the present second.
    pub now: Option<u64>,
    /// The host name that viewers ask for, unless a step has a field `Host`: the distribution's first alias without a
    /// wildcard, or its assigned name.
    pub host: String,
    /// `[kv]`: the distribution's key-value data before the first step, in the order of the keys.
    pub kv: Vec<(String, String)>,
    /// `[[origins]]`, in the order of the distribution's. Default: one called `main`, which answers everything.
    pub origins: Vec<Scripted>,
    /// `[[backends]]`, with the names of the plugin's.
    pub backends: Vec<Scripted>,
    /// `[[steps]]`: at least one.
    pub steps: Vec<Step>,
}

/// Reads a whole scenario file: the distribution that it makes, and the rest.
pub(super) fn document(
    file: &File<'_>,
    raw: &DeTable<'_>,
    server: &Server,
) -> (Distribution, Script) {
    walk::document(file, "the scenario", raw, |t| read(t, server))
}

fn read(t: &Table<'_>, server: &Server) -> (Distribution, Script) {
    let origins = origins(t);
    let backends = t.or("backends", Vec::new(), tables("a backend", script::backend));
    unique(
        t.file.problems,
        "backend",
        backends.iter().map(|one| &one.name),
    );
    let plugin = t.table_or_empty("plugin", "the table `plugin`", |t| {
        read_plugin(t, server, &backends)
    });
    let behavior = t.table_or_empty("behavior", "the table `behavior`", behavior::read_only);
    let servers: Vec<Origin> = origins
        .iter()
        .map(|script| Origin::scripted(script.name.clone()))
        .collect();
    let distribution = t.table_or_empty("distribution", "the table `distribution`", |t| {
        let parts = (servers.clone(), behavior.clone(), plugin.clone());
        distribution::read_for_scenario(t, server, parts)
    });
    let steps = t.required("steps", "[[steps]]", |v| {
        let steps = tables("a step", step::read)(v)?;
        match steps.is_empty() {
            false => Some(steps),
            true => v.refuse(Problem::new(
                "the scenario has no step, so it shows nothing",
            )),
        }
    });
    check_origins(t, &steps, &origins, &distribution);
    let script = Script {
        about: t.or("about", String::new(), string),
        now: t.optional("now", time::now),
        host: host(&distribution),
        kv: t.or("kv", Vec::new(), kv),
        origins,
        backends,
        steps,
    };
    (distribution, script)
}

fn origins(t: &Table<'_>) -> Vec<Scripted> {
    let origins = t.or("origins", Vec::new(), tables("an origin", script::origin));
    unique(
        t.file.problems,
        "origin",
        origins.iter().map(|one| &one.name),
    );
    match origins.is_empty() {
        false => origins,
        true => vec![Scripted::plain("main", t.at)],
    }
}

/// The plugin's entry, with a backend for each that is scripted.
fn read_plugin(t: &Table<'_>, server: &Server, scripted: &[Scripted]) -> PluginEntry {
    let names: Vec<Placed<String>> = scripted.iter().map(|one| one.name.clone()).collect();
    let mut backends = t.or("fetch", Vec::new(), capabilities::scripted_backends(&names));
    for name in &names {
        if !backends.iter().any(|backend| backend.name == **name) {
            backends.push(capabilities::scripted_backend(name));
        }
    }
    let here = |value: String| Placed { value, at: t.at };
    PluginEntry {
        name: here("plugin".to_owned()),
        file: Placed {
            value: "plugin.wasm".into(),
            at: t.at,
        },
        backends,
        ..plugin::read_rest(t, server)
    }
}

fn kv(value: &Value<'_>) -> Option<Vec<(String, String)>> {
    let read = entries(value)?
        .into_iter()
        .map(|(key, value)| Some((key.value, string(&value)?)));
    // Collected first, so that no entry hides the problems of the next.
    let read: Vec<Option<(String, String)>> = read.collect();
    read.into_iter().collect()
}

fn host(distribution: &Distribution) -> String {
    let mut aliases = distribution.aliases.iter();
    let exact = aliases.find_map(|alias| match &alias.value {
        Alias::Exact(name) => Some(name.clone()),
        Alias::Wildcard(_) => None,
    });
    exact.unwrap_or_else(|| distribution.domain.clone())
}

/// A step can only expect an origin that there is. Hosts that hooks name are called what `allowed_hosts` calls them.
fn check_origins(t: &Table<'_>, steps: &[Step], origins: &[Scripted], of: &Distribution) {
    let hosts = of.allowed_hosts.iter().map(|host| host.value.to_string());
    let known: Vec<String> = origins
        .iter()
        .map(|one| one.name.value.clone())
        .chain(hosts)
        .collect();
    let expected = steps.iter().flat_map(|step| &step.expect.origin);
    for name in expected.flat_map(|names| &names.value) {
        if **name != "none" && !known.contains(&name.value) {
            let problem = Problem::new(format!("no origin of the scenario is called `{name}`"));
            t.file.problems.add(
                problem
                    .at(name.at)
                    .exists(known.iter().map(String::as_str).chain(["none"])),
            );
        }
    }
}
