//! The state of the cache: `selvedge cache stats`, and the metrics by distribution.

use crate::pipeline::Edge;
use crate::pipeline::store_stage::owner;
use selvedge_store::Usage;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The name under which content is counted whose distribution is not configured any more.
const FORMER: &str = "(no longer configured)";

/// The cache in figures. Sizes are in bytes; what is counted is counted since the host started.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CacheStats {
    /// Keys in the memory tier.
    pub memory_objects: u64,
    /// Their bytes.
    pub memory_bytes: u64,
    /// The limit of these bytes.
    pub memory_limit: u64,
    /// Keys on disk.
    pub disk_objects: u64,
    /// True if all of them are known: for a moment after a start they are still being counted.
    pub disk_known: bool,
    /// Bytes of segments, large files and the index on disk.
    pub disk_bytes: u64,
    /// The limit of these bytes.
    pub disk_limit: u64,
    /// Bytes of the index among them.
    pub index_bytes: u64,
    /// Files that hold many small bodies.
    pub segments: u64,
    /// The bytes of these files.
    pub segment_bytes: u64,
    /// The share of garbage among these bytes, from 0 to 1.
    pub fragmentation: f64,
    /// Files that hold one large body.
    pub large_files: u64,
    /// Bytes that wait to be written.
    pub queued_bytes: u64,
    /// True if the disk could not be written lately.
    pub disk_failed: bool,
    /// Responses that were stored.
    pub stored: u64,
    /// Stored responses that went to make room on disk.
    pub evicted_objects: u64,
    /// Bytes freed by that.
    pub evicted_bytes: u64,
    /// Responses that were not written to disk because it failed or was too slow.
    pub not_written: u64,
    /// Stored responses that were removed because they did not check out.
    pub damaged_objects: u64,
    /// Bytes of a damaged cache, or of one of another version, discarded at the start.
    pub discarded_bytes: u64,
    /// Requests that the cache had a part in.
    pub requests: u64,
    /// Those that were answered from a stored response.
    pub hits: u64,
    /// By distribution, in the order of the ids.
    pub distributions: Vec<DistributionStats>,
}

/// Usage of the cache by one distribution. A response in both tiers counts in both.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct DistributionStats {
    /// The distribution's id; `(no longer configured)` for the content of all that are not configured any more.
    pub distribution: String,
    /// Stored responses in memory.
    pub memory_objects: u64,
    /// Their bytes.
    pub memory_bytes: u64,
    /// Stored responses on disk.
    pub disk_objects: u64,
    /// Their bytes there.
    pub disk_bytes: u64,
    /// Requests that the cache had a part in.
    pub requests: u64,
    /// Those that were answered from a stored response.
    pub hits: u64,
}

/// The cache in figures.
pub async fn stats(edge: &Arc<Edge>) -> CacheStats {
    let store = edge.store().stats();
    let mut distributions = tiers_by_distribution(edge).await;
    for (distribution, counted) in edge.metrics().cached_requests() {
        let of = distributions
            .entry(distribution.clone())
            .or_insert_with(|| named(distribution));
        of.requests += counted.requests;
        of.hits += counted.hits;
    }
    let garbage = store.segment_bytes.saturating_sub(store.live_segment_bytes);
    CacheStats {
        memory_objects: store.memory_objects,
        memory_bytes: store.memory_bytes,
        memory_limit: store.memory_limit,
        disk_objects: store.disk_objects,
        disk_known: store.disk_known,
        disk_bytes: store.disk_bytes,
        disk_limit: store.disk_limit,
        index_bytes: store.index_bytes,
        segments: store.segments,
        segment_bytes: store.segment_bytes,
        fragmentation: garbage as f64 / store.segment_bytes.max(1) as f64,
        large_files: store.large_files,
        queued_bytes: store.queued_bytes,
        disk_failed: store.disk_failed,
        stored: store.stored,
        evicted_objects: store.evicted_objects,
        evicted_bytes: store.evicted_bytes,
        not_written: store.skipped_writes,
        damaged_objects: store.damaged_objects,
        discarded_bytes: store.discarded_bytes,
        requests: distributions.values().map(|of| of.requests).sum(),
        hits: distributions.values().map(|of| of.hits).sum(),
        distributions: distributions.into_values().collect(),
    }
}

/// Usage of the store by distribution: those that are configured, and one for all others.
pub async fn tiers_by_distribution(edge: &Arc<Edge>) -> BTreeMap<String, DistributionStats> {
    let store = edge.store().clone();
    // It fails only when the host is stopping.
    let usage = tokio::task::spawn_blocking(move || store.usage()).await;
    let mut usage = usage.unwrap_or_default();
    let mut distributions = BTreeMap::new();
    let mut enter = |name: &str, usage: Usage| {
        let of: &mut DistributionStats = distributions
            .entry(name.to_owned())
            .or_insert_with(|| named(name.to_owned()));
        of.memory_objects += usage.memory_objects;
        of.memory_bytes += usage.memory_bytes;
        of.disk_objects += usage.disk_objects;
        of.disk_bytes += usage.disk_bytes;
    };
    for distribution in edge.plan().distributions() {
        let id = distribution.id();
        enter(id, usage.remove(&owner(id)).unwrap_or_default());
    }
    for former in usage.into_values() {
        enter(FORMER, former);
    }
    distributions
}

fn named(distribution: String) -> DistributionStats {
    DistributionStats {
        distribution,
        ..DistributionStats::default()
    }
}
