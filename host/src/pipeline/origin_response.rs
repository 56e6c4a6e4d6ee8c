//! OriginResponse: plugins may change what an origin sent before it is stored, put something else in its place, or have another
//! origin asked.
//!
//! Their decisions are stored and answer every request for the key. A body that a plugin makes anew is another
//! representation: its validator becomes weak (RFC 9110, section 8.8.1), it has no length beforehand, and no ranges of it
//! are served.

use super::exchange::{Fetched, FetchedBody, Job, PluginFailure};
use super::hooks::{Hooks, Witness};
use super::{streamed, unkeyed};
use crate::origin::Origin;
use http::header::{
    ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, ETAG, HeaderName, HeaderValue, TRAILER,
};
use http::{HeaderMap, Method, StatusCode};
use selvedge_runtime::{
    FieldEdit, Hook, OnError, OriginResponseDecision, Plugin, RequestFacts, ResponseEdits,
    ResponseFacts, Transaction,
};
use std::sync::Arc;

/// Digests of content: a body that is made anew has others.
const DIGESTS: [HeaderName; 4] = [
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
];

/// The outcome of the stage.
pub(crate) enum OriginResponse {
    /// Go on with this response.
    Go(Box<Fetched>),
    /// Ask this origin instead.
    Ask(Arc<Origin>),
    /// Ask again for the whole: a part can't be made anew.
    AskForWhole,
}

/// A response that plugins are asked about.
trait Subject {
    /// The outcome if the plugins after this one are not asked.
    type End;

    /// The response as the next plugin sees it.
    fn facts(&self) -> ResponseFacts;

    /// Does what a plugin has decided.
    ///
    /// # Errors
    /// Why that can't be done, in words.
    fn follow(
        &mut self,
        job: &Job,
        plugin: &Plugin,
        decision: OriginResponseDecision,
        witness: Witness,
    ) -> Result<Option<Self::End>, String>;
}

/// Asks each plugin with an origin-response hook in order.
async fn ask_each<S: Subject>(
    subject: &mut S,
    job: &Job,
    facts: &Arc<RequestFacts>,
    transaction: &mut Transaction,
    hooks: &mut Hooks,
) -> Result<Option<S::End>, PluginFailure> {
    for plugin in job.behavior.plugins_with(Hook::OriginResponse) {
        let response = Arc::new(subject.facts());
        let called = transaction.origin_response(plugin, facts, &response).await;
        let reads = called.reads.clone();
        let Ok(decision) = hooks.note(plugin, called) else {
            fail(plugin, hooks)?;
            continue;
        };
        if matches!(decision, OriginResponseDecision::Next) {
            continue;
        }
        unkeyed::warn(job, plugin, Hook::OriginResponse, &reads);
        let witness = hooks.witness(plugin, Hook::OriginResponse);
        match subject.follow(job, plugin, decision, witness) {
            Ok(None) => {}
            Ok(end) => return Ok(end),
            Err(why) => {
                hooks.refuse(plugin, Hook::OriginResponse, &why);
                fail(plugin, hooks)?;
            }
        }
    }
    Ok(None)
}

/// Asks about a response that has just come. `asks` is how many more origins may be asked.
///
/// # Errors
/// A plugin failed whose failure is the request's failure.
pub(crate) async fn handle(
    job: &Job,
    facts: &Arc<RequestFacts>,
    fetched: Box<Fetched>,
    asks: u32,
    transaction: &mut Transaction,
    hooks: &mut Hooks,
) -> Result<OriginResponse, PluginFailure> {
    if fetched.status.is_informational() {
        return Ok(OriginResponse::Go(fetched));
    }
    if job.behavior.asks_for_identity() {
        warn_if_encoded(job, &fetched);
    }
    let mut arrived = Arrived { fetched, asks };
    let end = ask_each(&mut arrived, job, facts, transaction, hooks).await?;
    Ok(end.unwrap_or(OriginResponse::Go(arrived.fetched)))
}

/// A response that has just come.
struct Arrived {
    fetched: Box<Fetched>,
    asks: u32,
}

impl Subject for Arrived {
    type End = OriginResponse;

    fn facts(&self) -> ResponseFacts {
        self.fetched.facts()
    }

