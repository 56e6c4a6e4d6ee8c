//! `selvedge plugin check`: whether a host would load a plugin with its configuration. `plugin inspect` looks at the file alone;
//! here `init` runs, in a first instance under the limits of `run`, as every start and reload has it.

use super::compile;
use super::output::{complain, say};
use super::{FAILED, WRONG, plugin_inspect};
use crate::config::{self, At, Config, Distribution, Placed, PluginEntry, Problem};
use crate::distribution;
use crate::scaffold;
use clap::Args;
use selvedge_runtime::{Compiler, Hook, HookError, Inspection, Options, Plugin, Runtime};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

#[derive(Args)]
pub(super) struct Arguments {
    /// The plugin file, or a project's folder, which is built first; `.` where there is no --distribution either, whose entry has a
    /// file
    #[arg(value_name = "FILE|PROJECT")]
    plugin: Option<PathBuf>,
    /// A TOML file with the plugin's entry: the table [config], and `secrets`, `limits` and so on, as [plugin] of a scenario
    /// has them
    #[arg(long, value_name = "FILE", conflicts_with = "distribution")]
    entry: Option<PathBuf>,
    /// With the plugin's entry in the distribution of this id
    #[arg(long, value_name = "ID")]
    distribution: Option<String>,
    /// The entry of this name; not needed where the file or the distribution leaves no choice
    #[arg(long, value_name = "NAME", requires = "distribution")]
    name: Option<String>,
    /// The server file that --distribution belongs to
    #[arg(
        long,
        short,
        value_name = "FILE",
        default_value = "selvedge.toml",
        requires = "distribution"
    )]
    config: PathBuf,
}

/// The plugin to load: the entry with its file, and the configuration that its spans belong to.
struct Checked {
    config: Config,
    distribution: String,
    entry: PluginEntry,
}

pub(super) fn check(arguments: &Arguments) -> u8 {
    let file = match arguments.file() {
        Ok(file) => file,
        Err(error) => {
            complain(error);
            return FAILED;
        }
    };
    let checked = match arguments.read(file) {
        Ok(checked) => checked,
        Err(why) => {
            complain(why);
            return WRONG;
        }
    };
    match run(&checked, compile::child(), compile::users_cache()) {
        Ok(code) => code,
        Err(why) => {
            complain(format_args!("the plugin can't be checked: {why}"));
            FAILED
        }
    }
}

impl Arguments {
    /// The plugin file; none where the distribution names it.
    fn file(&self) -> Result<Option<PathBuf>, scaffold::BuildError> {
        let project = match &self.plugin {
            Some(file) if !file.is_dir() => return Ok(Some(file.clone())),
            Some(project) => project.as_path(),
            None if self.distribution.is_some() => return Ok(None),
            None => Path::new("."),
        };
        let built = scaffold::build(project, &mut |line| complain(line))?;
        Ok(Some(built.wasm))
    }

    fn read(&self, file: Option<PathBuf>) -> Result<Checked, String> {
        if let Some(id) = &self.distribution {
            return self.configured(id, file);
        }
        let loaded = config::load_entry(self.entry.as_deref());
        let (config, mut entry) = loaded.map_err(|report| report.to_string())?;
        let file = file.unwrap_or_default();
        let stem = file.file_stem().unwrap_or_default();
        entry.name = nowhere(stem.to_string_lossy().into_owned());
        entry.file = nowhere(file);
        Ok(Checked {
            config,
            distribution: "check".to_owned(),
            entry,
        })
    }

    /// The entry of a distribution, with another file where one was given.
    fn configured(&self, id: &str, file: Option<PathBuf>) -> Result<Checked, String> {
        let config = config::load(&self.config).map_err(|report| report.to_string())?;
        let Some(distribution) = config.distribution(id) else {
            let ids = config.distributions.iter().map(|one| one.id.as_str());
            return Err(none_called("distribution", id, ids));
        };
        let mut entry = self.entry_of(distribution, file.as_deref())?.clone();
        if let Some(file) = file {
            entry.file = nowhere(file);
        }
        Ok(Checked {
            distribution: id.to_owned(),
            entry,
            config,
        })
    }

    /// The entry that is named; else the one with this file; else the only one.
    fn entry_of<'d>(
        &self,
        distribution: &'d Distribution,
        file: Option<&Path>,
    ) -> Result<&'d PluginEntry, String> {
        let entries = &distribution.plugins;
        let names = || entries.iter().map(|entry| entry.name.as_str());
        if let Some(name) = &self.name {
            let named = entries.iter().find(|entry| *entry.name == *name);
            return named.ok_or_else(|| none_called("plugin", name, names()));
        }
        let of_file: Vec<&PluginEntry> = match file.and_then(|file| file.canonicalize().ok()) {
            Some(file) => entries.iter().filter(|entry| is(entry, &file)).collect(),
            None => Vec::new(),
        };
        match (of_file.as_slice(), entries.as_slice()) {
            ([entry], _) => Ok(*entry),
            ([], [entry]) => Ok(entry),
            (_, []) => Err(format!(
                "the distribution `{}` has no plugins",
                &*distribution.id
            )),
            _ => Err(format!(
                "the distribution `{}` has several plugins that may be meant; choose one with --name: {}",
                &*distribution.id,
                listed(names())
            )),
        }
    }
}

