//! What must still be removed from a disk that fails: a removed response must not come back.
//!
//! Too much of it, and everything on the disk goes instead.

use std::collections::HashSet;

use crate::index::Change;
use crate::key::Key;

/// Removals that are remembered while the disk fails.
const MOST: usize = 1 << 16;

/// See the module.
#[derive(Default)]
pub(crate) struct Owed {
    keys: HashSet<Key>,
    variants: HashSet<(Key, u64)>,
    everything: bool,
}

impl Owed {
    /// Adds what is left to do of a change that failed, or that was not tried: nobody knows whether it has taken effect, so
    /// what it was to enter is removed. So is what may not be used any more as it is on disk; where a new head only confirmed
    /// it, the old one will do.
    pub(crate) fn add(&mut self, change: &Change) {
        if self.everything {
            return;
        }
        match change {
            Change::RemoveAll { key } => {
                self.keys.insert(*key);
            }
            Change::Remove { key, id }
            | Change::Put { key, id, .. }
            | Change::Head {
                key,
                id,
                is_stricter: true,
                ..
            } => {
                self.variants.insert((*key, *id));
            }
            Change::Head { .. } | Change::Move { .. } => {}
        }
        if self.keys.len() + self.variants.len() > MOST {
            tracing::error!(
                "too many removals wait for the failed disk: all stored responses on disk are lost"
            );
            *self = Owed {
                everything: true,
                ..Owed::default()
            };
        }
    }

    /// Whether all of the disk's content is to be removed.
    pub(crate) fn is_everything(&self) -> bool {
        self.everything
    }

    /// The removals, which come before all newer changes.
    pub(crate) fn removals(&self) -> impl Iterator<Item = Change> {
        let keys = self.keys.iter().map(|key| Change::RemoveAll { key: *key });
        let remove = |(key, id): &(Key, u64)| Change::Remove { key: *key, id: *id };
        keys.chain(self.variants.iter().map(remove))
    }
}
