//! The result of reading a key from disk.

use std::sync::Arc;

use crate::entry::Entry;

/// What reading a key from disk gave.
#[derive(Clone)]
pub(crate) enum Read {
    Entry(Arc<Entry>),
    /// These variants; whether there are others, nobody knows.
    Part(Arc<Entry>),
    /// Surely not there.
    Nothing,
    /// Nobody knows.
    Failed,
}

impl Read {
    pub(crate) fn entry(self) -> Option<Arc<Entry>> {
        match self {
            Read::Entry(entry) | Read::Part(entry) => Some(entry),
            Read::Nothing | Read::Failed => None,
        }
    }

    /// Whether nothing of it is unknown.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self, Read::Entry(_) | Read::Nothing)
    }
}