/// Loads the plugin as a host does, and says what came of it. An error is this machine's.
fn run(checked: &Checked, compiler: Compiler, cache: Option<PathBuf>) -> Result<u8, String> {
    let Checked {
        config,
        distribution,
        entry,
    } = checked;
    let (runtime, _compiled) = runtime(compiler, cache)?;
    let (mut problems, loaded) = distribution::load_alone(distribution, entry, &runtime);
    let mut refused = WRONG;
    let plugin = match loaded {
        Ok(plugin) => {
            let failed = runtime.rehearse(&plugin);
            let failed = failed.map_err(|error| error.to_string())?;
            let failed = failed
                .iter()
                .filter_map(|(hook, error)| failure(config, entry, *hook, error));
            problems.extend(failed);
            Some(plugin)
        }
        Err(not_loaded) => {
            if not_loaded.is_of_machine {
                refused = FAILED;
            }
            problems.push(not_loaded.problem);
            None
        }
    };
    let report = config.warnings.clone().and(problems);
    if !report.is_empty() {
        complain(report.listed().to_string().trim_end());
    }
    let Some(plugin) = plugin.filter(|_| !report.has_errors()) else {
        return Ok(refused);
    };
    let found = runtime.inspect(&entry.file);
    let found = found.map_err(|error| error.to_string())?;
    runtime.tidy();
    say(entry.file.display());
    for (name, text) in lines(&plugin, &found, !entry.config.is_null()) {
        say(format_args!("  {name:<8} {text}"));
    }
    say("no errors");
    Ok(0)
}

/// The engine. The file is looked at twice and compiled once; one that was checked before is not compiled again.
fn runtime(
    compiler: Compiler,
    cache: Option<PathBuf>,
) -> Result<(Arc<Runtime>, Option<TempDir>), String> {
    let with = |cache_dir: &Path| {
        Runtime::new(Options {
            compiler: compiler.clone(),
            cache_dir: Some(cache_dir.to_owned()),
            ..Options::default()
        })
    };
    if let Some(Ok(runtime)) = cache.as_deref().map(with) {
        return Ok((runtime, None));
    }
    let compiled = TempDir::with_prefix("selvedge-check-").map_err(|error| error.to_string())?;
    let runtime = with(compiled.path()).map_err(|error| error.to_string())?;
    Ok((runtime, Some(compiled)))
}

/// Returns what a failure of a hook on a plain request says about the plugin: an error if every call fails so, a warning if it broke
/// down. An error that it returned may be its answer to that request.
fn failure(config: &Config, entry: &PluginEntry, hook: Hook, error: &HookError) -> Option<Problem> {
    let message = format!(
        "plugin '{}': its hook `{hook}` fails for GET https://www.example.com/: {error}",
        &*entry.name
    );
    let problem = config.problem(&entry.file.at, message);
    match error {
        HookError::HeldHandle => Some(problem.help(
            "docs/plugins.md, \"Handles are borrowed\", shows what to do in C and JavaScript",
        )),
        HookError::Guest(_) | HookError::BadDecision(_) | HookError::NoInstance { .. } => None,
        _ => Some(problem.warning()),
    }
}

fn lines(plugin: &Plugin, found: &Inspection, configured: bool) -> Vec<(&'static str, String)> {
    let init = match (found.has_init, configured) {
        (true, true) => "takes its configuration",
        (true, false) => "does without a configuration",
        (false, true) => "none: nothing has looked at the configuration",
        (false, false) => "none",
    };
    let (contract, wasi) = plugin_inspect::imports(found);
    vec![
        ("hooks", listed(plugin.hooks().iter().map(|h| h.as_str()))),
        ("imports", listed(contract.into_iter())),
        ("of WASI", listed(wasi.into_iter())),
        ("init", init.to_owned()),
    ]
}

/// Returns true if the entry names this file.
fn is(entry: &PluginEntry, file: &Path) -> bool {
    entry.file.canonicalize().is_ok_and(|named| named == file)
}

/// Removes the spans of a problem: words of the command line stand in no file.
fn nowhere<T>(value: T) -> Placed<T> {
    Placed {
        value,
        at: At::default(),
    }
}

fn none_called<'a>(what: &str, name: &str, names: impl Iterator<Item = &'a str>) -> String {
    let name = name.escape_debug();
    format!("there is no {what} `{name}`; there is: {}", listed(names))
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    match names.is_empty() {
        true => "nothing".to_owned(),
        false => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use selvedge_runtime::ChildCompiler;

    /// A program that compiles nothing, and says that it has succeeded.
    fn broken_compiler() -> Compiler {
        Compiler::Child(ChildCompiler {
            program: "true".into(),
            ..ChildCompiler::this_program([compile::NAME])
        })
    }

    #[test]
    fn a_compiler_that_fails_says_nothing_against_the_plugin() {
        let dir = tempfile::TempDir::new().unwrap();
        let file = dir.path().join("a.wasm");
        let arguments = Arguments {
            plugin: Some(file.clone()),
            entry: None,
            distribution: None,
            name: None,
            config: PathBuf::new(),
        };
        let check = |content: &[u8]| {
            std::fs::write(&file, content).unwrap();
            let checked = arguments.read(Some(file.clone())).unwrap();
            run(&checked, broken_compiler(), None).unwrap()
        };
        assert_eq!(check(b"\0asm\x0d\0\x01\0"), FAILED);
        assert_eq!(check(b"no wasm"), WRONG);
    }
}
