//! OriginRequest: the request that goes out to the origin.
//!
//! Everything that is in the cache key and what the behavior forwards beside it ([`Sent`]), and the fields that a proxy adds:
//! Host, Via (RFC 9110, section 7.6.3), X-Forwarded-For and -Proto, CDN-Loop (RFC 8586).

use super::exchange::{Conditions, Job, Outgoing, QueryPart, SELECTING, Target};
use super::query;
use super::receive::CDN_LOOP;
use super::sent::{Sent, X_FORWARDED_FOR};
use super::{max_forwards, upgrade};
use crate::config::{NameSet, X_FORWARDED_PROTO};
use crate::origin;
use http::header::{HOST, IF_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE, VIA};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, request};
use selvedge_caching::Stored;

mod hook;

pub(crate) use hook::{OriginRequest, Unsent, handle};

/// Fields of [`SELECTING`] that say which part is wanted.
const RANGED: [HeaderName; 2] = [RANGE, IF_RANGE];

/// Fields of [`SELECTING`] that no cache evaluates: the part that is wanted, and conditions on what is current at the origin (RFC 9111,
/// section 4.3.2).
const FOR_THE_ORIGIN: [HeaderName; 4] = [IF_MATCH, IF_UNMODIFIED_SINCE, RANGE, IF_RANGE];

/// The request by the policies.
fn outgoing(job: &Job) -> Outgoing {
    let sent = Sent::for_job(job);
    let mut fields = sent.fields();
    fields.extend(match &job.completing {
        Some(completing) => completing.fields.clone(),
        None => selecting(
            &job.facts.fields,
            job.confirming().map(|stored| &*stored.head),
            job.conditions,
        ),
    });
    add_proxy_fields(job, sent, &mut fields);
    Outgoing {
        path: job.facts.path.clone(),
        query: sent_query(job),
        fields,
        host: None,
    }
}

/// The head of the request to one origin.
pub(crate) fn head_for(job: &Job, outgoing: &Outgoing, target: &Target) -> request::Parts {
    let settings = target.origin.settings();
    let mut fields = outgoing.fields.clone();
    max_forwards::lower(&job.facts.method, &mut fields);
    if let Some(host) = outgoing.host.clone().or_else(|| host_field(job, target)) {
        fields.insert(HOST, host);
    }
    for (name, value) in &settings.fields {
        fields.insert(name.clone(), value.clone());
    }
    if let Some(protocol) = &job.upgrade {
        upgrade::ask(&mut fields, protocol);
    }
    let (mut head, ()) = http::Request::new(()).into_parts();
    head.method = job.facts.method.clone();
    head.version = origin::VERSION;
    head.uri = uri(outgoing, &settings.path);
    head.headers = fields;
    head
}

/// The conditions and the range of the request, where nothing is being completed. What comes back for a stored response is
/// for the store: the whole, or the range that is asked for where a part is stored, unless the stored response is confirmed.
/// Where nothing is stored, what the viewer has must not decide what all get: its If-None-Match and If-Modified-Since stay
/// here, and are evaluated on what comes.
pub(crate) fn selecting(
    viewers: &HeaderMap,
    validating: Option<&Stored>,
    conditions: Conditions,
) -> HeaderMap {
    let (names, conditions) = match validating {
        None if conditions == Conditions::Evaluated => (&FOR_THE_ORIGIN[..], None),
        None => (&SELECTING[..], None),
        Some(stored) if stored.is_complete() => {
            (&[][..], selvedge_caching::validation_fields(stored))
        }
        Some(part) => (&RANGED[..], selvedge_caching::confirmation_fields(part)),
    };
    let mut fields = HeaderMap::new();
    for name in names {
        for value in viewers.get_all(name) {
            fields.append(name.clone(), value.clone());
        }
    }
    fields.extend(conditions.unwrap_or_default());
    fields
}

/// Origin-form target: the origin's path, the request's path, and what of the query is keyed or forwarded.
fn uri(outgoing: &Outgoing, prefix: &str) -> Uri {
    let mut target = String::with_capacity(prefix.len() + outgoing.path.len() + 32);
    target.push_str(prefix);
    target.push_str(&outgoing.path);
    if let Some(query) = &outgoing.query {
        target.push('?');
        target.push_str(query);
    }
    Uri::try_from(target).unwrap_or_else(|_| Uri::from_static("/"))
}

fn sent_query(job: &Job) -> Option<String> {
    let all = job.facts.query.as_deref();
    let sent = match (&job.parts.query, Sent::for_job(job).query()) {
        (QueryPart::Policy(keyed), NameSet::None) => query::select(all, keyed),
        (QueryPart::Sorted(keyed), NameSet::None) => query::select_sorted(all, keyed),
        (QueryPart::Policy(keyed) | QueryPart::Sorted(keyed), forward) => {
            query::select_either(all, keyed, forward)
        }
    };
    sent.map(|query| query.into_owned())
}

/// The Host of the request: the viewer's where it is keyed, and with that forwarded, else the origin's name with a port that
/// is not the scheme's own (RFC 9110, section 7.2).
fn host_field(job: &Job, target: &Target) -> Option<HeaderValue> {
    if job.parts.host {
        return Sent::for_job(job).host();
    }
    let settings = target.origin.settings();
    let (port, usual) = match target.secure {
        true => (settings.https_port, 443),
        false => (settings.http_port, 80),
    };
    if port == usual {
        return Some(settings.host_field.clone());
    }
    HeaderValue::try_from(format!("{}:{port}", settings.domain)).ok()
}

fn add_proxy_fields(job: &Job, sent: Sent<'_>, fields: &mut HeaderMap) {
    if let Ok(chain) = HeaderValue::from_bytes(&sent.forwarded_for()) {
        fields.insert(X_FORWARDED_FOR, chain);
    }
    if let Some(scheme) = sent.scheme() {
        fields.insert(X_FORWARDED_PROTO, scheme);
    }
    fields.append(VIA, job.edge.via(job.facts.version).clone());
    fields.append(CDN_LOOP, job.edge.loop_field().clone());
    if job.facts.method == Method::HEAD || job.facts.method == Method::GET {
        fields.remove(http::header::CONTENT_LENGTH);
    }
}
