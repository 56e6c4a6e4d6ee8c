//! A cache key as bytes: parts, each with its tag and length before it.

use selvedge_runtime::Masks;
use std::fmt::Write;

/// The tag of the query in a key.
pub(crate) const QUERY: u8 = b'q';

/// The parts of a key that was written by this host: each with its tag.
fn parts_of(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (tag, rest) = bytes.split_first()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (value, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        bytes = rest;
        Some((*tag, value))
    })
}

/// The query in a key.
pub(crate) fn query_of(bytes: &[u8]) -> Option<&str> {
    let (_, query) = parts_of(bytes).find(|(tag, _)| *tag == QUERY)?;
    std::str::from_utf8(query).ok()
}

/// A key for people and for hooks: `distribution=main path=/a query=b=1 field:accept-language=de`, in printable ASCII, without
/// the secrets that these masks know.
pub(crate) fn as_text(bytes: &[u8], masks: &Masks) -> String {
    let mut text = String::new();
    let mut before = 0;
    for (tag, value) in parts_of(bytes) {
        // Before it is escaped: a secret would not be found afterwards.
        let value = masks.mask_bytes(value);
        let value = value.escape_ascii();
        // Writing to a string can't fail.
        let _ = match tag {
            b'd' => write!(text, "distribution={value}"),
            b'p' => write!(text, " path={value}"),
            QUERY => write!(text, " query={value}"),
            b'e' => write!(text, " encodings={value}"),
            b'f' => write!(text, " field:{value}"),
            b'h' => write!(text, " host={value}"),
            b'u' => write!(text, " scheme={value}"),
            b'c' => write!(text, " cookie:{value}"),
            b'b' => write!(text, " (no value)"),
            b'k' => write!(text, " cookies={value}"),
            b'v' => write!(text, "{}{value}", if before == b'v' { "," } else { "=" }),
            b'l' => write!(text, " literal={value}"),
            b's' => write!(text, " slice={value}"),
            tag => write!(text, " {}={value}", tag.escape_ascii()),
        };
        before = tag;
    }
    text
}

pub(crate) fn put(out: &mut Vec<u8>, tag: u8, value: &[u8]) {
    out.push(tag);
    out.extend_from_slice(&(value.len() as u32).to_be_bytes());
    out.extend_from_slice(value);
}
