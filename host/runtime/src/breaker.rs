//! Short-circuiting: a plugin that keeps failing is not called for a while, so that it does not cost its limits at every
//! request. What that means for a request is the plugin's failure policy, as with any failure; it never lets through.
//!
//! Closed, it looks at the last calls only. Open, it refuses until a pause is over; then one call at a time is let through
//! to probe the plugin. A probe whose caller goes away is no answer: the next one comes a pause later.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use crate::error::HookError;
use crate::spec::ShortCircuit;

/// Stands for closed; times begin at 1.
const CLOSED: u64 = 0;

/// Kind of an admission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admitted {
    /// As usual.
    Call,
    /// To see whether the plugin works again.
    Probe,
}

/// Change by a finished call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    None,
    /// The plugin is not called any more.
    Opened,
    /// It is called again.
    Closed,
}

pub(crate) struct Breaker {
    settings: ShortCircuit,
    since: Instant,
    /// One bit for each of the last calls, the latest lowest: whether it failed.
    recent: AtomicU64,
    /// Milliseconds after `since`, at least 1, until which calls are refused; [`CLOSED`] if they are not.
    until: AtomicU64,
    /// Successful probes since it opened.
    probes: AtomicU32,
    /// The kind of the failure that opened it, as [`HookError::index`].
    why: AtomicU32,
}

impl Breaker {
    pub(crate) fn new(settings: ShortCircuit) -> Breaker {
        Breaker {
            settings,
            since: Instant::now(),
            recent: AtomicU64::new(0),
            until: AtomicU64::new(CLOSED),
            probes: AtomicU32::new(0),
            why: AtomicU32::new(0),
        }
    }

    /// Returns true if calls are being refused, but for probes.
    pub(crate) fn is_open(&self) -> bool {
        self.until.load(Relaxed) != CLOSED
    }

    /// Admits a call, or refuses it. Where nothing is wrong this is one load.
    pub(crate) fn admit(&self, now: Instant) -> Result<Admitted, HookError> {
        let until = self.until.load(Relaxed);
        if until == CLOSED {
            return Ok(Admitted::Call);
        }
        let now = self.millis(now);
        let probe = now >= until
            && self
                .until
                .compare_exchange(until, self.after_pause(now), Relaxed, Relaxed)
                .is_ok();
        if probe {
            return Ok(Admitted::Probe);
        }
        Err(HookError::ShortCircuited {
            failures: self.settings.failures,
            calls: self.settings.calls,
            last: HookError::KINDS
                .get(self.why.load(Relaxed) as usize)
                .copied()
                .unwrap_or("trap"),
        })
    }

    /// Takes note of how an admitted call ended.
    pub(crate) fn record<T>(
        &self,
        admitted: Admitted,
        outcome: &Result<T, HookError>,
        now: Instant,
    ) -> Change {
        let failure = outcome.as_ref().err().filter(|error| error.is_breakdown());
        match (admitted, failure) {
            (Admitted::Call, None) => {
                self.push(false);
                Change::None
            }
            (Admitted::Call, Some(error)) => {
                let failed = self.push(true);
                if failed >= self.settings.failures && self.open(error, now) {
                    Change::Opened
                } else {
                    Change::None
                }
            }
            (Admitted::Probe, None) => self.probed(now),
            (Admitted::Probe, Some(_)) => {
                self.probes.store(0, Relaxed);
                let until = self.after_pause(self.millis(now));
                self.until.store(until, Relaxed);
                Change::None
            }
        }
    }

    /// A call that was noted as a success turns out to have failed: the body that it began broke down.
    pub(crate) fn broke_down(&self, error: &HookError, now: Instant) -> Change {
        if !error.is_breakdown() {
            return Change::None;
        }
        let turned = self.recent.fetch_update(Relaxed, Relaxed, |recent| {
            Some(recent | (recent.wrapping_add(1) & self.window()))
        });
        let failed = turned.map_or(0, |before| before.count_ones() + 1);
        if failed >= self.settings.failures && self.open(error, now) {
            Change::Opened
        } else {
            Change::None
        }
    }

    /// Adds a call; says how many of the last ones failed.
    fn push(&self, failed: bool) -> u32 {
        // Successes after nothing but successes change nothing, and write nothing that other threads would have to fetch.
        if !failed && self.recent.load(Relaxed) == 0 {
            return 0;
        }
        let window = self.window();
        let shifted = |recent: u64| ((recent << 1) | u64::from(failed)) & window;
        let before = self
            .recent
            .fetch_update(Relaxed, Relaxed, |recent| Some(shifted(recent)));
        shifted(before.unwrap_or_default()).count_ones()
    }

    fn window(&self) -> u64 {
        u64::MAX >> (64 - self.settings.calls.clamp(1, 64))
    }

    /// Opens it. Returns true if this call did so; of several that could, one does.
    fn open(&self, error: &HookError, now: Instant) -> bool {
        let until = self.after_pause(self.millis(now));
        let opened = self
            .until
            .compare_exchange(CLOSED, until, Relaxed, Relaxed)
            .is_ok();
        if opened {
            self.why.store(error.index() as u32, Relaxed);
            self.probes.store(0, Relaxed);
        }
        opened
    }

    fn probed(&self, now: Instant) -> Change {
        let succeeded = self.probes.fetch_add(1, Relaxed) + 1;
        if succeeded < self.settings.probes {
            // The next call is the next probe.
            self.until.store(self.millis(now), Relaxed);
            return Change::None;
        }
        self.recent.store(0, Relaxed);
        self.until.store(CLOSED, Relaxed);
        Change::Closed
    }

