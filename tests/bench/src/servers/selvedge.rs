//! The host, and the floor beneath it. Both are built by this program before it starts them.

use super::{HOST, Place, Recipe, Server};
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(super) const FLOOR: Recipe = Recipe {
    name: "floor",
    package: "",
    needs: &[],
    version: &[],
    prepare: |place| {
        let mut command = Command::new(target()?.join("floor/selvedge-floor"));
        command.arg(place.address.to_string());
        Ok(command)
    },
};

pub(crate) const SELVEDGE: Recipe = Recipe {
    name: "selvedge",
    package: "",
    needs: &[],
    version: &[],
    prepare: |place| Setup::compared()?.prepare(place),
};

/// Another build of the host, measured beside this one: before and after a change, in one run.
pub(crate) const BEFORE: Recipe = Recipe {
    name: "selvedge before",
    package: "",
    needs: &[],
    version: &[],
    prepare: |place| {
        let before = std::env::var_os("SELVEDGE_BEFORE").context("no other build is named")?;
        Setup::compared()?.prepare_with(Command::new(before), place)
    },
};

/// Returns true if `SELVEDGE_BEFORE` names another build of the host to measure beside this one.
pub(crate) fn has_before() -> bool {
    std::env::var_os("SELVEDGE_BEFORE").is_some()
}

/// The host name under which the cache-key plugin runs for each request, in an instance that is used again.
pub(crate) const REUSED: &str = "reused.bench.test";
/// The host name under which it has the default isolation: what it decided is remembered, and hits run no plugin.
pub(crate) const REMEMBERED: &str = "remembered.bench.test";

/// The folder that cargo builds into: this program lies in a profile's folder there.
fn target() -> Result<PathBuf> {
    let program = std::env::current_exe().context("this program does not know where it lies")?;
    let target = program
        .ancestors()
        .nth(2)
        .context("this program was moved")?;
    Ok(target.to_owned())
}

/// The workspace, where this program was built.
fn workspace() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here)
}

/// A host that was built before, in place of this workspace's.
fn given() -> Option<PathBuf> {
    std::env::var_os("SELVEDGE_BIN").map(PathBuf::from)
}

/// The host's program.
fn host() -> Result<Command> {
    let built = target()?.join("release/selvedge");
    Ok(Command::new(given().unwrap_or(built)))
}

/// A running host's answer about its cache, in part.
#[derive(Deserialize)]
pub(crate) struct Stats {
    /// Keys on disk.
    pub(crate) disk_objects: u64,
    /// True if all of them are known.
    pub(crate) disk_known: bool,
    /// Bytes waiting to be written.
    pub(crate) queued_bytes: u64,
    /// Responses that were not written, since the disk was slower than the fills.
    pub(crate) not_written: u64,
}

