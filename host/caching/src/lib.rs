//! The rules of HTTP caching as pure functions: RFC 9111 (caching), RFC 9110 (conditional requests, ranges, connection
//! options), RFC 5861 (stale content), RFC 8246 (immutable), RFC 9211 (Cache-Status), RFC 9213 (targeted cache control).
//!
//! No input or output, no clock: callers pass the time. The pipeline asks the specification's questions in the order of a
//! request's life: [`may_look_up`], [`select_variant`], [`may_reuse`], [`validation_fields`], [`may_store`], [`freshen`],
//! [`evaluate_preconditions`], [`select_ranges`], [`current_age`], and writes the answer as [`cache_status`].
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used)]

mod age;
mod cache_control;
pub mod cache_status;
mod codec;
mod connection;
mod content_range;
mod date;
mod directives;
mod etag;
mod freshness;
mod invalidation;
mod lifetime;
mod list;
mod message;
pub mod multipart;
mod no_store;
mod overrides;
mod partial;
mod policy;
mod preconditions;
mod ranges;
mod reuse;
mod stale_on_error;
mod stored;
mod storing;
mod targeted;
mod terms;
#[cfg(test)]
mod testing;
mod time;
mod validation;
mod vary;

pub use age::current_age;
pub use codec::DecodeError;
pub use connection::end_to_end;
pub use invalidation::invalidated_uris;
pub use lifetime::LifetimeSource;
pub use message::{Request, Response};
pub use no_store::NoStore;
pub use overrides::Overrides;
pub use partial::{
    NotCombined, PartAnswer, answer_from_part, completion_fields, confirmation_fields, may_combine,
};
pub use policy::{Compatibility, ErrorMinimum, Policy};
pub use preconditions::{Precondition, evaluate_preconditions};
pub use ranges::{MAX_RANGES, RangeAnswer, first_position, select_ranges, strong_validator};
pub use reuse::{
    LookupRule, PassReason, Reuse, ValidateReason, is_only_if_cached, may_look_up, may_reuse,
};
pub use stale_on_error::{OriginTrouble, StaleRefusal, may_serve_stale_on_error};
pub use stored::{Nominated, Stored, StoredBody, StoredDirectives};
pub use storing::may_store;
pub use time::Time;
pub use validation::{Freshen, freshen, freshen_by_head, validation_fields};
pub use vary::{SentFields, normal_form, select_variant};
