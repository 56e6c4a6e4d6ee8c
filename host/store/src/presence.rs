//! Which keys may be on disk: tells absent from on disk without reading anything.
//!
//! It has the first eight bytes of each key and whether the key was used since the last time eviction asked:
//! about 20 to 40 bytes of memory per key. It may say yes for a key that is gone (the load then finds nothing);
//! it says no only when the key is not there, except while it is being filled after a start.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;

use crate::key::Key;
use crate::memory::KeyHash;

const SHARDS: usize = 64;

/// See the module.
pub(crate) struct Presence {
    shards: [RwLock<HashMap<u64, AtomicBool, KeyHash>>; SHARDS],
    known: AtomicBool,
}

impl Presence {
    /// `known`: whether the absence of a key already means that it is not on disk.
    pub(crate) fn new(known: bool) -> Presence {
        Presence {
            shards: std::array::from_fn(|_| RwLock::default()),
            known: AtomicBool::new(known),
        }
    }

    fn shard(&self, prefix: u64) -> &RwLock<HashMap<u64, AtomicBool, KeyHash>> {
        // The map takes its own hash from the low and the highest bits; the shard from between.
        &self.shards[(prefix >> 40) as usize % SHARDS]
    }

    pub(crate) fn may_have(&self, key: &Key) -> bool {
        let prefix = key.prefix();
        self.shard(prefix).read().contains_key(&prefix) || !self.known.load(Ordering::Acquire)
    }

    pub(crate) fn insert(&self, key: &Key) {
        let prefix = key.prefix();
        self.shard(prefix).write().entry(prefix).or_default();
    }

    pub(crate) fn remove(&self, key: &Key) {
        let prefix = key.prefix();
        self.shard(prefix).write().remove(&prefix);
    }

    pub(crate) fn mark_used(&self, key: &Key) {
        let prefix = key.prefix();
        if let Some(used) = self.shard(prefix).read().get(&prefix) {
            used.store(true, Ordering::Relaxed);
        }
    }

    pub(crate) fn take_used(&self, key: &Key) -> bool {
        let prefix = key.prefix();
        let shard = self.shard(prefix).read();
        shard
            .get(&prefix)
            .is_some_and(|used| used.swap(false, Ordering::Relaxed))
    }

    /// From now on, a key that is not here is not on disk.
    pub(crate) fn set_known(&self) {
        self.known.store(true, Ordering::Release);
    }

    pub(crate) fn is_known(&self) -> bool {
        self.known.load(Ordering::Acquire)
    }

    pub(crate) fn clear(&self) {
        self.shards.iter().for_each(|shard| shard.write().clear());
    }

    pub(crate) fn len(&self) -> u64 {
        self.shards
            .iter()
            .map(|shard| shard.read().len() as u64)
            .sum()
    }
}
