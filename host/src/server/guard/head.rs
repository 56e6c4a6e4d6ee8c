//! The check of one message head: its request line here, its field lines in `fields`, what they mean together in `framing`.
//!
//! Pure: bytes in, verdict out. Specification: RFC 9112 sections 2.2 and 3.

use super::super::message::{
    MAX_FIELD_BYTES, MAX_FIELDS, MAX_TARGET_BYTES, RefusalReason, TARGET, TOKEN, Target, end_of,
    judge_target,
};
use super::fields::{Broken, FieldSection, Limits};
use super::framing::{Facts, Framing, Version};
use super::refusal::Refusal;

/// Longest method: the longest registered one has 17 characters.
const MAX_METHOD_BYTES: usize = 32;

/// Empty lines taken before a request line (RFC 9112 section 2.2: some old viewers send one behind a form).
const MAX_BLANK_LINES: usize = 4;

const LIMITS: Limits = Limits {
    bytes: MAX_FIELD_BYTES,
    lines: MAX_FIELDS,
    too_large: RefusalReason::FieldsTooLarge,
    too_many: RefusalReason::TooManyFields,
};

/// A head that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Its bytes, with empty lines before it and the empty line behind it.
    pub(super) length: usize,
    pub(super) framing: Framing,
    /// The beginning and the end of its target, if that must be percent-encoded.
    pub(super) raw_target: Option<(usize, usize)>,
}

/// Checks a complete head. Returns `None` when its end is not among the bytes.
#[cfg(test)]
pub(super) fn check_head(bytes: &[u8]) -> Result<Option<Head>, Refusal> {
    HeadCheck::default().advance(bytes)
}

/// Checks one head as its bytes arrive. Every byte is looked at once; how they are split changes no verdict.
#[derive(Debug, Default)]
pub(super) struct HeadCheck {
    at: usize,
    position: HeadPosition,
    facts: Facts,
    /// The beginning of the request line, behind empty lines.
    line_start: usize,
    raw_target: Option<(usize, usize)>,
}

#[derive(Debug, Default)]
enum HeadPosition {
    /// Before the request line: empty lines seen, and whether a CR waits for its LF.
    #[default]
    Blank,
    BlankCr,
    Method,
    Target {
        method_end: usize,
    },
    Version {
        method_end: usize,
        target_end: usize,
    },
    Fields(FieldSection),
}

