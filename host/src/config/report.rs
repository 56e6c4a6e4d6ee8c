//! Problems found in configuration files, and how they are shown.
//!
//! A problem says what is wrong, where (file, line, column, the source line with carets), what exists or is
//! allowed, and the way out. Reading never stops at the first one: every reader adds to one [`Problems`],
//! and the [`Report`] prints them all, file by file, in the order of the text.

use std::cell::RefCell;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::excerpt::Excerpt;

/// A place in one of the files that were read: a range of bytes, or the file as a whole.
///
/// Only meaningful together with the [`Sources`] of the same load. The default is "nowhere" and prints no
/// place.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct At {
    file: u32,
    span: Option<(u32, u32)>,
}

impl Default for At {
    fn default() -> At {
        At {
            file: u32::MAX,
            span: None,
        }
    }
}

impl At {
    /// The bytes `span` of this place's file.
    pub(super) fn span(self, span: std::ops::Range<usize>) -> At {
        let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        At {
            file: self.file,
            span: Some((narrow(span.start), narrow(span.end))),
        }
    }

    /// Sorts by file, then by position; a file as a whole comes before what is in it.
    fn order(&self) -> (u32, Option<(u32, u32)>) {
        (self.file, self.span)
    }
}

/// A value and the place where it was typed. Reads like the value.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// Where it was typed; nowhere for a default.
    pub at: At,
}

impl<T> Placed<T> {
    /// Returns true if it stands in a file: it is neither a default nor a stand-in for something that could not be read.
    pub fn is_typed(&self) -> bool {
        self.at != At::default()
    }
}

impl<T> std::ops::Deref for Placed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Display> fmt::Display for Placed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

/// The files of one load, kept so that later checks can still point into them.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<Source>,
}

#[derive(Clone, Debug)]
struct Source {
    path: PathBuf,
    text: Arc<str>,
}

impl Source {
    /// The line where a place begins; none for the file as a whole.
    fn excerpt(&self, at: &At) -> Option<Excerpt> {
        let (start, end) = at.span?;
        Excerpt::of(&self.text, start, end)
    }
}

impl Sources {
    /// Adds a file (with an empty text when it could not be read) and returns the place that means all of it.
    pub(super) fn add(&mut self, path: &Path, text: Arc<str>) -> At {
        let file = u32::try_from(self.files.len()).unwrap_or(u32::MAX);
        self.files.push(Source {
            path: path.to_owned(),
            text,
        });
        At { file, span: None }
    }

    /// The paths of all files, in the order in which they were read.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|source| source.path.as_path())
    }

    fn get(&self, at: &At) -> Option<&Source> {
        self.files.get(usize::try_from(at.file).ok()?)
    }
}

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

    /// Names of that kind that exist (keys, origins, plugins), so that the author can pick.
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

    /// How bad it is.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// The problem in words, without position and help.
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

    pub(super) fn into_report(self, sources: &Arc<Sources>) -> Report {
        Report::new(self.0.into_inner(), Arc::clone(sources))
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
        problems.sort_by_key(|problem| problem.at.order());
        Report { problems, sources }
    }

    /// Returns the report with further problems, all in the order of the files.
    pub fn and(self, more: Vec<Problem>) -> Report {
        let mut problems = self.problems;
        problems.extend(more);
        Report::new(problems, self.sources)
    }

    /// The problems, in the order of the files and of the text in them.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The problems without the line at the end that counts them, for files that are no configuration.
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
        let path = source.path.display();
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

/// Text of a file or a value as it may be shown on a terminal.
pub(super) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => shown.push_str("    "),
            c if c.is_control() => shown.push(char::REPLACEMENT_CHARACTER),
            c => shown.push(c),
        }
    }
    shown
}

/// A list of names for a message: `` `a`, `b` ``.
pub(super) fn quoted<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> String {
    let quoted = names
        .into_iter()
        .map(|name| format!("`{}`", printable(name.as_ref())));
    quoted.collect::<Vec<_>>().join(", ")
}
