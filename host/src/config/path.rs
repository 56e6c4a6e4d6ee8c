//! The form of a path by which behaviors are chosen.
//!
//! Normalised as RFC 3986 section 6.2.2 says (dot segments, percent-encoded unreserved characters), with
//! doubled slashes merged. For matching only: the origin gets the path as the viewer sent it.

use std::borrow::Cow;

/// The normal form of a path that begins with `/`. Borrowed when it is normal already.
pub fn normalise(path: &str) -> Cow<'_, str> {
    if is_normal(path) {
        return Cow::Borrowed(path);
    }
    let decoded = decode_unreserved(path);
    let mut normal = String::with_capacity(decoded.len() + 1);
    let mut segments = decoded.split('/').peekable();
    let mut ends_open = false;
    while let Some(segment) = segments.next() {
        ends_open = segments.peek().is_none() && matches!(segment, "" | "." | "..");
        match segment {
            "" | "." => {}
            ".." => normal.truncate(normal.rfind('/').unwrap_or(0)),
            segment => {
                normal.push('/');
                normal.push_str(segment);
            }
        }
    }
    if ends_open || normal.is_empty() {
        normal.push('/');
    }
    Cow::Owned(normal)
}

/// One pass, no allocation: no doubled slash, no segment that begins with a dot, no percent sign before an
/// unreserved character. A file such as `/.well-known/x` takes the slow way, and comes out unchanged.
fn is_normal(path: &str) -> bool {
    let mut previous = b'/';
    let mut bytes = path.bytes();
    if bytes.next() != Some(b'/') {
        return false;
    }
    for c in bytes {
        if previous == b'/' && matches!(c, b'/' | b'.') || c == b'%' {
            return false;
        }
        previous = c;
    }
    true
}

fn decode_unreserved(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut decoded = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        decoded.push_str(before);
        let hex = after
            .get(..2)
            .filter(|hex| hex.bytes().all(|c| c.is_ascii_hexdigit()));
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let unreserved =
            |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_' | b'~');
        match byte.filter(unreserved) {
            Some(byte) => {
                decoded.push(char::from(byte));
                rest = after.get(2..).unwrap_or("");
            }
            None => {
                decoded.push('%');
                rest = after;
            }
        }
    }
    decoded.push_str(rest);
    Cow::Owned(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dot_segments_doubled_slashes_and_needless_escapes_disappear() {
        for (path, normal) in [
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/a/./b", "/a/b"),
            ("/a/../b", "/b"),
            ("/a/b/..", "/a/"),
            ("/a/b/.", "/a/b/"),
            ("/../../a", "/a"),
            ("/..", "/"),
            ("//a///b//", "/a/b/"),
            ("/a/%2e%2E/b", "/b"),
            ("/%61%7Eb", "/a~b"),
            ("/a%2Fb%20c", "/a%2Fb%20c"),
            ("/%", "/%"),
            ("/%4", "/%4"),
            ("/%zz/%\u{e9}", "/%zz/%\u{e9}"),
            ("/.well-known/x", "/.well-known/x"),
            ("/a/...", "/a/..."),
            ("", "/"),
            ("a", "/a"),
        ] {
            assert_eq!(normalise(path), normal, "{path}");
        }
    }

    #[test]
    fn a_normal_path_is_not_copied() {
        assert!(matches!(
            normalise("/images/a.b/c-d_e~f.jpg"),
            Cow::Borrowed(_)
        ));
    }

    #[test]
    fn the_normal_form_is_normal() {
        for path in ["/a/%2e/b", "/%252e", "/a//..//b/%2e%2e/", "/./%2E./x"] {
            let once = normalise(path).into_owned();
            assert_eq!(normalise(&once), once, "{path}");
        }
    }
}
