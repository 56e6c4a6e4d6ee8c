//! The fetch side of a request: its own transaction, joined to the viewers by one streaming body.
//!
//! It selects the origin, makes the request, fetches, asks for the lifetime, and stores while streaming. Because it is
//! apart from any viewer, background refresh, collapsing and streaming while filling are the same code, and a viewer
//! that leaves does not end a fill that others read. Each step names the next one; the last ones end it.

mod confirm;

use super::completion::{self, Combination, Completed};
use super::exchange::{
    Answer, Audience, BypassReason, Conditions, Edits, Failure, FailureReason, Fetched, Job,
    Outcome, Outgoing, PluginFailure, Report, StoredUse, Target, key_bytes,
};
use super::fetches::Slot;
use super::flights::Permit;
use super::hooks::Hooks;
use super::origin_request::{self, OriginRequest, Unsent};
use super::origin_response::{self, OriginResponse};
use super::{cache_key, fetch, origin_selection, store_stage, ttl};
use crate::origin::OutgoingBody;
use confirm::Confirmation;
use http::{Method, StatusCode};
use selvedge_caching::cache_status::Fwd;
use selvedge_caching::{OriginTrouble, Overrides};
use selvedge_runtime::{Hook, RequestFacts, Transaction};
use selvedge_store::Variant;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::oneshot;

/// After an origin has answered, plugins may have this many others asked.
const MAX_ASKS: u32 = 2;

/// A step, with what the one before it found out.
enum Step {
    OriginSelection(OutgoingBody),
    OriginRequest(Vec<Target>, OutgoingBody),
    Fetch(Question, OutgoingBody),
    OriginResponse(Question, Box<Fetched>),
    /// Decide about the response: used, confirming, or replaced by a stale one.
    Judge(Box<Fetched>),
    Confirm(Variant, Box<Fetched>),
    Ttl(Box<Fetched>),
    Complete(Box<Fetched>, Overrides),
    /// Ask again, without conditions and for the whole.
    Again,
    Failed(Failure),
    // These end it.
    Store(Box<Fetched>, Overrides),
    Combine(Box<Combination>, Box<Fetched>),
    Pass(Box<Fetched>, BypassReason),
    Announce(Answer, Sharing),
}

/// The requests that hear of an answer.
#[derive(Clone, Copy, PartialEq)]
enum Sharing {
    /// The request that leads, and all who wait.
    All,
    /// The request that leads: the others need answers of their own.
    Leader,
}

/// A request and the origins that are asked.
struct Question {
    targets: Vec<Target>,
    outgoing: Box<Outgoing>,
}

/// Fetches for a permit: for the leading request and for all that wait.
pub(crate) async fn lead(job: Box<Job>, permit: Permit, leader: oneshot::Sender<Outcome>) {
    let side = Side::new(job, permit, leader, None);
    side.run(OutgoingBody::Empty).await;
}

/// Fetches for one request alone; the fetch ends when its viewer leaves. Nothing is stored, except a response to POST that
/// says it is what GET would give.
pub(crate) async fn alone(job: Box<Job>, body: OutgoingBody, why: BypassReason) -> Outcome {
    let (leader, outcome) = oneshot::channel();
    let side = Side::new(job, Permit::for_nobody(), leader, Some(why));
    side.run(body).await;
    outcome.await.unwrap_or_else(|_| {
        Outcome::Shared(Answer::Failed(Failure {
            reason: FailureReason::Lost,
            report: Arc::default(),
        }))
    })
}

/// The transaction of one fetch.
struct Side {
    job: Box<Job>,
    permit: Permit,
    leader: oneshot::Sender<Outcome>,
    /// Why the request passes the cache, if it does.
    bypass: Option<BypassReason>,
    /// The request as hooks of this side see it.
    facts: Arc<RequestFacts>,
    transaction: Transaction,
    hooks: Hooks,
    origin: Option<String>,
    slot: Option<Slot>,
    began: Instant,
    /// Other origins that plugins may still have asked.
    asks: u32,
}

