//! What hooks decide: the contract's decision types under the SDK's names, with short ways to write them.

use std::time::Duration;

pub use crate::bindings::cache_key::exports::selvedge::edge::cache_key::{
    Decision as KeyDecision, KeyPart,
};
pub use crate::bindings::origin_selection::exports::selvedge::edge::origin_selection::{
    Decision as OriginDecision, HostOrigin,
};
pub use crate::bindings::ttl::exports::selvedge::edge::ttl::{
    Decision as TtlDecision, Settings as TtlSettings,
};

impl KeyDecision {
    /// The policy's key and these parts. Parts for the query take the place of the policy's.
    pub fn extend(parts: impl IntoIterator<Item = KeyPart>) -> KeyDecision {
        KeyDecision::Extend(parts.into_iter().collect())
    }

    /// The distribution and these parts, nothing else: not even the path, unless it is among them.
    pub fn replace(parts: impl IntoIterator<Item = KeyPart>) -> KeyDecision {
        KeyDecision::Replace(parts.into_iter().collect())
    }
}

impl KeyPart {
    /// Of the query only these parameters, in the order of their names. A trailing `*` stands for any ending.
    pub fn query_only<T: Into<String>>(names: impl IntoIterator<Item = T>) -> KeyPart {
        KeyPart::QueryOnly(texts(names))
    }

    /// The query without these parameters, the others in the order of their names. A trailing `*` stands for any
    /// ending.
    pub fn query_except<T: Into<String>>(names: impl IntoIterator<Item = T>) -> KeyPart {
        KeyPart::QueryExcept(texts(names))
    }

    /// The value of a field, or its absence.
    pub fn field(name: impl Into<String>) -> KeyPart {
        KeyPart::Field(name.into())
    }

    /// The value of a cookie, or its absence.
    pub fn cookie(name: impl Into<String>) -> KeyPart {
        KeyPart::Cookie(name.into())
    }

    /// A value that the plugin found, for instance a device class.
    pub fn literal(value: impl AsRef<[u8]>) -> KeyPart {
        KeyPart::Literal(value.as_ref().to_vec())
    }
}

impl OriginDecision {
    /// The origin with this id in the distribution.
    pub fn origin(id: impl Into<String>) -> OriginDecision {
        OriginDecision::Origin(id.into())
    }

    /// These origins by id, the next one asked when one fails.
    pub fn failover<T: Into<String>>(ids: impl IntoIterator<Item = T>) -> OriginDecision {
        OriginDecision::Failover(texts(ids))
    }
}

impl TtlDecision {
    /// This freshness lifetime, in whole seconds; the rest stays as the policy and the response's fields say.
    pub fn lifetime(lifetime: Duration) -> TtlDecision {
        TtlSettings::new().lifetime(lifetime).into()
    }
}

impl TtlSettings {
    /// Settings that leave everything as the policy and the response's fields say.
    pub fn new() -> TtlSettings {
        TtlSettings {
            lifetime: None,
            stale_while_revalidate: None,
            stale_if_error: None,
            tags: Vec::new(),
        }
    }

    /// The freshness lifetime, in whole seconds.
    pub fn lifetime(mut self, lifetime: Duration) -> TtlSettings {
        self.lifetime = Some(lifetime.as_secs());
        self
    }

    /// For how long after that a stale response may be used while a fresh one is fetched (RFC 5861), in whole
    /// seconds.
    pub fn stale_while_revalidate(mut self, time: Duration) -> TtlSettings {
        self.stale_while_revalidate = Some(time.as_secs());
        self
    }

    /// For how long after that a stale response may be used when the origin fails (RFC 5861), in whole seconds.
    pub fn stale_if_error(mut self, time: Duration) -> TtlSettings {
        self.stale_if_error = Some(time.as_secs());
        self
    }

    /// One more surrogate key by which the response can be invalidated.
    pub fn tag(mut self, tag: impl Into<String>) -> TtlSettings {
        self.tags.push(tag.into());
        self
    }
}

impl Default for TtlSettings {
    fn default() -> TtlSettings {
        TtlSettings::new()
    }
}

impl From<TtlSettings> for TtlDecision {
    fn from(settings: TtlSettings) -> TtlDecision {
        TtlDecision::Set(settings)
    }
}

fn texts<T: Into<String>>(items: impl IntoIterator<Item = T>) -> Vec<String> {
    items.into_iter().map(Into::into).collect()
}
