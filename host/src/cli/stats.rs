//! `selvedge cache stats`: what the cache of a running host holds, and how it does.

use super::ask::{Host, ask};
use super::output::say;
use crate::pipeline::insight::{CacheStats, DistributionStats};
use clap::Args;
use http::Method;

#[derive(Args)]
pub(super) struct Arguments {
    /// Print the JSON of the admin socket
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    host: Host,
}

pub(super) fn stats(arguments: &Arguments) -> u8 {
    let stats: CacheStats = match ask(&arguments.host, Method::GET, "/v1/cache/stats", None::<&()>)
    {
        Ok(stats) => stats,
        Err(code) => return code,
    };
    say(match arguments.json {
        true => serde_json::to_string_pretty(&stats).unwrap_or_default(),
        false => text(&stats),
    });
    0
}

fn text(stats: &CacheStats) -> String {
    let mut lines = vec![
        format!(
            "memory        {} objects, {} of {}",
            stats.memory_objects,
            size(stats.memory_bytes),
            size(stats.memory_limit)
        ),
        format!(
            "disk          {} objects{}, {} of {}, {} of it index{}",
            stats.disk_objects,
            if stats.disk_known { "" } else { " so far" },
            size(stats.disk_bytes),
            size(stats.disk_limit),
            size(stats.index_bytes),
            if stats.disk_failed { "; IT FAILS" } else { "" },
        ),
        format!(
            "segments      {}, {}, {:.0}% garbage; {} large files; {} wait to be written",
            stats.segments,
            size(stats.segment_bytes),
            stats.fragmentation * 100.0,
            stats.large_files,
            size(stats.queued_bytes)
        ),
        format!(
            "since start   {} hits of {} requests ({}), {} stored, {} evicted ({})",
            stats.hits,
            stats.requests,
            ratio(stats.hits, stats.requests),
            stats.stored,
            stats.evicted_objects,
            size(stats.evicted_bytes)
        ),
        format!(
            "lost          {} damaged, {} not written to disk, {} discarded at the start",
            stats.damaged_objects,
            stats.not_written,
            size(stats.discarded_bytes)
        ),
    ];
    for of in &stats.distributions {
        lines.push(distribution(of));
    }
    lines.join("\n")
}

fn distribution(of: &DistributionStats) -> String {
    format!(
        "{}\n  memory {} ({}), disk {} ({}), {} hits of {} requests ({})",
        of.distribution,
        of.memory_objects,
        size(of.memory_bytes),
        of.disk_objects,
        size(of.disk_bytes),
        of.hits,
        of.requests,
        ratio(of.hits, of.requests)
    )
}

fn ratio(hits: u64, requests: u64) -> String {
    match requests {
        0 => "-".to_owned(),
        _ => format!("{:.1}%", hits as f64 * 100.0 / requests as f64),
    }
}

/// Bytes for people.
fn size(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = units.into_iter().find(|(bits, _)| bytes >> bits > 0);
    match unit {
        Some((bits, unit)) => format!("{:.1} {unit}", bytes as f64 / (1_u64 << bits) as f64),
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_one_decimal_in_the_largest_unit_that_fits() {
        let sizes = [0, 1023, 1024, 1536, 5 << 20, 3 << 30].map(size);
        assert_eq!(
            sizes,
            ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "5.0 MiB", "3.0 GiB"]
        );
    }
}
