//! Checks the head of an origin's response, interim ones before it included, before hyper sees it.
//!
//! Pure. hyper's client takes a bare LF for a line end and any number of interim responses, and its errors do not say which
//! field was wrong. Each byte is looked at twice here: once by memchr for the line's end, once for its class.
//! Specification: RFC 9112 sections 2.2, 4 and 5, RFC 9110 sections 5.5 and 15.2.

use std::fmt;

/// Largest head of one response, in bytes.
pub(crate) const MAX_HEAD_BYTES: usize = 256 * 1024;

/// Interim responses (1xx) before one final response.
pub(crate) const MAX_INTERIM: usize = 16;

/// Bytes of all interim responses before one final response.
pub(crate) const MAX_INTERIM_BYTES: usize = 64 * 1024;

/// Longest excerpt of a bad line in a message, in bytes.
const MAX_SHOWN: usize = 64;

/// Rules that differ from one origin to the next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// Field lines of one head.
    pub(super) max_fields: usize,
    /// A bare LF ends a line.
    pub(super) lenient: bool,
}

/// A line of a head, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    Status,
    Field(String),
    End,
}

impl fmt::Display for Line {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Line::Status => out.write_str("the status line"),
            Line::Field(name) => write!(out, "the field \"{name}\""),
            Line::End => out.write_str("the empty line behind the fields"),
        }
    }
}

/// A rule that a head breaks, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadHead {
    #[error("it begins with \"{0}\", which is no status line of HTTP/1.1")]
    StatusLine(String),
    #[error("its status is {0}: statuses are 100 to 599")]
    Status(u16),
    #[error("{0} ends with an LF that no CR precedes (`lenient_framing` of the origin takes that)")]
    BareLf(Line),
    #[error("the line \"{0}\" has no field name and colon")]
    FieldName(String),
    #[error("the value of the field \"{name}\" has the byte 0x{byte:02x}")]
    FieldValue { name: String, byte: u8 },
    #[error("a line begins with white space behind {0}: folded lines are obsolete")]
    Folded(Line),
    #[error(
        "it has more than {limit} field lines (`max_response_fields` of the origin); the next one is \"{name}\""
    )]
    TooManyFields { limit: usize, name: String },
    #[error("its head is larger than {limit} bytes, within {line}")]
    TooLarge { limit: usize, line: Line },
    #[error(
        "more than {MAX_INTERIM} interim responses, or {MAX_INTERIM_BYTES} bytes of them, come before it"
    )]
    TooManyInterim,
}

/// The bytes of a call that are in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Checked {
    /// Length of the complete heads among them. What is behind belongs to the next head, or to the content.
    pub(super) heads: usize,
    /// True once the final head is complete.
    pub(super) is_final: bool,
}

/// The check of one exchange: interim heads, then the final one.
#[derive(Debug)]
pub(super) struct HeadCheck {
    rules: Rules,
    /// Start of the line that is not complete yet, counted from the start of the head.
    line: usize,
    /// The first byte in which no LF was looked for.
    scanned: usize,
    /// Complete lines, the status line included.
    lines: usize,
    status: u16,
    /// The last field's name, from the first byte to behind the last one.
    name: Option<(usize, usize)>,
    interim: usize,
    interim_bytes: usize,
}

impl HeadCheck {
    pub(super) fn new(rules: Rules) -> HeadCheck {
        HeadCheck {
            rules,
            line: 0,
            scanned: 0,
            lines: 0,
            status: 0,
            name: None,
            interim: 0,
            interim_bytes: 0,
        }
    }

