//! The files that were read, and positions in them.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::excerpt::Excerpt;

/// A position in a file that was read: a range of bytes, or the file as a whole.
///
/// Only meaningful together with [`Sources`] that have the file. The default is nowhere, and prints nothing.
///
/// Positions do not count in comparisons: two values are equal if they mean the same, wherever they stand.
#[derive(Copy, Clone, Debug)]
pub struct At {
    /// The number of the [`Source`].
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

impl PartialEq for At {
    fn eq(&self, _: &At) -> bool {
        true
    }
}

impl Eq for At {}

impl At {
    /// The bytes `span` of this position's file.
    pub(super) fn span(self, span: std::ops::Range<usize>) -> At {
        let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        At {
            file: self.file,
            span: Some((narrow(span.start), narrow(span.end))),
        }
    }

    /// The number of the file.
    pub(super) fn file(&self) -> u32 {
        self.file
    }

    /// The range of bytes; none for the file as a whole. What has none is sorted first.
    pub(super) fn range(&self) -> Option<(u32, u32)> {
        self.span
    }
}

/// A value and the position where it was typed. Reads like the value.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// Where it was typed; nowhere for a default.
    pub at: At,
}

impl<T> Placed<T> {
    /// Returns true if it stands in a file: it is neither a default nor the stand-in for what could not be read.
    pub fn is_typed(&self) -> bool {
        self.at.file != At::default().file
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

/// A file that was read.
#[derive(Debug)]
pub(super) struct Source {
    number: u32,
    path: PathBuf,
    text: Arc<str>,
}

impl Source {
    /// A file with its text, which is empty if it could not be read.
    pub(super) fn new(path: &Path, text: Arc<str>) -> Arc<Source> {
        // Unique in this process, so that a position stays right when other files come and go.
        static NUMBERS: AtomicU32 = AtomicU32::new(0);
        Arc::new(Source {
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            path: path.to_owned(),
            text,
        })
    }

    /// The file as a whole.
    pub(super) fn at(&self) -> At {
        At {
            file: self.number,
            span: None,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The line where a position begins; none for the file as a whole.
    pub(super) fn excerpt(&self, at: &At) -> Option<Excerpt> {
        let (start, end) = at.span?;
        Excerpt::of(&self.text, start, end)
    }
}

/// The files of a configuration, in their order, so that later checks can point into them.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<Arc<Source>>,
}

impl Sources {
    /// Adds a file.
    pub(super) fn add(&mut self, source: Arc<Source>) {
        self.files.push(source);
    }

    /// The paths of all files, in their order.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|source| source.path.as_path())
    }

    /// The file of a position.
    pub(super) fn get(&self, at: &At) -> Option<&Arc<Source>> {
        self.files.iter().find(|source| source.number == at.file)
    }

    /// The order of the files, by their numbers.
    pub(super) fn ranks(&self) -> HashMap<u32, usize> {
        let numbers = self.files.iter().map(|source| source.number);
        numbers.zip(0..).collect()
    }
}

/// The folder of a file: relative paths start there.
pub(super) fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}
