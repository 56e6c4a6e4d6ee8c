//! The fetch side of a request: its own transaction, joined to the viewers by one streaming body.
//!
//! It selects the origin, makes the request, fetches, asks for the lifetime, and stores while streaming. Because it is
//! apart from any viewer, background refresh, collapsing and streaming while filling are the same code, and a viewer
//! that leaves does not end a fill that others read.

mod confirm;

use super::completion::{self, Completed};
use super::exchange::{
    Answer, Audience, Conditions, Edits, Failure, Fetched, Job, Outcome, Outgoing, Report,
    StoredUse, Target, key_bytes,
};
use super::fetches::Slot;
use super::flights::Permit;
use super::hooks::Hooks;
use super::origin_request::{self, OriginRequest, Unsent};
use super::origin_response::{self, OriginResponse};
use super::{cache_key, fetch, origin_selection, store_stage, ttl};
use crate::origin::OutgoingBody;
use http::{Method, StatusCode};
use selvedge_caching::{OriginTrouble, Overrides};
use selvedge_runtime::{Hook, RequestFacts, Transaction};
use selvedge_store::Variant;
use std::sync::Arc;
use tokio::sync::oneshot;

/// The host has as many fetches under way as it may have.
const TOO_MANY: &str = "too-many-fetches";

/// After an origin has answered, plugins may have so many others asked.
const MOST_ASKS: u32 = 2;

/// Fetches for a permit: for the leading request and for all that wait. What is rare is on the heap, here and further down: this
/// future is made for each miss.
pub(crate) async fn lead(job: Box<Job>, permit: Permit, leader: oneshot::Sender<Outcome>) {
    let mut side = Side::new(&job);
    match side.obtain(&job, OutgoingBody::Empty).await {
        Ok(fetched) => {
            let mut job = job.for_status(fetched.status);
            job.edits = std::mem::take(&mut side.edits);
            side.conclude(job, fetched, permit, leader).await
        }
        Err(failure) => {
            let answer = side.stale_on_error(&job, failure);
            permit.announce(answer.clone());
            let _ = leader.send(Outcome::Shared(answer));
        }
    }
}

/// Fetches for one request alone; the fetch ends when its viewer leaves. Nothing is stored, except a response to POST that
/// says it is what GET would give.
pub(crate) async fn alone(
    mut job: Box<Job>,
    body: OutgoingBody,
    why: &'static str,
) -> Result<Outcome, Failure> {
    let mut side = Side::new(&job);
    let fetched = side.obtain(&job, body).await?;
    job.edits = std::mem::take(&mut side.edits);
    let began = store_stage::invalidate(&job, &fetched).await;
    let report = side.report(&fetched);
    if job.facts.method == Method::POST && store_stage::is_for_get(&job, &fetched) {
        let (leader, outcome) = oneshot::channel();
        let edge = job.edge.clone();
        let key = cache_key::finish(&job.facts, job.parts.clone());
        let job = job.for_get(key, began);
        edge.spawn(async move {
            let overrides = Overrides::default();
            store_stage::store(
                job,
                fetched,
                &overrides,
                Permit::for_nobody(),
                leader,
                report,
            )
            .await;
        });
        let lost = side.failure(StatusCode::BAD_GATEWAY, "fetch-lost");
        return outcome.await.map_err(|_| lost);
    }
    Ok(Outcome::Own(Box::new(fetched.into_own(
        why,
        Conditions::Forwarded,
        report,
    ))))
}

/// The transaction of one fetch.
struct Side {
    /// The request as hooks of this side see it.
    facts: Arc<RequestFacts>,
    transaction: Transaction,
    hooks: Hooks,
    origin: Option<String>,
    /// What origin-request hooks did to the request.
    edits: Edits,
}

impl Side {
    fn new(job: &Job) -> Side {
        Side {
            facts: facts(job),
            transaction: Transaction::new(),
            hooks: Hooks::new(&job.edge, job.facts.request_id),
            origin: None,
            edits: Edits::default(),
        }
    }

