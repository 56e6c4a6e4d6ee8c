//! CacheKey: the values by which the cache tells requests apart.
//!
//! The behavior's cache policy names the parts; a plugin may add to them or replace them. The host builds the key from
//! the parts, so that what is in the key is also known when the request to the origin is made: everything that is in
//! the key is sent to the origin, and an origin that is sent more must say so by Vary. A Host or scheme that the origin gets
//! is in the key, whatever the parts.

use super::cookies::{self, Cookie};
use super::exchange::key_bytes::{self, QUERY, put};
use super::exchange::{BypassReason, CacheKey, CookiePart, KeyParts, Keyed, QueryPart, Received};
use super::hooks::Hooks;
use super::query;
use super::target_host::normal_host;
use crate::config::{Coding, KeyPolicy, NameSet, X_FORWARDED_PROTO};
use http::header::{COOKIE, HOST};
use http::{HeaderMap, HeaderName, Method};
use selvedge_caching::LookupRule;
use selvedge_runtime::{
    Hook, KeyDecision, KeyPart, OnError, Plugin, RequestFacts, Scheme, Transaction,
};
use selvedge_store::Key;
use std::borrow::Cow;
use std::sync::Arc;

/// Makes the key: the cache policy first, then each plugin with a cache-key hook in order.
pub(crate) async fn decide(
    received: &Received,
    transaction: &mut Transaction,
    hooks: &mut Hooks,
) -> Keyed {
    let behavior = &received.behavior;
    let mut deciding = Deciding {
        parts: parts_of(received, &behavior.settings().key),
        pass: None,
    };
    for plugin in behavior.plugins_with(Hook::CacheKey) {
        let called = transaction.shared_cache_key(plugin, &received.facts).await;
        match hooks.note(plugin, called) {
            Ok(decision) => deciding.take(plugin, &decision, hooks),
            Err(()) if plugin.on_error() == OnError::Continue => {
                deciding.pass = Some((hooks.passed_over(), plugin.shared_name().clone()));
            }
            Err(()) => return Keyed::Failed(hooks.failed(Hook::CacheKey)),
        }
    }
    let Deciding { mut parts, pass } = deciding;
    // A plugin that replaces the key does not change what the origin gets, and so what it answers by.
    let policy = &behavior.settings().key;
    parts.host |= policy.host;
    parts.scheme |= policy.scheme;
    parts.made.clone_from(&received.made);
    match pass {
        Some((why, _)) => Keyed::Pass {
            why,
            parts,
            bytes: None,
        },
        None => of_parts(received, parts),
    }
}

/// The key where no plugin has a say.
pub(crate) fn by_policy(received: &Received) -> Keyed {
    let policy = &received.behavior.settings().key;
    of_parts(received, parts_of(received, policy))
}

fn of_parts(received: &Received, parts: KeyParts) -> Keyed {
    if !is_cached_method(received) {
        return Keyed::Pass {
            why: BypassReason::Method,
            parts,
            bytes: None,
        };
    }
    let key = finish(&received.facts, parts);
    if key.bytes.len() > received.behavior.policy().max_key_bytes {
        return Keyed::Pass {
            why: BypassReason::KeyTooLong,
            parts: key.parts,
            bytes: None,
        };
    }
    match selvedge_caching::may_look_up(&received.request(), received.behavior.policy()) {
        LookupRule::Use => Keyed::Key(key),
        LookupRule::Pass(rule) => Keyed::Pass {
            why: BypassReason::Rule(rule),
            parts: key.parts,
            bytes: Some(key.bytes),
        },
    }
}

/// A key while plugins decide about it.
struct Deciding {
    parts: KeyParts,
    /// Why the request passes the cache, and by which plugin.
    pass: Option<(BypassReason, Arc<str>)>,
}

impl Deciding {
    /// Each extends what those before it left; the last one that replaces the key, or passes, wins. A request that passes has
    /// no key that could be extended: its response is for one viewer, or its key lacks the parts of a plugin that failed.
    /// Only a key that is another as a whole takes it back.
    fn take(&mut self, plugin: &Plugin, decision: &KeyDecision, hooks: &mut Hooks) {
        match decision {
            KeyDecision::Policy => {}
            KeyDecision::Pass => match &self.pass {
                // It passes already, for a reason that a later plugin can't take back.
                Some((why, failed)) if *why != BypassReason::Plugin => {
                    hooks.is_overruled_by(failed)
                }
                _ => {
                    self.pass = Some((BypassReason::Plugin, plugin.shared_name().clone()));
                    hooks.overrule();
                }
            },
            KeyDecision::Extend(more) => {
                extend(&mut self.parts, more);
                if let Some((_, plugin)) = &self.pass {
                    hooks.is_overruled_by(plugin);
                }
            }
            KeyDecision::Replace(all) => {
                self.pass = None;
                self.parts = nothing();
                extend(&mut self.parts, all);
                hooks.overrule();
            }
        }
    }
}

