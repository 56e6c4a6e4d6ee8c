//! Checks a section of field lines, header section or trailer section, as its bytes arrive.
//!
//! Every byte is looked at once, and the verdict depends on the bytes alone, not on how they were split: each rule is broken at
//! one certain byte. Specification: RFC 9112 sections 2.2 and 5, RFC 9110 sections 5.1 and 5.5.

use super::super::message::{FIELD_VALUE, RefusalReason, TOKEN, end_of, trim};

/// How large a section may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Bytes of all field lines together, their line ends included, without the empty line at the end.
    pub(super) bytes: usize,
    /// Field lines.
    pub(super) lines: usize,
    /// What a section that is larger is refused with.
    pub(super) too_large: RefusalReason,
    /// What a section with more lines is refused with.
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

/// Where in the section the check stands.
#[derive(Debug)]
pub(super) struct FieldSection {
    /// Where the section begins in the slice that every call gives.
    start: usize,
    /// The first byte not yet looked at.
    at: usize,
    lines: usize,
    limits: Limits,
    place: Place,
}

#[derive(Clone, Copy, Debug)]
enum Place {
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
            place: Place::LineStart,
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

    /// Takes the byte at `self.at`, and all that follow it in the same place.
    fn step(
        &mut self,
        bytes: &[u8],
        byte: u8,
        judge: &mut impl FnMut(Field<'_>) -> Result<(), RefusalReason>,
    ) -> Result<Option<usize>, Broken> {
        match self.place {
            Place::LineStart => self.place = self.start_line(byte)?,
            Place::Name { start } => {
                self.at = end_of(&TOKEN, bytes, self.at);
                let Some(byte) = bytes.get(self.at) else {
                    return Ok(None);
                };
                self.place = self.end_name(start, *byte)?;
            }
            Place::Value { name } => {
                self.at = end_of(&FIELD_VALUE, bytes, self.at);
                let Some(byte) = bytes.get(self.at) else {
                    return Ok(None);
                };
                match byte {
                    b'\r' => self.place = Place::ValueCr { name },
                    b'\n' => return Err(self.broken(RefusalReason::BareLf)),
                    _ => return Err(self.broken(RefusalReason::InvalidFieldValue)),
                }
            }
            Place::ValueCr { name } => {
                self.expect_lf(byte)?;
                judge(field(bytes, name, self.at)).map_err(|reason| self.broken(reason))?;
                self.place = Place::LineStart;
            }
            Place::EndCr => {
                self.expect_lf(byte)?;
                return Ok(Some(self.at + 1));
            }
        }
        self.at += 1;
        Ok(None)
    }

    fn start_line(&mut self, byte: u8) -> Result<Place, Broken> {
        match byte {
            b'\r' => return Ok(Place::EndCr),
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
        Ok(Place::Name { start: self.at })
    }

    fn end_name(&self, start: usize, byte: u8) -> Result<Place, Broken> {
        match byte {
            b':' => Ok(Place::Value {
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
