//! Stored responses that turn out to be damaged while they are read.
//!
//! A body in memory was verified when it was loaded. A large one stays on disk, and each block is verified when it is read:
//! that may be long after the response was found. It is then removed, counted and logged, so that the next look-up misses
//! and the response is fetched anew.

use std::fmt::Debug;
use std::sync::Weak;

use crate::key::Key;

/// The way in which damage of a body is reported: the key of its response, and the store that has it.
#[derive(Clone, Debug)]
pub(crate) struct DamageReport {
    pub(crate) store: Weak<dyn RemoveDamaged>,
    pub(crate) key: Key,
}

impl DamageReport {
    /// Removes the variant of this number from the store, if it is still there. Blocks the thread.
    pub(crate) fn remove(&self, id: u64) {
        if let Some(store) = self.store.upgrade() {
            store.remove_damaged(&self.key, id);
        }
    }
}

/// Removes stored responses that do not check out.
pub(crate) trait RemoveDamaged: Debug + Send + Sync {
    /// Removes this one, if it is still stored: no look-up finds it when this returns. Blocks the thread.
    fn remove_damaged(&self, key: &Key, id: u64);
}
