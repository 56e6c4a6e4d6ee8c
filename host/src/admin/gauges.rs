//! The gauges that `/metrics` gives beside the counters: what the store holds, and for whom, and how plugins are.

use crate::observe::logs;
use crate::observe::metrics::Gauge;
use crate::pipeline::Edge;
use crate::pipeline::insight::tiers_by_distribution;
use selvedge_store::Stats;
use std::collections::BTreeSet;
use std::sync::Arc;

/// All gauges, as they are now.
pub(super) async fn of(edge: &Arc<Edge>) -> Vec<Gauge> {
    let stats = edge.store().stats();
    let plain = [
        (
            "log_lines_left_out",
            "Lines that standard error took too slowly, since the start",
            logs::left_out(),
        ),
        (
            "plugins_short_circuited",
            "Plugins that are not called at present, since they kept failing",
            short_circuited(edge),
        ),
        (
            "fetches_under_way",
            "Fetches that further requests may join",
            edge.fetches_under_way() as u64,
        ),
    ];
    let broken = edge.plan().broken().len() as u64;
    let broken = (
        "distributions_broken",
        "Files of distributions that have errors",
        broken,
    );
    let all = plain.into_iter().chain([broken]).chain(of_store(&stats));
    let mut gauges: Vec<Gauge> = all
        .map(|(name, help, value)| Gauge::new(name, help, value))
        .collect();
    gauges.extend(by_distribution(edge).await);
    gauges.push(broken_by_distribution(edge));
    gauges
}

/// A gauge's name, help and value.
type Row = (&'static str, &'static str, u64);

/// Gauges of the store as a whole, one row each.
#[rustfmt::skip]
fn of_store(stats: &Stats) -> [Row; 16] {
    [
        ("store_memory_objects", "Keys in the memory tier", stats.memory_objects),
        ("store_memory_bytes", "Bytes accounted for in the memory tier", stats.memory_bytes),
        ("store_block_bytes", "Bytes of blocks of large bodies that are held after they were read from disk", stats.block_bytes),
        ("store_disk_objects", "Keys on disk", stats.disk_objects),
        ("store_disk_bytes", "Bytes accounted for on disk", stats.disk_bytes),
        ("store_index_bytes", "Bytes that the index takes on disk", stats.index_bytes),
        ("store_segments", "Files that hold many small bodies", stats.segments),
        ("store_segment_bytes", "Bytes of these files", stats.segment_bytes),
        ("store_segment_live_bytes", "Bytes of these files that are no garbage", stats.live_segment_bytes),
        ("store_large_files", "Files that hold one large body", stats.large_files),
        ("store_disk_failed", "1 while the disk tier cannot be written", stats.disk_failed.into()),
        ("store_evicted_objects", "Responses that made room on disk, since the start", stats.evicted_objects),
        ("store_evicted_bytes", "Bytes that this freed", stats.evicted_bytes),
        ("store_not_written_objects", "Responses not written to disk, since the start", stats.skipped_writes),
        ("store_damaged_objects", "Responses that did not check out, since the start", stats.damaged_objects),
        ("store_discarded_bytes", "Bytes of a damaged cache discarded at the start", stats.discarded_bytes),
    ]
}

/// Gauges of the store by distribution.
async fn by_distribution(edge: &Arc<Edge>) -> [Gauge; 4] {
    let mut tiers = [
        Gauge::by_distribution(
            "store_distribution_memory_objects",
            "Responses in the memory tier",
        ),
        Gauge::by_distribution(
            "store_distribution_memory_bytes",
            "Bytes of these responses in memory",
        ),
        Gauge::by_distribution("store_distribution_disk_objects", "Responses on disk"),
        Gauge::by_distribution(
            "store_distribution_disk_bytes",
            "Bytes of these responses on disk",
        ),
    ];
    for (distribution, of) in tiers_by_distribution(edge).await {
        let values = [
            of.memory_objects,
            of.memory_bytes,
            of.disk_objects,
            of.disk_bytes,
        ];
        for (gauge, value) in tiers.iter_mut().zip(values) {
            gauge.add(&distribution, value);
        }
    }
    tiers
}

/// A gauge of the distributions whose files have errors, as far as their ids can be recognised.
fn broken_by_distribution(edge: &Edge) -> Gauge {
    let mut gauge = Gauge::by_distribution(
        "distribution_broken",
        "1 for a distribution whose file has errors",
    );
    let plan = edge.plan();
    let ids: BTreeSet<&str> = plan
        .broken()
        .iter()
        .filter_map(|one| one.id.as_deref())
        .collect();
    for id in ids {
        gauge.add(id, 1);
    }
    gauge
}

fn short_circuited(edge: &Edge) -> u64 {
    let plan = edge.plan();
    let plugins = plan.distributions().iter().flat_map(|one| one.plugins());
    plugins.filter(|one| one.is_short_circuited()).count() as u64
}
