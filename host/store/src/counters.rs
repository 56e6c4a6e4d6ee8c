//! The store's counters and gauges.

use std::sync::atomic::{AtomicU64, Ordering};

/// A snapshot of the store. Sizes are in bytes; counters count since the store was opened.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Keys in the memory tier.
    pub memory_objects: u64,
    /// The weight of the keys in the memory tier.
    pub memory_bytes: u64,
    /// The limit of that weight.
    pub memory_limit: u64,
    /// Bytes of blocks of large bodies that stay in memory after they were read from disk, beside `memory_bytes`.
    pub block_bytes: u64,
    /// Bytes that wait to be written, beside the memory tier.
    pub queued_bytes: u64,
    /// Keys that may be on disk; complete once `disk_known`.
    pub disk_objects: u64,
    /// True once all keys on disk are known: some time after a start.
    pub disk_known: bool,
    /// Bytes that segments, large files and the index take on disk, reservations for running fills included.
    pub disk_bytes: u64,
    /// The limit of these bytes.
    pub disk_limit: u64,
    /// Bytes of the index among them.
    pub index_bytes: u64,
    /// Files that hold many small bodies.
    pub segments: u64,
    /// The bytes of these files.
    pub segment_bytes: u64,
    /// The bytes of them that stored responses take; the rest is garbage until its segment is evicted, or is not committed
    /// yet.
    pub live_segment_bytes: u64,
    /// Files that hold one large body.
    pub large_files: u64,
    /// True if the last write to the disk tier failed. The store then serves from memory and tries again.
    pub disk_failed: bool,
    /// Fills begun.
    pub fills: u64,
    /// Fills that ended stored.
    pub stored: u64,
    /// Loads from disk that found an entry.
    pub disk_hits: u64,
    /// Stored responses that went to make room on disk.
    pub evicted_objects: u64,
    /// The bytes that this freed.
    pub evicted_bytes: u64,
    /// Stored responses that eviction retained because they were used.
    pub kept_objects: u64,
    /// Responses that were not written to disk because it failed or was too slow at that time.
    pub skipped_writes: u64,
    /// Stored responses that did not check out when they were read, and were removed.
    pub damaged_objects: u64,
    /// Bytes of the cache that were discarded when the store was opened, because they were damaged or of another version.
    pub discarded_bytes: u64,
    /// Batches written to the index.
    pub commits: u64,
    /// Writes of the disk tier that failed.
    pub disk_errors: u64,
}

/// A counter.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters behind [`Stats`].
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) fills: Counter,
    pub(crate) stored: Counter,
    pub(crate) disk_hits: Counter,
    pub(crate) evicted_objects: Counter,
    pub(crate) evicted_bytes: Counter,
    pub(crate) kept_objects: Counter,
    pub(crate) skipped_writes: Counter,
    pub(crate) damaged_objects: Counter,
    pub(crate) commits: Counter,
    pub(crate) disk_errors: Counter,
}
