//! What a guest may use: CPU time, memory, tables, host calls, passed bytes. Wall time is the transaction's business.
//!
//! CPU time is the thread's, not the clock's: a busy machine does not make plugins fail. A hook call may move between
//! threads whenever it waits, so time is counted for each stretch of polling on one thread.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use wasmtime::{ResourceLimiter, StoreContextMut, UpdateDeadline};

use crate::instance::State;
use crate::spec::Limits;
use crate::ticker::TICK;

/// A limit was hit while the guest ran. It travels through the guest as a trap; `trap.rs` gives it its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Exceeded {
    #[error("CPU time")]
    Cpu,
    #[error("host calls")]
    HostCalls,
    #[error("passed bytes")]
    PassedBytes,
    #[error("fetches")]
    Fetches,
}

/// The CPU time of one hook call.
///
/// Reading a thread's CPU time is a system call (0.6 us where this was written, and a hook call takes 4), so a call that is
/// over before its first tick, as nearly all are, reads it not once. The price is that the time before the first tick is
/// not measured but taken to be one tick.
#[derive(Debug, Default)]
pub(crate) struct CpuTime {
    /// Nanoseconds of the stretches that are over.
    spent: AtomicU64,
    /// The thread's CPU time when the running stretch began; 0 if it was not read.
    since: AtomicU64,
}

impl CpuTime {
    /// Runs a future as one call, and counts the CPU time of its polls.
    pub(crate) async fn count<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        let mut first = true;
        self.spent.store(0, Relaxed);
        std::future::poll_fn(|context| {
            let since = if std::mem::take(&mut first) {
                0
            } else {
                thread_cpu_nanos()
            };
            self.since.store(since, Relaxed);
            let polled = future.as_mut().poll(context);
            if polled.is_pending() {
                self.spent.store(self.used_nanos(), Relaxed);
            }
            polled
        })
        .await
    }

    /// Whether the call has used more than this so far; for the thread that polls it. What is taken for the time before its
    /// first tick is not more than the least limit.
    fn is_beyond(&self, limit: Duration) -> bool {
        Duration::from_nanos(self.used_nanos()) > limit
    }

    fn used_nanos(&self) -> u64 {
        let now = thread_cpu_nanos();
        let mut since = self.since.load(Relaxed);
        if since == 0 {
            since = now.saturating_sub(TICK.as_nanos() as u64).max(1);
            self.since.store(since, Relaxed);
        }
        self.spent
            .load(Relaxed)
            .saturating_add(now.saturating_sub(since))
    }
}

/// CPU time of the calling thread in nanoseconds.
fn thread_cpu_nanos() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(now.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}

/// What a guest does on each tick of the epoch: end when its CPU time is used up, otherwise give way to other tasks.
///
/// `yield_now` rather than the engine's own yield: tokio then looks at its sockets and timers before it resumes the guest.
pub(crate) fn on_tick(store: StoreContextMut<'_, State>) -> wasmtime::Result<UpdateDeadline> {
    let state = store.data();
    if state.cpu.is_beyond(state.plugin.limits.cpu) {
        return Err(Exceeded::Cpu.into());
    }
    state.usage.check_host_calls(&state.plugin.limits)?;
    Ok(UpdateDeadline::YieldCustom(
        1,
        Box::pin(tokio::task::yield_now()),
    ))
}

/// What one hook call has asked of the host.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    host_calls: u64,
    passed_bytes: u64,
}

impl Usage {
    /// Counts a call that cannot fail by itself (those of WASI); the next tick or counted call ends the guest.
    pub(crate) fn note_call(&mut self) {
        self.host_calls += 1;
    }

    /// Counts a call and the bytes that came with it.
    pub(crate) fn call(&mut self, passed: usize, limits: &Limits) -> Result<(), Exceeded> {
        self.host_calls += 1;
        self.passed_bytes = self.passed_bytes.saturating_add(passed as u64);
        if self.passed_bytes > limits.passed_bytes {
            return Err(Exceeded::PassedBytes);
        }
        self.check_host_calls(limits)
    }

    fn check_host_calls(&self, limits: &Limits) -> Result<(), Exceeded> {
        if self.host_calls > limits.host_calls {
            Err(Exceeded::HostCalls)
        } else {
            Ok(())
        }
    }
}

/// Requests to backends of one instance.
#[derive(Debug, Default)]
pub(crate) struct Fetches {
    /// Started by the running call.
    pub(crate) started: u32,
    /// Under way, or answers that the guest has not dropped yet.
    pub(crate) held: u32,
}

impl Fetches {
    pub(crate) fn release(&mut self) {
        self.held = self.held.saturating_sub(1);
    }
}

/// Bounds memory and tables of one instance.
#[derive(Debug)]
pub(crate) struct Growth {
    memory: u64,
    table_elements: usize,
    /// Bytes of all linear memories so far.
    total: u64,
    /// What was asked for last and not given. The guest may live with that; if it then fails, this is why.
    pub(crate) refused: Option<Growing>,
}

/// What grows in an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Growing {
    Memory,
    Table,
}

impl Growth {
    pub(crate) fn new(limits: &Limits) -> Growth {
        Growth {
            memory: limits.memory,
            table_elements: limits.table_elements,
            total: 0,
            refused: None,
        }
    }
}

impl ResourceLimiter for Growth {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current) as u64;
        let total = self.total.saturating_add(more);
        let allowed = total <= self.memory && maximum.is_none_or(|maximum| desired <= maximum);
        if allowed {
            self.total = total;
        } else {
            self.refused = Some(Growing::Memory);
        }
        Ok(allowed)
    }

    /// The system had none left. What a guest makes of that is not what it is elsewhere.
    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.refused = Some(Growing::Memory);
        Ok(())
    }

    fn table_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.refused = Some(Growing::Table);
        Ok(())
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let allowed =
            desired <= self.table_elements && maximum.is_none_or(|maximum| desired <= maximum);
        if !allowed {
            self.refused = Some(Growing::Table);
        }
        Ok(allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_least_limit_of_cpu_time_is_not_used_up_at_the_first_tick() {
        let spin = || {
            let began = thread_cpu_nanos();
            while thread_cpu_nanos() < began + 2_000_000 {
                std::hint::spin_loop();
            }
        };
        // A thread that is older than what is taken for the time before a tick.
        spin();
        let cpu = CpuTime::default();
        let at_ticks = async {
            let first = cpu.is_beyond(Duration::from_millis(1));
            spin();
            (first, cpu.is_beyond(Duration::from_millis(1)))
        };
        assert_eq!(cpu.count(at_ticks).await, (false, true));
    }
}
