//! The clock for HTTP time: dates, ages, lifetimes. A test may take it over and move it.
#![expect(clippy::disallowed_methods, reason = "this is the clock")]

use selvedge_caching::Time;
use selvedge_runtime::WallClock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// Tells the time. Timeouts do not use it: they run on the system's steady clock.
#[derive(Debug, Default)]
pub struct Clock {
    /// Milliseconds since the Unix epoch of a clock that stands still until it is moved; 0 for the system's clock.
    held: AtomicU64,
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Clock {
        Clock::default()
    }

    /// A clock that starts at the present second and stands still until [`Clock::advance`].
    pub fn held() -> Clock {
        let now = Time::from_system(SystemTime::now()).0;
        Clock::held_at(now / 1000)
    }

    /// A clock that starts so many seconds after the Unix epoch, and stands still until [`Clock::advance`].
    pub fn held_at(seconds: u64) -> Clock {
        Clock {
            held: AtomicU64::new(seconds.saturating_mul(1000)),
        }
    }

    /// Returns true if it stands still until it is moved.
    pub fn is_held(&self) -> bool {
        self.held.load(Ordering::Relaxed) != 0
    }

    /// The time now.
    pub fn now(&self) -> Time {
        match self.held.load(Ordering::Relaxed) {
            0 => Time::from_system(SystemTime::now()),
            held => Time(held),
        }
    }

    /// Moves a held clock on and tells its new time; `None` for the system's clock, which nobody moves.
    pub fn advance(&self, milliseconds: u64) -> Option<Time> {
        if self.held.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let before = self.held.fetch_add(milliseconds, Ordering::Relaxed);
        Some(Time(before + milliseconds))
    }
}

/// Plugins are told the time of a held clock as well.
impl WallClock for Clock {
    fn since_epoch(&self) -> Duration {
        Duration::from_millis(self.now().0)
    }
}
