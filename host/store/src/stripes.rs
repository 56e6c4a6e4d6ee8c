//! Who may change a key: changes of one key follow one another, and a load that raced a change is noticed.
//!
//! A stripe also holds the entries of its keys that the disk does not have yet, so that nothing that was finished
//! or removed is forgotten, or found again, between the memory tier and the index.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use crate::entry::Entry;
use crate::key::Key;
use crate::loads::Load;
use crate::memory::KeyHash;

const STRIPES: usize = 1024;

/// See the module.
pub(crate) struct Stripes(Vec<Mutex<Stripe>>);

/// The state of the keys of one stripe.
#[derive(Default)]
pub(crate) struct Stripe {
    /// Counts the changes.
    pub(crate) version: u64,
    /// Entries that wait for the disk; `None` for a key that was removed.
    pub(crate) pending: HashMap<Key, Pending, KeyHash>,
    /// Keys that are being read from disk.
    pub(crate) loads: HashMap<Key, Load, KeyHash>,
}

/// An entry and the number of the last order that concerns it.
pub(crate) struct Pending {
    pub(crate) order: u64,
    pub(crate) entry: Option<Arc<Entry>>,
}

impl Stripes {
    pub(crate) fn new() -> Stripes {
        Stripes((0..STRIPES).map(|_| Mutex::default()).collect())
    }

    pub(crate) fn lock(&self, key: &Key) -> MutexGuard<'_, Stripe> {
        self.0[key.prefix() as usize % STRIPES].lock()
    }
}
