//! Hostile programs: a reader of their operations and arguments.

use super::selvedge::edge::types::{
    Field, FieldEdit, Request, RequestEdits, ResponseEdits, SyntheticResponse,
};

/// The rest of the program. At its end everything is zero.
pub(crate) struct Program {
    bytes: Vec<u8>,
    at: usize,
}

impl Program {
    /// The program lies in a field, which all hooks can read.
    pub(crate) fn of(request: &Request) -> Program {
        Program {
            bytes: request.field("program").unwrap_or_default(),
            at: 0,
        }
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let byte = self.bytes.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        byte
    }

    pub(crate) fn is_over(&self) -> bool {
        self.at >= self.bytes.len()
    }

    pub(crate) fn number(&mut self) -> u32 {
        match self.byte() {
            255 => u32::MAX,
            254 => u32::from_le_bytes([self.byte(), self.byte(), self.byte(), self.byte()]),
            small => u32::from(small),
        }
    }

    pub(crate) fn data(&mut self) -> Vec<u8> {
        match self.byte() {
            0 => Vec::new(),
            255 => vec![self.byte(); 2 << 20],
            254 => vec![self.byte(); 70_000],
            250..=253 => WORDS[usize::from(self.byte()) % WORDS.len()]
                .as_bytes()
                .to_vec(),
            length => (0..length % 24).map(|_| self.byte()).collect(),
        }
    }

    /// Any bytes as text. The host has to find out.
    pub(crate) fn text(&mut self) -> String {
        let data = self.data();
        // SAFETY: it is not safe. What is handed over is looked at by nobody on this side.
        unsafe { String::from_utf8_unchecked(data) }
    }

    pub(crate) fn maybe<T>(&mut self, make: impl FnOnce(&mut Program) -> T) -> Option<T> {
        (self.byte() % 2 == 1).then(|| make(self))
    }

    pub(crate) fn list<T>(&mut self, mut make: impl FnMut(&mut Program) -> T) -> Vec<T> {
        let length = match self.byte() {
            255 => 5000,
            short => u32::from(short % 5),
        };
        (0..length).map(|_| make(self)).collect()
    }

    pub(crate) fn field(&mut self) -> Field {
        Field {
            name: self.text(),
            value: self.data(),
        }
    }

    pub(crate) fn field_edits(&mut self) -> Vec<FieldEdit> {
        self.list(|p| match p.byte() % 3 {
            0 => FieldEdit::Set(p.field()),
            1 => FieldEdit::Append(p.field()),
            _ => FieldEdit::Remove(p.text()),
        })
    }

    pub(crate) fn status(&mut self) -> u16 {
        match self.byte() {
            0 => 200,
            1 => 204,
            2 => 304,
            other => u16::from(other) * 4,
        }
    }

    pub(crate) fn request_edits(&mut self) -> RequestEdits {
        RequestEdits {
            path: self.maybe(Program::text),
            query: self.maybe(Program::text),
            fields: self.field_edits(),
            body: self.maybe(Program::data),
        }
    }

    pub(crate) fn response_edits(&mut self) -> ResponseEdits {
        ResponseEdits {
            status: self.maybe(Program::status),
            fields: self.field_edits(),
        }
    }

    pub(crate) fn response(&mut self) -> SyntheticResponse {
        SyntheticResponse {
            status: self.status(),
            fields: self.list(Program::field),
            body: self.data(),
        }
    }

    pub(crate) fn error<T>(&mut self) -> Result<T, String> {
        Err(self.text())
    }
}

const WORDS: [&str; 24] = [
    "/",
    "/a/b",
    "/a?b",
    "a\r\nb: c",
    "Host",
    "content-length",
    "Transfer-Encoding",
    "x-ok",
    "Set-Cookie",
    "..",
    "/../..",
    "\0",
    "x y",
    "q=1&q=2",
    "#",
    "%",
    "%00",
    "\u{7f}",
    "b",
    "main",
    "http://other.test/",
    "//other.test/",
    "connection",
    "utm_*",
];
