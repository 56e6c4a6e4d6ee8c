//! Text of files and values as messages show it.

/// Text of a file or a value as it may be shown on a terminal.
pub(super) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => shown.push_str("    "),
            c if c.is_control() => shown.push(char::REPLACEMENT_CHARACTER),
            c => shown.push(c),
        }
    }
    shown
}

/// A list of names for a message: `` `a`, `b` ``.
pub(super) fn quoted<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> String {
    let quoted = names
        .into_iter()
        .map(|name| format!("`{}`", printable(name.as_ref())));
    quoted.collect::<Vec<_>>().join(", ")
}
