//! The hooks that this host calls, one file each: how the decision is asked for, and how large it is.

mod cache_key;
pub(crate) mod call;
pub(crate) mod convert;
mod origin_request;
mod origin_response;
mod origin_selection;
mod ttl;
mod viewer_request;
mod viewer_response;

pub use origin_response::OriginResponseDecision;
