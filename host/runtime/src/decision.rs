//! Decisions of hooks, as values. The decision of `origin-response` can own an instance, and is in its hook's file.

use crate::edits::{RequestEdits, ResponseEdits, SyntheticResponse};
use crate::facts::Scheme;

/// Decision on a viewer's request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ViewerRequestDecision {
    /// Go on with the request as it is.
    Next,
    /// Go on with these changes.
    Edit(RequestEdits),
    /// Answer the viewer with this. It is not stored.
    Respond(SyntheticResponse),
}

/// Parts of a cache key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyDecision {
    /// As the cache policy says.
    Policy,
    /// The policy's key and these parts; parts of the query replace the policy's.
    Extend(Vec<KeyPart>),
    /// The distribution and these parts, nothing else.
    Replace(Vec<KeyPart>),
    /// Neither look up nor store.
    Pass,
}

/// A part of a key, declared; the host makes the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPart {
    /// The path.
    Path,
    /// Of the query only these parameters; a trailing `*` stands for any ending.
    QueryOnly(Vec<String>),
    /// The query without these parameters; a trailing `*` stands for any ending.
    QueryExcept(Vec<String>),
    /// The value of a field of the request, or its absence. The name is as the guest gave it: not yet checked.
    Field(String),
    /// The value of a cookie, or its absence.
    Cookie(String),
    /// A value that the plugin found.
    Literal(Vec<u8>),
}

/// Which origin is asked. Whether it exists and may be asked is for the pipeline to check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OriginDecision {
    /// The behavior's origin.
    Policy,
    /// The origin with this id.
    Origin(String),
    /// These origins by id, the next one asked when one fails.
    Failover(Vec<String>),
    /// A host that is not among the distribution's origins.
    Host {
        /// The scheme by which it is asked.
        scheme: Scheme,
        /// Its name.
        name: String,
        /// Its port; `None` for the scheme's own.
        port: Option<u16>,
    },
}

/// Decision on a request to an origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OriginRequestDecision {
    /// Send the request as it is.
    Next,
    /// Send it with these changes.
    Edit(RequestEdits),
    /// Do not ask the origin: this is its answer, which may be stored.
    Respond(SyntheticResponse),
}

/// For how long a response may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TtlDecision {
    /// As the cache policy and the response's fields say.
    Policy,
    /// A value that is `None` stays as with [`TtlDecision::Policy`].
    Set {
        /// The freshness lifetime in seconds.
        lifetime: Option<u64>,
        /// Seconds after that in which it may be used while a fresh one is fetched (RFC 5861, section 3).
        stale_while_revalidate: Option<u64>,
        /// Seconds after that in which it may be used when the origin fails (RFC 5861, section 4).
        stale_if_error: Option<u64>,
        /// Surrogate keys, added to those of the origin.
        tags: Vec<String>,
    },
    /// Send it on, but do not store it.
    DontStore,
}

/// Decision on a response to a viewer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ViewerResponseDecision {
    /// Send the response as it is.
    Next,
    /// Send it with these changes.
    Edit(ResponseEdits),
    /// Send this instead.
    Respond(SyntheticResponse),
}
