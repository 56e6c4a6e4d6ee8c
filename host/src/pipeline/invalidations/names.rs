//! Names: those that invalidations are asked for by, and those that stored responses and requests go by.
//!
//! As with CloudFront: a path begins with `/` and may have a query; a `*` at its end stands for anything, elsewhere it is
//! a character like others; upper and lower case differ; `/a` and `/a/` are two paths. Where the query is in the cache
//! key, `/a` is the path without a query, and `/a*` or `/a?b=1` mean those with one; where it is not, `/a` means them all.
//! Paths are compared in their normal form (RFC 3986, section 6.2.2), so that another spelling does not escape.

use super::scope::{Scope, lower};
use crate::config::normalise;
use crate::pipeline::exchange::key_bytes;
use crate::pipeline::query;
use std::borrow::Cow;
use std::fmt::Write;

/// No path is longer, as with CloudFront.
const MAX_PATH_LENGTH: usize = 4000;

/// No tag is longer, as with CloudFront.
const MAX_TAG_LENGTH: usize = 256;

/// One thing that an invalidation was asked for by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wanted {
    /// A path, maybe with a query, in normal form.
    Path(String),
    /// Paths that begin with this.
    Prefix(String),
    /// A tag, in lower case.
    Tag(String),
}

/// Why something can't be invalidated by.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WantedError {
    /// No leading slash.
    #[error(
        "the path '{0}' does not begin with '/'. Write paths as in a URL after the host, for instance '/images/*' (in quotes, or the shell replaces the *)"
    )]
    NoSlash(String),
    /// Blanks, control characters, or a fragment.
    #[error(
        "the path '{path}' has the character {character:?}, which no URL path contains. Percent-encode it"
    )]
    Character {
        /// The path as it was given.
        path: String,
        /// The character.
        character: char,
    },
    /// Too long.
    #[error(
        "a path of {0} characters is too long: at most {MAX_PATH_LENGTH}. Use a shorter one that ends in *"
    )]
    LongPath(usize),
    /// Not a tag.
    #[error(
        "'{0}' is not a tag: tags are 1 to {MAX_TAG_LENGTH} printable ASCII characters without blanks and commas"
    )]
    Tag(String),
}

impl Wanted {
    /// Reads a path, which may end in `*`.
    pub(crate) fn path(text: &str) -> Result<Wanted, WantedError> {
        if !text.starts_with('/') {
            return Err(WantedError::NoSlash(text.to_owned()));
        }
        if text.len() > MAX_PATH_LENGTH {
            return Err(WantedError::LongPath(text.len()));
        }
        let not_allowed = |c: &char| c.is_whitespace() || c.is_control() || *c == '#';
        if let Some(character) = text.chars().find(not_allowed) {
            let path = text.to_owned();
            return Err(WantedError::Character { path, character });
        }
        Ok(match text.strip_suffix('*') {
            None => {
                let (path, query) = split(text);
                let query = query::sent(query);
                Wanted::Path(joined(&normal(path), query).into_owned())
            }
            // Everything begins with a slash: the empty prefix has the same meaning, and is quicker to find.
            Some("/") => Wanted::Prefix(String::new()),
            Some(start) => Wanted::Prefix(prefix(start)),
        })
    }

    /// Reads a tag.
    pub(crate) fn tag(text: &str) -> Result<Wanted, WantedError> {
        let is_one = (1..=MAX_TAG_LENGTH).contains(&text.len())
            && text.bytes().all(|c| c.is_ascii_graphic() && c != b',');
        if is_one {
            Ok(Wanted::Tag(lower(text).into_owned()))
        } else {
            Err(WantedError::Tag(text.to_owned()))
        }
    }

    pub(super) fn scope(&self) -> Scope {
        match self {
            Wanted::Path(path) => Scope::Exact(path.as_str().into()),
            Wanted::Prefix(prefix) => Scope::Prefix(prefix.as_str().into()),
            Wanted::Tag(tag) => Scope::Tag(tag.as_str().into()),
        }
    }
}

/// The start of a path in normal form. What follows its last slash is a piece of a segment: `.` there is no folder.
fn prefix(start: &str) -> String {
    let (path, query) = split(start);
    let (folder, piece) = match path.rfind('/') {
        Some(slash) if query.is_none() => path.split_at(slash + 1),
        _ => (path, ""),
    };
    let mut prefix = joined(&normal(folder), query).into_owned();
    prefix.push_str(&encoded(piece));
    prefix
}

/// The names that a stored response, or a request, goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Names<'a> {
    /// Path and query as the viewer sent them.
    pub(crate) target: &'a str,
    /// The path after rewriting.
    pub(crate) path: &'a str,
    /// The query, as far as it is in the key.
    pub(crate) keyed_query: Option<&'a str>,
}

impl<'a> Names<'a> {
    /// The names of something with this key.
    pub(crate) fn new(target: &'a str, path: &'a str, key: &'a [u8]) -> Names<'a> {
        Names {
            target,
            path,
            keyed_query: key_bytes::query_of(key),
        }
    }

    /// Each path and query that it goes by, in normal form: with the query that was sent and with the one in the key, before
    /// and after rewriting.
    pub(crate) fn each(&self, mut see: impl FnMut(&str)) {
        let (path, query) = split(self.target);
        let query = query::sent(query);
        let normal_path = normal(path);
        see(&joined(&normal_path, query));
        if self.keyed_query != query {
            see(&joined(&normal_path, self.keyed_query));
        }
        if self.path != path {
            let rewritten = normal(self.path);
            if rewritten != normal_path {
                see(&joined(&rewritten, query));
                if self.keyed_query != query {
                    see(&joined(&rewritten, self.keyed_query));
                }
            }
        }
    }
}

fn split(target: &str) -> (&str, Option<&str>) {
    match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    }
}

fn joined<'p>(path: &'p str, query: Option<&str>) -> Cow<'p, str> {
    match query {
        None => Cow::Borrowed(path),
        Some(query) => Cow::Owned(format!("{path}?{query}")),
    }
}

fn normal(path: &str) -> Cow<'_, str> {
    match normalise(path) {
        Cow::Borrowed(path) => encoded(path),
        Cow::Owned(path) => Cow::Owned(encoded(&path).into_owned()),
    }
}

/// Percent-encoded where it has to be, with upper-case digits, and nowhere else.
fn encoded(path: &str) -> Cow<'_, str> {
    if path.bytes().all(|byte| byte != b'%' && byte.is_ascii()) {
        return Cow::Borrowed(path);
    }
    let mut out = String::with_capacity(path.len() + 8);
    let bytes = path.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        at += 1;
        if *byte == b'%'
            && let Some(digits) = path
                .get(at..at + 2)
                .filter(|digits| digits.bytes().all(|c| c.is_ascii_hexdigit()))
            && let Ok(value) = u8::from_str_radix(digits, 16)
        {
            at += 2;
            let unreserved =
                value.is_ascii_alphanumeric() || matches!(value, b'-' | b'.' | b'_' | b'~');
            if unreserved {
                out.push(char::from(value));
            } else {
                // Writing to a string can't fail.
                let _ = write!(out, "%{value:02X}");
            }
        } else if byte.is_ascii() {
            out.push(char::from(*byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    Cow::Owned(out)
}
