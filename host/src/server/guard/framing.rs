//! The length of a request's content, from its field lines.
//!
//! Pure. Specification: RFC 9112 sections 6.1 to 6.3 without their repairs, RFC 9110 section 8.6 (Content-Length).

use super::super::message::{RefusalReason, TOKEN, all, trim};
use super::fields::Field;

/// Longest content that Content-Length may announce: what every origin's signed 64-bit integer holds.
const MAX_CONTENT_LENGTH: u64 = i64::MAX as u64;

/// Framing of the content behind a head (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// No content.
    Empty,
    /// This many bytes, at least one.
    Length(u64),
    /// Chunked transfer coding.
    Chunked,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Version {
    Http10,
    Http11,
    #[default]
    Other,
}

impl Version {
    /// `Other` for everything but 1.1 and 1.0.
    pub(super) fn of(version: &[u8]) -> Self {
        match version {
            b"HTTP/1.1" => Version::Http11,
            b"HTTP/1.0" => Version::Http10,
            _ => Version::Other,
        }
    }
}

/// Statements of the field lines about framing.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) version: Version,
    content_length: Option<u64>,
    codings: Option<Codings>,
}

impl Facts {
    /// Takes one field line, and refuses at once what no later line can mend.
    pub(super) fn take(&mut self, field: &Field<'_>) -> Result<(), RefusalReason> {
        // Two names matter, and their lengths differ: most lines cost one comparison of lengths.
        match field.name.len() {
            14 if field.name.eq_ignore_ascii_case(b"content-length") => {
                self.take_content_length(field.value)
            }
            17 if field.name.eq_ignore_ascii_case(b"transfer-encoding") => {
                self.codings.get_or_insert_default().take(field.value);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn take_content_length(&mut self, value: &[u8]) -> Result<(), RefusalReason> {
        if self.content_length.is_some() {
            return Err(RefusalReason::RepeatedContentLength);
        }
        let length = content_length(value).ok_or(RefusalReason::InvalidContentLength)?;
        self.content_length = Some(length);
        Ok(())
    }

    /// RFC 9112 section 6.3, with its repairs left out.
    pub(super) fn framing(&self) -> Result<Framing, RefusalReason> {
        match (&self.codings, self.content_length) {
            (None, None | Some(0)) => Ok(Framing::Empty),
            (None, Some(length)) => Ok(Framing::Length(length)),
            (Some(_), Some(_)) => Err(RefusalReason::LengthAndCoding),
            (Some(_), None) if self.version == Version::Http10 => {
                Err(RefusalReason::CodingInHttp10)
            }
            (Some(codings), None) => codings.judge(),
        }
    }
}

/// A decimal number without sign and leading zeros (one reader's decimal is another's octal), in range.
fn content_length(value: &[u8]) -> Option<u64> {
    let is_plain = match value {
        [] => false,
        [b'0', _, ..] => false,
        digits => digits.iter().all(u8::is_ascii_digit),
    };
    // Only digits: `parse` would take a plus sign too.
    let length = std::str::from_utf8(value).ok().filter(|_| is_plain)?;
    length
        .parse()
        .ok()
        .filter(|length| *length <= MAX_CONTENT_LENGTH)
}

/// All transfer codings of all Transfer-Encoding lines.
#[derive(Debug, Default)]
struct Codings {
    chunked: usize,
    has_other: bool,
    is_malformed: bool,
}

impl Codings {
    fn take(&mut self, value: &[u8]) {
        for coding in value.split(|byte| *byte == b',') {
            let mut parts = coding.splitn(2, |byte| *byte == b';');
            let name = trim(parts.next().unwrap_or_default());
            let has_parameters = parts.next().is_some();
            let is_chunked = name.eq_ignore_ascii_case(b"chunked");
            if name.is_empty() || !all(&TOKEN, name) || (is_chunked && has_parameters) {
                self.is_malformed = true;
            } else if is_chunked {
                self.chunked += 1;
            } else {
                self.has_other = true;
            }
        }
    }

    fn judge(&self) -> Result<Framing, RefusalReason> {
        if self.is_malformed {
            Err(RefusalReason::MalformedCoding)
        } else if self.has_other {
            Err(RefusalReason::UnsupportedCoding)
        } else if self.chunked > 1 {
            Err(RefusalReason::RepeatedChunked)
        } else {
            Ok(Framing::Chunked)
        }
    }
}
