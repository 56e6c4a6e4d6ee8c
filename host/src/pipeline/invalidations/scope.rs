//! The scope of an invalidation.

use std::borrow::Cow;

/// The scope of an invalidation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Scope {
    /// This path and query.
    Exact(Box<str>),
    /// Paths and queries that begin with this; all of them with the empty one.
    Prefix(Box<str>),
    /// Responses with this tag, in lower case.
    Tag(Box<str>),
}

/// A tag as it is compared: upper and lower case are the same, as with CloudFront.
pub(super) fn lower(tag: &str) -> Cow<'_, str> {
    if tag.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(tag.to_ascii_lowercase())
    } else {
        Cow::Borrowed(tag)
    }
}
