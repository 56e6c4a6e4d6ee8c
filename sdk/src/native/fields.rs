//! A field section in memory (RFC 9110, section 5): names without regard to case, lines in order.

/// Field lines in the order in which they were added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields(Vec<(String, Vec<u8>)>);

impl Fields {
    /// Adds a line.
    pub(crate) fn append(&mut self, name: &str, value: impl AsRef<[u8]>) {
        // White space around a value is not part of it (RFC 9110, section 5.5).
        let value = value.as_ref().trim_ascii();
        self.0.push((name.to_ascii_lowercase(), value.to_vec()));
    }

    /// Adds to the last line of this name, or a line where there is none.
    pub(crate) fn extend_line(&mut self, name: &str, separator: &str, value: &[u8]) {
        match self
            .0
            .iter_mut()
            .rev()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
        {
            Some((_, line)) => {
                line.extend_from_slice(separator.as_bytes());
                line.extend_from_slice(value);
            }
            None => self.append(name, value),
        }
    }

    /// The lines of a field, one by one.
    pub(crate) fn values(&self, name: &str) -> Vec<Vec<u8>> {
        let lines = self
            .0
            .iter()
            .filter(|(other, _)| other.eq_ignore_ascii_case(name));
        lines.map(|(_, value)| value.clone()).collect()
    }

    /// The value of a field; several lines come joined by `, ` (RFC 9110, section 5.3), those of Cookie by `; ` (RFC 9113,
    /// section 8.2.3).
    pub(crate) fn joined(&self, name: &str) -> Option<Vec<u8>> {
        let values = self.values(name);
        let separator: &[u8] = match name.eq_ignore_ascii_case("cookie") {
            true => b"; ",
            false => b", ",
        };
        (!values.is_empty()).then(|| values.join(separator))
    }

    /// The names that occur, lower case, each once, in the order of their first line.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for (name, _) in &self.0 {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    }
}
