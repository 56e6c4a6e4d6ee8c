//! Leaves a response that is framed in one way only (RFC 9110, section 8.6; RFC 9112, sections 6.1 to 6.3).
//!
//! hyper undoes `chunked` and no other transfer coding, drops Content-Length where Transfer-Encoding stands beside it, and looks
//! at lengths only where content follows.

use super::OriginError;
use http::header::{CONTENT_LENGTH, HeaderName, HeaderValue, TRANSFER_ENCODING};
use http::{HeaderMap, StatusCode};

/// The use that may be made of a response's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framed {
    /// The response has one reading.
    Clearly,
    /// Another recipient may have read another end into it: the connection is not used again.
    Doubtfully,
}

/// Checks the fields that frame a response, and leaves one Content-Length in them at most. `lenient` takes what RFC 9112 lets a
/// recipient repair.
///
/// # Errors
/// [`OriginError::Garbage`], which names the field.
pub(super) fn settle(
    status: StatusCode,
    fields: &mut HeaderMap,
    lenient: bool,
) -> Result<Framed, OriginError> {
    let mut framed = Framed::Clearly;
    let mut doubt = |what: String| {
        framed = Framed::Doubtfully;
        match lenient {
            true => Ok(()),
            false => Err(OriginError::Garbage(format!(
                "{what} (`lenient_framing` of the origin takes that)"
            ))),
        }
    };
    let mut codings = 0;
    for coding in members(fields, &TRANSFER_ENCODING) {
        if !coding.eq_ignore_ascii_case(b"chunked") {
            let coding = coding.escape_ascii();
            return garbage(format!(
                "the field \"transfer-encoding\" has \"{coding}\", and only \"chunked\" is understood"
            ));
        }
        codings += 1;
    }
    if codings > 1 {
        doubt("the field \"transfer-encoding\" has \"chunked\" more than once".to_owned())?;
    }
    let is_coded = codings > 0;
    let length = length(fields)?;
    if is_coded && length.is_some() {
        doubt("it has \"content-length\" beside \"transfer-encoding\"".to_owned())?;
    }
    match length {
        Some(length) if !is_coded && status != StatusCode::NO_CONTENT => {
            fields.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        // The coding counts (RFC 9112, section 6.3), and 204 has no length (RFC 9110, section 8.6).
        Some(_) => {
            fields.remove(CONTENT_LENGTH);
        }
        None => {}
    }
    Ok(framed)
}

/// The one length that all members of Content-Length say.
fn length(fields: &HeaderMap) -> Result<Option<u64>, OriginError> {
    let mut length = None;
    for member in members(fields, &CONTENT_LENGTH) {
        let Some(number) = number(member) else {
            let member = member.escape_ascii();
            return garbage(format!(
                "the field \"content-length\" has \"{member}\", which is no length"
            ));
        };
        if length.is_some_and(|length| length != number) {
            return garbage(
                "the field \"content-length\" has several lengths that differ".to_owned(),
            );
        }
        length = Some(number);
    }
    Ok(length)
}

fn garbage<T>(what: String) -> Result<T, OriginError> {
    Err(OriginError::Garbage(what))
}

fn number(digits: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(digits).ok()?;
    // `parse` would take a plus sign too.
    let is_plain = digits.bytes().all(|digit| digit.is_ascii_digit());
    digits.parse().ok().filter(|_| is_plain)
}

/// The members of a list field.
fn members<'f>(
    fields: &'f HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'f [u8]> + use<'f> {
    let lines = fields.get_all(name).into_iter();
    lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(lines: &[(&'static str, &str)], lenient: bool) -> Result<(Framed, String), String> {
        let mut fields = HeaderMap::new();
        for (name, value) in lines {
            fields.append(*name, HeaderValue::from_str(value).expect("a value"));
        }
        let framed = settle(StatusCode::OK, &mut fields, lenient).map_err(|e| e.to_string())?;
        let lengths = fields.get_all(CONTENT_LENGTH).into_iter();
        let lengths: Vec<_> = lengths
            .map(|value| value.to_str().expect("digits"))
            .collect();
        Ok((framed, lengths.join(", ")))
    }

    #[test]
    fn rfc_9112_6_3_a_response_with_one_framing_is_taken() {
        let chunked = ("transfer-encoding", "Chunked");
        let length = |value| ("content-length", value);
        for (lines, left) in [
            (vec![], ""),
            (vec![chunked], ""),
            (vec![length("5")], "5"),
            (vec![length("5, 5"), length("05")], "5"),
        ] {
            let taken = Ok((Framed::Clearly, left.to_owned()));
            assert_eq!(settled(&lines, false), taken, "{lines:?}");
            assert_eq!(settled(&lines, true), taken, "{lines:?}");
        }
    }

    #[test]
    fn rfc_9112_6_3_a_doubtful_framing_is_for_the_lenient_and_names_the_field() {
        let chunked = ("transfer-encoding", "chunked");
        for (lines, named) in [
            (vec![chunked, ("content-length", "5")], "content-length"),
            (
                vec![("transfer-encoding", "chunked, chunked")],
                "transfer-encoding",
            ),
            (vec![chunked, chunked], "transfer-encoding"),
        ] {
            let refused = settled(&lines, false).expect_err("it is refused");
            assert!(refused.contains(named), "{refused}");
            let taken = Ok((Framed::Doubtfully, String::new()));
            assert_eq!(settled(&lines, true), taken, "{lines:?}");
        }
    }

    #[test]
    fn rfc_9112_6_3_a_framing_without_a_reading_is_refused_and_named() {
        for (name, value) in [
            ("transfer-encoding", "gzip"),
            ("transfer-encoding", "gzip, chunked"),
            ("transfer-encoding", "chunked;q=1"),
            ("transfer-encoding", ""),
            ("content-length", "+5"),
            ("content-length", "-5"),
            ("content-length", "5 5"),
            ("content-length", "5,"),
            ("content-length", "0x5"),
            ("content-length", "18446744073709551616"),
            ("content-length", "5, 6"),
            ("content-length", ""),
        ] {
            let refused = settled(&[(name, value)], true).expect_err("it is refused");
            assert!(refused.contains(name), "{refused}");
        }
    }
}
