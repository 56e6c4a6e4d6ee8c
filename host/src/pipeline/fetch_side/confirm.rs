//! The origin confirms a stored response: what becomes of that for all who wait for it.

use super::super::exchange::{Answer, Fetched, Job, Outcome, StoredUse};
use super::super::flights::Permit;
use super::super::origin_response::{self, Confirmed};
use super::super::{nominated, store_stage, ttl};
use super::{Side, lead};
use http::HeaderName;
use selvedge_caching::{Freshen, Overrides};
use selvedge_runtime::{Hook, ResponseFacts};
use selvedge_store::Variant;
use tokio::sync::oneshot;

impl Side {
    /// The origin confirms the stored response (RFC 9111, section 4.3.4). Hooks are asked about what it is then, not about the
    /// bare 304.
    pub(super) async fn confirm(
        &mut self,
        job: Box<Job>,
        stored: Variant,
        mut fetched: Box<Fetched>,
        permit: Permit,
        leader: oneshot::Sender<Outcome>,
    ) {
        let removed = match self.ask_about_confirmed(&job, &stored, &mut fetched).await {
            Ok(Confirmed::Edited { remove }) => remove,
            Ok(Confirmed::Instead(made)) => {
                let mut job = job;
                job.validating = None;
                return Box::pin(self.conclude(job, made, permit, leader)).await;
            }
            Ok(Confirmed::AskForWhole) => {
                drop(fetched);
                return ask_again(job, permit, leader).await;
            }
            Err(reason) => return self.fail(reason, &permit, leader),
        };
        let freshen = |overrides: &Overrides| freshen(&job, &stored, &fetched, overrides, &removed);
        let Freshen::Updated(confirmed) = freshen(&Overrides::default()) else {
            // It is about something that is not stored.
            drop(fetched);
            return ask_again(job, permit, leader).await;
        };
        let facts = ResponseFacts {
            status: confirmed.status,
            fields: confirmed.fields.clone(),
            origin: fetched.origin.clone(),
        };
        let (transaction, hooks) = (&mut self.transaction, &mut self.hooks);
        let asked = ttl::decide(&job, &self.facts, facts, transaction, hooks).await;
        let overrides = match asked {
            Ok(overrides) => overrides,
            Err(reason) => return self.fail(reason, &permit, leader),
        };
        let head = match freshen(&overrides) {
            Freshen::Updated(head) => head,
            Freshen::NotThisOne => confirmed,
        };
        let report = self.report(&fetched);
        let may_share = store_stage::may_share_confirmed(&job, &head, &overrides);
        let answer = Answer::Stored {
            variant: store_stage::freshen(&job, stored, head).await,
            use_of: StoredUse::Validated,
            report,
        };
        permit.announce(if may_share {
            answer.clone()
        } else {
            Answer::NotShareable
        });
        let _ = leader.send(Outcome::Shared(answer));
    }

    /// Asks the origin-response hooks about a stored response as the origin has confirmed it.
    async fn ask_about_confirmed(
        &mut self,
        job: &Job,
        stored: &Variant,
        fetched: &mut Fetched,
    ) -> Result<Confirmed, &'static str> {
        let nothing = Confirmed::Edited { remove: Vec::new() };
        if job.behavior.plugins_with(Hook::OriginResponse).is_empty() {
            return Ok(nothing);
        }
        let Freshen::Updated(confirmed) = freshen(job, stored, fetched, &Overrides::default(), &[])
        else {
            return Ok(nothing);
        };
        let facts = ResponseFacts {
            status: confirmed.status,
            fields: confirmed.fields,
            origin: fetched.origin.clone(),
        };
        origin_response::confirm(
            job,
            &self.facts,
            facts,
            &mut fetched.fields,
            &mut self.transaction,
            &mut self.hooks,
        )
        .await
    }
}

/// What a confirmation makes of a stored response; plugins may have removed fields from it.
fn freshen(
    job: &Job,
    stored: &Variant,
    fetched: &Fetched,
    overrides: &Overrides,
    removed: &[HeaderName],
) -> Freshen {
    let (policy, arrived) = (job.behavior.policy(), fetched.arrived());
    let freshened =
        selvedge_caching::freshen(&stored.head, &job.request(), &arrived, policy, overrides);
    match freshened {
        Freshen::Updated(mut head) => {
            for name in removed {
                head.fields.remove(name);
            }
            Freshen::Updated(nominated::as_confirmed(job, &stored.head, head))
        }
        Freshen::NotThisOne => Freshen::NotThisOne,
    }
}

/// Asks again without conditions.
async fn ask_again(mut job: Box<Job>, permit: Permit, leader: oneshot::Sender<Outcome>) {
    job.validating = None;
    Box::pin(lead(job, permit, leader)).await;
}
