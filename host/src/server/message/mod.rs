//! Rules of messages: checks that every request passes, whichever protocol brought it.
//!
//! The [guard](super::guard) keeps what only HTTP/1 has: line ends, framing, and how much is read before a head is complete.
//! The rules here are about what was read: the form of the target, one valid host, the number and size of fields, the names
//! of trailers. They look at the parsed request ([`check_head`], [`check_trailers`]). Where a protocol's parser would change
//! or drop what a rule is about, its reader asks the rule before: the target, since `http::Uri` cuts off fragments, and the
//! limits, since a reader must stop at them.
//!
//! Specification: RFC 9110 sections 5 (fields), 6.5.1 (trailers), 7.1 and 7.2 (target and Host).

mod head;
mod host;
mod reason;
mod syntax;
mod target;
mod trailers;

pub use head::check_head;
pub use reason::{Part, RefusalReason};
pub(super) use syntax::{FIELD_VALUE, TOKEN, all, end_of, trim};
pub(super) use target::{TARGET, Target, encode, judge as judge_target};
pub use trailers::check_trailers;

/// Longest request target, in bytes: CloudFront's limit for URLs.
pub const MAX_TARGET_BYTES: usize = 8192;

/// Largest header section, in bytes: all field lines as HTTP/1 writes them, without the empty line that ends them.
pub const MAX_FIELD_BYTES: usize = 32 * 1024;

/// Most field lines of a header section: as many as hyper keeps without allocating for them.
pub const MAX_FIELDS: usize = 100;

/// Largest trailer section, in bytes: all trailer field lines as HTTP/1 writes them.
pub const MAX_TRAILER_BYTES: usize = 8 * 1024;

/// Most trailer field lines.
pub const MAX_TRAILERS: usize = 32;

#[cfg(test)]
mod tests;
