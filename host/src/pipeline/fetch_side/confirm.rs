//! The origin confirms a stored response: what becomes of that.

use crate::pipeline::exchange::{Fetched, Job, PluginFailure};
use crate::pipeline::hooks::Hooks;
use crate::pipeline::origin_response::{self, Confirmed};
use crate::pipeline::{nominated, store_stage, ttl};
use http::HeaderName;
use selvedge_caching::{Freshen, Overrides, Stored};
use selvedge_runtime::{Hook, RequestFacts, ResponseFacts, Transaction};
use selvedge_store::Variant;
use std::sync::Arc;

/// The outcome of a confirmation.
pub(super) enum Confirmation {
    /// The stored response as it is now, and whether it may answer those who waited for the confirmation.
    Stored { variant: Variant, may_share: bool },
    /// A plugin made this in its place.
    Instead(Box<Fetched>),
    /// It is about something that is not stored, or a plugin wants the whole: the origin is asked again.
    OfNothing,
}

/// Takes a confirmation of the stored response (RFC 9111, section 4.3.4). Hooks are asked about what it is then, not about the
/// bare 304.
///
/// # Errors
/// A plugin failed whose failure is the request's failure.
pub(super) async fn confirm(
    job: &Job,
    facts: &Arc<RequestFacts>,
    stored: Variant,
    mut fetched: Box<Fetched>,
    transaction: &mut Transaction,
    hooks: &mut Hooks,
) -> Result<Confirmation, PluginFailure> {
    let asked = ask_about_confirmed(job, facts, &stored, &mut fetched, transaction, hooks).await?;
    let removed = match asked {
        Confirmed::Edited { remove } => remove,
        Confirmed::Instead(made) => return Ok(Confirmation::Instead(made)),
        Confirmed::AskForWhole => return Ok(Confirmation::OfNothing),
    };
    let freshen = |overrides: &Overrides| freshen(job, &stored, &fetched, overrides, &removed);
    let Freshen::Updated(confirmed) = freshen(&Overrides::default()) else {
        return Ok(Confirmation::OfNothing);
    };
    let response = of_confirmed(&confirmed, &fetched);
    let overrides = ttl::decide(job, facts, response, transaction, hooks).await?;
    let head = match freshen(&overrides) {
        Freshen::Updated(head) => head,
        Freshen::NotThisOne => confirmed,
    };
    let may_share = store_stage::may_share_confirmed(job, &head, &overrides);
    let variant = store_stage::freshen(job, stored, head).await;
    Ok(Confirmation::Stored { variant, may_share })
}

/// Asks the origin-response hooks about a stored response as the origin has confirmed it.
async fn ask_about_confirmed(
    job: &Job,
    facts: &Arc<RequestFacts>,
    stored: &Variant,
    fetched: &mut Fetched,
    transaction: &mut Transaction,
    hooks: &mut Hooks,
) -> Result<Confirmed, PluginFailure> {
    let nothing = Confirmed::Edited { remove: Vec::new() };
    if job.behavior.plugins_with(Hook::OriginResponse).is_empty() {
        return Ok(nothing);
    }
    let Freshen::Updated(confirmed) = freshen(job, stored, fetched, &Overrides::default(), &[])
    else {
        return Ok(nothing);
    };
    let response = of_confirmed(&confirmed, fetched);
    let fields = &mut fetched.fields;
    origin_response::confirm(job, facts, response, fields, transaction, hooks).await
}

/// The confirmed response as hooks look at it.
fn of_confirmed(confirmed: &Stored, fetched: &Fetched) -> ResponseFacts {
    ResponseFacts {
        status: confirmed.status,
        fields: confirmed.fields.clone(),
        origin: fetched.origin.clone(),
    }
}

/// Updates a stored response by a confirmation; plugins may have removed fields from it.
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
