//! Requests to backends and their answers, as guests hold them.

use bytes::Bytes;

use crate::capabilities::{FetchError, Waiting};

/// A request under way; empty once it was waited for.
#[allow(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Pending(pub(crate) Option<Waiting<Result<http::Response<Bytes>, FetchError>>>);

/// A backend's answer.
#[allow(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Fetched(pub(crate) http::Response<Bytes>);
