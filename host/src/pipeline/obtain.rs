//! Obtain: a stored response, the answer to somebody else's fetch, or that to a fetch of the request's own.
//!
//! A request looks up, then joins the fetch that it needs, if there is one, or leads it. What it waited for may turn out to be
//! of no use to it, a private response for instance: then it looks again, a few times, and fetches alone in the end.

use super::edge::Edge;
use super::exchange::{
    Answer, CacheKey, Completing, Conditions, FailureReason, Found, Job, Looked, Miss, Obtained,
    Outcome, Prepared, Received,
};
use super::flight_key::flight_key;
use super::flights::{FlightKey, Moment, Permit, Role, Waiting};
use super::invalidations::Sequence;
use super::look_up::look_up;
use super::{answers, fetch_side};
use crate::observe::access::Record;
use http::{HeaderName, Method};
use selvedge_caching::OriginTrouble;
use selvedge_caching::cache_status::Fwd;
use selvedge_runtime::Read;
use selvedge_store::{Found as InStore, Variant};
use std::sync::Arc;
use tokio::sync::oneshot;

/// A request that waited for another's fetch and can't use the answer looks again this many times, then fetches alone.
const MAX_ROUNDS: u32 = 3;

/// A request that the cache may answer, while it looks for its answer.
struct Asking<'a> {
    edge: &'a Arc<Edge>,
    received: &'a Received,
    key: &'a CacheKey,
    key_reads: &'a [Read],
    came: Moment,
    /// The request fields that tell variants apart, as far as is known.
    nominated: Vec<HeaderName>,
}

/// A fetch that a request needs.
struct Need {
    began: Sequence,
    miss: Miss,
    validating: Option<Variant>,
    completing: Option<Box<Completing>>,
}

/// Returns what answers a request that the cache may answer. `looked` is its look-up, where that has taken place.
pub(crate) async fn obtain(
    edge: &Arc<Edge>,
    received: &Received,
    key: &CacheKey,
    key_reads: &[Read],
    mut looked: Option<Box<Looked>>,
    record: &mut Record,
) -> Obtained {
    let mut asking = Asking {
        edge,
        received,
        key,
        key_reads,
        came: edge.flights().arrive(),
        nominated: Vec::new(),
    };
    for _ in 0..MAX_ROUNDS {
        let looked = match looked.take() {
            Some(looked) => *looked,
            None => look_up(edge, received, key).await,
        };
        let need = match asking.judge(looked) {
            Ok(obtained) => return obtained,
            Err(need) => need,
        };
        let flight = asking.flight(&need);
        let obtained = match edge.flights().join(flight) {
            Role::Leader(permit) => asking.lead(*need, permit, record).await,
            Role::Follower(waiting) => asking.follow(need.miss, flight, waiting, record).await,
            Role::Alone => return asking.alone(*need, record).await,
        };
        if let Some(obtained) = obtained {
            return obtained;
        }
    }
    asking.alone(nothing_known(edge), record).await
}

/// Fetches for a request that the cache may answer, and nobody else, whatever is stored.
pub(crate) async fn alone(
    edge: &Arc<Edge>,
    received: &Received,
    key: &CacheKey,
    key_reads: &[Read],
    record: &mut Record,
) -> Obtained {
    let need = nothing_known(edge);
    if selvedge_caching::is_only_if_cached(&received.request(), received.behavior.policy()) {
        return Obtained::Other(answers::not_cached(need.miss));
    }
    let asking = Asking {
        edge,
        received,
        key,
        key_reads,
        came: edge.flights().arrive(),
        nominated: Vec::new(),
    };
    asking.alone(need, record).await
}

fn nothing_known(edge: &Edge) -> Need {
    Need {
        began: edge.invalidations().now(),
        miss: Miss {
            why: Fwd::UriMiss,
            detail: None,
        },
        validating: None,
        completing: None,
    }
}

