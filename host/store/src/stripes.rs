//! The locks of keys: changes of one key follow one another, and a load that raced a change is noticed.
//!
//! A stripe also holds what the disk does not have yet of its keys (`pending`).

use std::collections::HashMap;

use parking_lot::{Mutex, MutexGuard};

use crate::key::Key;
use crate::load::Load;
use crate::memory::KeyHash;
use crate::pending::Pending;

const STRIPES: usize = 1024;

/// See the module.
pub(crate) struct Stripes(Vec<Mutex<Stripe>>);

/// The state of the keys of one stripe.
#[derive(Default)]
pub(crate) struct Stripe {
    /// Counts the changes.
    pub(crate) version: u64,
    /// The changes that wait for the disk.
    pub(crate) pending: HashMap<Key, Pending, KeyHash>,
    /// Keys that are being read from disk.
    pub(crate) loads: HashMap<Key, Load, KeyHash>,
}

impl Stripes {
    pub(crate) fn new() -> Stripes {
        Stripes((0..STRIPES).map(|_| Mutex::default()).collect())
    }

    /// Shows every stripe, one after another.
    pub(crate) fn each(&self, mut each: impl FnMut(&Stripe)) {
        self.0.iter().for_each(|stripe| each(&stripe.lock()));
    }

    pub(crate) fn lock(&self, key: &Key) -> MutexGuard<'_, Stripe> {
        self.0[key.prefix() as usize % STRIPES].lock()
    }
}
