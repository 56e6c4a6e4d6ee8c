//! List-based fields (RFC 9110, section 5.6.1): the members of a field, across lines and around quoted strings.
//!
//! Read wherever a field is a comma-separated list: Cache-Control, Vary, Connection and the like. Entity tags have a
//! grammar of their own, in which a backslash is a plain character: see `etag`.

use http::{HeaderMap, HeaderName};

/// The members of a field in order, of all its lines, trimmed; empty members are skipped (section 5.6.1.2). A comma inside
/// a quoted string does not divide. A quote that its line does not close is a plain character, so that nothing that
/// follows it, a `no-store` say, is lost.
pub(crate) fn members<'a>(
    fields: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'a [u8]> {
    fields
        .get_all(name)
        .iter()
        .flat_map(|line| split(line.as_bytes()))
}

/// The members of one line, as [`members`] does it.
pub(crate) fn split(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let line = rest.take()?;
        let end = member_end(line);
        // What follows the comma; nothing follows the last member.
        rest = line.get(end + 1..);
        Some(line.get(..end).unwrap_or_default().trim_ascii())
    })
    .filter(|member| !member.is_empty())
}

/// Returns the end of the first member: its comma, or the end of the line.
fn member_end(line: &[u8]) -> usize {
    let mut at = 0;
    while let Some(byte) = line.get(at) {
        match byte {
            b',' => return at,
            b'"' => at = closing_quote(line, at).unwrap_or(at) + 1,
            _ => at += 1,
        }
    }
    line.len()
}

/// Returns the position of the quote that closes the string opened at `open` (section 5.6.4); `None` if there is none.
pub(crate) fn closing_quote(line: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    loop {
        match line.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::{CACHE_CONTROL, HeaderValue};

    #[test]
    fn rfc_9110_5_6_1_members_of_a_line() {
        for (line, expected) in [
            ("", &[][..]),
            (" , ,,", &[]),
            ("a", &["a"]),
            ("a,b", &["a", "b"]),
            (" a ,\tb\t, ", &["a", "b"]),
            (r#"a="x, y", b"#, &[r#"a="x, y""#, "b"]),
            (r#"a="x\", y", b"#, &[r#"a="x\", y""#, "b"]),
            (r#"a="x\\", b"#, &[r#"a="x\\""#, "b"]),
            (r#"a="x, b"#, &[r#"a="x"#, "b"]),
            (r#"a="x\", no-store"#, &[r#"a="x\""#, "no-store"]),
            (r#"","#, &[r#"""#]),
        ] {
            let members: Vec<_> = split(line.as_bytes()).collect();
            let expected: Vec<_> = expected.iter().map(|member| member.as_bytes()).collect();
            assert_eq!(members, expected, "{line}");
        }
    }

    #[test]
    fn rfc_9110_5_3_lines_of_one_field_are_one_list() {
        let mut fields = HeaderMap::new();
        fields.append(CACHE_CONTROL, HeaderValue::from_static("a=\"x, b"));
        fields.append(CACHE_CONTROL, HeaderValue::from_static("c\", d"));
        let members: Vec<_> = members(&fields, &CACHE_CONTROL).collect();
        assert_eq!(members, [&b"a=\"x"[..], b"b", b"c\"", b"d"]);
    }

    #[test]
    fn every_short_line_of_the_hard_bytes_is_split_without_a_panic() {
        let alphabet = b"\",\\ a\xff";
        let mut line = [0; 6];
        for mut number in 0..alphabet.len().pow(6) {
            for byte in &mut line {
                *byte = alphabet[number % alphabet.len()];
                number /= alphabet.len();
            }
            assert!(split(&line).count() <= 6);
        }
    }
}
