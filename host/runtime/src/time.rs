//! The time of a hook call: CPU time and time on the clock.
//!
//! CPU time is the thread's, not the clock's: a busy machine does not make plugins fail. A hook call may move between
//! threads whenever it waits, so time is counted for each stretch of polling on one thread. Of the time on the clock, what
//! a call spends waiting for its viewer is not the plugin's.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::time::timeout;

use crate::ticker::TICK;

/// The shortest time after which a call that was waiting for its viewer is looked at again.
const MIN_RECHECK: Duration = Duration::from_millis(10);

/// The time of one hook call.
///
/// Reading a thread's CPU time is a system call (0.6 us where this was written, and a hook call takes 4), so a call that is
/// over before its first tick, as nearly all are, reads it not once. The price is that the time before the first tick is
/// not measured but taken to be one tick.
#[derive(Debug, Default)]
pub(crate) struct CallTime {
    /// Nanoseconds of the stretches that are over.
    spent: AtomicU64,
    /// The thread's CPU time when the running stretch began; 0 if it was not read.
    since: AtomicU64,
    wall: Mutex<WallTime>,
}

/// The clock's time of one hook call.
#[derive(Debug)]
struct WallTime {
    began: Instant,
    /// Time spent waiting for the viewer.
    of_viewer: Duration,
    /// Set while the call waits for the viewer.
    waiting_since: Option<Instant>,
}

impl Default for WallTime {
    fn default() -> Self {
        WallTime {
            began: Instant::now(),
            of_viewer: Duration::ZERO,
            waiting_since: None,
        }
    }
}

/// A call waits for its viewer until this is dropped.
pub(crate) struct WaitsForViewer(Arc<CallTime>);

impl Drop for WaitsForViewer {
    fn drop(&mut self) {
        let mut wall = self.0.wall.lock();
        if let Some(since) = wall.waiting_since.take() {
            wall.of_viewer += since.elapsed();
        }
    }
}

impl CallTime {
    /// Runs a future as one call, and counts the CPU time of its polls.
    pub(crate) async fn count<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        let mut first = true;
        self.spent.store(0, Relaxed);
        *self.wall.lock() = WallTime::default();
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

    /// Returns true if the call has used more than this so far; for the thread that polls it. The time that counts before its
    /// first tick is not more than the least limit.
    pub(crate) fn is_beyond(&self, limit: Duration) -> bool {
        Duration::from_nanos(self.used_nanos()) > limit
    }

    /// Waiting for the viewer begins: it is the viewer's time, not the plugin's.
    pub(crate) fn wait_for_viewer(self: &Arc<Self>) -> WaitsForViewer {
        self.wall.lock().waiting_since = Some(Instant::now());
        WaitsForViewer(self.clone())
    }

    /// Returns the time on the clock that is left of `limit`; time spent waiting for the viewer is not counted.
    pub(crate) fn wall_left(&self, limit: Duration) -> Duration {
        let wall = self.wall.lock();
        let now = wall.waiting_since.unwrap_or_else(Instant::now);
        let used = now.saturating_duration_since(wall.began);
        limit.saturating_sub(used.saturating_sub(wall.of_viewer))
    }

    /// Runs a call, for no longer than `limit` on the clock. Returns `None` if it took longer.
    pub(crate) async fn within<F: Future>(&self, limit: Duration, call: F) -> Option<F::Output> {
        let mut call = pin!(self.count(call));
        let mut left = limit;
        loop {
            match timeout(left, call.as_mut()).await {
                Ok(output) => return Some(output),
                Err(_) => left = self.wall_left(limit),
            }
            if left.is_zero() {
                return None;
            }
            // While the call waits for the viewer, no time of its own passes.
            left = left.max(MIN_RECHECK);
        }
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
        let cpu = CallTime::default();
        let at_ticks = async {
            let first = cpu.is_beyond(Duration::from_millis(1));
            spin();
            (first, cpu.is_beyond(Duration::from_millis(1)))
        };
        assert_eq!(cpu.count(at_ticks).await, (false, true));
    }
}
