//! Collapsing: concurrent requests that need the same fetch share one.
//!
//! The first request for a key gets a permit to fetch; the others wait for what comes of it. A permit is a value: it
//! ends with a result, and dropping it without one hands the fetch over to one of those who wait. What can't be shared
//! is remembered for a moment, so that the next crowd does not queue up behind it.

use super::exchange::Answer;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// For how long it is remembered that a key's response can't be shared.
const REMEMBER_PASS: Duration = Duration::from_secs(5);

/// No more than this many keys are remembered as not shareable.
const MOST_REMEMBERED: usize = 65_536;

/// What one fetch is for: the cache key, and whatever else of the request its response depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FlightKey(pub(crate) [u8; 32]);

/// All fetches under way.
#[derive(Default)]
pub(crate) struct Flights {
    table: Arc<Mutex<Table>>,
}

#[derive(Default)]
struct Table {
    under_way: HashMap<FlightKey, watch::Receiver<Option<Answer>>>,
    not_shareable: HashMap<FlightKey, Instant>,
}

/// A request's part in a fetch.
pub(crate) enum Role {
    /// Fetch, and tell the others.
    Leader(Permit),
    /// Somebody fetches already.
    Follower(Waiting),
    /// The last fetch showed that its response is for one request only: go on alone.
    Alone,
}

/// The right and the duty to fetch.
pub(crate) struct Permit {
    table: Arc<Mutex<Table>>,
    key: FlightKey,
    result: watch::Sender<Option<Answer>>,
}

/// The other side of somebody's permit.
pub(crate) struct Waiting {
    result: watch::Receiver<Option<Answer>>,
}

impl Flights {
    pub(crate) fn join(&self, key: FlightKey) -> Role {
        let mut table = self.table.lock();
        if let Some(result) = table.under_way.get(&key) {
            return Role::Follower(Waiting {
                result: result.clone(),
            });
        }
        if let Some(since) = table.not_shareable.get(&key) {
            if since.elapsed() < REMEMBER_PASS {
                return Role::Alone;
            }
            table.not_shareable.remove(&key);
        }
        let (sender, receiver) = watch::channel(None);
        table.under_way.insert(key, receiver);
        Role::Leader(Permit {
            table: self.table.clone(),
            key,
            result: sender,
        })
    }

    /// Whether a request with this key would wait for somebody's fetch.
    pub(crate) fn is_under_way(&self, key: &FlightKey) -> bool {
        self.table.lock().under_way.contains_key(key)
    }

    /// What came of this fetch is of no use to those who come now: the next one leads another.
    pub(crate) fn retire(&self, key: FlightKey, outlived: &Waiting) {
        let mut table = self.table.lock();
        if table
            .under_way
            .get(&key)
            .is_some_and(|waiting| waiting.same_channel(&outlived.result))
        {
            table.under_way.remove(&key);
        }
    }

    /// How many fetches are under way that others may join.
    pub(crate) fn count(&self) -> usize {
        self.table.lock().under_way.len()
    }
}

impl Permit {
    /// For a fetch that nobody can join.
    pub(crate) fn for_nobody() -> Permit {
        Permit {
            table: Arc::default(),
            key: FlightKey([0; 32]),
            result: watch::channel(None).0,
        }
    }

    /// Tells those who wait what came of it. Later requests join as long as the permit is held.
    pub(crate) fn announce(&self, answer: Answer) {
        if matches!(answer, Answer::NotShareable) {
            let mut table = self.table.lock();
            if table.not_shareable.len() >= MOST_REMEMBERED {
                table
                    .not_shareable
                    .retain(|_, since| since.elapsed() < REMEMBER_PASS);
            }
            if table.not_shareable.len() < MOST_REMEMBERED {
                table.not_shareable.insert(self.key, Instant::now());
            }
            table.under_way.remove(&self.key);
        }
        self.result.send_replace(Some(answer));
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut table = self.table.lock();
        // After `announce(NotShareable)` the place may be another permit's already.
        if table
            .under_way
            .get(&self.key)
            .is_some_and(|waiting| waiting.same_channel(&self.result.subscribe()))
        {
            table.under_way.remove(&self.key);
        }
    }
}

impl Waiting {
    /// What came of the fetch; `None` where its leader gave up without a result and somebody else should lead.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        match self.result.wait_for(Option::is_some).await {
            Ok(answer) => answer.clone(),
            Err(_) => None,
        }
    }
}
