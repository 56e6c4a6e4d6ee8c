//! Text of guests and of hostile files, as it may stand in messages.

/// The longest text of a guest that goes into an error.
pub(crate) const MAX_TEXT: usize = 1024;

/// Mark in place of the rest of a text.
pub(crate) const CUT: &str = "...";

/// Text of a guest as it may stand in an error or a log line: bounded, and without control characters.
pub(crate) fn printable(text: &str) -> String {
    let mut clean = String::with_capacity(text.len().min(MAX_TEXT));
    for character in text.chars() {
        if clean.len() >= MAX_TEXT {
            clean.push_str(CUT);
            break;
        }
        match character {
            '\t' => clean.push(character),
            c if c.is_control() => clean.extend(c.escape_default()),
            c => clean.push(c),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guest_text_cannot_forge_lines_or_fill_the_log() {
        assert_eq!(printable("a\r\nb\u{1b}[31m"), "a\\r\\nb\\u{1b}[31m");
        assert!(printable(&"x".repeat(100_000)).len() < 1100);
    }
}
