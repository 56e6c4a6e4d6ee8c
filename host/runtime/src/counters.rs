//! Counts of a plugin's calls, for metrics.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::error::HookError;

/// Counts since the plugin was loaded.
#[derive(Debug, Default)]
pub struct Counters {
    calls: AtomicU64,
    remembered: AtomicU64,
    instances: AtomicU64,
    failures: [AtomicU64; HookError::KINDS.len()],
}

impl Counters {
    /// Hook calls, failed ones included.
    pub fn calls(&self) -> u64 {
        self.calls.load(Relaxed)
    }

    /// Calls that were answered by a remembered decision; they are not among [`Counters::calls`].
    pub fn remembered(&self) -> u64 {
        self.remembered.load(Relaxed)
    }

    /// Instances that were made.
    pub fn instances(&self) -> u64 {
        self.instances.load(Relaxed)
    }

    /// Failed calls by kind, all kinds, with the words of [`HookError::as_str`].
    pub fn failures(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let counts = self.failures.iter().map(|count| count.load(Relaxed));
        HookError::KINDS.into_iter().zip(counts)
    }

    /// Failed calls of all kinds.
    pub fn failed(&self) -> u64 {
        self.failures.iter().map(|count| count.load(Relaxed)).sum()
    }

    pub(crate) fn count_instance(&self) {
        self.instances.fetch_add(1, Relaxed);
    }

    pub(crate) fn count_remembered(&self) {
        self.remembered.fetch_add(1, Relaxed);
    }

    pub(crate) fn count_call<T>(&self, outcome: &Result<T, HookError>) {
        self.calls.fetch_add(1, Relaxed);
        if let Err(error) = outcome {
            self.count_failure(error);
        }
    }

    /// A failure of a stream, whose hook call was counted before.
    pub(crate) fn count_failure(&self, error: &HookError) {
        self.failures[error.index()].fetch_add(1, Relaxed);
    }
}
