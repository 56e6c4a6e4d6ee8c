//! Removals that wait until a failing disk works again: a removed response must not come back.
//!
//! Readers do not find it meanwhile. If there are too many removals, everything on the disk is removed instead.

use std::collections::{BTreeSet, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;

use crate::index::Change;
use crate::key::Key;

/// Removals that are remembered while the disk fails.
const MAX_REMOVALS: usize = 1 << 16;

/// See the module.
#[derive(Default)]
pub(crate) struct Deferred {
    removals: RwLock<Removals>,
    /// True if there are any. A reading asks for nothing else while the disk works.
    any: AtomicBool,
}

/// Keys and variants to be removed.
#[derive(Clone, Default)]
pub(crate) struct Removals {
    keys: HashSet<Key>,
    variants: BTreeSet<(Key, u64)>,
    everything: bool,
}

/// The removals of one key.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Hidden {
    /// True if nothing is left of the key.
    pub(crate) all: bool,
    pub(crate) ids: Vec<u64>,
}

impl Deferred {
    /// Adds what is left to do of changes that failed, or that were not tried.
    pub(crate) fn add<'c>(&self, changes: impl IntoIterator<Item = &'c Change>) {
        let mut removals = self.removals.write();
        changes.into_iter().for_each(|change| removals.add(change));
        self.any.store(removals.are_any(), Ordering::Release);
    }

    /// Adds the removal of all of the disk's content.
    pub(crate) fn add_everything(&self) {
        *self.removals.write() = Removals::everything();
        self.any.store(true, Ordering::Release);
    }

    /// Returns true if all of the disk's content is to be removed.
    pub(crate) fn is_everything(&self) -> bool {
        self.removals.read().everything
    }

    /// Returns the removals as they are now.
    pub(crate) fn removals(&self) -> Removals {
        self.removals.read().clone()
    }

    /// These are made.
    pub(crate) fn done(&self, made: &Removals) {
        let mut removals = self.removals.write();
        removals.take(made);
        self.any.store(removals.are_any(), Ordering::Release);
    }

    /// Returns the variants of a key that must not be found.
    pub(crate) fn of(&self, key: &Key) -> Hidden {
        match self.any.load(Ordering::Acquire) {
            true => self.removals.read().of(key),
            false => Hidden::default(),
        }
    }
}

impl Removals {
    fn everything() -> Removals {
        Removals {
            everything: true,
            ..Removals::default()
        }
    }

    /// Adds the removals that a change asks for if it failed. It may have taken effect, so what it was to enter is removed. So is
    /// a variant that may no longer be used as it is on disk. If a new head only confirmed it, the old one stays.
    fn add(&mut self, change: &Change) {
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
        if self.keys.len() + self.variants.len() > MAX_REMOVALS {
            tracing::error!(
                "too many removals wait for the failed disk: all stored responses on disk are lost"
            );
            *self = Removals::everything();
        }
    }

    fn take(&mut self, made: &Removals) {
        if made.everything {
            *self = Removals::default();
        }
        self.keys.retain(|key| !made.keys.contains(key));
        self.variants.retain(|one| !made.variants.contains(one));
    }

    fn are_any(&self) -> bool {
        self.everything || !self.keys.is_empty() || !self.variants.is_empty()
    }

    pub(crate) fn is_everything(&self) -> bool {
        self.everything
    }

    /// The changes that make them, which come before all newer ones.
    pub(crate) fn changes(&self) -> Vec<Change> {
        let keys = self.keys.iter().map(|key| Change::RemoveAll { key: *key });
        let remove = |(key, id): &(Key, u64)| Change::Remove { key: *key, id: *id };
        keys.chain(self.variants.iter().map(remove)).collect()
    }

    fn of(&self, key: &Key) -> Hidden {
        let ids = self.variants.range((*key, 0)..=(*key, u64::MAX));
        Hidden {
            all: self.everything || self.keys.contains(key),
            ids: ids.map(|(_, id)| *id).collect(),
        }
    }
}