/// Asks a running host about its cache.
pub(crate) fn stats(server: &Server) -> Result<Stats> {
    let mut command = host()?;
    command.args(["cache", "stats", "--json", "--config"]);
    command.arg(server.place.folder.join("selvedge.toml"));
    let output = command
        .output()
        .context("the host's program does not start")?;
    ensure!(
        output.status.success(),
        "the host does not say what it has stored: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).context("what the host says about its cache is no JSON")
}

/// Builds the host, unless one is given, the floor and the plugin.
pub(crate) fn build() -> Result<()> {
    let target = target()?;
    let host = given().is_none().then_some("--release --package selvedge");
    let floor = "--profile floor --package selvedge-floor";
    let plugin = "--profile plugin --package quickstart-plugin --target wasm32-wasip1";
    for arguments in host.into_iter().chain([floor, plugin]) {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .current_dir(workspace())
            .arg("build")
            .args(arguments.split(' '));
        cargo.arg("--target-dir").arg(&target);
        let status = cargo.status().context("cargo does not start")?;
        ensure!(status.success(), "cargo build {arguments} failed");
    }
    Ok(())
}

/// The plugin whose cache-key hook the benchmarks call: that of the quickstart.
fn plugin() -> Result<PathBuf> {
    Ok(target()?.join("wasm32-wasip1/plugin/quickstart_plugin.wasm"))
}

/// The configuration of a host.
pub(crate) struct Setup {
    /// The sizes of its store, as the configuration writes them.
    pub(crate) memory: &'static str,
    pub(crate) disk: &'static str,
    pub(crate) distributions: Vec<Distribution>,
}

pub(crate) struct Distribution {
    pub(crate) id: String,
    pub(crate) alias: String,
    pub(crate) plugin: Option<Plugin>,
}

/// The quickstart's plugin, its cache-key hook only.
pub(crate) struct Plugin {
    pub(crate) isolation: &'static str,
    /// True if the behavior runs it; else it is only loaded.
    pub(crate) runs: bool,
    /// Bytes that make its file one of its own, so that it is compiled and loaded for itself.
    pub(crate) mark: Option<u32>,
}

impl Setup {
    /// The host that is measured beside the other servers.
    fn compared() -> Result<Setup> {
        let plugin = |isolation| {
            Some(Plugin {
                isolation,
                runs: true,
                mark: None,
            })
        };
        Ok(Setup {
            memory: "1 GiB",
            disk: "2 GiB",
            distributions: vec![
                Distribution::new("bench", HOST, None),
                Distribution::new("reused", REUSED, plugin("reuse")),
                Distribution::new("remembered", REMEMBERED, plugin("request")),
            ],
        })
    }

    /// Writes the configuration and returns the command that starts the host.
    pub(crate) fn prepare(&self, place: &Place) -> Result<Command> {
        self.prepare_with(host()?, place)
    }

    /// Writes the configuration and returns `program` with the arguments that start it.
    fn prepare_with(&self, mut program: Command, place: &Place) -> Result<Command> {
        let (address, memory, disk) = (place.address, self.memory, self.disk);
        let server = format!(
            "listen = [\"{address}\"]\nworkers = 2\naccess_log = false\n\n\
             [store]\npath = \"store\"\nmemory = \"{memory}\"\ndisk = \"{disk}\"\n"
        );
        let file = place.write("selvedge.toml", server)?;
        for distribution in &self.distributions {
            let name = format!("distributions/{}.toml", distribution.id);
            place.write(&name, distribution.text(place)?)?;
        }
        program
            .arg("run")
            .arg("--config")
            .arg(file)
            .env("SELVEDGE_LOG", "warn");
        Ok(program)
    }
}

impl Distribution {
    pub(crate) fn new(id: &str, alias: &str, plugin: Option<Plugin>) -> Distribution {
        Distribution {
            id: id.to_owned(),
            alias: alias.to_owned(),
            plugin,
        }
    }

    /// Writes its file anew while the host runs, in one step as editors do.
    pub(crate) fn replace(&self, place: &Place) -> Result<()> {
        let new = place.write("new", self.text(place)?)?;
        let file = place.folder.join(format!("distributions/{}.toml", self.id));
        std::fs::rename(new, file).context("the new file can't be put in its place")
    }

    fn text(&self, place: &Place) -> Result<String> {
        let (id, alias) = (&self.id, &self.alias);
        let (ip, port) = (place.origin.ip(), place.origin.port());
        let mut text = format!(
            "id = \"{id}\"\naliases = [\"{alias}\"]\n\n\
             [[origins]]\nid = \"main\"\ndomain = \"{ip}\"\nhttp_port = {port}\n\n\
             [default_behavior]\norigin = \"main\"\n"
        );
        if let Some(plugin) = &self.plugin {
            let file = plugin.file(place)?;
            if plugin.runs {
                text.push_str("plugins = [\"key\"]\n");
            }
            let (file, isolation) = (file.display(), plugin.isolation);
            write!(
                text,
                "\n[[plugins]]\nname = \"key\"\nfile = \"{file}\"\nhooks = [\"cache-key\"]\nisolation = \"{isolation}\"\n"
            )?;
        }
        Ok(text)
    }
}

impl Plugin {
    fn file(&self, place: &Place) -> Result<PathBuf> {
        let Some(mark) = self.mark else {
            return plugin();
        };
        let mut module = std::fs::read(plugin()?).context("the plugin was not built")?;
        // A custom section: its id, its size, its name with the name's length, and four bytes.
        module.extend([0, 9, 4]);
        module.extend(b"mark");
        module.extend(mark.to_le_bytes());
        place.write(&format!("plugins/{mark}.wasm"), module)
    }
}
