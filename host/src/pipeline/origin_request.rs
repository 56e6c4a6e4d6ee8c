//! OriginRequest: what goes out to the origin.
//!
//! Everything that is in the cache key, what the behavior forwards beside it, and the fields that a proxy adds: Host,
//! Via (RFC 9110, section 7.6.3), X-Forwarded-For and -Proto, CDN-Loop (RFC 8586). Hop-by-hop fields end here (RFC 9110,
//! section 7.6.1).

use super::cache_key::cookies;
use super::exchange::{
    Conditions, CookiePart, Job, KeyParts, Outgoing, QueryPart, SELECTING, Target,
};
use super::query;
use super::receive::CDN_LOOP;
use super::upgrade;
use crate::config::{FieldSet, NameSet};
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CACHE_CONTROL, COOKIE, EXPECT, HOST, IF_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE, PRAGMA, RANGE, VIA,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version, request};
use selvedge_caching::Stored;
use selvedge_runtime::Scheme;

mod hook;

pub(crate) use hook::{OriginRequest, Unsent, handle};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Those of them that say which part is wanted.
const RANGED: [HeaderName; 2] = [RANGE, IF_RANGE];

/// Those of them that no cache evaluates: the part that is wanted, and conditions on what is current at the origin (RFC 9111,
/// section 4.3.2).
const FOR_THE_ORIGIN: [HeaderName; 4] = [IF_MATCH, IF_UNMODIFIED_SINCE, RANGE, IF_RANGE];

/// Fields that reach the origin whatever the forward policy lists.
const ALWAYS: [HeaderName; 3] = [CACHE_CONTROL, PRAGMA, AUTHORIZATION];

/// Fields of content: they reach the origin with it, and not with a request that has none.
const OF_CONTENT: [HeaderName; 2] = [http::header::CONTENT_TYPE, http::header::CONTENT_ENCODING];

/// By these some origins take a request for one with another method, which would walk around `allowed_methods`: they are
/// sent only where they are keyed or named.
const METHOD_OVERRIDES: [HeaderName; 3] = [
    HeaderName::from_static("x-http-method-override"),
    HeaderName::from_static("x-http-method"),
    HeaderName::from_static("x-method-override"),
];

/// What goes out by the policies.
fn outgoing(job: &Job) -> Outgoing {
    let mut fields = forwarded(job);
    let selecting = match &job.completing {
        Some(completing) => completing.fields.clone(),
        None => selecting(
            &fields,
            job.validating.as_ref().map(|stored| &*stored.head),
            job.conditions,
        ),
    };
    for name in SELECTING {
        fields.remove(name);
    }
    fields.extend(selecting);
    add_proxy_fields(job, &mut fields);
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
    head.version = Version::HTTP_11;
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
    let forward = &job.behavior.settings().forward.query;
    let (keyed, sorted) = match &job.parts.query {
        QueryPart::Policy(set) => (set, false),
        QueryPart::Sorted(set) => (set, true),
    };
    if matches!(forward, NameSet::None) {
        let selected = if sorted {
            query::select_sorted(all, keyed)
        } else {
            query::select(all, keyed)
        };
        return selected.map(|query| query.into_owned());
    }
    query::select_either(all, keyed, forward).map(|query| query.into_owned())
}

/// The viewer's fields that the policies let through.
fn forwarded(job: &Job) -> HeaderMap {
    let mut fields = job.facts.fields.clone();
    for name in [
        EXPECT,
        HOST,
        HeaderName::from_static("x-real-ip"),
        X_FORWARDED_PROTO,
    ] {
        fields.remove(name);
    }
    let policy = &job.behavior.settings().forward;
    if matches!(job.facts.method, Method::GET | Method::HEAD) {
        // What the origin would make of them is not in the key.
        for name in OF_CONTENT {
            fields.remove(name);
        }
    }
    for name in METHOD_OVERRIDES {
        let named = matches!(&policy.fields, FieldSet::Only(names) if names.contains(&name));
        if !named && !job.parts.fields.contains(&name) {
            fields.remove(name);
        }
    }
    if let Some(unwanted) = unwanted(&fields, &policy.fields, &job.parts) {
        for name in unwanted {
            fields.remove(name);
        }
    }
    if let Some(codings) = &job.parts.accept_encoding {
        // What is in the key is what the origin gets: nothing else of Accept-Encoding may decide.
        let codings = if codings.is_empty() {
            "identity"
        } else {
            codings
        };
        if let Ok(codings) = HeaderValue::from_str(codings) {
            fields.insert(ACCEPT_ENCODING, codings);
        }
    }
    let cookies = sent_cookies(job);
    fields.remove(COOKIE);
    if let Some(cookies) = cookies {
        fields.insert(COOKIE, cookies);
    }
    fields
}

fn unwanted(fields: &HeaderMap, policy: &FieldSet, parts: &KeyParts) -> Option<Vec<HeaderName>> {
    if matches!(policy, FieldSet::All) {
        return None;
    }
    Some(
        fields
            .keys()
            .filter(|name| {
                !policy.contains(name)
                    && !parts.fields.contains(name)
                    && !ALWAYS.contains(name)
                    && !OF_CONTENT.contains(name)
                    && !SELECTING.contains(name)
                    && **name != X_FORWARDED_FOR
                    && **name != VIA
                    && **name != CDN_LOOP
            })
            .cloned()
            .collect(),
    )
}

fn sent_cookies(job: &Job) -> Option<HeaderValue> {
    let forward = &job.behavior.settings().forward.cookies;
    let mut line = String::new();
    for (name, value) in cookies(&job.facts.fields) {
        let keyed = job.parts.cookies.iter().any(|part| match part {
            CookiePart::Policy(set) => set.contains(name),
            CookiePart::Named(wanted) => wanted == name,
        });
        if keyed || forward.contains(name) {
            if !line.is_empty() {
                line.push_str("; ");
            }
            line.push_str(name);
            line.push('=');
            line.push_str(value);
        }
    }
    if line.is_empty() {
        return None;
    }
    HeaderValue::try_from(line).ok()
}

/// The Host of the request: the viewer's where it is keyed or forwarded, else the origin's name with a port that is not the
/// scheme's own (RFC 9110, section 7.2).
fn host_field(job: &Job, target: &Target) -> Option<HeaderValue> {
    let forwarded = job.behavior.settings().forward.fields.contains(&HOST);
    if forwarded || job.parts.fields.contains(&HOST) {
        return job.facts.fields.get(HOST).cloned();
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

fn add_proxy_fields(job: &Job, fields: &mut HeaderMap) {
    let viewer = job.facts.viewer.ip().to_string();
    let chain = match joined(fields, &X_FORWARDED_FOR) {
        Some(before) => format!("{before}, {viewer}"),
        None => viewer,
    };
    if let Ok(chain) = HeaderValue::try_from(chain) {
        fields.insert(X_FORWARDED_FOR, chain);
    }
    let scheme = match job.facts.scheme {
        Scheme::Http => "http",
        Scheme::Https => "https",
    };
    fields.insert(X_FORWARDED_PROTO, HeaderValue::from_static(scheme));
    fields.append(VIA, job.edge.via(job.facts.version).clone());
    fields.append(CDN_LOOP, job.edge.loop_field().clone());
    if job.facts.method == Method::HEAD || job.facts.method == Method::GET {
        fields.remove(http::header::CONTENT_LENGTH);
    }
}

fn joined(fields: &HeaderMap, name: &HeaderName) -> Option<String> {
    let lines: Vec<&str> = fields
        .get_all(name)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}
