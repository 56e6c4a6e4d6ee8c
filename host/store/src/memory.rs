//! The memory tier: whole entries, bounded by their weight, with a policy that a scan does not flush.

use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};

use crate::entry::Entry;
use crate::key::Key;

/// Keys are hashes already: the first eight bytes are taken as they are.
#[derive(Default)]
pub(crate) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, prefix: u64) {
        self.0 = prefix;
    }
}

pub(crate) type KeyHash = BuildHasherDefault<KeyHasher>;

#[derive(Clone)]
struct ByWeight;

impl Weighter<Key, Arc<Entry>> for ByWeight {
    fn weight(&self, _key: &Key, entry: &Arc<Entry>) -> u64 {
        entry.weight()
    }
}

type Lifecycle = DefaultLifecycle<Key, Arc<Entry>>;

/// See the module.
pub(crate) struct MemoryTier {
    cache: Cache<Key, Arc<Entry>, ByWeight, KeyHash, Lifecycle>,
}

/// A shard must be able to hold a few of the largest entries.
const MIN_SHARD: u64 = 16 << 20;
/// The average weight of an entry; only to size the policy's tables.
const TYPICAL: u64 = 8 << 10;

impl MemoryTier {
    pub(crate) fn new(capacity: u64) -> MemoryTier {
        let shards = (capacity / MIN_SHARD).clamp(1, 64);
        // A power of two, rounded down: quick_cache rounds up.
        let shards = 1_usize << shards.ilog2();
        let options = OptionsBuilder::new()
            .shards(shards)
            .estimated_items_capacity((capacity / TYPICAL).max(32 * shards as u64) as usize)
            .weight_capacity(capacity)
            .build();
        // Both sizes that build() asks for are given above.
        let options = options.unwrap_or_else(|error| unreachable!("{error}"));
        MemoryTier {
            cache: Cache::with_options(options, ByWeight, KeyHash::default(), Lifecycle::default()),
        }
    }

    pub(crate) fn get(&self, key: &Key) -> Option<Arc<Entry>> {
        self.cache.get(key)
    }

    /// As `get`, but not counted as a use.
    pub(crate) fn peek(&self, key: &Key) -> Option<Arc<Entry>> {
        self.cache.peek(key)
    }

    pub(crate) fn insert(&self, key: Key, entry: Arc<Entry>) {
        self.cache.insert(key, entry);
    }

    pub(crate) fn remove(&self, key: &Key) {
        self.cache.remove(key);
    }

    pub(crate) fn objects(&self) -> u64 {
        self.cache.len() as u64
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.cache.weight()
    }

    pub(crate) fn capacity(&self) -> u64 {
        self.cache.capacity()
    }

    /// Hands every entry to `each`, in no order.
    pub(crate) fn each(&self, mut each: impl FnMut(&Key, &Entry)) {
        self.cache
            .iter()
            .for_each(|(key, entry)| each(&key, &entry));
    }

    /// The keys in memory, in no order.
    pub(crate) fn keys(&self) -> Vec<Key> {
        self.cache.iter().map(|(key, _)| key).collect()
    }
}
