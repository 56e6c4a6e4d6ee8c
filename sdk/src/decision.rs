//! Decisions of hooks: the contract's decision types under the SDK's names, with short ways to write them.

use std::fmt;
use std::time::Duration;

use crate::edits::{RequestEdits, ResponseEdits, SyntheticResponse};
use crate::stream::{Producer, Transform};

pub use crate::bindings::cache_key::exports::selvedge::edge::cache_key::{
    Decision as KeyDecision, KeyPart,
};
pub use crate::bindings::origin_request::exports::selvedge::edge::origin_request::Decision as OriginRequestDecision;
pub use crate::bindings::origin_selection::exports::selvedge::edge::origin_selection::{
    Decision as OriginDecision, HostOrigin,
};
pub use crate::bindings::ttl::exports::selvedge::edge::ttl::{
    Decision as TtlDecision, Settings as TtlSettings,
};
pub use crate::bindings::viewer_request::exports::selvedge::edge::viewer_request::Decision as ViewerRequestDecision;
pub use crate::bindings::viewer_response::exports::selvedge::edge::viewer_response::Decision as ViewerResponseDecision;

/// The decision about an origin's response.
pub enum OriginResponseDecision {
    /// Go on with it as it is.
    Next,
    /// Go on with these changes.
    Edit(ResponseEdits),
    /// This in its place, body included.
    Respond(SyntheticResponse),
    /// Change it, and pass its body through this.
    Transform(ResponseEdits, Box<dyn Transform>),
    /// Change it, and make its body anew.
    Produce(ResponseEdits, Box<dyn Producer>),
    /// Drop it and ask the origin with this id.
    Ask(String),
}

impl OriginResponseDecision {
    /// Passes the body through this transform and changes nothing else.
    pub fn transform(transform: impl Transform + 'static) -> OriginResponseDecision {
        OriginResponseDecision::Transform(ResponseEdits::new(), Box::new(transform))
    }

    /// Makes the body by this producer and changes nothing else.
    pub fn produce(producer: impl Producer + 'static) -> OriginResponseDecision {
        OriginResponseDecision::Produce(ResponseEdits::new(), Box::new(producer))
    }

    /// Drops the response and asks the origin with this id.
    pub fn ask(origin: impl Into<String>) -> OriginResponseDecision {
        OriginResponseDecision::Ask(origin.into())
    }
}

/// Transforms and producers show by name only.
impl fmt::Debug for OriginResponseDecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OriginResponseDecision::Next => f.write_str("Next"),
            OriginResponseDecision::Edit(edits) => f.debug_tuple("Edit").field(edits).finish(),
            OriginResponseDecision::Respond(response) => {
                f.debug_tuple("Respond").field(response).finish()
            }
            OriginResponseDecision::Transform(edits, _) => {
                f.debug_tuple("Transform").field(edits).finish()
            }
            OriginResponseDecision::Produce(edits, _) => {
                f.debug_tuple("Produce").field(edits).finish()
            }
            OriginResponseDecision::Ask(origin) => f.debug_tuple("Ask").field(origin).finish(),
        }
    }
}

/// Edits and made responses are decisions by `into`.
macro_rules! from_parts {
    ($($decision:ident: $edits:ident),* $(,)?) => {
        $(
            impl From<$edits> for $decision {
                fn from(edits: $edits) -> $decision {
                    $decision::Edit(edits)
                }
            }

            impl From<SyntheticResponse> for $decision {
                fn from(response: SyntheticResponse) -> $decision {
                    $decision::Respond(response)
                }
            }
        )*
    };
}

from_parts!(
    ViewerRequestDecision: RequestEdits,
    OriginRequestDecision: RequestEdits,
    OriginResponseDecision: ResponseEdits,
    ViewerResponseDecision: ResponseEdits,
);

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
