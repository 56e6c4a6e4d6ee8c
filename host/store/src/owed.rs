//! What must still be removed from a disk that fails: a removed response must not come back.
//!
//! Whoever reads finds nothing of it meanwhile. Too much of it, and everything on the disk goes instead.

use std::collections::{BTreeSet, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;

use crate::index::Change;
use crate::key::Key;

/// Removals that are remembered while the disk fails.
const MOST: usize = 1 << 16;

/// See the module.
#[derive(Default)]
pub(crate) struct Owed {
    removals: RwLock<Removals>,
    /// Whether there are any: all that a reading of a disk that works asks for.
    any: AtomicBool,
}

/// What is to be removed.
#[derive(Clone, Default)]
pub(crate) struct Removals {
    keys: HashSet<Key>,
    variants: BTreeSet<(Key, u64)>,
    everything: bool,
}

/// What is to be removed of one key.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Hidden {
    /// Whether nothing of it is left.
    pub(crate) all: bool,
    pub(crate) ids: Vec<u64>,
}

impl Owed {
    /// Adds what is left to do of changes that failed, or that were not tried.
    pub(crate) fn add<'c>(&self, changes: impl IntoIterator<Item = &'c Change>) {
        let mut removals = self.removals.write();
        changes.into_iter().for_each(|change| removals.add(change));
        self.any.store(removals.are_any(), Ordering::Release);
    }

    /// All of the disk's content is to be removed.
    pub(crate) fn add_everything(&self) {
        *self.removals.write() = Removals::everything();
        self.any.store(true, Ordering::Release);
    }

    /// Whether all of the disk's content is to be removed.
    pub(crate) fn is_everything(&self) -> bool {
        self.removals.read().everything
    }

    /// All of it as it is now.
    pub(crate) fn removals(&self) -> Removals {
        self.removals.read().clone()
    }

    /// These are made.
    pub(crate) fn done(&self, made: &Removals) {
        let mut removals = self.removals.write();
        removals.take(made);
        self.any.store(removals.are_any(), Ordering::Release);
    }

    /// What must not be found of a key.
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

    /// Nobody knows whether the change has taken effect, so what it was to enter is removed. So is what may not be used any
    /// more as it is on disk; where a new head only confirmed it, the old one will do.
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
        if self.keys.len() + self.variants.len() > MOST {
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
