//! Request targets: the form that a method allows, and percent-encoding of bytes that viewers should have encoded.
//!
//! Some viewers send bytes beyond ASCII, `"`, `<` and `>` as they are. Such a target has one reading, and other servers take
//! it, so it is encoded before anything else reads it (RFC 3986, section 2.1). A fragment is refused: `http::Uri` would drop
//! it, and it says nothing to a server.

use super::host::is_host;
use super::syntax::{Class, all, class};
use super::{MAX_TARGET_BYTES, RefusalReason};
use http::{Method, Uri};

/// Bytes of a target as it may arrive: visible ASCII and bytes beyond ASCII, without `#`.
pub(in crate::server) static TARGET: Class = class(b"!\"", &[(b'$', b'~'), (0x80, 0xff)]);

/// Bytes of a path that stay as they are. Characters that browsers leave unencoded (`|`, `{`, `^`) are among them.
static PATH: Class = class(b"!=", &[(b'$', b';'), (b'@', b'_'), (b'a', b'~')]);

/// Bytes of a query that stay as they are.
static QUERY: Class = class(b"!=", &[(b'$', b';'), (b'?', b'~')]);

/// A target that may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Target {
    /// As it came.
    Plain,
    /// After [`encode`].
    ToEncode,
}

/// Judges a target of [`TARGET`] bytes as it arrived, before it becomes a [`Uri`] (RFC 9112, section 3.2).
pub(in crate::server) fn judge(method: &[u8], target: &[u8]) -> Result<Target, RefusalReason> {
    if method == b"CONNECT" {
        return Err(RefusalReason::ConnectRefused);
    }
    match target {
        [b'/', ..] => path_and_query(target),
        b"*" if method == b"OPTIONS" => Ok(Target::Plain),
        _ => absolute(target),
    }
}

/// Writes a target of which [`judge`] said that it is to be encoded.
pub(in crate::server) fn encode(target: &[u8], out: &mut impl Extend<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    // Scheme and authority consist of bytes that stay in a path.
    let mut stays = &PATH;
    for byte in target.iter().copied() {
        if byte == b'?' {
            stays = &QUERY;
        }
        if stays[usize::from(byte)] || byte == b'?' {
            out.extend([byte]);
        } else {
            let digit = |index: u8| DIGITS[usize::from(index & 15)];
            out.extend([b'%', digit(byte >> 4), digit(byte)]);
        }
    }
}

/// Checks a target that has become a [`Uri`].
pub(super) fn check(method: &Method, uri: &Uri) -> Result<(), RefusalReason> {
    if *method == Method::CONNECT {
        return Err(RefusalReason::ConnectRefused);
    }
    let target = uri.path_and_query().map_or("", |target| target.as_str());
    let mut length = target.len();
    if let Some(authority) = uri.authority() {
        let scheme = uri.scheme_str().unwrap_or_default();
        if !matches!(scheme, "http" | "https") || !is_host(authority.as_str().as_bytes()) {
            return Err(RefusalReason::InvalidTarget);
        }
        length += scheme.len() + "://".len() + authority.as_str().len();
    }
    if length > MAX_TARGET_BYTES {
        return Err(RefusalReason::TargetTooLong);
    }
    let is_path = uri.path().starts_with('/') || (target == "*" && *method == Method::OPTIONS);
    match is_path && target.is_ascii() {
        true => Ok(()),
        false => Err(RefusalReason::InvalidTarget),
    }
}

fn path_and_query(target: &[u8]) -> Result<Target, RefusalReason> {
    let end = memchr::memchr(b'?', target).unwrap_or(target.len());
    let (path, query) = target.split_at(end);
    if all(&PATH, path) && all(&QUERY, query) {
        return Ok(Target::Plain);
    }
    // Each byte that is encoded becomes three.
    let changed = |class: &Class, part: &[u8]| {
        let stays = |byte: &&u8| class[usize::from(**byte)];
        part.len() - part.iter().filter(stays).count()
    };
    let more = 2 * (changed(&PATH, path) + changed(&QUERY, query));
    match target.len() + more <= MAX_TARGET_BYTES {
        true => Ok(Target::ToEncode),
        false => Err(RefusalReason::TargetTooLong),
    }
}

/// Judges the absolute form: http or https, an authority without user information, then a path, a query or nothing.
fn absolute(target: &[u8]) -> Result<Target, RefusalReason> {
    let rest = strip_scheme(target).ok_or(RefusalReason::InvalidTarget)?;
    let end = rest
        .iter()
        .position(|byte| matches!(byte, b'/' | b'?'))
        .unwrap_or(rest.len());
    let (authority, target) = rest.split_at(end);
    match is_host(authority) {
        true => path_and_query(target),
        false => Err(RefusalReason::InvalidTarget),
    }
}

fn strip_scheme(target: &[u8]) -> Option<&[u8]> {
    [&b"http://"[..], b"https://"]
        .into_iter()
        .find_map(|scheme| {
            let (start, rest) = target.split_at_checked(scheme.len())?;
            start.eq_ignore_ascii_case(scheme).then_some(rest)
        })
}
