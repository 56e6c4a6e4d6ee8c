//! Stored responses whose origin fails slowly: they are used at once while somebody else finds out whether it still does.
//!
//! Otherwise each viewer in turn would wait for a server error that takes its time, only to get the stale response.

use super::bounded::Bounded;
use parking_lot::Mutex;
use selvedge_store::Key;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A failure that came sooner than this after it was asked for costs the next viewer little: nothing is remembered of it.
const SLOW: Duration = Duration::from_millis(250);

/// The time for which a failure is remembered. An attempt in the background that fails again renews it.
const REMEMBER: Duration = Duration::from_secs(5);

/// No more than this many keys are remembered.
const MAX_REMEMBERED: usize = 16_384;

/// Keys whose last fetch ended in a slow failure, in place of which a stale response was used.
#[derive(Default)]
pub(crate) struct Failing {
    since: Mutex<Bounded<Key, Instant, MAX_REMEMBERED>>,
    /// There has been a failure: without one, nobody takes the lock.
    any: AtomicBool,
}

impl Failing {
    /// Notes a failure of a fetch that began at this time.
    pub(crate) fn failed(&self, key: Key, began: Instant) {
        if began.elapsed() < SLOW {
            return self.answered(&key);
        }
        let mut since = self.since.lock();
        since.insert(key, Instant::now());
        self.any.store(true, Ordering::Release);
    }

    /// Notes that the origin answers again.
    pub(crate) fn answered(&self, key: &Key) {
        if self.any.load(Ordering::Acquire) {
            let mut since = self.since.lock();
            since.remove(key);
            if since.is_empty() {
                self.any.store(false, Ordering::Release);
            }
        }
    }

    /// Returns true if a failure is remembered.
    pub(crate) fn is_failing(&self, key: &Key) -> bool {
        self.any.load(Ordering::Acquire)
            && self
                .since
                .lock()
                .get(key)
                .is_some_and(|since| since.elapsed() < REMEMBER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = Key([7; 32]);

    fn ago(time: Duration) -> Instant {
        Instant::now()
            .checked_sub(time)
            .expect("the system runs for longer")
    }

    #[test]
    fn a_slow_failure_is_remembered_until_the_origin_answers() {
        let failing = Failing::default();
        assert!(!failing.is_failing(&KEY));
        failing.failed(KEY, ago(SLOW));
        assert!(failing.is_failing(&KEY));
        assert!(!failing.is_failing(&Key([8; 32])), "it is about one key");
        failing.answered(&KEY);
        assert!(!failing.is_failing(&KEY));
    }

    #[test]
    fn a_failure_that_comes_at_once_is_not_remembered() {
        let failing = Failing::default();
        failing.failed(KEY, ago(SLOW));
        failing.failed(KEY, Instant::now());
        assert!(!failing.is_failing(&KEY));
    }
}
