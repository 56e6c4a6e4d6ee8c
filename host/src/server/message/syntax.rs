//! Classes of bytes, and small pure functions over them that messages and the HTTP/1 guard share.
//!
//! Specification: RFC 9110 section 5.6.2 (token), section 5.5 (field values).

/// A class of bytes: `true` at every byte that belongs to it.
pub(in crate::server) type Class = [bool; 256];

pub(super) const fn class(members: &[u8], ranges: &[(u8, u8)]) -> Class {
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

/// `tchar`: the bytes of methods, field names, codings and extension names.
pub(in crate::server) static TOKEN: Class = class(
    b"!#$%&'*+-.^_`|~",
    &[(b'0', b'9'), (b'A', b'Z'), (b'a', b'z')],
);

/// Bytes of a field value: HTAB, SP, visible characters and obs-text.
pub(in crate::server) static FIELD_VALUE: Class = class(b"\t", &[(b' ', b'~'), (0x80, 0xff)]);

/// Returns the index of the first byte at or after `from` that is outside the class, or the end.
pub(in crate::server) fn end_of(class: &Class, bytes: &[u8], from: usize) -> usize {
    bytes
        .get(from..)
        .and_then(|rest| rest.iter().position(|byte| !class[usize::from(*byte)]))
        .map_or(bytes.len(), |length| from + length)
}

/// Returns true if all bytes belong to the class.
pub(in crate::server) fn all(class: &Class, bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| class[usize::from(*byte)])
}

/// Returns the value without the optional white space around it (SP and HTAB only, unlike `trim_ascii`).
pub(in crate::server) fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}
