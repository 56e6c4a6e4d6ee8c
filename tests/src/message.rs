//! Heads of messages as both sides saw them: nothing normalised, nothing dropped.

use std::fmt;

/// The fields of a message, as received and in their order.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fields(Vec<(String, Vec<u8>)>);

impl Fields {
    /// All values of this name, in order.
    pub fn all(&self, name: &str) -> Vec<String> {
        let of_name = self
            .0
            .iter()
            .filter(|(field, _)| field.eq_ignore_ascii_case(name));
        of_name
            .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
            .collect()
    }

    /// The value of this name; several lines joined by `, `.
    pub fn get(&self, name: &str) -> Option<String> {
        let all = self.all(name);
        (!all.is_empty()).then(|| all.join(", "))
    }

    /// Returns true if there is a field of this name.
    pub fn has(&self, name: &str) -> bool {
        self.0
            .iter()
            .any(|(field, _)| field.eq_ignore_ascii_case(name))
    }

    /// The names, lower case, in order.
    pub fn names(&self) -> Vec<String> {
        self.0
            .iter()
            .map(|(name, _)| name.to_ascii_lowercase())
            .collect()
    }

    /// Name and value of every line.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    pub(crate) fn push(&mut self, name: &str, value: &[u8]) {
        self.0.push((name.to_owned(), value.to_vec()));
    }

    pub(crate) fn set(&mut self, name: &str, value: &[u8]) {
        self.remove(name);
        self.push(name, value);
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.0
            .retain(|(field, _)| !field.eq_ignore_ascii_case(name));
    }

    pub(crate) fn write_to(&self, out: &mut Vec<u8>) {
        for (name, value) in &self.0 {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        }
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.0 {
            writeln!(out, "{name}: {}", String::from_utf8_lossy(value))?;
        }
        Ok(())
    }
}

/// A start line and its fields.
#[derive(Clone, PartialEq, Eq)]
pub struct Head {
    /// The start line without its line end.
    pub line: String,
    /// The fields behind it.
    pub fields: Fields,
    /// The bytes on the wire, line ends included.
    pub raw: Vec<u8>,
}

impl Head {
    /// Reads a head leniently: what is no field is kept as one without a value.
    pub(crate) fn parse(raw: &[u8]) -> Head {
        let mut lines = raw
            .split(|byte| *byte == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let line = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
        let mut fields = Fields::default();
        for line in lines.filter(|line| !line.is_empty()) {
            let colon = line
                .iter()
                .position(|byte| *byte == b':')
                .unwrap_or(line.len());
            let (name, value) = line.split_at(colon);
            let value = value.strip_prefix(b":").unwrap_or(value).trim_ascii();
            fields.push(&String::from_utf8_lossy(name), value);
        }
        Head {
            line,
            fields,
            raw: raw.to_vec(),
        }
    }

    /// The nth word of the start line, counted from 0; empty where there is none.
    pub fn word(&self, nth: usize) -> &str {
        self.line.splitn(3, ' ').nth(nth).unwrap_or_default()
    }

    /// The status of a response, 0 where the line has none.
    pub fn status(&self) -> u16 {
        self.word(1).parse().unwrap_or(0)
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}", self.line)?;
        write!(out, "{:?}", self.fields)
    }
}
