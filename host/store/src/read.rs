//! The result of reading a key from disk.

use std::sync::Arc;

use crate::entry::Entry;

/// The result of reading a key from disk.
#[derive(Clone)]
pub(crate) enum Read {
    Entry(Arc<Entry>),
    /// These variants; there may be others.
    Part(Arc<Entry>),
    /// The key is not there.
    Nothing,
    /// The key may be there.
    Failed,
}

impl Read {
    pub(crate) fn entry(self) -> Option<Arc<Entry>> {
        match self {
            Read::Entry(entry) | Read::Part(entry) => Some(entry),
            Read::Nothing | Read::Failed => None,
        }
    }

    /// Returns true if all variants are known.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self, Read::Entry(_) | Read::Nothing)
    }
}
