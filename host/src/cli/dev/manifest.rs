//! `dev.toml`: which programs are started as origins, and which curl lines are printed.

use crate::config::Distribution;
use crate::files::{self, ReadError};
use serde::Deserialize;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toml::Spanned;

/// The largest `dev.toml`, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// The content of `dev.toml`; empty if there is none.
#[derive(Debug, Default)]
pub(super) struct Manifest {
    file: PathBuf,
    text: String,
    typed: Typed,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Typed {
    #[serde(default)]
    origins: Vec<Program>,
    #[serde(default)]
    tour: Vec<Step>,
}

/// A program that is started as an origin.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Program {
    /// The origin's id in the distribution's file.
    id: Spanned<String>,
    /// The program and its arguments.
    command: Spanned<Vec<String>>,
}

/// A curl line with a few words on what it shows.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    /// The comment behind it.
    pub(super) say: String,
    curl: Spanned<Vec<String>>,
}

/// The reason why a `dev.toml` is refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum ManifestError {
    /// It is there, but can't be read.
    #[error("{} cannot be read: {source}", file.display())]
    Unreadable { file: PathBuf, source: ReadError },
    /// It is no TOML, or has other keys.
    #[error(
        "{} is not understood: {said}it may have [[origins]] with `id` and `command`, and [[tour]] with `say` and `curl`",
        file.display()
    )]
    NotUnderstood { file: PathBuf, said: String },
    /// It can't be carried out; one line for each reason.
    #[error("{}", .0.join("\n"))]
    Wrong(Vec<String>),
}

impl Program {
    pub(super) fn id(&self) -> &str {
        self.id.get_ref()
    }

    /// The program, and its arguments.
    pub(super) fn command(&self) -> (&str, &[String]) {
        match self.command.get_ref().split_first() {
            Some((program, arguments)) => (program, arguments),
            None => ("", &[]),
        }
    }
}

impl Step {
    /// The options, and the path.
    pub(super) fn curl(&self) -> (&[String], &str) {
        match self.curl.get_ref().split_last() {
            Some((path, options)) => (options, path),
            None => (&[], "/"),
        }
    }
}

