//! Memory of origins that can't be reached, so that not every viewer waits for the same timeout.

use super::OriginError;
use parking_lot::Mutex;
use std::time::{Duration, Instant};

/// How long after a failure an origin counts as unreachable, and how often it is tried meanwhile.
const REMEMBER: Duration = Duration::from_secs(5);

/// The last failure, if nothing has succeeded since.
#[derive(Debug, Default)]
pub(crate) struct Health {
    trouble: Mutex<Option<Trouble>>,
}

#[derive(Debug)]
struct Trouble {
    /// When it was last seen to fail, or last tried.
    tried: Instant,
}

impl Health {
    /// It answered.
    pub(crate) fn answered(&self) {
        let mut trouble = self.trouble.lock();
        if trouble.is_some() {
            *trouble = None;
        }
    }

    /// It failed. Only failures that cost time or show that nobody is there are remembered.
    pub(crate) fn failed(&self, error: &OriginError) {
        let unreachable = matches!(
            error,
            OriginError::UnknownName { .. }
                | OriginError::NotConnected { .. }
                | OriginError::ConnectTimeout { .. }
                | OriginError::Tls { .. }
                | OriginError::ReadTimeout(_)
        );
        if unreachable {
            *self.trouble.lock() = Some(Trouble {
                tried: Instant::now(),
            });
        }
    }

    /// Returns true if it failed at the last try.
    pub(crate) fn is_unreachable(&self) -> bool {
        self.trouble.lock().is_some()
    }

    /// Returns true if it is time to try an unreachable origin again; true once for each such time.
    pub(crate) fn may_try(&self) -> bool {
        let mut trouble = self.trouble.lock();
        match trouble.as_mut() {
            Some(trouble) if trouble.tried.elapsed() >= REMEMBER => {
                trouble.tried = Instant::now();
                true
            }
            Some(_) => false,
            None => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreachable_origin_is_remembered_until_it_answers() {
        let health = Health::default();
        assert!(!health.is_unreachable());
        health.failed(&OriginError::ReadTimeout(Duration::from_secs(1)));
        assert!(health.is_unreachable());
        assert!(!health.may_try(), "it was tried a moment ago");
        health.answered();
        assert!(!health.is_unreachable());
        assert!(health.may_try());
    }

    #[test]
    fn a_broken_connection_alone_is_no_sign_of_a_dead_origin() {
        let health = Health::default();
        health.failed(&OriginError::Closed("reset".to_owned()));
        assert!(!health.is_unreachable());
    }
}
