//! Reads the files of a configuration and puts the plan together.
#![expect(
    clippy::disallowed_methods,
    reason = "a configuration is read on a thread that may block"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::de::DeTable;

use super::Config;
use super::distribution::{self, Distribution};
use super::hosts::HostIndex;
use super::names::Alias;
use super::plugin::{self, PluginEntry};
use super::report::{At, Placed, Problem, Problems, Report, Sources};
use super::scenario::{self, Scenario};
use super::server::{self, Server};
use super::walk::File;

/// Larger files are not configuration; nothing here may be talked into reading a disk.
const LARGEST_FILE: u64 = 16 << 20;

/// Loads a server file and all distributions that belong to it.
///
/// `path` is the file, or a folder with a `selvedge.toml`. Reads files and does nothing else. All errors of
/// all files are in the report; warnings of a good configuration are in [`Config::warnings`].
pub fn load(path: &Path) -> Result<Config, Report> {
    let config = load_all(path);
    match config.warnings.has_errors() {
        true => Err(config.warnings),
        false => Ok(config),
    }
}

/// Loads as much as can be read, for a caller that goes on looking for errors: they are among [`Config::warnings`]. A value that
/// could not be read is a default. Such a configuration is for checking only.
pub fn load_all(path: &Path) -> Config {
    let path = match path.is_dir() {
        true => path.join("selvedge.toml"),
        false => path.to_owned(),
    };
    let mut loading = Loading::default();
    let server = loading.read(&path, server::document);
    let found = server
        .as_ref()
        .map(|server| loading.list(&server.distributions));
    let server = server.unwrap_or_else(|| Server::new(folder(&path)));
    loading.finish(server, &found.unwrap_or_default())
}

/// Loads a server file without its distributions: what a command needs to find the host that runs with it.
pub fn load_server(path: &Path) -> Result<Server, Report> {
    let path = match path.is_dir() {
        true => path.join("selvedge.toml"),
        false => path.to_owned(),
    };
    let mut loading = Loading::default();
    let server = loading.read(&path, server::document);
    let report = loading.problems.into_report(&Arc::new(loading.sources));
    match server {
        Some(server) if !report.has_errors() => Ok(server),
        _ => Err(report),
    }
}

/// Loads one distribution file on its own, with the settings of an empty server file beside it.
pub fn load_one(path: &Path) -> Result<Config, Report> {
    load_files(Server::new(folder(path)), &[path.to_owned()])
}

/// Loads a scenario file: what `selvedge plugin test` is to set up, to ask and to expect. Its configuration lacks what only the
/// run knows: where everything listens, and the plugin's name and file.
pub fn load_scenario(path: &Path) -> Result<Scenario, Report> {
    let mut loading = Loading::default();
    let server = Server::new(folder(path));
    let read = loading.read(path, |file, raw| scenario::document(file, raw, &server));
    let (distribution, script) = read.unzip();
    let config = loading.assemble(server, distribution.into_iter().collect());
    match script {
        Some(script) if !config.warnings.has_errors() => Ok(Scenario { config, script }),
        _ => Err(config.warnings),
    }
}

/// Loads a plugin's entry that stands alone in a file, as `[plugin]` in a scenario has it: `config`, `secrets`, `limits` and so
/// on; without a file, the entry that says nothing. The configuration has no distribution: it is there to show places of the
/// file. Name and file of the plugin are for the caller to fill in.
pub fn load_entry(path: Option<&Path>) -> Result<(Config, PluginEntry), Report> {
    let mut loading = Loading::default();
    let server = Server::new(path.map_or(Path::new(""), folder));
    let entry = match path {
        Some(path) => loading.read(path, |file, raw| plugin::document(file, raw, &server)),
        None => {
            let file = File {
                at: At::default(),
                dir: Path::new(""),
                problems: &loading.problems,
            };
            Some(plugin::document(&file, &DeTable::new(), &server))
        }
    };
    let config = loading.assemble(server, Vec::new());
    match entry {
        Some(entry) if !config.warnings.has_errors() => Ok((config, entry)),
        _ => Err(config.warnings),
    }
}

