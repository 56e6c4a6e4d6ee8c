//! Problems found in configuration files, and how they are shown.
//!
//! A problem says what is wrong, where (file, line, column, the source line with carets), what exists or is
//! allowed, and the way out. Reading never stops at the first one: every reader adds to one [`Problems`],
//! and the [`Report`] prints them all, file by file, in the order of the text.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use super::excerpt::Excerpt;
use super::printable::quoted;
use super::source::{At, Sources};

/// How bad a problem is.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Severity {
    /// The configuration is refused.
    Error,
    /// The configuration is taken, but it hardly means what its author wanted.
    Warning,
}

impl Severity {
    /// The word that begins the printed problem.
    pub fn as_str(&self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// One thing wrong with a configuration.
#[derive(Clone, Debug)]
pub struct Problem {
    severity: Severity,
    at: At,
    message: String,
    related: Vec<(At, String)>,
    notes: Vec<(&'static str, String)>,
}

impl Problem {
    /// An error; [`Problem::at`] gives it its place.
    pub fn new(message: impl Into<String>) -> Problem {
        Problem {
            severity: Severity::Error,
            at: At::default(),
            message: message.into(),
            related: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The place that the carets mark.
    pub fn at(mut self, at: At) -> Problem {
        self.at = at;
        self
    }

    /// Makes it a warning: printed, but the configuration is taken.
    pub fn warning(mut self) -> Problem {
        self.severity = Severity::Warning;
        self
    }

    /// A second place, in this or another file, with a few words on what it has to do with the first.
    pub fn related(mut self, at: At, label: impl Into<String>) -> Problem {
        self.related.push((at, label.into()));
        self
    }

    /// Adds what exists under that kind of name (keys, origins, plugins), so that the author can pick.
    pub fn exists<S: AsRef<str>>(self, names: impl IntoIterator<Item = S>) -> Problem {
        let names = quoted(names);
        if names.is_empty() {
            return self.line("exists", "none".to_owned());
        }
        self.line("exists", names)
    }

    /// Which values are allowed.
    pub fn allowed(self, text: impl Into<String>) -> Problem {
        self.line("allowed", text.into())
    }

    /// Why it is a problem.
    pub fn note(self, text: impl Into<String>) -> Problem {
        self.line("note", text.into())
    }

    /// The way out.
    pub fn help(self, text: impl Into<String>) -> Problem {
        self.line("help", text.into())
    }

    fn line(mut self, word: &'static str, text: String) -> Problem {
        self.notes.push((word, text));
        self
    }

    /// The number of the file that it is in.
    pub(super) fn file(&self) -> u32 {
        self.at.file()
    }

    /// How bad it is.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// The message, without position and help.
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// The problems of one load, while it runs. Shared by all readers.
#[derive(Debug, Default)]
pub(super) struct Problems(RefCell<Vec<Problem>>);

impl Problems {
    pub(super) fn add(&self, problem: Problem) {
        self.0.borrow_mut().push(problem);
    }

    pub(super) fn into_inner(self) -> Vec<Problem> {
        self.0.into_inner()
    }
}

/// Everything wrong with a configuration. `Display` prints all of it, for a terminal or a log.
#[derive(Clone, Debug)]
pub struct Report {
    problems: Vec<Problem>,
    sources: Arc<Sources>,
}

impl std::error::Error for Report {}

impl Report {
    pub(super) fn new(mut problems: Vec<Problem>, sources: Arc<Sources>) -> Report {
        if problems.len() > 1 {
            let ranks = sources.ranks();
            let rank = |at: &At| ranks.get(&at.file()).copied().unwrap_or(usize::MAX);
            problems.sort_by_key(|problem| (rank(&problem.at), problem.at.range()));
        }
        Report { problems, sources }
    }

    /// A report of one problem that is in no file.
    pub fn of(problem: Problem) -> Report {
        Report::new(vec![problem], Arc::default())
    }

    /// The warnings alone.
    pub fn warnings(&self) -> Report {
        let problems = self.problems.iter();
        let warnings = problems.filter(|problem| problem.severity == Severity::Warning);
        Report {
            problems: warnings.cloned().collect(),
            sources: self.sources.clone(),
        }
    }

    /// Returns true if there are warnings.
    pub fn has_warnings(&self) -> bool {
        self.count(Severity::Warning) > 0
    }

    /// Adds further problems, all in the order of the files.
    pub fn and(self, more: Vec<Problem>) -> Report {
        let mut problems = self.problems;
        problems.extend(more);
        Report::new(problems, self.sources)
    }

    /// The problems, in the order of the files and of the text in them.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The printed problems, without the line at the end that counts them.
    pub fn listed(&self) -> impl fmt::Display + '_ {
        Listed(self)
    }

    /// Returns true if there is no problem.
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// Returns true if the configuration is to be refused.
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    fn count(&self, severity: Severity) -> usize {
        let same = |problem: &&Problem| problem.severity == severity;
        self.problems.iter().filter(same).count()
    }
}

/// The problems of a report without the line that counts them.
struct Listed<'a>(&'a Report);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.0.problems {
            self.0.write_problem(f, problem)?;
            writeln!(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Listed(self).fmt(f)?;
        let count = |n: usize, word: &str| match n {
            0 => None,
            1 => Some(format!("1 {word}")),
            n => Some(format!("{n} {word}s")),
        };
        let parts: Vec<String> = [Severity::Error, Severity::Warning]
            .iter()
            .filter_map(|severity| count(self.count(*severity), severity.as_str()))
            .collect();
        match parts.is_empty() {
            true => write!(f, "no problems"),
            false => write!(f, "{} in the configuration", parts.join(" and ")),
        }
    }
}

impl Report {
    fn write_problem(&self, f: &mut fmt::Formatter<'_>, problem: &Problem) -> fmt::Result {
        writeln!(f, "{}: {}", problem.severity.as_str(), problem.message)?;
        let places = std::iter::once(&problem.at).chain(problem.related.iter().map(|(at, _)| at));
        let widest = places.filter_map(|at| Some(self.sources.get(at)?.excerpt(at)?.line));
        let width = widest.max().unwrap_or(1).to_string().len();
        self.write_place(f, &problem.at, "-->", '^', "", width)?;
        for (at, label) in &problem.related {
            self.write_place(f, at, ":::", '-', label, width)?;
        }
        for (word, text) in &problem.notes {
            writeln!(f, "{:width$} = {word}: {text}", "")?;
        }
        Ok(())
    }

    fn write_place(
        &self,
        f: &mut fmt::Formatter<'_>,
        at: &At,
        arrow: &str,
        mark: char,
        label: &str,
        width: usize,
    ) -> fmt::Result {
        let Some(source) = self.sources.get(at) else {
            return Ok(());
        };
        let path = source.path().display();
        let Some(excerpt) = source.excerpt(at) else {
            return match label {
                "" => writeln!(f, "{:width$}{arrow} {path}", ""),
                label => writeln!(f, "{:width$}{arrow} {path}: {label}", ""),
            };
        };
        let Excerpt { line, column, .. } = excerpt;
        writeln!(f, "{:width$}{arrow} {path}:{line}:{column}", "")?;
        writeln!(f, "{:width$} |", "")?;
        writeln!(f, "{line:>width$} | {}", excerpt.text)?;
        let marks = mark.to_string().repeat(excerpt.marks);
        let label = if label.is_empty() {
            label.to_owned()
        } else {
            format!(" {label}")
        };
        writeln!(
            f,
            "{:width$} | {:pad$}{marks}{label}",
            "",
            "",
            pad = excerpt.pad
        )
    }
}