    /// OriginSelection, OriginRequest, Fetch, OriginResponse.
    async fn obtain(&mut self, job: &Job, body: OutgoingBody) -> Result<Box<Fetched>, Failure> {
        let Some(slot) = job.edge.begin_fetch() else {
            let (id, origin) = (job.distribution.id(), job.behavior.origin());
            job.edge.metrics().fetch(id, origin.id(), TOO_MANY);
            return Err(self.failure(StatusCode::SERVICE_UNAVAILABLE, TOO_MANY));
        };
        let (facts, transaction, hooks) = (&self.facts, &mut self.transaction, &mut self.hooks);
        let targets = match origin_selection::select(job, facts, transaction, hooks).await {
            Ok(targets) => targets,
            Err(reason) => return Err(self.failure(super::hooks::status(reason), reason)),
        };
        let first = targets.first();
        let edits = &mut self.edits;
        let request =
            origin_request::handle(job, facts, first, body, transaction, hooks, edits).await;
        let (mut outgoing, body) = match request {
            Ok(OriginRequest::Send(outgoing, body)) => (outgoing, body),
            Ok(OriginRequest::Answered(made)) => return Ok(made),
            Err(unsent) => return Err(self.unsent(unsent)),
        };
        self.origin = targets.first().map(|target| target.origin.id().to_owned());
        // Origins may be slow, and instances are scarce: those of this side begin anew when the response has come.
        self.transaction = Transaction::new();
        let mut fetched = self.fetch(job, &targets, &outgoing, body, &slot).await?;
        for asks in (0..=MOST_ASKS).rev() {
            if fetched.status == StatusCode::NOT_MODIFIED && job.validating.is_some() {
                // Asked about as what it confirms.
                return Ok(fetched);
            }
            let (facts, transaction, hooks) = (&self.facts, &mut self.transaction, &mut self.hooks);
            let asked =
                origin_response::handle(job, facts, fetched, asks, transaction, hooks).await;
            let targets = match asked {
                Ok(OriginResponse::Go(fetched)) => return Ok(fetched),
                Ok(OriginResponse::Ask(origin)) => vec![Target {
                    secure: origin_selection::is_secure(job, &origin),
                    origin,
                }],
                Ok(OriginResponse::AskForWhole) => {
                    outgoing.ask_for_whole();
                    targets.clone()
                }
                Err(reason) => return Err(self.failure(super::hooks::status(reason), reason)),
            };
            fetched = self
                .fetch(job, &targets, &outgoing, OutgoingBody::Empty, &slot)
                .await?;
        }
        Err(self.failure(StatusCode::BAD_GATEWAY, "too-many-asks"))
    }

    /// Fetch, and note who answered.
    async fn fetch(
        &mut self,
        job: &Job,
        targets: &[Target],
        outgoing: &Outgoing,
        body: OutgoingBody,
        slot: &Slot,
    ) -> Result<Box<Fetched>, Failure> {
        match fetch::fetch(job, targets, outgoing, body, slot).await {
            Ok(fetched) => {
                self.origin.clone_from(&fetched.origin);
                Ok(fetched)
            }
            Err(error) => Err(self.failure(error.status(), error.as_str())),
        }
    }

    fn unsent(&self, unsent: Unsent) -> Failure {
        match unsent {
            Unsent::Failed(reason) => self.failure(super::hooks::status(reason), reason),
            Unsent::BrokenBody => self.failure(StatusCode::BAD_REQUEST, "request-body-error"),
        }
    }

