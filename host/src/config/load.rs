//! Reads files and puts a configuration together.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::de::DeTable;

use super::claims;
use super::distribution::Distribution;
use super::document::{Document, MAX_FILE, Understood, understand};
use super::files::{Files, server_file};
use super::plugin::{self, PluginEntry};
use super::report::{Problem, Problems, Report};
use super::scenario::{self, Scenario};
use super::server::{self, Server};
use super::source::{At, Sources, folder};
use super::walk::File;
use super::whole::Config;
use crate::files::{Ledger, read};

/// Loads a server file and all distributions that belong to it.
///
/// `path` is the file, or a folder with a `selvedge.toml`. Reads files and does nothing else. All errors of
/// all files are in the report; warnings of a good configuration are in [`Config::warnings`].
pub fn load(path: &Path) -> Result<Config, Report> {
    load_all(path).without_errors()
}

/// Loads as much as can be read, with the errors among [`Config::warnings`], to go on looking for errors. What could
/// not be read is a default; such a configuration is for checking only.
pub fn load_all(path: &Path) -> Config {
    Files::new(path).read(&mut Ledger::default()).into_config()
}

/// Loads a server file without its distributions: what a command needs to find the host that runs with it.
pub fn load_server(path: &Path) -> Result<Server, Report> {
    let path = server_file(path);
    let mut loading = Loading::default();
    let server = loading.read(&path, server::document);
    let report = loading.report();
    match server {
        Some(server) if !report.has_errors() => Ok(server),
        _ => Err(report),
    }
}

/// Loads one distribution file on its own, with the settings of an empty server file beside it.
pub fn load_one(path: &Path) -> Result<Config, Report> {
    load_files(Server::new(folder(path)), &[path.to_owned()])
}

/// Loads distribution files under given server settings: what `dev` does with an example's folder.
pub fn load_files(server: Server, files: &[PathBuf]) -> Result<Config, Report> {
    let mut ledger = Ledger::default();
    let mut loading = Loading::default();
    let mut distributions = Vec::new();
    for path in files {
        let document = Document::read(path, ledger.read(path, MAX_FILE), &server);
        loading.sources.add(document.source().clone());
        loading.problems.extend_from_slice(document.problems());
        distributions.extend(document.distribution().cloned());
    }
    loading.assemble(server, distributions).without_errors()
}

/// Loads a scenario file: what `selvedge plugin test` is to set up, to ask and to expect. Its configuration lacks what only the
/// run knows: where everything listens, and the plugin's name and file.
pub fn load_scenario(path: &Path) -> Result<Scenario, Report> {
    let mut loading = Loading::default();
    let server = Server::new(folder(path));
    let read = loading.read(path, |file, raw| scenario::document(file, raw, &server));
    let (distribution, script) = read.unzip();
    let distributions = distribution.into_iter().map(Arc::new).collect();
    let config = loading.assemble(server, distributions).without_errors()?;
    match script {
        Some(script) => Ok(Scenario { config, script }),
        None => Err(config.warnings),
    }
}

/// Loads a plugin's entry that stands alone in a file, as `[plugin]` in a scenario has it: `config`, `secrets`, `limits` and so
/// on; without a file, the entry that says nothing. The configuration has no distribution: it is there to show positions in the
/// file. Name and file of the plugin are for the caller to fill in.
pub fn load_entry(path: Option<&Path>) -> Result<(Config, PluginEntry), Report> {
    let mut loading = Loading::default();
    let server = Server::new(path.map_or(Path::new(""), folder));
    let entry = match path {
        Some(path) => loading.read(path, |file, raw| plugin::document(file, raw, &server)),
        None => {
            let problems = Problems::default();
            let file = File {
                at: At::default(),
                dir: Path::new(""),
                problems: &problems,
            };
            Some(plugin::document(&file, &DeTable::new(), &server))
        }
    };
    let config = loading.assemble(server, Vec::new()).without_errors()?;
    match entry {
        Some(entry) => Ok((config, entry)),
        None => Err(config.warnings),
    }
}

/// Files that have been read so far.
#[derive(Default)]
struct Loading {
    sources: Sources,
    problems: Vec<Problem>,
}

impl Loading {
    /// Reads and understands one file. `None` if it is not even TOML; problems are recorded.
    fn read<T>(
        &mut self,
        path: &Path,
        document: impl Fn(&File<'_>, &DeTable<'_>) -> T,
    ) -> Option<T> {
        let Understood {
            source,
            read,
            problems,
            ..
        } = understand(path, read(path, MAX_FILE), document);
        self.sources.add(source);
        self.problems.extend(problems);
        read
    }

    fn assemble(mut self, server: Server, distributions: Vec<Arc<Distribution>>) -> Config {
        self.problems
            .extend(claims::duplicates(distributions.iter()));
        let sources = Arc::new(self.sources);
        let warnings = Report::new(self.problems, sources.clone());
        Config::new(server, distributions, warnings, sources)
    }

    fn report(self) -> Report {
        Report::new(self.problems, Arc::new(self.sources))
    }
}