    /// Looks at `bytes`, which begin where the last complete head ended: what earlier calls saw of the present head, with more
    /// at its end.
    ///
    /// # Errors
    /// The rule that the bytes break.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> Result<Checked, BadHead> {
        let mut heads = 0;
        while let Some(length) = self.head(bytes.get(heads..).unwrap_or_default())? {
            heads += length;
            let is_interim = (100..200).contains(&self.status) && self.status != 101;
            if !is_interim {
                let is_final = true;
                return Ok(Checked { heads, is_final });
            }
            self.next_interim(length)?;
        }
        Ok(Checked {
            heads,
            is_final: false,
        })
    }

    fn next_interim(&mut self, length: usize) -> Result<(), BadHead> {
        let (interim, bytes) = (self.interim + 1, self.interim_bytes + length);
        if interim > MAX_INTERIM || bytes > MAX_INTERIM_BYTES {
            return Err(BadHead::TooManyInterim);
        }
        *self = HeadCheck {
            interim,
            interim_bytes: bytes,
            ..HeadCheck::new(self.rules)
        };
        Ok(())
    }

    /// Returns the length of the head once it is complete.
    fn head(&mut self, bytes: &[u8]) -> Result<Option<usize>, BadHead> {
        while let Some(found) = memchr::memchr(b'\n', bytes.get(self.scanned..).unwrap_or_default())
        {
            let (start, lf) = (self.line, self.scanned + found);
            if lf >= MAX_HEAD_BYTES {
                return Err(self.too_large(bytes));
            }
            self.line = lf + 1;
            self.scanned = lf + 1;
            let (line, has_cr) = match bytes.get(start..lf).unwrap_or_default() {
                [line @ .., b'\r'] => (line, true),
                line => (line, false),
            };
            let is_end = self.lines > 0 && line.is_empty();
            if !is_end {
                self.take(bytes, start, line)?;
            }
            if !has_cr && !self.rules.lenient {
                return Err(BadHead::BareLf(match is_end {
                    true => Line::End,
                    false => self.last(bytes),
                }));
            }
            if is_end {
                return Ok(Some(lf + 1));
            }
        }
        self.scanned = bytes.len();
        if bytes.len() >= MAX_HEAD_BYTES {
            return Err(self.too_large(bytes));
        }
        Ok(None)
    }

    /// The line that was taken last.
    fn last(&self, bytes: &[u8]) -> Line {
        let name = self.name.and_then(|(start, end)| bytes.get(start..end));
        name.map_or(Line::Status, |name| Line::Field(shown(name)))
    }

    fn too_large(&self, bytes: &[u8]) -> BadHead {
        BadHead::TooLarge {
            limit: MAX_HEAD_BYTES,
            line: self.last(bytes),
        }
    }

    /// Takes the line that begins at `start` of `bytes`, without its end.
    fn take(&mut self, bytes: &[u8], start: usize, line: &[u8]) -> Result<(), BadHead> {
        self.lines += 1;
        if self.lines == 1 {
            self.status = status(line).ok_or_else(|| BadHead::StatusLine(shown(line)))?;
            return match self.status {
                100..=599 => Ok(()),
                other => Err(BadHead::Status(other)),
            };
        }
        if let [b' ' | b'\t', ..] = line {
            return Err(BadHead::Folded(self.last(bytes)));
        }
        let colon = memchr::memchr(b':', line).unwrap_or(0);
        let (name, value) = line.split_at(colon);
        // RFC 9112 section 5.1: white space before the colon is removed from a response, which hyper does.
        let name = name.trim_ascii_end();
        if name.is_empty() || !name.iter().all(|byte| TOKEN[usize::from(*byte)]) {
            return Err(BadHead::FieldName(shown(line)));
        }
        if self.lines > self.rules.max_fields + 1 {
            return Err(BadHead::TooManyFields {
                limit: self.rules.max_fields,
                name: shown(name),
            });
        }
        if let Some(byte) = value.iter().copied().find(|byte| is_control(*byte)) {
            let name = shown(name);
            return Err(BadHead::FieldValue { name, byte });
        }
        self.name = Some((start, start + name.len()));
        Ok(())
    }
}

/// The status of a status line; `None` if it is none (RFC 9112, section 4).
fn status(line: &[u8]) -> Option<u16> {
    let rest = line.strip_prefix(b"HTTP/1.")?;
    let (b'0'..=b'9', rest) = (*rest.first()?, rest.get(1..)?) else {
        return None;
    };
    let (digits, reason) = rest.strip_prefix(b" ")?.split_at_checked(3)?;
    let is_followed = matches!(reason, [] | [b' ', ..]);
    if !is_followed || reason.iter().any(|byte| is_control(*byte)) {
        return None;
    }
    digits.iter().try_fold(0, |status, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        Some(status * 10 + u16::try_from(digit).ok()?)
    })
}

