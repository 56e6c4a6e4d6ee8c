//! Which bytes may stand where: tables and small pure checks that the head and the chunk framing share.
//!
//! Specification: RFC 9110 section 5.6.2 (token), section 5.5 (field values), section 7.2 (Host), RFC 9112 section 3.2 (target).

use std::net::Ipv6Addr;

/// `true` at every byte that belongs to the class.
pub(super) type Class = [bool; 256];

const fn class(members: &[u8], ranges: &[(u8, u8)]) -> Class {
    let mut class = [false; 256];
    let mut i = 0;
    while i < members.len() {
        class[members[i] as usize] = true;
        i += 1;
    }
    i = 0;
    while i < ranges.len() {
        let mut byte = ranges[i].0 as usize;
        while byte <= ranges[i].1 as usize {
            class[byte] = true;
            byte += 1;
        }
        i += 1;
    }
    class
}

/// `tchar`: what methods, field names, codings and extension names are made of.
pub(super) static TOKEN: Class = class(
    b"!#$%&'*+-.^_`|~",
    &[(b'0', b'9'), (b'A', b'Z'), (b'a', b'z')],
);

/// What a field value may hold: HTAB, SP, visible characters and obs-text.
pub(super) static FIELD_VALUE: Class = class(b"\t", &[(b' ', b'~'), (0x80, 0xff)]);

/// What a target may hold at all: visible ASCII. The path and query classes are narrower.
pub(super) static TARGET: Class = class(b"", &[(b'!', b'~')]);

/// What http's `PathAndQuery` takes in a path, without bytes beyond ASCII, and without the `#` behind which it drops everything.
static PATH: Class = class(b"!\"=", &[(b'$', b';'), (b'@', b'_'), (b'a', b'~')]);

/// The same for a query.
static QUERY: Class = class(b"!=", &[(b'$', b';'), (b'?', b'~')]);

/// A registered name, taken for a DNS name: nothing else can name a distribution.
static HOST_NAME: Class = class(b"-._", &[(b'0', b'9'), (b'A', b'Z'), (b'a', b'z')]);

/// Longest name that DNS can hold, in its text form.
const MAX_HOST_NAME: usize = 253;

/// The index of the first byte at or after `from` that is outside the class, or the end.
pub(super) fn end_of(class: &Class, bytes: &[u8], from: usize) -> usize {
    bytes
        .get(from..)
        .and_then(|rest| rest.iter().position(|byte| !class[usize::from(*byte)]))
        .map_or(bytes.len(), |length| from + length)
}

/// Whether all bytes belong to the class.
pub(super) fn all(class: &Class, bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| class[usize::from(*byte)])
}

/// Without the optional white space around it (SP and HTAB only, unlike `trim_ascii`).
pub(super) fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// Whether it is `uri-host [":" port]` with a host name, an IPv4 address or a bracketed IPv6 address.
pub(super) fn is_host(value: &[u8]) -> bool {
    let (host_is_good, rest) = if let Some(literal) = value.strip_prefix(b"[") {
        let Some(end) = literal.iter().position(|byte| *byte == b']') else {
            return false;
        };
        let (address, rest) = literal.split_at(end);
        let address = std::str::from_utf8(address).unwrap_or_default();
        (address.parse::<Ipv6Addr>().is_ok(), &rest[1..])
    } else {
        let (name, rest) = value.split_at(end_of(&HOST_NAME, value, 0));
        (!name.is_empty() && name.len() <= MAX_HOST_NAME, rest)
    };
    host_is_good && (rest.is_empty() || is_port(rest))
}

/// Whether it is `":" *DIGIT` with a number that is a port.
fn is_port(value: &[u8]) -> bool {
    let Some(digits) = value.strip_prefix(b":") else {
        return false;
    };
    digits.len() <= 5
        && digits.iter().all(u8::is_ascii_digit)
        && digits
            .iter()
            .fold(0_u32, |port, digit| port * 10 + u32::from(*digit - b'0'))
            <= u32::from(u16::MAX)
}

/// Whether the target has a form that the method allows (RFC 9112 section 3.2). CONNECT is judged elsewhere.
pub(super) fn is_target(method: &[u8], target: &[u8]) -> bool {
    match target {
        [b'/', ..] => is_path_and_query(target),
        b"*" => method == b"OPTIONS",
        _ => is_absolute(target),
    }
}

fn is_path_and_query(target: &[u8]) -> bool {
    let (path, query) = target.split_at(end_of_path(target));
    all(&PATH, path) && all(&QUERY, query)
}

/// Where the query begins, or the end. The path class holds no `?`.
fn end_of_path(target: &[u8]) -> usize {
    memchr::memchr(b'?', target).unwrap_or(target.len())
}

/// Absolute form: http or https, an authority without user information, then a path, a query or nothing.
fn is_absolute(target: &[u8]) -> bool {
    let Some(rest) = strip_scheme(target) else {
        return false;
    };
    let end = rest
        .iter()
        .position(|byte| matches!(byte, b'/' | b'?'))
        .unwrap_or(rest.len());
    let (authority, path_and_query) = rest.split_at(end);
    is_host(authority) && is_path_and_query(path_and_query)
}

fn strip_scheme(target: &[u8]) -> Option<&[u8]> {
    [&b"http://"[..], b"https://"]
        .into_iter()
        .find_map(|scheme| {
            let (start, rest) = target.split_at_checked(scheme.len())?;
            start.eq_ignore_ascii_case(scheme).then_some(rest)
        })
}
