//! Ordering two sides of a conversation without sleeping.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long anything in a test may wait before the test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Default)]
struct State {
    open: bool,
    arrived: usize,
}

/// A gate that is closed until the test opens it. Whoever passes waits for that; the test can wait for arrivals.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<State>, Condvar)>);

impl Gate {
    /// A closed gate.
    pub fn new() -> Gate {
        Gate::default()
    }

    /// Lets everybody through from now on.
    pub fn open(&self) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).open = true;
        self.0.1.notify_all();
    }

    /// Waits at the gate; false where nobody opened it in time.
    pub fn pass(&self) -> bool {
        let mut state = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.arrived += 1;
        self.0.1.notify_all();
        let waited = self
            .0
            .1
            .wait_timeout_while(state, PATIENCE, |state| !state.open);
        waited.unwrap_or_else(PoisonError::into_inner).0.open
    }

    /// Waits until so many have arrived at the gate, since it was made.
    #[track_caller]
    pub fn wait_for_arrivals(&self, count: usize) {
        let state = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .0
            .1
            .wait_timeout_while(state, PATIENCE, |state| state.arrived < count);
        let arrived = waited.unwrap_or_else(PoisonError::into_inner).0.arrived;
        assert!(
            arrived >= count,
            "{arrived} arrived at the gate, {count} were expected"
        );
    }
}

/// Waits until the claim holds, and fails the test when it does not in time.
#[track_caller]
pub fn eventually(claim: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(
            start.elapsed() < PATIENCE,
            "did not become true within {PATIENCE:?}: {claim}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}