    fn follow(
        &mut self,
        job: &Job,
        plugin: &Plugin,
        decision: OriginResponseDecision,
        witness: Witness,
    ) -> Result<Option<OriginResponse>, String> {
        let fetched = &mut *self.fetched;
        match decision {
            OriginResponseDecision::Next => {}
            OriginResponseDecision::Ask(id) => {
                let origin = other(job, plugin, fetched, &id, self.asks)?;
                return Ok(Some(OriginResponse::Ask(origin)));
            }
            OriginResponseDecision::Respond(response) => {
                let made = Fetched::made(job, response)?;
                *fetched = Fetched {
                    origin: fetched.origin.take(),
                    ..made
                };
            }
            OriginResponseDecision::Edit(edits) => edit(fetched, &edits)?,
            OriginResponseDecision::Transform(..) | OriginResponseDecision::Produce(..)
                if fetched.status == StatusCode::PARTIAL_CONTENT =>
            {
                return Ok(Some(OriginResponse::AskForWhole));
            }
            OriginResponseDecision::Transform(edits, transform) => {
                edit(fetched, &edits)?;
                stream(job, fetched, |body| {
                    streamed::transformed(body, transform, witness)
                });
            }
            OriginResponseDecision::Produce(edits, producer) => {
                edit(fetched, &edits)?;
                stream(job, fetched, |_| streamed::produced(producer, witness));
            }
        }
        Ok(None)
    }
}

/// Counts a response whose content is coded although it was asked for without a coding, and warns once of its origin: plugins
/// that change bodies pass it as it is.
fn warn_if_encoded(job: &Job, fetched: &Fetched) {
    let codings = fetched.fields.get_all(CONTENT_ENCODING).iter();
    let is_encoded = codings
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .any(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity"));
    let Some(origin) = fetched.origin.as_deref().filter(|_| is_encoded) else {
        return;
    };
    let distribution = job.distribution.id();
    job.edge.metrics().encoded(distribution, origin);
    if job
        .edge
        .first_time(&job.distribution, &format!("encoded {origin}"))
    {
        tracing::warn!(
            target: "plugin",
            distribution = &**distribution,
            origin,
            request_id = %job.facts.request_id,
            "the origin compresses although it was asked for `identity`: plugins at origin-response can't read such bodies, and pass them as they are. Switch compression off there; selvedge_encoded_responses_total counts them"
        );
    }
}

fn fail(plugin: &Plugin, hooks: &Hooks) -> Result<(), PluginFailure> {
    match plugin.on_error() {
        OnError::Continue => Ok(()),
        OnError::Fail => Err(hooks.failed(Hook::OriginResponse)),
    }
}

/// The origin that a plugin wants to be asked.
fn other(
    job: &Job,
    plugin: &Plugin,
    fetched: &Fetched,
    id: &str,
    asks: u32,
) -> Result<Arc<Origin>, String> {
    let origin = job.distribution.origin(id).ok_or_else(|| {
        format!(
            "it asks the origin '{}', but the distribution has {}",
            plugin.masks().name(id),
            job.distribution.origin_ids()
        )
    })?;
    if !matches!(job.facts.method, Method::GET | Method::HEAD) {
        return Err(format!(
            "it asks another origin for a {} request, whose body is gone",
            job.facts.method
        ));
    }
    if asks == 0 {
        let last = fetched.origin.as_deref().unwrap_or("none");
        return Err(format!(
            "it asks one origin after the other: the last one that answered was {last}"
        ));
    }
    Ok(origin.clone())
}

fn edit(fetched: &mut Fetched, edits: &ResponseEdits) -> Result<(), String> {
    let fixed = |status| {
        matches!(
            status,
            StatusCode::PARTIAL_CONTENT | StatusCode::NOT_MODIFIED
        )
    };
    if let Some(status) = edits.status.filter(|status| *status != fetched.status)
        && (fixed(status) || fixed(fetched.status))
    {
        return Err(format!(
            "it changed the status {} to {}: 206 and 304 say what the body is",
            fetched.status.as_u16(),
            status.as_u16()
        ));
    }
    let (mut status, mut fields) = (fetched.status, fetched.fields.clone());
    edits
        .apply(&mut status, &mut fields)
        .map_err(|error| error.to_string())?;
    if status != fetched.status && is_bodiless(status) {
        fetched.body = FetchedBody::Made(None);
        fields.remove(CONTENT_LENGTH);
    }
    (fetched.status, fetched.fields) = (status, fields);
    Ok(())
}

/// Puts another body in place. Where there is none to make anew (HEAD, 304), the fields still say what a GET would get.
fn stream(job: &Job, fetched: &mut Fetched, make: impl FnOnce(FetchedBody) -> FetchedBody) {
    of_body_made_anew(&mut fetched.fields);
    if job.facts.method != Method::HEAD && !is_bodiless(fetched.status) {
        let body = std::mem::replace(&mut fetched.body, FetchedBody::Made(None));
        fetched.body = make(body);
    }
}

/// Sets the fields of a body that is made anew: nothing that was true of the old one.
fn of_body_made_anew(fields: &mut HeaderMap) {
    for name in [CONTENT_LENGTH, TRAILER].into_iter().chain(DIGESTS) {
        fields.remove(name);
    }
    weaken(fields);
    fields.insert(ACCEPT_RANGES, HeaderValue::from_static("none"));
}

/// Makes a strong validator weak.
fn weaken(fields: &mut HeaderMap) {
    let Some(strong) = fields
        .get(ETAG)
        .filter(|tag| tag.as_bytes().starts_with(b"\""))
    else {
        return;
    };
    if let Ok(weak) = HeaderValue::from_bytes(&[b"W/", strong.as_bytes()].concat()) {
        fields.insert(ETAG, weak);
    }
}

fn is_bodiless(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
    )
}