/// Loads distribution files under given server settings: what `dev` does with an example's folder.
pub fn load_files(server: Server, files: &[PathBuf]) -> Result<Config, Report> {
    let config = Loading::default().finish(server, files);
    match config.warnings.has_errors() {
        true => Err(config.warnings),
        false => Ok(config),
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

/// A configuration while its files are read.
#[derive(Default)]
struct Loading {
    sources: Sources,
    problems: Problems,
}

impl Loading {
    fn finish(mut self, server: Server, files: &[PathBuf]) -> Config {
        let mut distributions = Vec::new();
        for path in files {
            distributions
                .extend(self.read(path, |file, raw| distribution::document(file, raw, &server)));
        }
        self.assemble(server, distributions)
    }

    fn assemble(self, server: Server, distributions: Vec<Distribution>) -> Config {
        let ids = distributions.iter().map(|distribution| &distribution.id);
        distribution::unique(&self.problems, "distribution", ids);
        let hosts = index(&distributions, &self.problems);
        let sources = Arc::new(self.sources);
        let warnings = self.problems.into_report(&sources);
        Config {
            server,
            distributions,
            hosts,
            warnings,
            sources,
        }
    }

    /// Reads and understands one file. None if it is not even TOML; problems are recorded.
    fn read<T>(
        &mut self,
        path: &Path,
        document: impl Fn(&File<'_>, &DeTable<'_>) -> T,
    ) -> Option<T> {
        let text = match read_text(path) {
            Ok(text) => text,
            Err(problem) => {
                let at = self.sources.add(path, "".into());
                self.problems.add(problem.at(at));
                return None;
            }
        };
        let at = self.sources.add(path, Arc::clone(&text));
        let (raw, errors) = DeTable::parse_recoverable(&text);
        if errors.is_empty() {
            let file = File {
                at,
                dir: folder(path),
                problems: &self.problems,
            };
            return Some(document(&file, raw.get_ref()));
        }
        self.report_syntax(at, &text, &errors);
        None
    }

    /// Records syntax errors: the first of each line, since the others mostly follow from it.
    fn report_syntax(&self, at: At, text: &str, errors: &[toml::de::Error]) {
        let mut lines = BTreeSet::new();
        for error in errors {
            let start = error.span().map_or(0, |span| span.start);
            let before = text.as_bytes().get(..start).unwrap_or_default();
            if lines.insert(before.iter().filter(|c| **c == b'\n').count()) {
                let problem = Problem::new(format!("not valid TOML: {}", error.message()));
                self.problems
                    .add(problem.at(error.span().map_or(at, |span| at.span(span))));
            }
        }
    }

    /// The distribution files of a folder, by name.
    fn list(&mut self, folder: &Placed<PathBuf>) -> Vec<PathBuf> {
        let shown = folder.display();
        let refuse = |problem: Problem| {
            let way_out = "put one *.toml file per distribution there, or name another folder with `distributions`";
            self.problems.add(problem.at(folder.at).help(way_out));
            Vec::new()
        };
        let entries = match std::fs::read_dir(&folder.value) {
            Ok(entries) => entries,
            Err(error) => {
                return refuse(Problem::new(format!(
                    "the folder of distributions {shown} cannot be read: {error}"
                )));
            }
        };
        let is_meant = |path: &PathBuf| {
            let hidden = path
                .file_name()
                .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            !hidden
                && path
                    .extension()
                    .is_some_and(|extension| extension == "toml")
        };
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let mut paths: Vec<PathBuf> = paths.filter(is_meant).collect();
        paths.sort();
        match paths.is_empty() {
            true => refuse(Problem::new(format!("there is no distribution in {shown}"))),
            false => paths,
        }
    }
}

fn read_text(path: &Path) -> Result<Arc<str>, Problem> {
    let broken = |error: std::io::Error| {
        let problem = Problem::new(format!("this file cannot be read: {error}"));
        match error.kind() {
            ErrorKind::NotFound => problem.help("check the path; `--config` names the server file"),
            ErrorKind::PermissionDenied => {
                problem.help("give the user that runs the host the right to read it")
            }
            _ => problem,
        }
    };
    let metadata = std::fs::metadata(path).map_err(broken)?;
    if !metadata.is_file() {
        return Err(
            Problem::new("this is not a file").help("a configuration is a text file in TOML")
        );
    }
    if metadata.len() > LARGEST_FILE {
        return Err(
            Problem::new("this file is too large for a configuration").allowed("up to 16 MiB")
        );
    }
    let bytes = std::fs::read(path).map_err(broken)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let before = error
            .as_bytes()
            .get(..error.utf8_error().valid_up_to())
            .unwrap_or_default();
        let line = before.iter().filter(|c| **c == b'\n').count() + 1;
        Problem::new(format!(
            "this file is not UTF-8 text: line {line} has other bytes"
        ))
        .help("save it in the encoding UTF-8")
    })?;
    Ok(text.into())
}

/// Gives every host name to its distribution; a name that two claim is an error.
fn index(distributions: &[Distribution], problems: &Problems) -> HostIndex {
    let mut hosts = HostIndex::default();
    let mut owners: BTreeMap<Alias, (usize, At)> = BTreeMap::new();
    for (number, distribution) in distributions.iter().enumerate() {
        let assigned = Alias::Exact(distribution.domain.clone());
        hosts.insert(&assigned, number);
        owners
            .entry(assigned)
            .or_insert((number, distribution.id.at));
    }
    for (number, distribution) in distributions.iter().enumerate() {
        for alias in &distribution.aliases {
            hosts.insert(alias, number);
            match owners.get(&alias.value) {
                None => _ = owners.insert(alias.value.clone(), (number, alias.at)),
                Some((other, _)) if *other == number => {}
                Some((other, at)) => {
                    let owner = distributions
                        .get(*other)
                        .map_or("", |owner| owner.id.as_str());
                    problems.add(
                        Problem::new(format!("two distributions claim the host name `{}`", alias.value))
                            .at(alias.at)
                            .related(*at, format!("the distribution `{owner}` has it"))
                            .help("remove it from one of them, or make one more specific: an exact name beats a wildcard"),
                    );
                }
            }
        }
    }
    hosts
}