impl Side {
    /// Takes step after step. Rare ones are on the heap: this future is made for each miss.
    async fn run(mut self, body: OutgoingBody) {
        let mut step = Step::OriginSelection(body);
        loop {
            step = match step {
                Step::OriginSelection(body) => self.origin_selection(body).await,
                Step::OriginRequest(targets, body) => self.origin_request(targets, body).await,
                Step::Fetch(question, body) => self.fetch(question, body).await,
                Step::OriginResponse(question, fetched) => {
                    self.origin_response(question, fetched).await
                }
                Step::Judge(fetched) => self.judge(fetched),
                Step::Confirm(stored, fetched) => Box::pin(self.confirm(stored, fetched)).await,
                Step::Ttl(fetched) => self.ttl(fetched).await,
                Step::Complete(fetched, overrides) => self.complete(fetched, overrides).await,
                Step::Again => self.again(),
                Step::Failed(failure) => self.failed(failure),
                Step::Store(fetched, overrides) => return self.store(fetched, overrides).await,
                Step::Combine(both, fetched) => return Box::pin(self.combine(both, fetched)).await,
                Step::Pass(fetched, why) => return Box::pin(self.pass(fetched, why)).await,
                Step::Announce(answer, sharing) => return self.announce(answer, sharing),
            }
        }
    }

    fn new(
        job: Box<Job>,
        permit: Permit,
        leader: oneshot::Sender<Outcome>,
        bypass: Option<BypassReason>,
    ) -> Side {
        Side {
            facts: facts(&job),
            transaction: Transaction::new(),
            hooks: Hooks::new(&job.edge, job.facts.request_id),
            origin: None,
            slot: None,
            began: Instant::now(),
            asks: MAX_ASKS,
            job,
            permit,
            leader,
            bypass,
        }
    }

    /// The fetch counts among those under way from here on, if there is room for it.
    async fn origin_selection(&mut self, body: OutgoingBody) -> Step {
        let job = &*self.job;
        self.slot = job.edge.begin_fetch(job.settings.max_fetches);
        if self.slot.is_none() {
            let (id, origin) = (job.distribution.id(), job.behavior.origin());
            let why = FailureReason::TooManyFetches;
            job.edge.metrics().fetch(id, origin.id(), why.as_str());
            return self.failure(why);
        }
        let (transaction, hooks) = (&mut self.transaction, &mut self.hooks);
        match origin_selection::select(job, &self.facts, transaction, hooks).await {
            Ok(targets) => Step::OriginRequest(targets, body),
            Err(why) => self.failure(why.into()),
        }
    }

    async fn origin_request(&mut self, targets: Vec<Target>, body: OutgoingBody) -> Step {
        self.tell_origin(targets.first().map(|target| target.origin.id()));
        let (job, first) = (&*self.job, targets.first());
        let (transaction, hooks) = (&mut self.transaction, &mut self.hooks);
        let mut edits = Edits::default();
        let asked = origin_request::handle(
            job,
            &self.facts,
            first,
            body,
            transaction,
            hooks,
            &mut edits,
        )
        .await;
        self.job.edits = edits;
        match asked {
            Ok(OriginRequest::Send(outgoing, body)) => {
                self.origin = targets.first().map(|target| target.origin.id().to_owned());
                // Origins may be slow, and instances are scarce: those of this side begin anew when the response has come.
                self.transaction = Transaction::new();
                Step::Fetch(Question { targets, outgoing }, body)
            }
            Ok(OriginRequest::Answered(made)) => Step::Judge(made),
            Err(Unsent::Failed(why)) => self.failure(why.into()),
            Err(Unsent::BrokenBody) => self.failure(FailureReason::RequestBody),
        }
    }

    /// Lets the hooks after the choice read which origin it is.
    fn tell_origin(&mut self, origin: Option<&str>) {
        let is_asked = |hook| !self.job.behavior.plugins_with(hook).is_empty();
        if is_asked(Hook::OriginResponse) || is_asked(Hook::Ttl) {
            Arc::make_mut(&mut self.facts).origin = origin.map(str::to_owned);
        }
    }

    /// Asks, and notes who answered.
    async fn fetch(&mut self, question: Question, body: OutgoingBody) -> Step {
        let Some(slot) = &self.slot else {
            return self.failure(FailureReason::Lost);
        };
        let Question { targets, outgoing } = &question;
        match fetch::fetch(&self.job, targets, outgoing, body, slot).await {
            Ok(fetched) => {
                self.origin.clone_from(&fetched.origin);
                self.tell_origin(fetched.origin.as_deref());
                Step::OriginResponse(question, fetched)
            }
            Err(error) => self.failure((&error).into()),
        }
    }

