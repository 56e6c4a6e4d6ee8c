//! Limits of plugins: `[limits]` of the server file, and `limits` of a plugin.

use std::time::Duration;

use super::scalar::{duration, integer, size};
use super::walk::Table;

/// How far a plugin may go. The same keys in the server file's `[limits]` and in a plugin's `limits`. All
/// but memory and tables count for one call of a hook.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Limits {
    /// `cpu`: processor time, 1 ms to 10 s. Default 50 ms.
    pub cpu: Duration,
    /// `wall`: time, waiting included, 1 ms to 60 s. Default 1 s.
    pub wall: Duration,
    /// `memory`: bytes of linear memory of an instance, 1 MiB to 4 GiB. Default 64 MiB.
    pub memory: u64,
    /// `table_elements`: entries of an instance's tables, 1 to 20,000. Default 10,000.
    pub table_elements: usize,
    /// `host_calls`: calls from the plugin to the host, 1 to 1,000,000. Default 10,000.
    pub host_calls: u64,
    /// `passed_bytes`: how much the plugin hands to the host, 1 KiB to 1 GiB. Default 1 MiB.
    pub passed_bytes: u64,
    /// `output_bytes`: how large a decision may be, 1 KiB to 1 GiB. Default 64 KiB.
    pub output_bytes: u64,
    /// `body_bytes`: how much content it may return, 1 KiB to 64 MiB. Default 1 MiB.
    pub body_bytes: u64,
    /// `fetches`: how many requests to backends it may start, 0 to 1,000. Default 16.
    pub fetches: u32,
    /// `log_lines`: how many lines reach the log, 0 to 10,000. Default 100.
    pub log_lines: u32,
    /// `log_bytes`: how much of them reaches the log, 0 to 1 MiB. Default 16 KiB.
    pub log_bytes: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            cpu: Duration::from_millis(50),
            wall: Duration::from_secs(1),
            memory: 64 << 20,
            table_elements: 10_000,
            host_calls: 10_000,
            passed_bytes: 1 << 20,
            output_bytes: 64 << 10,
            body_bytes: 1 << 20,
            fetches: 16,
            log_lines: 100,
            log_bytes: 16 << 10,
        }
    }
}

impl Limits {
    /// Reads a table of limits; those that it does not set stay as they are in `self`.
    pub(super) fn read(self, t: &Table<'_>) -> Limits {
        const BYTES: std::ops::RangeInclusive<u64> = (1 << 10)..=(1 << 30);
        let time = |longest| duration(Duration::from_millis(1)..=Duration::from_secs(longest));
        Limits {
            cpu: t.or("cpu", self.cpu, time(10)),
            wall: t.or("wall", self.wall, time(60)),
            memory: t.or("memory", self.memory, size((1 << 20)..=(4 << 30))),
            table_elements: t.or("table_elements", self.table_elements, integer(1..=20_000)),
            host_calls: t.or("host_calls", self.host_calls, integer(1..=1_000_000)),
            passed_bytes: t.or("passed_bytes", self.passed_bytes, size(BYTES)),
            output_bytes: t.or("output_bytes", self.output_bytes, size(BYTES)),
            body_bytes: t.or("body_bytes", self.body_bytes, size((1 << 10)..=(64 << 20))),
            fetches: t.or("fetches", self.fetches, integer(0..=1000)),
            log_lines: t.or("log_lines", self.log_lines, integer(0..=10_000)),
            log_bytes: t.or("log_bytes", self.log_bytes, size(0..=1 << 20)),
        }
    }
}