/// The outcome of asking about a stored response that the origin has confirmed.
pub(crate) enum Confirmed {
    /// These changes were made to the 304, so that freshening makes them to the stored response; and these fields go.
    Edited { remove: Vec<HeaderName> },
    /// This takes its place.
    Instead(Box<Fetched>),
    /// The origin's whole response is wanted.
    AskForWhole,
}

/// Asks the same plugins about a stored response that the origin has confirmed. Its body was made anew, if at all, when it was
/// stored; its fields may change again. `confirmed` is what it would be without them.
///
/// # Errors
/// As of [`handle`].
pub(crate) async fn confirm(
    job: &Job,
    facts: &Arc<RequestFacts>,
    confirmed: ResponseFacts,
    not_modified: &mut HeaderMap,
    transaction: &mut Transaction,
    hooks: &mut Hooks,
) -> Result<Confirmed, PluginFailure> {
    let mut asked = StoredAgain {
        response: confirmed,
        changed: Vec::new(),
        made_anew: false,
    };
    let end = ask_each(&mut asked, job, facts, transaction, hooks).await?;
    Ok(end.unwrap_or_else(|| asked.into_edits(not_modified)))
}

/// A stored response as the origin has confirmed it.
struct StoredAgain {
    response: ResponseFacts,
    /// The fields that plugins have changed.
    changed: Vec<HeaderName>,
    /// A plugin makes the body anew.
    made_anew: bool,
}

impl Subject for StoredAgain {
    type End = Confirmed;

    fn facts(&self) -> ResponseFacts {
        self.response.clone()
    }

    fn follow(
        &mut self,
        job: &Job,
        _: &Plugin,
        decision: OriginResponseDecision,
        _: Witness,
    ) -> Result<Option<Confirmed>, String> {
        let edits = match decision {
            OriginResponseDecision::Next => return Ok(None),
            OriginResponseDecision::Ask(_) => return Ok(Some(Confirmed::AskForWhole)),
            OriginResponseDecision::Respond(response) => {
                let made = Fetched::made(job, response)?;
                return Ok(Some(Confirmed::Instead(Box::new(made))));
            }
            OriginResponseDecision::Edit(edits) => edits,
            OriginResponseDecision::Transform(edits, _)
            | OriginResponseDecision::Produce(edits, _) => {
                self.made_anew = true;
                edits
            }
        };
        let once = without_repetitions(edits, &self.response.fields);
        once.apply_to_facts(&mut self.response)
            .map_err(|error| error.to_string())?;
        let names = once.fields.iter().map(|edit| edit.name().clone());
        self.changed.extend(names);
        Ok(None)
    }
}

impl StoredAgain {
    /// Makes the plugins' changes to the 304, so that freshening makes them to the stored response.
    fn into_edits(mut self, not_modified: &mut HeaderMap) -> Confirmed {
        if self.made_anew {
            of_body_made_anew(not_modified);
        }
        let fields = &self.response.fields;
        for name in &self.changed {
            not_modified.remove(name);
            for value in fields.get_all(name) {
                not_modified.append(name.clone(), value.clone());
            }
        }
        self.changed.retain(|name| !fields.contains_key(name));
        Confirmed::Edited {
            remove: self.changed,
        }
    }
}

/// Lines that an earlier run has appended are there already.
fn without_repetitions(mut edits: ResponseEdits, fields: &HeaderMap) -> ResponseEdits {
    edits.fields.retain(|edit| match edit {
        FieldEdit::Append(name, value) => !fields.get_all(name).iter().any(|line| line == value),
        _ => true,
    });
    edits
}