impl HeadCheck {
    /// Looks at the bytes not yet seen. `bytes` is what earlier calls gave, with more at its end.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> Result<Option<Head>, Refusal> {
        self.scan(bytes)
            .map_err(|broken| Refusal::new(broken.reason, broken.at as u64))
    }

    /// Returns true if anything but empty lines has come.
    pub(super) fn has_begun(&self) -> bool {
        !matches!(self.position, HeadPosition::Blank | HeadPosition::BlankCr)
    }

    fn scan(&mut self, bytes: &[u8]) -> Result<Option<Head>, Broken> {
        loop {
            if let HeadPosition::Fields(section) = &mut self.position {
                let facts = &mut self.facts;
                let Some(length) = section.advance(bytes, |field| facts.take(&field))? else {
                    return Ok(None);
                };
                let framing = self
                    .facts
                    .framing()
                    .map_err(|reason| Broken { reason, at: length })?;
                return Ok(Some(Head {
                    length,
                    framing,
                    raw_target: self.raw_target,
                }));
            }
            let Some(byte) = bytes.get(self.at).copied() else {
                return Ok(None);
            };
            if !self.step(bytes, byte)? {
                return Ok(None);
            }
        }
    }

    /// Takes one part of the request line. Returns `false` when its end has not come yet.
    fn step(&mut self, bytes: &[u8], byte: u8) -> Result<bool, Broken> {
        match self.position {
            HeadPosition::Blank => self.step_blank(byte)?,
            HeadPosition::BlankCr if byte == b'\n' => {
                self.at += 1;
                self.position = HeadPosition::Blank;
            }
            HeadPosition::BlankCr => return Err(self.broken(RefusalReason::BareCr)),
            HeadPosition::Method => return self.step_method(bytes),
            HeadPosition::Target { method_end } => return self.step_target(bytes, method_end),
            HeadPosition::Version {
                method_end,
                target_end,
            } => return self.step_version(bytes, method_end, target_end),
            HeadPosition::Fields(_) => {}
        }
        Ok(true)
    }

    fn step_blank(&mut self, byte: u8) -> Result<(), Broken> {
        match byte {
            b'\r' if self.at >= MAX_BLANK_LINES * b"\r\n".len() => {
                return Err(self.broken(RefusalReason::MalformedRequestLine));
            }
            b'\r' => {
                self.at += 1;
                self.position = HeadPosition::BlankCr;
            }
            b'\n' => return Err(self.broken(RefusalReason::BareLf)),
            _ => {
                self.line_start = self.at;
                self.position = HeadPosition::Method;
            }
        }
        Ok(())
    }

    fn step_method(&mut self, bytes: &[u8]) -> Result<bool, Broken> {
        let start = self.line_start;
        let window = window(bytes, start + MAX_METHOD_BYTES + 1);
        self.at = end_of(&TOKEN, window, self.at);
        match window.get(self.at) {
            Some(b' ') if self.at > start => {
                let method_end = self.at;
                self.at += 1;
                self.position = HeadPosition::Target { method_end };
                Ok(true)
            }
            Some(b'\n') => Err(self.broken(RefusalReason::BareLf)),
            Some(_) => Err(self.broken(RefusalReason::MalformedRequestLine)),
            None if self.at > start + MAX_METHOD_BYTES => {
                Err(self.broken(RefusalReason::MalformedRequestLine))
            }
            None => Ok(false),
        }
    }

    fn step_target(&mut self, bytes: &[u8], method_end: usize) -> Result<bool, Broken> {
        let start = method_end + 1;
        let window = window(bytes, start + MAX_TARGET_BYTES + 1);
        self.at = end_of(&TARGET, window, self.at);
        match window.get(self.at) {
            Some(b' ') if self.at > start => {
                let target_end = self.at;
                self.at += 1;
                self.position = HeadPosition::Version {
                    method_end,
                    target_end,
                };
                Ok(true)
            }
            Some(b'\n') => Err(self.broken(RefusalReason::BareLf)),
            Some(b' ' | b'\r') => Err(self.broken(RefusalReason::MalformedRequestLine)),
            Some(_) => Err(self.broken(RefusalReason::InvalidTarget)),
            None if self.at > start + MAX_TARGET_BYTES => {
                Err(self.broken(RefusalReason::TargetTooLong))
            }
            None => Ok(false),
        }
    }

    fn step_version(
        &mut self,
        bytes: &[u8],
        method_end: usize,
        target_end: usize,
    ) -> Result<bool, Broken> {
        let start = target_end + 1;
        while let Some(byte) = bytes.get(self.at).copied() {
            if !fits_version(self.at - start, byte) {
                return Err(self.broken(match byte {
                    b'\n' => RefusalReason::BareLf,
                    _ if self.at - start == VERSION_LF => RefusalReason::BareCr,
                    _ => RefusalReason::MalformedRequestLine,
                }));
            }
            if self.at - start == VERSION_LF {
                self.facts.version = Version::of(part(bytes, start, self.at - 1));
                self.judge_request_line(bytes, method_end, target_end)?;
                self.at += 1;
                self.position = HeadPosition::Fields(FieldSection::new(self.at, LIMITS));
                return Ok(true);
            }
            self.at += 1;
        }
        Ok(false)
    }

    /// Judges what can be judged only when the whole line is known.
    fn judge_request_line(
        &mut self,
        bytes: &[u8],
        method_end: usize,
        target_end: usize,
    ) -> Result<(), Broken> {
        if self.facts.version == Version::Other {
            return Err(self.broken(RefusalReason::UnsupportedVersion));
        }
        let target_start = method_end + 1;
        let method = part(bytes, self.line_start, method_end);
        let target = part(bytes, target_start, target_end);
        match judge_target(method, target).map_err(|reason| self.broken(reason))? {
            Target::Plain => {}
            Target::ToEncode => self.raw_target = Some((target_start, target_end)),
        }
        Ok(())
    }

    fn broken(&self, reason: RefusalReason) -> Broken {
        Broken {
            reason,
            at: self.at,
        }
    }
}

/// The bytes before `end`, where there are that many.
fn window(bytes: &[u8], end: usize) -> &[u8] {
    bytes.get(..end).unwrap_or(bytes)
}

fn part(bytes: &[u8], start: usize, end: usize) -> &[u8] {
    bytes.get(start..end).unwrap_or_default()
}

/// Index of the LF that follows `HTTP/x.y` and its CR.
const VERSION_LF: usize = b"HTTP/x.y\r".len();

/// Returns true if the byte may stand at this index of `HTTP/x.y CRLF`.
fn fits_version(index: usize, byte: u8) -> bool {
    match index {
        5 | 7 => byte.is_ascii_digit(),
        _ => b"HTTP/x.y\r\n".get(index) == Some(&byte),
    }
}
