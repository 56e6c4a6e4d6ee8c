//! Byte ranges as a viewer reads them (RFC 9110, section 14).

use crate::viewer::Answer;

/// The first position that `bytes=N-...` asks for.
pub(crate) fn first_position(range: &str) -> Option<u64> {
    range
        .strip_prefix("bytes=")?
        .split('-')
        .next()?
        .parse()
        .ok()
}

/// Returns true if a 206 has the bytes that it says it has.
pub(crate) fn check(answer: &Answer, whole: &[u8]) -> Result<(), String> {
    let content_type = answer.fields.get("content-type").unwrap_or_default();
    if let Some(boundary) = content_type.strip_prefix("multipart/byteranges; boundary=") {
        return match several(&answer.body, boundary.trim_matches('"'), whole) {
            Some(0) => Err("no parts".to_owned()),
            Some(_) => Ok(()),
            None if answer.is_complete => Err("malformed or wrong parts".to_owned()),
            None => Ok(()),
        };
    }
    let field = answer
        .fields
        .get("content-range")
        .ok_or("206 without Content-Range")?;
    let expected =
        named(field, whole).ok_or_else(|| format!("Content-Range {field} of another version"))?;
    let right = if answer.is_complete {
        answer.body == expected
    } else {
        expected.starts_with(&answer.body)
    };
    if right {
        Ok(())
    } else {
        Err(format!("wrong bytes for {field}"))
    }
}

/// The bytes that a Content-Range names.
fn named<'a>(field: &str, whole: &'a [u8]) -> Option<&'a [u8]> {
    let (range, length) = field.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    if length.parse() != Ok(whole.len()) {
        return None;
    }
    whole.get(first.parse().ok()?..=last.parse().ok()?)
}

/// How many parts there are, all of them right.
fn several(mut body: &[u8], boundary: &str, whole: &[u8]) -> Option<usize> {
    let mut count = 0;
    loop {
        body = body.strip_prefix(b"\r\n").unwrap_or(body);
        body = body
            .strip_prefix(b"--")?
            .strip_prefix(boundary.as_bytes())?;
        if body == b"--\r\n" || body == b"--" {
            return Some(count);
        }
        let end = body.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = std::str::from_utf8(body.get(..end)?).ok()?;
        let field = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-range")
                .then_some(value.trim())
        })?;
        body = body.get(end + 4..)?.strip_prefix(named(field, whole)?)?;
        count += 1;
    }
}