    fn after_pause(&self, now: u64) -> u64 {
        let pause = u64::try_from(self.settings.pause.as_millis()).unwrap_or(u64::MAX);
        now.saturating_add(pause.max(1))
    }

    fn millis(&self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.since);
        u64::try_from(elapsed.as_millis())
            .unwrap_or(u64::MAX)
            .saturating_add(1)
    }

    pub(crate) fn settings(&self) -> &ShortCircuit {
        &self.settings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const SETTINGS: ShortCircuit = ShortCircuit {
        failures: 3,
        calls: 5,
        pause: Duration::from_secs(10),
        probes: 2,
    };

    /// A breaker and a clock that the test moves.
    struct Test {
        breaker: Breaker,
        now: Instant,
    }

    impl Test {
        fn new() -> Test {
            let breaker = Breaker::new(SETTINGS);
            Test {
                now: breaker.since,
                breaker,
            }
        }

        fn pass(&mut self, seconds: u64) {
            self.now += Duration::from_secs(seconds);
        }

        fn admit(&self) -> Result<Admitted, HookError> {
            self.breaker.admit(self.now)
        }

        fn call(&self, outcome: Result<(), HookError>) -> Change {
            let admitted = self.admit().expect("it is admitted");
            self.breaker.record(admitted, &outcome, self.now)
        }

        fn refused(&self) -> bool {
            matches!(self.admit(), Err(HookError::ShortCircuited { .. }))
        }

        fn opened() -> Test {
            let test = Test::new();
            for _ in 0..2 {
                assert_eq!(test.call(trap()), Change::None);
            }
            assert_eq!(test.call(trap()), Change::Opened);
            test
        }
    }

    fn trap() -> Result<(), HookError> {
        Err(HookError::Trap("boom".into()))
    }

    #[test]
    fn enough_failures_among_the_last_calls_open_it() {
        let test = Test::opened();
        assert_eq!(
            test.admit(),
            Err(HookError::ShortCircuited {
                failures: 3,
                calls: 5,
                last: "trap"
            })
        );
    }

    #[test]
    fn old_failures_do_not_count() {
        let test = Test::new();
        for outcome in [trap(), trap(), Ok(()), Ok(()), Ok(()), Ok(()), trap()] {
            assert_eq!(test.call(outcome), Change::None);
        }
        assert!(!test.breaker.is_open());
    }

    #[test]
    fn errors_that_a_plugin_returns_are_answers_and_a_full_host_is_not_its_fault() {
        let test = Test::new();
        for _ in 0..20 {
            test.call(Err(HookError::Guest("no such tenant".into())));
            test.call(Err(HookError::NoInstance { limit: 1 }));
        }
        assert!(!test.breaker.is_open());
    }

    #[test]
    fn after_the_pause_one_call_at_a_time_probes() {
        let mut test = Test::opened();
        test.pass(9);
        assert!(test.refused());
        test.pass(1);
        assert_eq!(test.admit(), Ok(Admitted::Probe));
        assert!(test.refused(), "a second one meanwhile");
    }

    #[test]
    fn enough_good_probes_close_it_and_forget_what_was() {
        let mut test = Test::opened();
        test.pass(10);
        assert_eq!(test.call(Ok(())), Change::None);
        assert_eq!(test.call(Ok(())), Change::Closed);
        assert_eq!(test.call(trap()), Change::None);
        assert_eq!(test.admit(), Ok(Admitted::Call));
    }

    #[test]
    fn a_bad_probe_keeps_it_open_for_another_pause() {
        let mut test = Test::opened();
        test.pass(10);
        assert_eq!(test.call(Ok(())), Change::None);
        assert_eq!(test.call(trap()), Change::None);
        test.pass(9);
        assert!(test.refused());
        test.pass(1);
        assert_eq!(test.call(Ok(())), Change::None);
        assert_eq!(test.call(Ok(())), Change::Closed);
    }

    #[test]
    fn a_probe_that_is_given_up_is_followed_by_another() {
        let mut test = Test::opened();
        test.pass(10);
        assert_eq!(test.admit(), Ok(Admitted::Probe));
        test.pass(10);
        assert_eq!(test.admit(), Ok(Admitted::Probe));
    }

    #[test]
    fn calls_from_before_it_opened_neither_open_it_again_nor_close_it() {
        let test = Test::new();
        let early = test.admit().expect("it is admitted");
        for _ in 0..3 {
            test.call(trap());
        }
        assert_eq!(test.breaker.record(early, &trap(), test.now), Change::None);
        assert_eq!(test.breaker.record(early, &Ok(()), test.now), Change::None);
        assert!(test.refused());
    }

    #[test]
    fn a_body_that_breaks_down_turns_its_call_into_a_failure() {
        let test = Test::new();
        let error = HookError::Trap("boom".into());
        for turn in 0..3 {
            test.call(Ok(()));
            let change = test.breaker.broke_down(&error, test.now);
            let expected = if turn == 2 {
                Change::Opened
            } else {
                Change::None
            };
            assert_eq!(change, expected, "turn {turn}");
        }
    }

    #[test]
    fn a_window_of_64_calls_works() {
        let breaker = Breaker::new(ShortCircuit {
            failures: 64,
            calls: 64,
            ..SETTINGS
        });
        let now = breaker.since;
        let changes: Vec<Change> = (0..64)
            .map(|_| breaker.record(Admitted::Call, &trap(), now))
            .collect();
        assert_eq!(changes.iter().position(|c| *c == Change::Opened), Some(63));
    }
}
