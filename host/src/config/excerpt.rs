//! The lines of source that a printed problem shows.

use super::printable::printable;

/// One line of a file, ready to print, and which part of it is meant.
pub(super) struct Excerpt {
    /// From 1.
    pub(super) line: usize,
    /// In characters, from 1.
    pub(super) column: usize,
    /// The line without its end; tabs are four spaces, other control characters are replaced.
    pub(super) text: String,
    /// Printed columns before the carets.
    pub(super) pad: usize,
    /// How many carets; at least one.
    pub(super) marks: usize,
}

impl Excerpt {
    /// The line of `text` in which the bytes `start..end` begin.
    pub(super) fn of(text: &str, start: u32, end: u32) -> Option<Excerpt> {
        let start = floor_boundary(text, usize::try_from(start).ok()?);
        let end = floor_boundary(text, usize::try_from(end).ok()?).max(start);
        let before = text.get(..start)?;
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = text.get(line_start..)?.lines().next().unwrap_or("");
        let line_end = line_start + line.len();
        let head = printable(text.get(line_start..start.min(line_end))?);
        let meant = printable(text.get(start.min(line_end)..end.min(line_end))?);
        let whole = Excerpt {
            line: before.matches('\n').count() + 1,
            column: text.get(line_start..start)?.chars().count() + 1,
            text: printable(line),
            pad: head.chars().count(),
            marks: meant.chars().count().max(1),
        };
        Some(whole.cut())
    }

    /// Of a long line, only what surrounds the beginning of the part that is meant.
    fn cut(self) -> Excerpt {
        const WIDEST: usize = 140;
        let length = self.text.chars().count();
        if length <= WIDEST {
            return self;
        }
        let skipped = self.pad.saturating_sub(WIDEST / 2);
        let dots = |cut: bool| if cut { "..." } else { "" };
        let shown: String = self.text.chars().skip(skipped).take(WIDEST).collect();
        let before = dots(skipped > 0);
        let pad = self.pad - skipped;
        Excerpt {
            text: format!("{before}{shown}{}", dots(skipped + WIDEST < length)),
            pad: before.len() + pad,
            marks: self.marks.min(WIDEST - pad),
            ..self
        }
    }
}

fn floor_boundary(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}