/// The key of a request whose parts are decided.
pub(crate) fn finish(facts: &RequestFacts, parts: KeyParts) -> CacheKey {
    let bytes = write(facts, &facts.path, facts.query.as_deref(), &parts);
    CacheKey {
        hash: hash(&bytes),
        parts,
        bytes,
        whole: None,
    }
}

/// The field by which a request asks for its cache key.
const DEBUG: HeaderName = HeaderName::from_static("selvedge-debug");

/// The key for Cache-Status, where the request asks for it and the server file allows that.
pub(crate) fn shown(received: &Received, key: &[u8]) -> Option<String> {
    let is_allowed = received.settings.debug_fields;
    let is_asked = || {
        let asked = received.facts.fields.get(DEBUG);
        asked.is_some_and(|value| value == "key")
    };
    (is_allowed && is_asked()).then(|| key_bytes::as_text(key, received.distribution.masks()))
}

/// The key of one slice of what has the other key.
pub(crate) fn of_slice(whole: &Arc<CacheKey>, size: u64, index: u64) -> CacheKey {
    let mut bytes = whole.bytes.clone();
    put(&mut bytes, b's', format!("{index}*{size}").as_bytes());
    CacheKey {
        hash: hash(&bytes),
        parts: whole.parts.clone(),
        bytes,
        whole: Some(whole.clone()),
    }
}

/// GET and HEAD share a key: a HEAD is answered from a stored GET. OPTIONS has its own.
fn is_cached_method(received: &Received) -> bool {
    let method = &received.facts.method;
    received.behavior.settings().cached_methods.contains(method)
        && matches!(*method, Method::GET | Method::HEAD)
}

fn nothing() -> KeyParts {
    KeyParts {
        path: false,
        query: QueryPart::Policy(NameSet::None),
        fields: Vec::new(),
        cookies: Vec::new(),
        literals: Vec::new(),
        accept_encoding: None,
        made: Vec::new(),
        host: false,
        scheme: false,
    }
}

/// The policy's parts of the key. Where origins are asked for content without a coding, viewers' codings tell nothing apart.
fn parts_of(received: &Received, policy: &KeyPolicy) -> KeyParts {
    let mut parts = policy_parts(policy, &received.facts.fields);
    if received.behavior.asks_for_identity() {
        parts.accept_encoding = None;
    }
    parts
}

pub(crate) fn policy_parts(policy: &KeyPolicy, fields: &HeaderMap) -> KeyParts {
    KeyParts {
        path: true,
        query: QueryPart::Policy(policy.query.clone()),
        fields: policy.fields.clone(),
        cookies: vec![CookiePart::Policy(policy.cookies.clone())],
        literals: Vec::new(),
        accept_encoding: offered(policy, fields),
        made: Vec::new(),
        host: policy.host,
        scheme: policy.scheme,
    }
}

/// Which of the policy's codings the viewer accepts, in the policy's order.
fn offered(policy: &KeyPolicy, fields: &HeaderMap) -> Option<String> {
    if policy.accept_encoding.is_empty() {
        return None;
    }
    let accepts = |coding: &str| {
        let lines = fields.get_all(http::header::ACCEPT_ENCODING).iter();
        lines
            .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
            .any(|member| is_offer_of(coding, member))
    };
    let codings: Vec<&str> = policy
        .accept_encoding
        .iter()
        .map(Coding::as_str)
        .filter(|coding| accepts(coding))
        .collect();
    Some(codings.join(","))
}

/// Returns true if a member of Accept-Encoding offers this coding. Members are bytes: one that is no text hides no other.
fn is_offer_of(coding: &str, member: &[u8]) -> bool {
    let mut parts = member.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let is_named = parts
        .next()
        .is_some_and(|name| name.eq_ignore_ascii_case(coding.as_bytes()));
    let is_refused = parts.any(|parameter| {
        let weight = parameter
            .strip_prefix(b"q=")
            .or(parameter.strip_prefix(b"Q="));
        let weight = weight.and_then(|weight| std::str::from_utf8(weight).ok());
        weight.and_then(|weight| weight.parse::<f32>().ok()) == Some(0.0)
    });
    is_named && !is_refused
}

