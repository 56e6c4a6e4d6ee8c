//! One file of a configuration: its text, its TOML, and what it says.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use toml::de::DeTable;

use super::distribution::{self, Distribution};
use super::names::HostName;
use super::report::{Problem, Problems, Severity};
use super::server::Server;
use super::source::{At, Source, Sources, folder};
use super::walk::File;
use crate::files::{Digest, ReadError};

/// The largest file of a configuration, in bytes.
pub(super) const MAX_FILE: u64 = 16 << 20;

/// A file that was read, with what `T` it says.
pub(super) struct Understood<T> {
    pub(super) source: Arc<Source>,
    /// `None` if it is not even TOML.
    pub(super) read: Option<T>,
    /// The meaning of the parts that are TOML, if not all of it is.
    pub(super) recovered: Option<T>,
    pub(super) problems: Vec<Problem>,
}

/// Reads the content of a file. All that is wrong with it becomes a problem.
pub(super) fn understand<T>(
    path: &Path,
    content: Result<Vec<u8>, ReadError>,
    document: impl Fn(&File<'_>, &DeTable<'_>) -> T,
) -> Understood<T> {
    let text = match text(content) {
        Ok(text) => text,
        Err(problem) => {
            let source = Source::new(path, "".into());
            return Understood {
                problems: vec![problem.at(source.at())],
                source,
                read: None,
                recovered: None,
            };
        }
    };
    let source = Source::new(path, text);
    let (raw, errors) = DeTable::parse_recoverable(source.text());
    let problems = Problems::default();
    let file = File {
        at: source.at(),
        dir: folder(path),
        problems: &problems,
    };
    let read = document(&file, raw.get_ref());
    let (read, recovered, problems) = match errors.is_empty() {
        true => (Some(read), None, problems.into_inner()),
        // What follows from the errors of syntax is not worth saying.
        false => (None, Some(read), of_syntax(&source, &errors)),
    };
    Understood {
        read,
        recovered,
        problems,
        source: source.clone(),
    }
}

/// Errors of syntax: the first of each line, since the others mostly follow from it.
fn of_syntax(source: &Source, errors: &[toml::de::Error]) -> Vec<Problem> {
    let mut lines = BTreeSet::new();
    let mut problems = Vec::new();
    for error in errors {
        let start = error.span().map_or(0, |span| span.start);
        let before = source.text().as_bytes().get(..start).unwrap_or_default();
        if lines.insert(before.iter().filter(|c| **c == b'\n').count()) {
            let at = source.at();
            let at = error.span().map_or(at, |span| at.span(span));
            let problem = Problem::new(format!("not valid TOML: {}", error.message()));
            problems.push(problem.at(at));
        }
    }
    problems
}

fn text(content: Result<Vec<u8>, ReadError>) -> Result<Arc<str>, Problem> {
    let bytes = content.map_err(|error| match error {
        ReadError::NotRegular(_) => {
            Problem::new("this is not a file").help("a configuration is a text file in TOML")
        }
        ReadError::TooLarge { .. } => {
            Problem::new("this file is too large for a configuration").allowed("up to 16 MiB")
        }
        error => {
            let problem = Problem::new(format!("this file cannot be read: {error}"));
            match error.kind() {
                ErrorKind::NotFound => {
                    problem.help("check the path; `--config` names the server file")
                }
                ErrorKind::PermissionDenied => {
                    problem.help("give the user that runs the host the right to read it")
                }
                _ => problem,
            }
        }
    })?;
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

/// One file of the folder of distributions, as it was last read.
#[derive(Debug)]
pub struct Document {
    source: Arc<Source>,
    /// `None` if it could not be read.
    digest: Option<Digest>,
    /// With stand-ins where it has errors; `None` if it is not even TOML.
    distribution: Option<Arc<Distribution>>,
    /// The id and the names that could be recognised although it is not TOML.
    recovered: Option<Arc<Distribution>>,
    problems: Vec<Problem>,
}

impl Document {
    /// Reads a distribution file of this server.
    pub(super) fn read(
        path: &Path,
        content: Result<(Vec<u8>, Digest), ReadError>,
        server: &Server,
    ) -> Document {
        let digest = content.as_ref().ok().map(|(_, digest)| *digest);
        let content = content.map(|(bytes, _)| bytes);
        let Understood {
            source,
            read,
            recovered,
            problems,
        } = understand(path, content, |file, raw| {
            distribution::document(file, raw, server)
        });
        Document {
            source,
            digest,
            distribution: read.map(Arc::new),
            recovered: recovered.map(Arc::new),
            problems,
        }
    }

    /// The file of a distribution that is right.
    pub(super) fn of_config(distribution: &Arc<Distribution>, sources: &Sources) -> Document {
        let distribution = distribution.clone();
        // What comes from no file is shown without one.
        let source = sources.get(&distribution.at).cloned();
        let source = source.unwrap_or_else(|| Source::new(Path::new(""), "".into()));
        Document {
            source,
            digest: None,
            distribution: Some(distribution),
            recovered: None,
            problems: Vec::new(),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.source.path()
    }

    /// The file as a whole.
    pub fn at(&self) -> At {
        self.source.at()
    }

    pub(super) fn source(&self) -> &Arc<Source> {
        &self.source
    }

    pub(super) fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// The distribution, if the file has no error.
    pub fn right(&self) -> Option<&Arc<Distribution>> {
        let is_error = |problem: &Problem| problem.severity() == Severity::Error;
        match self.problems.iter().any(is_error) {
            true => None,
            false => self.distribution.as_ref(),
        }
    }

    /// As much as could be read, with stand-ins for what could not.
    pub(super) fn distribution(&self) -> Option<&Arc<Distribution>> {
        self.distribution.as_ref()
    }

    /// Errors and warnings of the file by itself.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Returns true if the problem is in this file.
    pub(super) fn has(&self, problem: &Problem) -> bool {
        problem.file() == self.at().file()
    }

    /// Errors of the file by itself.
    pub fn errors(&self) -> Vec<Problem> {
        let errors = self.problems.iter();
        let errors = errors.filter(|problem| problem.severity() == Severity::Error);
        errors.cloned().collect()
    }

    /// The files that it names, as far as they can be recognised.
    pub fn named_files(&self) -> impl Iterator<Item = &Path> {
        let outline = self.outline().into_iter();
        let named = outline.flat_map(|outline| outline.named_files());
        named.filter(|file| !file.as_os_str().is_empty())
    }

    /// The id, even of a file with errors, if it can be recognised.
    pub fn id(&self) -> Option<&str> {
        let id = &self.outline()?.id;
        id.is_typed().then_some(id.as_str())
    }

    /// The host names that it claims, even with errors, as far as they can be recognised.
    pub fn names(&self) -> impl Iterator<Item = HostName<'_>> {
        let outline = self.outline();
        outline
            .into_iter()
            .flat_map(|outline| outline.names(outline.id.is_typed()))
    }

    fn outline(&self) -> Option<&Arc<Distribution>> {
        self.distribution.as_ref().or(self.recovered.as_ref())
    }

    /// The text in lower case, to look for host names in it.
    pub fn lower_text(&self) -> String {
        self.source.text().to_ascii_lowercase()
    }
}