impl Asking<'_> {
    /// Answers from what the look-up found.
    ///
    /// # Errors
    /// The fetch that is needed.
    fn judge(&mut self, looked: Looked) -> Result<Obtained, Box<Need>> {
        let began = looked.began;
        match looked.found {
            Found::Fresh { variant, ttl } => Ok(Obtained::hit(variant, ttl, None)),
            Found::Stale { variant, ttl } => {
                self.refresh(&variant, began);
                Ok(Obtained::hit(variant, ttl, Some("stale-while-revalidate")))
            }
            Found::Missing {
                why,
                detail,
                validating,
                completing,
                nominated,
            } => {
                self.nominated.extend(nominated);
                let miss = Miss { why, detail };
                if let Some(stale) = &validating
                    && let Some(obtained) = self.meanwhile(stale, began)
                {
                    return Ok(obtained);
                }
                let (request, policy) = (self.received.request(), self.received.behavior.policy());
                if selvedge_caching::is_only_if_cached(&request, policy) {
                    return Ok(Obtained::Other(answers::not_cached(miss)));
                }
                Err(Box::new(Need {
                    began,
                    miss,
                    validating,
                    completing,
                }))
            }
        }
    }

    /// Uses a stale response at once where the origin failed a moment ago, be it that it could not be reached or that its error
    /// took long to come: only an attempt in the background waits for that again.
    fn meanwhile(&self, stale: &Variant, began: Sequence) -> Option<Obtained> {
        let origin = self.received.behavior.origin();
        let is_unreachable = origin.is_unreachable();
        let (trouble, word) = match is_unreachable {
            true => (OriginTrouble::Disconnected, "origin-unreachable"),
            false if self.edge.failing().is_failing(&self.key.hash) => {
                (OriginTrouble::Error, "origin-error")
            }
            false => return None,
        };
        let (policy, now) = (self.received.behavior.policy(), self.edge.clock().now());
        let request = self.received.request();
        let ttl =
            selvedge_caching::may_serve_stale_on_error(&request, &stale.head, policy, trouble, now)
                .ok()?;
        if !is_unreachable || origin.may_try() {
            self.refresh(stale, began);
        }
        Some(Obtained::hit(stale.clone(), ttl, Some(word)))
    }

    /// Fetches a fresh response in the background, once for all who find the stale one, be it by GET or HEAD.
    fn refresh(&self, stale: &Variant, began: Sequence) {
        let (edge, received, key) = (self.edge, self.received, self.key);
        let flight = flight_key(edge, received, &Method::GET, key, Some(stale), None, &[]);
        if let Role::Leader(permit) = edge.flights().join(flight) {
            // Between the look-up and the permit somebody else's refresh may have ended.
            if self.is_replaced(stale) {
                return;
            }
            let mut job = self.job(Some(stale.clone()));
            job.began = began;
            job.fwd = Some(Fwd::Stale);
            let (nobody, _) = oneshot::channel();
            edge.spawn(fetch_side::lead(job.into_get(), permit, nobody));
        }
    }

    /// Returns true if the store has something newer in place of a stale response. What is not in memory was not stored just
    /// now.
    fn is_replaced(&self, stale: &Variant) -> bool {
        let InStore::Memory(entry) = self.edge.look_up(&self.key.hash) else {
            return false;
        };
        let is_it = |variant: &Variant| {
            variant.id == stale.id && variant.head.response_time == stale.head.response_time
        };
        !entry.variants().iter().any(is_it)
    }

    fn flight(&self, need: &Need) -> FlightKey {
        flight_key(
            self.edge,
            self.received,
            &self.received.facts.method,
            self.key,
            need.validating.as_ref(),
            need.completing.as_deref(),
            &self.nominated,
        )
    }

    fn job(&self, validating: Option<Variant>) -> Box<Job> {
        Job::new(
            self.edge,
            self.received,
            self.key.parts.clone(),
            Some(self.key.clone()),
            self.key_reads.to_vec(),
            validating,
        )
    }

    /// Fetches for this request and for all who join. Between the look-up and the permit somebody else's fetch may have ended,
    /// so it is looked up once more. `None` where that shows that the permit is for another variant's fetch.
    async fn lead(
        &mut self,
        mut need: Need,
        permit: Permit,
        record: &mut Record,
    ) -> Option<Obtained> {
        match look_up(self.edge, self.received, self.key).await.found {
            Found::Fresh { variant, ttl } => return Some(Obtained::hit(variant, ttl, None)),
            // It brought another variant: only now is it known by what they differ, and so whose fetch is this one's.
            Found::Missing { nominated, .. }
                if nominated.iter().any(|name| !self.nominated.contains(name)) =>
            {
                self.nominated.extend(nominated);
                return None;
            }
            // It brought a newer version that is stale already: that is the one to ask about.
            Found::Missing {
                validating: Some(newer),
                ..
            } if need.validating.is_some() => need.validating = Some(newer),
            _ => {}
        }
        Some(
            self.fetch(need, Conditions::Evaluated, permit, record)
                .await,
        )
    }

    /// Fetches for this request and nobody else.
    async fn alone(&self, need: Need, record: &mut Record) -> Obtained {
        let permit = Permit::for_nobody();
        self.fetch(need, Conditions::Forwarded, permit, record)
            .await
    }

    async fn fetch(
        &self,
        need: Need,
        conditions: Conditions,
        permit: Permit,
        record: &mut Record,
    ) -> Obtained {
        let mut job = self.job(need.validating);
        job.began = need.began;
        job.fwd = Some(need.miss.why);
        job.completing = need.completing;
        job.conditions = conditions;
        let (sender, result) = oneshot::channel::<Outcome>();
        self.edge.spawn(fetch_side::lead(job, permit, sender));
        match result.await {
            Ok(outcome) => {
                answers::from_outcome(self.edge, self.received, outcome, need.miss, record)
            }
            Err(_) => Obtained::Other(Prepared::failed(FailureReason::Lost)),
        }
    }

    /// Waits for somebody else's fetch. `None` where nothing came of it that this request can use.
    async fn follow(
        &mut self,
        miss: Miss,
        flight: FlightKey,
        mut waiting: Waiting,
        record: &mut Record,
    ) -> Option<Obtained> {
        let (edge, received) = (self.edge, self.received);
        let answer = waiting.answer().await?;
        if let Answer::Filling { head, .. } = &answer {
            // Another variant: the next round waits for, or leads, the fetch of this request's own.
            let names = head.vary.iter().map(|nominated| nominated.name.clone());
            self.nominated.extend(names);
        }
        let is_outlived = answers::is_outlived(edge, &answer);
        let began_later = waiting.began > self.came;
        let obtained = match answers::is_usable(edge, received, self.key, &answer, began_later) {
            true => answers::from_answer(edge, received, answer, miss, true, record),
            false => None,
        };
        if obtained.is_none() && is_outlived {
            edge.flights().retire(flight, &waiting);
        }
        obtained
    }
}
