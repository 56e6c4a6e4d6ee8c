//! The thread that moves the engine's epoch: each tick makes running guests look at their limits and give way.
//!
//! It rests while no guest runs: a thousand wake-ups a second took 1.3 % of a core where this was written.
#![expect(
    clippy::disallowed_methods,
    reason = "the ticker has a thread of its own"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::thread::JoinHandle;
use std::time::Duration;

use wasmtime::{Engine, EngineWeak};

/// Interval at which running guests are interrupted. It bounds how long a spinning guest holds a worker thread at a stretch, and
/// how far a guest can overstep its CPU limit.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// Ticks without a running guest before the thread rests.
const PATIENCE: u32 = 100;

/// Ticks as long as it lives. Plugins hold it too, so that no guest ever runs without.
pub(crate) struct Ticker {
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    stop: AtomicBool,
    /// Hook calls that are under way.
    running: AtomicU32,
    resting: AtomicBool,
}

/// Keeps the ticks coming while a guest runs.
pub(crate) struct Running<'a>(&'a Ticker);

impl Ticker {
    pub(crate) fn start(engine: &Engine) -> std::io::Result<Ticker> {
        let state = Arc::new(State::default());
        let shared = state.clone();
        let engine = engine.weak();
        let thread = std::thread::Builder::new()
            .name("plugin-ticker".into())
            .spawn(move || tick(&shared, &engine))?;
        Ok(Ticker {
            state,
            thread: Some(thread),
        })
    }

    /// A guest is about to run.
    pub(crate) fn run(&self) -> Running<'_> {
        self.state.running.fetch_add(1, SeqCst);
        if self.state.resting.load(SeqCst) {
            self.wake();
        }
        Running(self)
    }

    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.state.running.fetch_sub(1, SeqCst);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.state.stop.store(true, SeqCst);
        self.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn tick(state: &State, engine: &EngineWeak) {
    let mut idle = 0;
    while !state.stop.load(SeqCst) {
        idle = if state.running.load(SeqCst) == 0 {
            idle + 1
        } else {
            0
        };
        if idle > PATIENCE {
            rest(state);
            idle = 0;
            continue;
        }
        std::thread::sleep(TICK);
        match engine.upgrade() {
            Some(engine) => engine.increment_epoch(),
            None => return,
        }
    }
}

/// Waits for a guest. Either this sees the guest, or the guest sees this thread resting and wakes it.
fn rest(state: &State) {
    state.resting.store(true, SeqCst);
    while state.running.load(SeqCst) == 0 && !state.stop.load(SeqCst) {
        std::thread::park();
    }
    state.resting.store(false, SeqCst);
}
