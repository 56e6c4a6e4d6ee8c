//! CacheKey: what makes two requests the same for the cache.
//!
//! The behavior's cache policy names the parts; a plugin may add to them or replace them. The host builds the key from
//! the parts, so that what is in the key is also known when the request to the origin is made: everything that is in
//! the key is sent to the origin, and an origin that is sent more must say so by Vary.

use super::exchange::key_bytes::{QUERY, put};
use super::exchange::{CacheKey, CookiePart, KeyParts, Keyed, QueryPart, Received};
use super::hooks::Hooks;
use super::query;
use crate::config::{Coding, KeyPolicy, NameSet};
use http::{HeaderMap, HeaderName, Method};
use selvedge_runtime::{Hook, KeyDecision, KeyPart, OnError, Plugin, RequestFacts, Transaction};
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
        parts: policy_parts(&behavior.settings().key, &received.facts.fields),
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
    let Deciding { parts, pass } = deciding;
    match pass {
        Some((reason, _)) => Keyed::Pass(reason, parts),
        None => of_parts(received, parts),
    }
}

/// The key where no plugin has a say.
pub(crate) fn by_policy(received: &Received) -> Keyed {
    let policy = &received.behavior.settings().key;
    of_parts(received, policy_parts(policy, &received.facts.fields))
}

fn of_parts(received: &Received, parts: KeyParts) -> Keyed {
    if !is_cached_method(received) {
        return Keyed::Pass("method", parts);
    }
    let key = finish(&received.facts, parts);
    if key.bytes.len() > received.behavior.policy().max_key_bytes {
        return Keyed::Pass("key-too-long", key.parts);
    }
    Keyed::Key(key)
}

/// A key while plugins decide about it.
struct Deciding {
    parts: KeyParts,
    /// Why the request passes the cache, and by which plugin.
    pass: Option<(&'static str, Arc<str>)>,
}

/// The word for a request that a plugin wants to pass.
const PLUGIN_PASS: &str = "plugin-pass";

impl Deciding {
    /// Each extends what those before it left; the last one that replaces the key, or passes, wins. A request that passes has
    /// no key that could be extended: it passes for whom it should not be stored, or lacks the parts of a plugin that failed.
    /// Only a key that is another as a whole takes it back.
    fn take(&mut self, plugin: &Plugin, decision: &KeyDecision, hooks: &mut Hooks) {
        match decision {
            KeyDecision::Policy => {}
            KeyDecision::Pass => match &self.pass {
                // It passes already, for a reason that a later plugin can't take back.
                Some((word, failed)) if *word != PLUGIN_PASS => hooks.is_overruled_by(failed),
                _ => {
                    self.pass = Some((PLUGIN_PASS, plugin.shared_name().clone()));
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
    }
}

pub(crate) fn policy_parts(policy: &KeyPolicy, fields: &HeaderMap) -> KeyParts {
    KeyParts {
        path: true,
        query: QueryPart::Policy(policy.query.clone()),
        fields: policy.fields.clone(),
        cookies: vec![CookiePart::Policy(policy.cookies.clone())],
        literals: Vec::new(),
        accept_encoding: offered(policy, fields),
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
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
            .any(|member| {
                let mut parts = member.split(';').map(str::trim);
                let named = parts
                    .next()
                    .is_some_and(|name| name.eq_ignore_ascii_case(coding));
                let refused = parts.any(|parameter| {
                    let weight = parameter
                        .strip_prefix("q=")
                        .or(parameter.strip_prefix("Q="));
                    weight.and_then(|weight| weight.parse::<f32>().ok()) == Some(0.0)
                });
                named && !refused
            })
    };
    let codings: Vec<&str> = policy
        .accept_encoding
        .iter()
        .map(Coding::as_str)
        .filter(|coding| accepts(coding))
        .collect();
    Some(codings.join(","))
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
                    parts.fields.push(name);
                }
            }
            KeyPart::Cookie(name) => parts.cookies.push(CookiePart::Named(name.clone())),
            KeyPart::Literal(value) => parts.literals.push(value.clone()),
        }
    }
}

/// The parts' values as bytes, each with its tag and length, so that no two different requests give the same bytes.
fn write(facts: &RequestFacts, path: &str, query: Option<&str>, parts: &KeyParts) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    put(&mut out, b'd', facts.distribution.as_bytes());
    if parts.path {
        put(&mut out, b'p', path.as_bytes());
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
        match part {
            CookiePart::Policy(NameSet::None) => {}
            CookiePart::Policy(set) => {
                for (name, value) in cookies(&facts.fields).filter(|(name, _)| set.contains(name)) {
                    put(&mut out, b'c', name.as_bytes());
                    put(&mut out, b'v', value.as_bytes());
                }
            }
            CookiePart::Named(wanted) => {
                put(&mut out, b'c', wanted.as_bytes());
                // All of that name, since all of them are sent to the origin.
                for (_, value) in cookies(&facts.fields).filter(|(name, _)| name == wanted) {
                    put(&mut out, b'v', value.as_bytes());
                }
            }
        }
    }
    for literal in &parts.literals {
        put(&mut out, b'l', literal);
    }
    out
}

/// What of a query is in the key.
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

/// A request's cookies in order, as `name`, `value`. Lines that are no text are left out.
pub(crate) fn cookies(fields: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    fields
        .get_all(http::header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .map(|pair| {
            let pair = pair.trim();
            pair.split_once('=').unwrap_or((pair, ""))
        })
        .filter(|(name, _)| !name.is_empty())
}
