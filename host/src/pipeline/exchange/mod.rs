//! The values that travel between the stages of a request: what a stage takes, and what it hands on.
//!
//! A value knows other values and the services of the host. It knows no stage.

mod answer;
mod conditions;
mod content;
mod edits;
mod fetched;
mod fetched_body;
mod found;
mod job;
mod key;
pub(crate) mod key_bytes;
mod obtained;
mod outcome;
mod outgoing;
mod prepared;
mod ranges;
mod reasons;
mod received;
mod refusal;
mod source;
mod target;
mod upgrade;
mod viewer;

pub(crate) use answer::{Answer, Failure, Report, StoredUse};
pub(crate) use conditions::Conditions;
pub(crate) use content::{Content, Sliced};
pub(crate) use edits::Edits;
pub(crate) use fetched::Fetched;
pub(crate) use fetched_body::{FetchedBody, FetchedError};
pub(crate) use found::{Completing, Found, Looked};
pub(crate) use job::Job;
pub(crate) use key::{CacheKey, CookiePart, KeyParts, Keyed, QueryPart};
pub(crate) use obtained::{FromStore, Miss, Obtained};
pub(crate) use outcome::{Audience, Outcome, Own};
pub(crate) use outgoing::{Outgoing, SELECTING};
pub(crate) use prepared::{Prepared, SYNTHETIC, bodiless};
pub(crate) use ranges::Parts;
pub(crate) use reasons::{BypassReason, FailureReason, PluginFailure};
pub(crate) use received::Received;
pub(crate) use refusal::Refusal;
pub use source::BodyError;
pub(crate) use source::{SlicedBody, Source, Trailers};
pub(crate) use target::Target;
pub(crate) use upgrade::Upgrade;
pub use viewer::{Malformed, Tunnel, Viewer};