impl Manifest {
    /// Reads the file. One that is not there says nothing.
    ///
    /// # Errors
    /// All that is wrong with what it says by itself; [`Manifest::check`] compares it with the configuration.
    pub(super) fn read(file: &Path) -> Result<Manifest, ManifestError> {
        let text = match files::read_text(file, MAX_FILE) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(source) => {
                return Err(ManifestError::Unreadable {
                    file: file.to_owned(),
                    source,
                });
            }
        };
        let typed = toml::from_str(&text).map_err(|error| ManifestError::NotUnderstood {
            file: file.to_owned(),
            said: error.to_string(),
        })?;
        let manifest = Manifest {
            file: file.to_owned(),
            text,
            typed,
        };
        let mut wrong = Vec::new();
        manifest.find_bad_programs(&mut wrong);
        manifest.find_bad_steps(&mut wrong);
        if wrong.is_empty() {
            Ok(manifest)
        } else {
            Err(ManifestError::Wrong(wrong))
        }
    }

    /// Checks that every program belongs to an origin.
    ///
    /// # Errors
    /// Those that don't.
    pub(super) fn check(&self, distributions: &[Arc<Distribution>]) -> Result<(), ManifestError> {
        let origins = || distributions.iter().flat_map(|one| &one.origins);
        let mut wrong = Vec::new();
        for program in &self.typed.origins {
            if !origins().any(|origin| *origin.id == program.id()) {
                let exist: Vec<String> =
                    origins().map(|origin| format!("`{}`", origin.id)).collect();
                let message = format!(
                    "no distribution has an origin `{}`; there are {}: write the id of one of them",
                    program.id(),
                    exist.join(", ")
                );
                wrong.push(self.at(&program.id, &message));
            }
        }
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(ManifestError::Wrong(wrong))
        }
    }

    /// The programs, in the order of the file.
    pub(super) fn origins(&self) -> &[Program] {
        &self.typed.origins
    }

    /// The curl lines, in the order of the file.
    pub(super) fn tour(&self) -> &[Step] {
        &self.typed.tour
    }

    fn find_bad_programs(&self, wrong: &mut Vec<String>) {
        for (number, program) in self.typed.origins.iter().enumerate() {
            if program.command().0.is_empty() {
                let message = "`command` names no program; write for instance command = [\"./origin\", \"--quiet\"]";
                wrong.push(self.at(&program.command, message));
            }
            let others = self.typed.origins.iter().take(number);
            if others.into_iter().any(|other| other.id() == program.id()) {
                let message = format!("the origin `{}` has two programs; remove one", program.id());
                wrong.push(self.at(&program.id, &message));
            }
        }
    }

    fn find_bad_steps(&self, wrong: &mut Vec<String>) {
        for step in &self.typed.tour {
            let path = step.curl.get_ref().last();
            if !path.is_some_and(|path| path.starts_with('/')) {
                let message = "the last word of `curl` is the path, which begins with `/`; options go before it";
                wrong.push(self.at(&step.curl, message));
            }
        }
    }

    /// A message with the place of a value.
    fn at<T>(&self, value: &Spanned<T>, message: &str) -> String {
        let before = self.text.get(..value.span().start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        format!("{}:{line}: {message}", self.file.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn read(text: &str) -> Result<Manifest, ManifestError> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("dev.toml");
        std::fs::write(&file, text).unwrap();
        Manifest::read(&file)
    }

    fn refused(text: &str) -> String {
        read(text).unwrap_err().to_string()
    }

    #[test]
    fn a_folder_needs_no_manifest() {
        let dir = tempfile::tempdir().unwrap();
        let manifest = Manifest::read(&dir.path().join("dev.toml")).unwrap();
        assert!(manifest.origins().is_empty() && manifest.tour().is_empty());
    }

    #[test]
    fn programs_and_curl_lines_are_taken_apart() {
        let manifest = read(
            "[[origins]]\nid = \"main\"\ncommand = [\"cargo\", \"run\"]\n\
             [[tour]]\nsay = \"a phone\"\ncurl = [\"-A\", \"iPhone\", \"/\"]\n",
        )
        .unwrap();
        assert_eq!(manifest.origins()[0].id(), "main");
        assert_eq!(
            manifest.origins()[0].command(),
            ("cargo", &["run".to_owned()][..])
        );
        assert_eq!(
            manifest.tour()[0].curl(),
            (&["-A".to_owned(), "iPhone".to_owned()][..], "/")
        );
    }

    #[test]
    fn an_unknown_key_is_shown_with_its_line_and_what_there_is() {
        let said = refused("[[origins]]\nid = \"main\"\ncomand = [\"a\"]\n");
        for part in ["line 3", "comand", "`command`", "[[tour]]"] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once_with_its_line() {
        let said = refused(
            "[[origins]]\nid = \"main\"\ncommand = []\n[[origins]]\nid = \"main\"\ncommand = [\"b\"]\n\
             [[tour]]\nsay = \"no path\"\ncurl = [\"-A\", \"iPhone\"]\n",
        );
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines.len(), 3, "{said}");
        assert!(
            lines[0].contains("dev.toml:3: `command` names no program"),
            "{said}"
        );
        assert!(
            lines[1].contains("dev.toml:5: the origin `main` has two programs"),
            "{said}"
        );
        assert!(lines[2].contains("dev.toml:9: the last word"), "{said}");
    }

    #[test]
    fn a_program_for_an_origin_that_no_distribution_has_is_refused_with_those_that_exist() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("one.toml");
        let text = "id = \"one\"\n[[origins]]\nid = \"main\"\ndomain = \"127.0.0.1\"\n\
                    [default_behavior]\norigin = \"main\"\n";
        std::fs::write(&file, text).unwrap();
        let config = config::load_one(&file).unwrap();
        let manifest = read("[[origins]]\nid = \"mian\"\ncommand = [\"a\"]\n").unwrap();
        let said = manifest
            .check(&config.distributions)
            .unwrap_err()
            .to_string();
        assert!(
            said.contains("dev.toml:2:") && said.contains("`mian`") && said.contains("`main`"),
            "{said}"
        );
        let manifest = read("[[origins]]\nid = \"main\"\ncommand = [\"a\"]\n").unwrap();
        assert!(manifest.check(&config.distributions).is_ok());
    }
}
