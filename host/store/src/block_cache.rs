//! Blocks of large bodies that were read from disk lately, in memory: what is asked for again needs no file, no checksum and
//! no other thread.
//!
//! It stands between a body's reader and its file. It is bounded by bytes, out of the store's memory, and has the policy of
//! the memory tier: a large body that is read once from end to end does not evict blocks that are read again and again.

use bytes::Bytes;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use crate::config::BLOCK;

/// A body's id and the number of the block in it. Ids are never used again, so what is cached never becomes wrong.
type BlockId = (u64, u64);

#[derive(Clone)]
struct ByLength;

/// Bytes that a block costs beside its content.
const BESIDE: u64 = 256;

impl Weighter<BlockId, Bytes> for ByLength {
    fn weight(&self, _id: &BlockId, block: &Bytes) -> u64 {
        block.len() as u64 + BESIDE
    }
}

/// See the module.
pub(crate) struct BlockCache {
    /// `None` if there is no room for a few blocks.
    cache: Option<Cache<BlockId, Bytes, ByLength>>,
}

/// Below this, nothing is cached.
const MIN_CAPACITY: u64 = 16 * BLOCK;
/// A part of the cache with a lock of its own holds at least this.
const MIN_SHARD: u64 = 64 * BLOCK;

impl BlockCache {
    pub(crate) fn new(capacity: u64) -> BlockCache {
        let shards = (capacity / MIN_SHARD).clamp(1, 16);
        let options = OptionsBuilder::new()
            // A power of two, rounded down: quick_cache rounds up.
            .shards(1 << shards.ilog2())
            .estimated_items_capacity((capacity / BLOCK).max(1) as usize)
            .weight_capacity(capacity)
            .build();
        let cache = options
            .ok()
            .filter(|_| capacity >= MIN_CAPACITY)
            .map(|options| {
                let (hash, lifecycle) =
                    (DefaultHashBuilder::default(), DefaultLifecycle::default());
                Cache::with_options(options, ByLength, hash, lifecycle)
            });
        BlockCache { cache }
    }

    pub(crate) fn get(&self, id: u64, block: u64) -> Option<Bytes> {
        self.cache.as_ref()?.get(&(id, block))
    }

    /// Keeps a block that has been verified. It must not be a part of a larger buffer, which it would hold.
    pub(crate) fn put(&self, id: u64, block: u64, data: &Bytes) {
        if let Some(cache) = &self.cache {
            cache.insert((id, block), data.clone());
        }
    }

    /// Returns the bytes that it holds now.
    pub(crate) fn bytes(&self) -> u64 {
        self.cache.as_ref().map_or(0, Cache::weight)
    }
}

impl std::fmt::Debug for BlockCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlockCache")
            .field("bytes", &self.bytes())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(fill: u8) -> Bytes {
        vec![fill; BLOCK as usize].into()
    }

    #[test]
    fn it_stays_within_its_bytes_and_gives_what_was_put() {
        let capacity = 32 * BLOCK;
        let cache = BlockCache::new(capacity);
        for number in 0..200 {
            cache.put(1, number, &block(number as u8));
            assert!(cache.bytes() <= capacity);
        }
        let found: Vec<u64> = (0..200)
            .filter(|number| match cache.get(1, *number) {
                Some(data) => {
                    assert_eq!(data, block(*number as u8));
                    true
                }
                None => false,
            })
            .collect();
        assert!(found.len() > 16, "{found:?}");
    }

    #[test]
    fn one_that_is_too_small_keeps_nothing() {
        let cache = BlockCache::new(MIN_CAPACITY - 1);
        cache.put(1, 0, &block(1));
        assert_eq!(cache.get(1, 0), None);
    }
}
