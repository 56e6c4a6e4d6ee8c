//! When a plugin that keeps failing is not called for a while.

use std::time::Duration;

use super::scalar::{duration, integer};
use super::walk::Table;

/// The numbers of short-circuiting. The same keys in the server file's `[short_circuit]` and in a
/// plugin's `short_circuit`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ShortCircuit {
    /// `failures`: so many traps and limits, 1 to 64 and at most `calls`. Default 16.
    pub failures: u32,
    /// `calls`: among so many of the last calls, 1 to 64. Default 20.
    pub calls: u32,
    /// `pause`: for how long it is not called then, 1 ms to 1 h. Default 10 s.
    pub pause: Duration,
    /// `probes`: how many calls have to succeed afterwards, one at a time, 1 to 64. Default 1.
    pub probes: u32,
}

impl Default for ShortCircuit {
    fn default() -> ShortCircuit {
        ShortCircuit {
            failures: 16,
            calls: 20,
            pause: Duration::from_secs(10),
            probes: 1,
        }
    }
}

impl ShortCircuit {
    /// Reads a table of these; those that it does not set stay as they are in `self`.
    pub(super) fn read(self, t: &Table<'_>) -> ShortCircuit {
        let calls = t.or("calls", self.calls, integer(1..=64));
        ShortCircuit {
            failures: t.or(
                "failures",
                self.failures.min(calls),
                integer(1..=u64::from(calls)),
            ),
            calls,
            pause: t.or(
                "pause",
                self.pause,
                duration(Duration::from_millis(1)..=Duration::from_secs(3600)),
            ),
            probes: t.or("probes", self.probes, integer(1..=64)),
        }
    }
}