/// `tchar` (RFC 9110, section 5.6.2), by byte.
static TOKEN: [bool; 256] = {
    let others = b"!#$%&'*+-.^_`|~";
    let mut token = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        token[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut at = 0;
    while at < others.len() {
        token[others[at] as usize] = true;
        at += 1;
    }
    token
};

/// Returns true for what no field value may hold (RFC 9110, section 5.5).
fn is_control(byte: u8) -> bool {
    (byte < b' ' && byte != b'\t') || byte == 0x7f
}

/// Bytes of the origin's as a message may show them.
fn shown(bytes: &[u8]) -> String {
    bytes
        .get(..MAX_SHOWN)
        .unwrap_or(bytes)
        .escape_ascii()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: Rules = Rules {
        max_fields: 3,
        lenient: false,
    };

    const LENIENT: Rules = Rules {
        lenient: true,
        ..STRICT
    };

    /// The verdict on these bytes at once, which must be the same if they come one by one.
    fn check(rules: Rules, bytes: &[u8]) -> Result<Checked, BadHead> {
        let whole = HeadCheck::new(rules).advance(bytes);
        let mut check = HeadCheck::new(rules);
        let (mut start, mut verdict) = (0, Ok(false));
        for end in 1..=bytes.len() {
            verdict = check.advance(&bytes[start..end]).map(|checked| {
                start += checked.heads;
                checked.is_final
            });
            if !matches!(verdict, Ok(false)) {
                break;
            }
        }
        match &whole {
            Ok(checked) => assert_eq!((verdict, start), (Ok(checked.is_final), checked.heads)),
            Err(bad) => assert_eq!(verdict.as_ref(), Err(bad)),
        }
        whole
    }

    fn is_taken(rules: Rules, head: &str) {
        let heads = head.len();
        let is_final = true;
        let whole = format!("{head}content\n");
        assert_eq!(
            check(rules, whole.as_bytes()),
            Ok(Checked { heads, is_final }),
            "{head:?}"
        );
    }

    #[track_caller]
    fn is_refused(bytes: impl AsRef<[u8]>, why: &str) {
        let bad = check(STRICT, bytes.as_ref()).expect_err("it is refused");
        assert!(bad.to_string().contains(why), "{bad}");
    }

    #[test]
    fn a_head_with_one_reading_is_taken() {
        for head in [
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.0 200 \r\nA: b\r\n\r\n",
            "HTTP/1.1 404\r\nA:\r\nB:\tc d \r\n\r\n",
            "HTTP/1.1 599 \u{fc}\r\nA:\u{fc}\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA : b\r\nC\t: d\r\n\r\n",
            "HTTP/1.1 103 Early\r\nA: b\r\nB: b\r\nC: b\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\n\r\n",
        ] {
            is_taken(STRICT, head);
            is_taken(LENIENT, head);
        }
    }

    #[test]
    fn a_bare_lf_is_taken_by_lenient_rules_only() {
        for (head, line) in [
            ("HTTP/1.1 200 OK\nA: b\r\n\r\n", "the status line ends"),
            ("HTTP/1.1 200 OK\r\nA: b\n\r\n", "the field \"A\" ends"),
            ("HTTP/1.1 200 OK\r\nA: b\r\n\n", "the empty line"),
            (
                "HTTP/1.1 100 C\n\nHTTP/1.1 200 OK\r\n\r\n",
                "the status line ends",
            ),
        ] {
            is_refused(head, line);
            is_taken(LENIENT, head);
        }
    }

    #[test]
    fn a_refusal_names_the_line() {
        for (bytes, why) in [
            (&b"220 mail ESMTP\r\n"[..], "\"220 mail ESMTP\""),
            (b"\r\nHTTP/1.1 200 OK\r\n\r\n", "no status line"),
            (b"HTTP/2 200\r\n", "no status line"),
            (b"HTTP/1.1 20 OK\r\n", "no status line"),
            (b"HTTP/1.1 2000 OK\r\n", "no status line"),
            (b"HTTP/1.1 200 O\0K\r\n", "O\\x00K"),
            (b"HTTP/1.1 099 OK\r\n", "its status is 99"),
            (b"HTTP/1.1 600 OK\r\n", "its status is 600"),
            (b"HTTP/1.1 999 OK\r\n", "its status is 999"),
            (b"HTTP/1.1 200 OK\r\nno field\r\n", "\"no field\""),
            (b"HTTP/1.1 200 OK\r\n: x\r\n", "\": x\""),
            (b"HTTP/1.1 200 OK\r\nA b: x\r\n", "\"A b: x\""),
            (
                b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n",
                "behind the field \"A\"",
            ),
            (b"HTTP/1.1 200 OK\r\nA: b\0\r\n", "\"A\" has the byte 0x00"),
            (
                b"HTTP/1.1 200 OK\r\nA: b\rC: d\r\n",
                "\"A\" has the byte 0x0d",
            ),
            (
                b"HTTP/1.1 200 OK\r\nA:\r\nB:\r\nC:\r\nD:\r\n",
                "next one is \"D\"",
            ),
        ] {
            is_refused(bytes, why);
        }
    }

    #[test]
    fn an_endless_head_is_refused_and_the_field_is_named() {
        let mut head = b"HTTP/1.1 200 OK\r\nA: b\r\nX-Long: ".to_vec();
        head.resize(MAX_HEAD_BYTES - 1, b'x');
        let mut check = HeadCheck::new(STRICT);
        assert!(check.advance(&head).is_ok());
        head.push(b'x');
        let bad = check.advance(&head).expect_err("it is full");
        assert!(
            bad.to_string().contains("larger than 262144 bytes"),
            "{bad}"
        );
    }

    #[test]
    fn interim_responses_are_bounded_by_number_and_by_bytes() {
        let one = "HTTP/1.1 100 Continue\r\n\r\n";
        let end = "HTTP/1.1 200 OK\r\n\r\n";
        is_taken(STRICT, &(one.repeat(MAX_INTERIM) + end));
        is_refused(one.repeat(MAX_INTERIM + 1), "interim");
        let large = format!("HTTP/1.1 103 Early\r\nLink: {}\r\n\r\n", "x".repeat(20_000));
        is_taken(STRICT, &(large.repeat(3) + end));
        is_refused(large.repeat(4), "interim");
    }
}