    /// Ttl, then Store: what becomes of a response.
    async fn conclude(
        &mut self,
        mut job: Box<Job>,
        fetched: Box<Fetched>,
        permit: Permit,
        leader: oneshot::Sender<Outcome>,
    ) {
        if fetched.status.is_server_error()
            && let Some(answer) = self.stale_instead(&job, &fetched)
        {
            permit.announce(answer.clone());
            let _ = leader.send(Outcome::Shared(answer));
            return;
        }
        if fetched.status == StatusCode::NOT_MODIFIED
            && let Some(stored) = job.validating.clone()
        {
            return Box::pin(self.confirm(job, stored, fetched, permit, leader)).await;
        }
        let asked = ttl::decide(
            &job,
            &self.facts,
            fetched.facts(),
            &mut self.transaction,
            &mut self.hooks,
        )
        .await;
        let overrides = match asked {
            Ok(overrides) => overrides,
            Err(reason) => return self.fail(reason, &permit, leader),
        };
        let report = self.report(&fetched);
        if let Some(completing) = job.completing.take()
            && let Some(key) = job.key.clone()
        {
            let completed = completion::judge(&job, &completing.part, &fetched, &overrides);
            match completed.begun().await {
                Completed::Combined(combination) => {
                    let audience = Audience {
                        permit,
                        leader,
                        report,
                    };
                    let storing = completion::store(job, &key, *combination, fetched, audience);
                    return Box::pin(storing).await;
                }
                Completed::Refetch => {
                    drop(fetched);
                    return Box::pin(lead(job, permit, leader)).await;
                }
                Completed::Other => {}
            }
        }
        if job.facts.method == Method::HEAD
            && fetched.status.is_success()
            && let Some(stored) = job.validating.clone()
        {
            Box::pin(store_stage::freshen_by_head(
                &job, stored, &fetched, &overrides,
            ))
            .await;
        }
        store_stage::store(job, fetched, &overrides, permit, leader, report).await;
    }

    /// A plugin failed whose failure is the request's failure.
    fn fail(&self, reason: &'static str, permit: &Permit, leader: oneshot::Sender<Outcome>) {
        let answer = Answer::Failed(self.failure(super::hooks::status(reason), reason));
        permit.announce(answer.clone());
        let _ = leader.send(Outcome::Shared(answer));
    }

    /// A stored response in place of a 5xx, where stale-if-error allows it.
    fn stale_instead(&self, job: &Job, fetched: &Fetched) -> Option<Answer> {
        let stored = job.validating.as_ref()?;
        let report = self.report(fetched);
        self.may_use_stale(job, stored, OriginTrouble::Error, "origin-error", report)
    }

    /// A stored response in place of nothing, where stale-if-error allows it.
    fn stale_on_error(&self, job: &Job, failure: Failure) -> Answer {
        job.validating
            .as_ref()
            .and_then(|stored| {
                let (word, report) = (failure.reason, failure.report.clone());
                self.may_use_stale(job, stored, OriginTrouble::Disconnected, word, report)
            })
            .unwrap_or(Answer::Failed(failure))
    }

    fn may_use_stale(
        &self,
        job: &Job,
        stored: &Variant,
        trouble: OriginTrouble,
        word: &'static str,
        report: Arc<Report>,
    ) -> Option<Answer> {
        let now = job.edge.clock().now();
        let policy = job.behavior.policy();
        selvedge_caching::may_serve_stale_on_error(
            &job.request(),
            &stored.head,
            policy,
            trouble,
            now,
        )
        .ok()?;
        Some(Answer::Stored {
            variant: stored.clone(),
            use_of: StoredUse::StaleOnError { trouble, word },
            report,
        })
    }

    fn report(&self, fetched: &Fetched) -> Arc<Report> {
        Arc::new(Report {
            hooks: self.hooks.calls.clone(),
            origin: self.origin.clone(),
            // What a plugin answers was asked of nobody.
            status: fetched.origin.as_ref().map(|_| fetched.status.as_u16()),
        })
    }

    fn failure(&self, status: StatusCode, reason: &'static str) -> Failure {
        Failure {
            status,
            reason,
            report: Arc::new(Report {
                hooks: self.hooks.calls.clone(),
                origin: self.origin.clone(),
                status: None,
            }),
        }
    }
}

/// The request as hooks of the fetch side see it: with the key. Copied only where there is such a hook.
fn facts(job: &Job) -> Arc<RequestFacts> {
    const HOOKS: [Hook; 4] = [
        Hook::OriginSelection,
        Hook::OriginRequest,
        Hook::OriginResponse,
        Hook::Ttl,
    ];
    let is_asked = |hook| !job.behavior.plugins_with(hook).is_empty();
    match &job.key {
        Some(key) if HOOKS.into_iter().any(is_asked) => Arc::new(RequestFacts {
            cache_key: Some(key_bytes::as_text(&key.bytes, job.distribution.masks())),
            ..(*job.facts).clone()
        }),
        _ => job.facts.clone(),
    }
}
