//! Collapsing: concurrent requests that need the same fetch share one.
//!
//! The first request for a key gets a permit to fetch; the others wait for what comes of it. A permit is a value: it
//! ends with a result, and dropping it without one hands the fetch over to one of those who wait. What can't be shared
//! is remembered for a moment, so that the next crowd does not queue up behind it.

use super::bounded::Bounded;
use super::exchange::Answer;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// For how long it is remembered that a key's response can't be shared.
const REMEMBER_PASS: Duration = Duration::from_secs(5);

/// No more than this many keys are remembered as not shareable.
const MAX_REMEMBERED: usize = 65_536;

/// The purpose of one fetch: the cache key, and all else of the request that its response depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FlightKey(pub(crate) [u8; 32]);

/// All fetches under way.
#[derive(Default)]
pub(crate) struct Flights {
    table: Arc<Mutex<Table>>,
    /// The number of requests and permits so far.
    moments: AtomicU64,
}

#[derive(Default)]
struct Table {
    under_way: HashMap<FlightKey, Flight>,
    not_shareable: Bounded<FlightKey, Instant, MAX_REMEMBERED>,
}

/// A moment among those at which requests come and permits are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

/// A fetch that others may join.
struct Flight {
    result: watch::Receiver<Option<Answer>>,
    began: Moment,
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
    /// When the permit was given.
    pub(crate) began: Moment,
}

impl Flights {
    /// The moment at which a request comes: of permits, those given later are greater.
    pub(crate) fn arrive(&self) -> Moment {
        self.moment()
    }

    fn moment(&self) -> Moment {
        Moment(self.moments.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn join(&self, key: FlightKey) -> Role {
        let mut table = self.table.lock();
        if let Some(flight) = table.under_way.get(&key) {
            return Role::Follower(Waiting {
                result: flight.result.clone(),
                began: flight.began,
            });
        }
        if let Some(since) = table.not_shareable.get(&key) {
            if since.elapsed() < REMEMBER_PASS {
                return Role::Alone;
            }
            table.not_shareable.remove(&key);
        }
        let (sender, result) = watch::channel(None);
        let began = self.moment();
        table.under_way.insert(key, Flight { result, began });
        Role::Leader(Permit {
            table: self.table.clone(),
            key,
            result: sender,
        })
    }

    /// Returns true if a request with this key would wait for another's fetch.
    pub(crate) fn is_under_way(&self, key: &FlightKey) -> bool {
        self.table.lock().under_way.contains_key(key)
    }

    /// Ends a fetch whose answer is of no use to those who come now: the next one leads another.
    pub(crate) fn retire(&self, key: FlightKey, outlived: &Waiting) {
        let mut table = self.table.lock();
        if table
            .under_way
            .get(&key)
            .is_some_and(|flight| flight.result.same_channel(&outlived.result))
        {
            table.under_way.remove(&key);
        }
    }

    /// Returns the number of fetches under way that others may join.
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
            table.not_shareable.insert(self.key, Instant::now());
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
            .is_some_and(|flight| flight.result.same_channel(&self.result.subscribe()))
        {
            table.under_way.remove(&self.key);
        }
    }
}

impl Waiting {
    /// Returns the answer of the fetch; `None` if its leader gave up and another request should lead.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        match self.result.wait_for(Option::is_some).await {
            Ok(answer) => answer.clone(),
            Err(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::exchange::{Failure, FailureReason};

    const KEY: FlightKey = FlightKey([1; 32]);

    fn lead(flights: &Flights) -> Permit {
        match flights.join(KEY) {
            Role::Leader(permit) => permit,
            _ => panic!("nobody fetches yet"),
        }
    }

    fn follow(flights: &Flights) -> Waiting {
        match flights.join(KEY) {
            Role::Follower(waiting) => waiting,
            _ => panic!("somebody fetches"),
        }
    }

    fn failed() -> Answer {
        Answer::Failed(Failure {
            reason: FailureReason::Lost,
            report: Arc::default(),
        })
    }

    #[tokio::test]
    async fn one_leads_and_the_others_get_its_answer() {
        let flights = Flights::default();
        let permit = lead(&flights);
        let mut waiting = [follow(&flights), follow(&flights)];
        assert_eq!(flights.count(), 1);
        permit.announce(failed());
        for one in &mut waiting {
            assert!(matches!(one.answer().await, Some(Answer::Failed(_))));
        }
        // As long as the permit is held, others may still join.
        assert!(flights.is_under_way(&KEY));
        assert!(matches!(
            follow(&flights).answer().await,
            Some(Answer::Failed(_))
        ));
        drop(permit);
        assert!(!flights.is_under_way(&KEY));
    }

    #[tokio::test]
    async fn a_permit_without_an_answer_wakes_all_and_one_of_them_leads() {
        let flights = Flights::default();
        let permit = lead(&flights);
        let mut waiting = follow(&flights);
        drop(permit);
        assert!(waiting.answer().await.is_none());
        let _next = lead(&flights);
    }

    #[tokio::test]
    async fn what_can_not_be_shared_is_fetched_alone_for_a_while() {
        let flights = Flights::default();
        let permit = lead(&flights);
        let mut waiting = follow(&flights);
        permit.announce(Answer::NotShareable);
        assert!(matches!(waiting.answer().await, Some(Answer::NotShareable)));
        assert!(matches!(flights.join(KEY), Role::Alone));
        let other = FlightKey([2; 32]);
        assert!(matches!(flights.join(other), Role::Leader(_)));
    }

    #[test]
    fn an_outlived_answer_makes_room_for_another_fetch() {
        let flights = Flights::default();
        let first = lead(&flights);
        let waiting = follow(&flights);
        flights.retire(KEY, &waiting);
        let second = lead(&flights);
        // The first one's end takes nothing from the second, nor does a second word about the first.
        flights.retire(KEY, &waiting);
        drop(first);
        assert!(flights.is_under_way(&KEY));
        drop(second);
        assert!(!flights.is_under_way(&KEY));
    }

    #[test]
    fn permits_tell_whether_they_were_given_after_a_request_came() {
        let flights = Flights::default();
        let before = flights.arrive();
        let permit = lead(&flights);
        let after = flights.arrive();
        let waiting = follow(&flights);
        assert!(waiting.began > before);
        assert!(waiting.began < after);
        drop(permit);
    }

    #[test]
    fn keys_that_can_not_be_shared_are_bounded() {
        let flights = Flights::default();
        for number in 0..MAX_REMEMBERED + 1000 {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&number.to_be_bytes());
            if let Role::Leader(permit) = flights.join(FlightKey(key)) {
                permit.announce(Answer::NotShareable);
            }
        }
        assert_eq!(flights.count(), 0);
        // The latest is remembered.
        let mut last = [0; 32];
        last[..8].copy_from_slice(&(MAX_REMEMBERED + 999).to_be_bytes());
        assert!(matches!(flights.join(FlightKey(last)), Role::Alone));
        let mut first = [0; 32];
        first[..8].copy_from_slice(&0_usize.to_be_bytes());
        assert!(matches!(flights.join(FlightKey(first)), Role::Leader(_)));
    }
}