    async fn origin_response(&mut self, mut question: Question, fetched: Box<Fetched>) -> Step {
        let job = &*self.job;
        if fetched.status == StatusCode::NOT_MODIFIED && job.confirming().is_some() {
            // Plugins are asked about what it confirms.
            return Step::Judge(fetched);
        }
        let (transaction, hooks) = (&mut self.transaction, &mut self.hooks);
        let asked =
            origin_response::handle(job, &self.facts, fetched, self.asks, transaction, hooks);
        match asked.await {
            Ok(OriginResponse::Go(fetched)) => return Step::Judge(fetched),
            Ok(OriginResponse::Ask(origin)) => {
                question.targets = vec![Target {
                    secure: origin_selection::is_secure(job, &origin),
                    origin,
                }];
            }
            Ok(OriginResponse::AskForWhole) => question.outgoing.ask_for_whole(),
            Err(why) => return self.failure(why.into()),
        }
        match self.asks.checked_sub(1) {
            Some(left) => {
                self.asks = left;
                Step::Fetch(question, OutgoingBody::Empty)
            }
            None => self.failure(FailureReason::TooManyAsks),
        }
    }

    fn judge(&mut self, fetched: Box<Fetched>) -> Step {
        // The response has one of its own.
        self.slot = None;
        if let Some(why) = self.bypass {
            return Step::Pass(fetched, why);
        }
        self.job.belongs_where(fetched.status);
        if fetched.status.is_server_error() {
            let report = self.report(&fetched);
            if let Some(stale) = self.stale(OriginTrouble::Error, "origin-error", report) {
                return Step::Announce(stale, Sharing::All);
            }
        } else if let Some(key) = &self.job.key {
            self.job.edge.failing().answered(&key.hash);
        }
        match self.job.confirming() {
            Some(stored) if fetched.status == StatusCode::NOT_MODIFIED => {
                Step::Confirm(stored.clone(), fetched)
            }
            _ => Step::Ttl(fetched),
        }
    }

    async fn confirm(&mut self, stored: Variant, fetched: Box<Fetched>) -> Step {
        let status = self.report(&fetched).status;
        let (job, transaction, hooks) = (&self.job, &mut self.transaction, &mut self.hooks);
        match confirm::confirm(job, &self.facts, stored, fetched, transaction, hooks).await {
            Ok(Confirmation::Stored { variant, may_share }) => {
                let answer = Answer::Stored {
                    variant,
                    use_of: StoredUse::Validated,
                    report: self.report_of(status),
                };
                let sharing = match may_share {
                    true => Sharing::All,
                    false => Sharing::Leader,
                };
                Step::Announce(answer, sharing)
            }
            Ok(Confirmation::Instead(made)) => {
                self.job.validating = None;
                Step::Judge(made)
            }
            Ok(Confirmation::OfNothing) => Step::Again,
            Err(why) => self.refused(why),
        }
    }

    async fn ttl(&mut self, fetched: Box<Fetched>) -> Step {
        let (job, transaction, hooks) = (&self.job, &mut self.transaction, &mut self.hooks);
        match ttl::decide(job, &self.facts, fetched.facts(), transaction, hooks).await {
            Ok(overrides) if job.completing.is_some() => Step::Complete(fetched, overrides),
            Ok(overrides) => Step::Store(fetched, overrides),
            Err(why) => self.refused(why),
        }
    }

    /// Decides about a response that was asked for to complete a stored part.
    async fn complete(&mut self, fetched: Box<Fetched>, overrides: Overrides) -> Step {
        let Some(completing) = self.job.completing.take() else {
            return Step::Store(fetched, overrides);
        };
        let completed = completion::judge(&self.job, &completing.part, &fetched, &overrides);
        match completed.begun().await {
            Completed::Combined(both) => Step::Combine(both, fetched),
            Completed::Refetch => Step::Again,
            Completed::Other => Step::Store(fetched, overrides),
        }
    }

    fn again(&mut self) -> Step {
        self.job.validating = None;
        self.asks = MAX_ASKS;
        Step::OriginSelection(OutgoingBody::Empty)
    }

    /// A stored response in place of nothing, where stale-if-error allows it.
    fn failed(&self, failure: Failure) -> Step {
        let (word, report) = (failure.reason.as_str(), failure.report.clone());
        let stale = self.stale(OriginTrouble::Disconnected, word, report);
        Step::Announce(stale.unwrap_or(Answer::Failed(failure)), Sharing::All)
    }

