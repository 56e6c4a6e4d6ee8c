//! The files of a configuration, read again and again: what has not changed is not parsed again.
#![expect(
    clippy::disallowed_methods,
    reason = "a configuration is read on a thread that may block"
)]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::claims;
use super::document::{Document, MAX_FILE, understand};
use super::report::{Problem, Report, Severity};
use super::server::{self, Server};
use super::source::{Placed, Sources, folder};
use super::whole::Config;
use crate::files::{Digest, Ledger};

/// A server file, with what was last read of it and of its distributions.
#[derive(Debug)]
pub struct Files {
    path: PathBuf,
    server: Option<(Option<Digest>, ServerFile)>,
    documents: HashMap<PathBuf, Arc<Document>>,
}

/// The server file as it was last read.
#[derive(Clone, Debug)]
struct ServerFile {
    /// `None` if it is not even TOML.
    server: Option<Arc<Server>>,
    problems: Vec<Problem>,
    sources: Sources,
}

/// All files of a configuration, read. Each may have errors.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Settings of the server file; defaults if it is not even TOML.
    pub server: Arc<Server>,
    /// The distribution files, by name.
    pub documents: Vec<Arc<Document>>,
    /// Problems of the server file and of the folder of distributions.
    problems: Vec<Problem>,
    sources: Arc<Sources>,
}

impl Files {
    /// The files of the configuration that this server file, or a folder with a `selvedge.toml`, begins.
    pub fn new(path: &Path) -> Files {
        Files {
            path: server_file(path),
            server: None,
            documents: HashMap::new(),
        }
    }

    /// The server file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads what has changed since the last time. Blocking.
    pub fn read(&mut self, ledger: &mut Ledger) -> Loaded {
        let file = self.server_file(ledger);
        let ServerFile {
            server,
            mut problems,
            mut sources,
        } = file;
        let found = match &server {
            None => Vec::new(),
            Some(server) => list(&server.distributions).unwrap_or_else(|problem| {
                problems.push(*problem);
                Vec::new()
            }),
        };
        let server = server.unwrap_or_else(|| Arc::new(Server::new(folder(&self.path))));
        let mut before = std::mem::take(&mut self.documents);
        let mut documents = Vec::with_capacity(found.len());
        for path in found {
            let known = before.remove(&path).filter(|known| {
                known.digest().is_some() && known.digest() == ledger.digest(&path, MAX_FILE)
            });
            let document = known.unwrap_or_else(|| {
                Arc::new(Document::read(&path, ledger.read(&path, MAX_FILE), &server))
            });
            sources.add(document.source().clone());
            documents.push(document.clone());
            self.documents.insert(path, document);
        }
        Loaded {
            server,
            documents,
            problems,
            sources: Arc::new(sources),
        }
    }

    fn server_file(&mut self, ledger: &mut Ledger) -> ServerFile {
        if let Some((Some(digest), file)) = &self.server
            && ledger.digest(&self.path, MAX_FILE) == Some(*digest)
        {
            return file.clone();
        }
        let read = ledger.read(&self.path, MAX_FILE);
        let digest = read.as_ref().ok().map(|(_, digest)| *digest);
        let read = understand(&self.path, read.map(|(bytes, _)| bytes), server::document);
        let mut sources = Sources::default();
        sources.add(read.source);
        let file = ServerFile {
            server: read.read.map(Arc::new),
            problems: read.problems,
            sources,
        };
        let before = self.server.replace((digest, file.clone()));
        // Distributions are read under the server's settings.
        if before.is_none_or(|(_, before)| before.server != file.server) {
            self.documents.clear();
        }
        file
    }
}

impl Loaded {
    /// The server file's report, if it or the folder of distributions has errors.
    pub fn server_error(&self) -> Option<Report> {
        let is_error = |problem: &Problem| problem.severity() == Severity::Error;
        let has_errors = self.problems.iter().any(is_error);
        has_errors.then(|| self.report(self.problems.clone()))
    }

    /// A report of problems in these files.
    pub fn report(&self, problems: Vec<Problem>) -> Report {
        Report::new(problems, self.sources.clone())
    }

    /// All warnings and errors that the files have by themselves and together.
    pub fn problems(&self) -> Report {
        let mut problems = self.problems.clone();
        for document in &self.documents {
            problems.extend_from_slice(document.problems());
        }
        let read = self.documents.iter().filter_map(|one| one.distribution());
        problems.extend(claims::duplicates(read));
        self.report(problems)
    }

    /// The claims of each document that another has made before, by the order of the documents.
    pub fn clashes(&self) -> Vec<Vec<Problem>> {
        let read = self.documents.iter().filter_map(|one| one.distribution());
        let problems = claims::duplicates(read);
        let of = |document: &Arc<Document>| {
            let mut own = problems.clone();
            own.retain(|problem| document.has(problem));
            own
        };
        match problems.is_empty() {
            true => vec![Vec::new(); self.documents.len()],
            false => self.documents.iter().map(of).collect(),
        }
    }

    /// All warnings.
    pub fn warnings(&self) -> Vec<Problem> {
        let of_documents = self.documents.iter().flat_map(|one| one.problems());
        let all = self.problems.iter().chain(of_documents);
        let warnings = all.filter(|problem| problem.severity() == Severity::Warning);
        warnings.cloned().collect()
    }

    /// The files that are named without being read here: plugins, certificates, secrets and geo databases.
    pub fn named_files(&self) -> impl Iterator<Item = &Path> {
        let geo = self.server.geo_databases.iter().map(|file| file.as_path());
        geo.chain(self.documents.iter().flat_map(|one| one.named_files()))
    }

    /// The files that were read; a change to any of them may change the configuration.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.sources.paths()
    }

    /// The configuration as far as it could be read, with its problems among [`Config::warnings`].
    pub(super) fn into_config(self) -> Config {
        let warnings = self.problems();
        let read = self.documents.iter().filter_map(|one| one.distribution());
        let distributions = read.cloned().collect();
        Config::new(
            (*self.server).clone(),
            distributions,
            warnings,
            self.sources,
        )
    }
}

impl From<Config> for Loaded {
    fn from(config: Config) -> Loaded {
        let sources = config.sources().clone();
        let document = |distribution: &Arc<_>| Document::of_config(distribution, &sources);
        Loaded {
            documents: config
                .distributions
                .iter()
                .map(document)
                .map(Arc::new)
                .collect(),
            server: Arc::new(config.server),
            problems: Vec::new(),
            sources,
        }
    }
}

/// The server file that a path means: itself, or `selvedge.toml` in a folder.
pub(super) fn server_file(path: &Path) -> PathBuf {
    match path.is_dir() {
        true => path.join("selvedge.toml"),
        false => path.to_owned(),
    }
}

/// The distribution files of a folder, by name.
fn list(folder: &Placed<PathBuf>) -> Result<Vec<PathBuf>, Box<Problem>> {
    let shown = folder.display();
    let refuse = |problem: Problem| {
        let way_out = "put one *.toml file per distribution there, or name another folder with `distributions`";
        Err(Box::new(problem.at(folder.at).help(way_out)))
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
        false => Ok(paths),
    }
}
