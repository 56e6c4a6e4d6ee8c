//! The check of a section of field lines, header section or trailer section, as its bytes arrive.
//!
//! Every byte is looked at once, and the verdict depends on the bytes alone, not on how they were split: each rule is broken at
//! one certain byte. Specification: RFC 9112 sections 2.2 and 5, RFC 9110 sections 5.1 and 5.5.

use super::super::message::{FIELD_VALUE, RefusalReason, TOKEN, end_of, trim};

/// Limits of a section.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Bytes of all field lines together, their line ends included, without the empty line at the end.
    pub(super) bytes: usize,
    /// Field lines.
    pub(super) lines: usize,
    /// The reason for refusing a larger section.
    pub(super) too_large: RefusalReason,
    /// The reason for refusing a section with more lines.
    pub(super) too_many: RefusalReason,
}

/// A rule broken at a byte of the slice that was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) reason: RefusalReason,
    pub(super) at: usize,
}

/// One field line, without the white space around its value.
pub(super) struct Field<'a> {
    pub(super) name: &'a [u8],
    pub(super) value: &'a [u8],
}

/// A section under check.
#[derive(Debug)]
pub(super) struct FieldSection {
    /// The section's beginning in the slice that every call gives.
    start: usize,
    /// The first byte not yet looked at.
    at: usize,
    lines: usize,
    limits: Limits,
    position: LinePosition,
}

#[derive(Clone, Copy, Debug)]
enum LinePosition {
    LineStart,
    Name { start: usize },
    Value { name: (usize, usize) },
    ValueCr { name: (usize, usize) },
    EndCr,
}

impl FieldSection {
    /// A section that begins at `start` of the slice that every call of [`advance`](Self::advance) gives.
    pub(super) fn new(start: usize, limits: Limits) -> Self {
        Self {
            start,
            at: start,
            lines: 0,
            limits,
            position: LinePosition::LineStart,
        }
    }

    /// Looks at the bytes not yet seen. `bytes` is what earlier calls gave, with more at its end.
    ///
    /// Calls `judge` for every complete field line. Returns the section's end (behind its empty line), or `None` when the end has
    /// not come yet.
    pub(super) fn advance(
        &mut self,
        bytes: &[u8],
        mut judge: impl FnMut(Field<'_>) -> Result<(), RefusalReason>,
    ) -> Result<Option<usize>, Broken> {
        let end = self.start + self.limits.bytes + b"\r\n".len();
        let window = bytes.get(..end).unwrap_or(bytes);
        while let Some(byte) = window.get(self.at).copied() {
            if let Some(done) = self.step(window, byte, &mut judge)? {
                return Ok(Some(done));
            }
        }
        if bytes.len() > window.len() {
            return Err(self.broken(self.limits.too_large));
        }
        Ok(None)
    }

    /// Takes the byte at `self.at`, and all that follow it in the same position.
    fn step(
        &mut self,
        bytes: &[u8],
        byte: u8,
        judge: &mut impl FnMut(Field<'_>) -> Result<(), RefusalReason>,
    ) -> Result<Option<usize>, Broken> {
        match self.position {
            LinePosition::LineStart => self.position = self.start_line(byte)?,
            LinePosition::Name { start } => {
                self.at = end_of(&TOKEN, bytes, self.at);
                let Some(byte) = bytes.get(self.at) else {
                    return Ok(None);
                };
                self.position = self.end_name(start, *byte)?;
            }
            LinePosition::Value { name } => {
                self.at = end_of(&FIELD_VALUE, bytes, self.at);
                let Some(byte) = bytes.get(self.at) else {
                    return Ok(None);
                };
                match byte {
                    b'\r' => self.position = LinePosition::ValueCr { name },
                    b'\n' => return Err(self.broken(RefusalReason::BareLf)),
                    _ => return Err(self.broken(RefusalReason::InvalidFieldValue)),
                }
            }
            LinePosition::ValueCr { name } => {
                self.expect_lf(byte)?;
                judge(field(bytes, name, self.at)).map_err(|reason| self.broken(reason))?;
                self.position = LinePosition::LineStart;
            }
            LinePosition::EndCr => {
                self.expect_lf(byte)?;
                return Ok(Some(self.at + 1));
            }
        }
        self.at += 1;
        Ok(None)
    }

    fn start_line(&mut self, byte: u8) -> Result<LinePosition, Broken> {
        match byte {
            b'\r' => return Ok(LinePosition::EndCr),
            b'\n' => return Err(self.broken(RefusalReason::BareLf)),
            b' ' | b'\t' => return Err(self.broken(RefusalReason::ObsoleteFolding)),
            byte if !TOKEN[usize::from(byte)] => {
                return Err(self.broken(RefusalReason::InvalidFieldName));
            }
            _ => {}
        }
        if self.lines == self.limits.lines {
            return Err(self.broken(self.limits.too_many));
        }
        self.lines += 1;
        Ok(LinePosition::Name { start: self.at })
    }

    fn end_name(&self, start: usize, byte: u8) -> Result<LinePosition, Broken> {
        match byte {
            b':' => Ok(LinePosition::Value {
                name: (start, self.at),
            }),
            b' ' | b'\t' => Err(self.broken(RefusalReason::SpaceBeforeColon)),
            b'\n' => Err(self.broken(RefusalReason::BareLf)),
            _ => Err(self.broken(RefusalReason::InvalidFieldName)),
        }
    }

    fn expect_lf(&self, byte: u8) -> Result<(), Broken> {
        match byte {
            b'\n' => Ok(()),
            _ => Err(self.broken(RefusalReason::BareCr)),
        }
    }

    fn broken(&self, reason: RefusalReason) -> Broken {
        Broken {
            reason,
            at: self.at,
        }
    }
}

/// The line whose name is at `name` and whose LF is at `lf`.
fn field(bytes: &[u8], name: (usize, usize), lf: usize) -> Field<'_> {
    let value = bytes.get(name.1 + 1..lf - 1).unwrap_or_default();
    Field {
        name: bytes.get(name.0..name.1).unwrap_or_default(),
        value: trim(value),
    }
}