fn extend(parts: &mut KeyParts, more: &[KeyPart]) {
    for part in more {
        match part {
            KeyPart::Path => parts.path = true,
            KeyPart::QueryOnly(names) => {
                parts.query = QueryPart::Sorted(NameSet::only(names));
            }
            KeyPart::QueryExcept(names) => {
                parts.query = QueryPart::Sorted(NameSet::except(names));
            }
            KeyPart::Field(name) => {
                // The runtime has checked the name; one that is none can't occur in a request either.
                if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
                    extend_by_field(parts, name);
                }
            }
            KeyPart::Cookie(name) => parts.cookies.push(CookiePart::Named(name.clone())),
            KeyPart::Literal(value) => parts.literals.push(value.clone()),
        }
    }
}

/// Adds a field to the key. Some fields go to the origin in a form of their own, and stand in the key in that form.
fn extend_by_field(parts: &mut KeyParts, name: HeaderName) {
    match name {
        HOST => parts.host = true,
        COOKIE => parts.cookies.push(CookiePart::Policy(NameSet::All)),
        name if name == X_FORWARDED_PROTO => parts.scheme = true,
        name => parts.fields.push(name),
    }
}

/// The parts' values as bytes, each with its tag and length, so that no two different requests give the same bytes.
fn write(facts: &RequestFacts, path: &str, query: Option<&str>, parts: &KeyParts) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    put(&mut out, b'd', facts.distribution.as_bytes());
    if parts.path {
        put(&mut out, b'p', path.as_bytes());
    }
    if parts.scheme && facts.scheme != Scheme::Http {
        // Plain HTTP is the scheme of keys that do not say it.
        put(&mut out, b'u', facts.scheme.as_str().as_bytes());
    }
    if let Some(host) = normal_host(&facts.fields, facts.scheme).filter(|_| parts.host) {
        put(&mut out, b'h', &host);
    }
    if let Some(query) = keyed_query(parts, query) {
        put(&mut out, QUERY, query.as_bytes());
    }
    if let Some(codings) = &parts.accept_encoding {
        put(&mut out, b'e', codings.as_bytes());
    }
    for name in &parts.fields {
        put(&mut out, b'f', name.as_str().as_bytes());
        for value in facts.fields.get_all(name) {
            put(&mut out, b'v', value.as_bytes());
        }
    }
    for part in &parts.cookies {
        put_cookies(&mut out, part, &facts.fields);
    }
    for literal in &parts.literals {
        put(&mut out, b'l', literal);
    }
    out
}

/// Cookies as the origin gets them: all together as the viewer sent them, or one by one.
fn put_cookies(out: &mut Vec<u8>, part: &CookiePart, fields: &HeaderMap) {
    let put_value = |out: &mut Vec<u8>, value: Option<&[u8]>| match value {
        Some(value) => put(out, b'v', value),
        // `flag` and `flag=` are sent as they came.
        None => put(out, b'b', b""),
    };
    match part {
        CookiePart::Policy(NameSet::None) => {}
        CookiePart::Policy(NameSet::All) => {
            if let Some(all) = cookies::all(fields) {
                put(out, b'k', &all);
            }
        }
        CookiePart::Policy(set) => {
            for cookie in cookies::cookies(fields).filter(|cookie| set.contains(cookie.name)) {
                put(out, b'c', cookie.name);
                put_value(out, cookie.value);
            }
        }
        CookiePart::Named(wanted) => {
            put(out, b'c', wanted.as_bytes());
            // All of that name, since all of them are sent to the origin.
            let is_wanted = |cookie: &Cookie<'_>| cookie.name == wanted.as_bytes();
            for cookie in cookies::cookies(fields).filter(is_wanted) {
                put_value(out, cookie.value);
            }
        }
    }
}

/// The part of a query that is in the key.
pub(crate) fn keyed_query<'q>(parts: &KeyParts, query: Option<&'q str>) -> Option<Cow<'q, str>> {
    match &parts.query {
        QueryPart::Policy(set) => query::select(query, set),
        QueryPart::Sorted(set) => query::select_sorted(query, set),
    }
}

fn hash(bytes: &[u8]) -> Key {
    Key(*blake3::hash(bytes).as_bytes())
}

/// The key that a request like this one has for another path and query: what an unsafe request invalidates.
pub(crate) fn key_of(
    facts: &RequestFacts,
    parts: &KeyParts,
    path: &str,
    query: Option<&str>,
) -> Key {
    hash(&write(facts, path, query, parts))
}

#[cfg(test)]
mod tests;
