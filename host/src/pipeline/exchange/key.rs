//! Cache keys and what they consist of.

use super::reasons::{BypassReason, PluginFailure};
use crate::config::{NameSet, X_FORWARDED_PROTO};
use http::HeaderName;
use http::header::{COOKIE, HOST};
use selvedge_runtime::Read;
use selvedge_store::Key;
use std::sync::Arc;

/// The parts of a key, policy and plugins together.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KeyParts {
    pub(crate) path: bool,
    pub(crate) query: QueryPart,
    pub(crate) fields: Vec<HeaderName>,
    pub(crate) cookies: Vec<CookiePart>,
    pub(crate) literals: Vec<Vec<u8>>,
    /// Fields that viewer-request hooks set: they go to the origin beside the key unless the behavior lists what does.
    pub(crate) made: Vec<HeaderName>,
    /// The viewer's Host, in normal form: the origin gets it.
    pub(crate) host: bool,
    /// The viewer's scheme: the origin is told it, or spoken to by it.
    pub(crate) scheme: bool,
    /// The viewer's offer of the codings that the policy tells apart, for instance `br,gzip`; `None` where the policy
    /// names none.
    pub(crate) accept_encoding: Option<String>,
}

/// The part of the query in the key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum QueryPart {
    /// As the policy says, parameters in the order in which they were sent.
    Policy(NameSet),
    /// As a plugin says, parameters in the order of their names.
    Sorted(NameSet),
}

/// The part of the cookies in the key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum CookiePart {
    Policy(NameSet),
    Named(String),
}

/// The outcome of the stage.
pub(crate) enum Keyed {
    /// Look up, and store under this.
    Key(CacheKey),
    /// Neither look up nor store.
    Pass {
        why: BypassReason,
        parts: KeyParts,
        /// The key as bytes, where it was made all the same.
        bytes: Option<Vec<u8>>,
    },
    /// A plugin whose failure is the request's failure.
    Failed(PluginFailure),
}

/// A finished key.
#[derive(Clone)]
pub(crate) struct CacheKey {
    pub(crate) hash: Key,
    pub(crate) parts: KeyParts,
    /// The key as bytes, before hashing; also what `cache ls` shows.
    pub(crate) bytes: Vec<u8>,
    /// Where this is a slice's: the key of the whole.
    pub(crate) whole: Option<Arc<CacheKey>>,
}

impl CacheKey {
    /// Returns true if what a hook read of the request is in this key: as a part, or since a cache-key hook read it as well and
    /// so has decided about it.
    pub(crate) fn covers(&self, read: &Read, key_reads: &[Read]) -> bool {
        let parts = &self.parts;
        if key_reads.contains(read) {
            return true;
        }
        match read {
            Read::Field(name) => match *name {
                HOST => parts.host,
                COOKIE => parts.cookies.contains(&CookiePart::Policy(NameSet::All)),
                _ if *name == X_FORWARDED_PROTO => parts.scheme,
                _ => parts.fields.contains(name),
            },
            Read::Host => parts.host,
            Read::Scheme => parts.scheme,
            Read::Cookie(name) => parts.cookies.iter().any(|part| match part {
                CookiePart::Policy(set) => set.contains(&**name),
                CookiePart::Named(named) => **named == **name,
            }),
            Read::Path => parts.path,
            Read::Query => matches!(&parts.query, QueryPart::Policy(NameSet::All)),
            Read::QueryParam(name) => match &parts.query {
                QueryPart::Policy(set) | QueryPart::Sorted(set) => set.contains(&**name),
            },
            Read::Distribution | Read::Edge | Read::Method | Read::RequestId | Read::Elapsed => {
                true
            }
            // The same for all requests, but for what they were asked with, and that was read of the request.
            Read::Kv | Read::Fetch | Read::Cache | Read::Secret => true,
            // Not read at all.
            Read::Metrics | Read::Log => true,
            // What came for the key, or was made of it.
            Read::Origin
            | Read::CacheKey
            | Read::ResponseStatus
            | Read::ResponseField(_)
            | Read::ResponseFieldNames
            | Read::ResponseOrigin => true,
            // They tell no viewers apart.
            Read::Clock | Read::Random => true,
            _ => false,
        }
    }
}