    fn stale(
        &self,
        trouble: OriginTrouble,
        word: &'static str,
        report: Arc<Report>,
    ) -> Option<Answer> {
        let job = &self.job;
        let stored = job.validating.as_ref()?;
        let (policy, now) = (job.behavior.policy(), job.edge.clock().now());
        let request = job.request();
        selvedge_caching::may_serve_stale_on_error(&request, &stored.head, policy, trouble, now)
            .ok()?;
        if let Some(key) = job.key.as_ref().filter(|_| trouble == OriginTrouble::Error) {
            job.edge.failing().failed(key.hash, self.began);
        }
        Some(Answer::Stored {
            variant: stored.clone(),
            use_of: StoredUse::StaleOnError { trouble, word },
            report,
        })
    }

    async fn store(self, fetched: Box<Fetched>, overrides: Overrides) {
        let report = self.report(&fetched);
        let job = self.job;
        if job.facts.method == Method::HEAD
            && fetched.status.is_success()
            && let Some(stored) = job.confirming().cloned()
        {
            let freshening = store_stage::freshen_by_head(&job, stored, &fetched, &overrides);
            Box::pin(freshening).await;
        }
        store_stage::store(job, fetched, &overrides, self.permit, self.leader, report).await;
    }

    async fn combine(self, both: Box<Combination>, fetched: Box<Fetched>) {
        let audience = Audience {
            report: self.report(&fetched),
            permit: self.permit,
            leader: self.leader,
        };
        completion::store(self.job, *both, fetched, audience).await;
    }

    /// Hands the response to the one request that it is for.
    async fn pass(self, fetched: Box<Fetched>, why: BypassReason) {
        let (job, report) = (&self.job, self.report(&fetched));
        let began = store_stage::invalidate(job, &fetched).await;
        if job.facts.method == Method::POST && store_stage::is_for_get(job, &fetched) {
            let key = cache_key::finish(&job.facts, job.parts.clone());
            let edge = job.edge.clone();
            let job = self.job.for_get(key, began);
            let (permit, leader) = (self.permit, self.leader);
            edge.spawn(async move {
                let overrides = Overrides::default();
                store_stage::store(job, fetched, &overrides, permit, leader, report).await;
            });
            return;
        }
        let own = fetched.into_own(why.as_str(), Conditions::Forwarded, report);
        let _ = self.leader.send(Outcome::Own(Box::new(own)));
    }

    fn announce(self, answer: Answer, sharing: Sharing) {
        self.permit.announce(match sharing {
            Sharing::All => answer.clone(),
            Sharing::Leader => Answer::NotShareable,
        });
        let _ = self.leader.send(Outcome::Shared(answer));
    }

    fn failure(&self, reason: FailureReason) -> Step {
        Step::Failed(self.failure_of(reason))
    }

    /// A plugin failed after the origin had answered: no stored response takes the place of that.
    fn refused(&self, why: PluginFailure) -> Step {
        let failure = self.failure_of(why.into());
        Step::Announce(Answer::Failed(failure), Sharing::All)
    }

    fn failure_of(&self, reason: FailureReason) -> Failure {
        Failure {
            reason,
            report: self.report_of(None),
        }
    }

    fn report(&self, fetched: &Fetched) -> Arc<Report> {
        // What a plugin answers was asked of nobody.
        self.report_of(fetched.origin.as_ref().map(|_| fetched.status.as_u16()))
    }

    fn report_of(&self, status: Option<u16>) -> Arc<Report> {
        Arc::new(Report {
            hooks: self.hooks.calls.clone(),
            origin: self.origin.clone(),
            status,
        })
    }
}

/// The request as hooks of the fetch side see it: with the key and the cache status. Copied only where there is such a hook.
fn facts(job: &Job) -> Arc<RequestFacts> {
    const HOOKS: [Hook; 4] = [
        Hook::OriginSelection,
        Hook::OriginRequest,
        Hook::OriginResponse,
        Hook::Ttl,
    ];
    let is_asked = |hook| !job.behavior.plugins_with(hook).is_empty();
    if !HOOKS.into_iter().any(is_asked) {
        return job.facts.clone();
    }
    let masks = job.distribution.masks();
    let key = job.key.as_ref();
    Arc::new(RequestFacts {
        cache_key: key.map(|key| key_bytes::as_text(&key.bytes, masks)),
        cache_status: job.fwd.map(Fwd::as_str),
        ..(*job.facts).clone()
    })
}
