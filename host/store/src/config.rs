//! The store's sizes, and the sizes derived from them.

use std::path::PathBuf;

use crate::pages;

/// The size up to which a body is one piece in memory, and the limit of what a fill buffers: 1 MiB.
pub(crate) const WINDOW: u64 = 1 << 20;

/// Bytes of a body per checksum.
pub(crate) const BLOCK: u64 = 64 << 10;

/// The store's folder and its sizes.
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder that holds everything; `None` holds everything in memory, durable state included.
    pub dir: Option<PathBuf>,
    /// Bytes of memory for stored responses, the index's page cache and the queue to the disk together. Beside them,
    /// each running fill holds up to 1 MiB (2 MiB while it is written to a file), each of up to 32 loads from disk
    /// 1 MiB, each reader of a large body 256 KiB, and each key on disk about 50 bytes.
    pub memory_bytes: u64,
    /// Bytes on disk for stored responses and their index. Durable state is not counted. Below 16 MiB nothing is
    /// kept on disk but durable state.
    pub disk_bytes: u64,
    /// The longest body that is stored, in bytes. At most half of `disk_bytes` is used.
    pub max_object_bytes: u64,
    /// The number of variants that one key may have; the oldest is removed first. At least 1.
    pub max_variants: usize,
}

/// The divisor of the memory for stored responses: one such part is for blocks of large bodies.
const BLOCKS_SHARE: u64 = 8;

/// The smallest disk that the cache works with. Below it, moves and the index would take most of the space.
const MIN_DISK: u64 = 16 << 20;

/// The sizes that the parts of the store work with.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Sizes {
    /// Weight that the memory tier may hold.
    pub(crate) memory_tier: u64,
    /// Bytes of blocks of large bodies that stay in memory after they were read from disk.
    pub(crate) blocks: u64,
    /// The length from which a body in memory has pages of its own.
    pub(crate) mapped_from: u64,
    /// redb's page cache for the index.
    pub(crate) index_cache: u64,
    /// Bytes of bodies that may be on their way to the disk; as many may wait to get there.
    pub(crate) queue: u64,
    /// Bytes that segments, large files and the index may take together; 0 without disk.
    pub(crate) disk: u64,
    /// The length at which a segment ends and the next begins.
    pub(crate) segment: u64,
    /// Longest body that goes into a segment (and is then in memory as a whole).
    pub(crate) small: u64,
    /// Longest body that is stored at all.
    pub(crate) object: u64,
    /// Variants per key.
    pub(crate) variants: usize,
}

impl Sizes {
    pub(crate) fn of(config: &Config) -> Sizes {
        let on_disk = config.dir.is_some() && config.disk_bytes >= MIN_DISK;
        let segment = (config.disk_bytes / 64).clamp(512 << 10, 256 << 20);
        let (index_cache, queue) = match on_disk {
            true => (
                (config.memory_bytes / 16).clamp(1 << 20, 64 << 20),
                (config.memory_bytes / 16).clamp(1 << 20, 64 << 20),
            ),
            false => (0, 0),
        };
        let left = config
            .memory_bytes
            .saturating_sub(index_cache + 2 * queue)
            .max(1 << 20);
        let blocks = if on_disk { left / BLOCKS_SHARE } else { 0 };
        let memory_tier = left - blocks;
        let (small, object) = match on_disk {
            true => (
                WINDOW.min(segment / 2),
                config.max_object_bytes.min(config.disk_bytes / 2),
            ),
            false => {
                let limit = config.max_object_bytes.min(config.memory_bytes / 8);
                (limit, limit)
            }
        };
        Sizes {
            memory_tier,
            blocks,
            mapped_from: pages::mapped_from(memory_tier),
            index_cache,
            queue,
            disk: if on_disk { config.disk_bytes } else { 0 },
            segment,
            small,
            object,
            variants: config.max_variants.max(1),
        }
    }
}
