//! Text of a plugin as it may be shown: without its secrets, without control characters, and not too long.
//!
//! Secrets are looked for in what the plugin said, before anything is escaped or cut: afterwards they would not be found any
//! more, or only a part of them would be hidden. One look costs the length of the text for each secret; where only the
//! beginning is shown, no more of it is looked at than can be shown.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use memchr::memmem::{self, Finder};

use crate::text::{CUT, MAX_TEXT, printable};

/// Secrets shorter than this are not looked for: they would make words unreadable.
const SHORTEST: usize = 6;

/// Text in place of a secret.
const INSTEAD: &[u8] = b"***";

/// The longest name that is shown in full, in characters.
const MAX_NAME: usize = 100;

/// Makes the secrets of one plugin unreadable. Cloning is cheap, and free where it has none.
#[derive(Clone, Default)]
pub struct Masks(Option<Arc<Known>>);

struct Known {
    /// Each secret as it stands, and as Rust and JSON write it in quotation marks.
    forms: Vec<Finder<'static>>,
    longest: usize,
}

/// Output of a plugin, as it may be shown.
pub(crate) struct Shown {
    pub(crate) text: Vec<u8>,
    /// True if it ends with the beginning of a secret, whose rest may come.
    pub(crate) within: bool,
}

impl Masks {
    /// Those of these secrets.
    pub fn of(secrets: &[Bytes]) -> Masks {
        Masks::of_forms(secrets.iter().flat_map(|secret| forms(secret)).collect())
    }

    /// Those of all of these.
    pub fn together<'m>(all: impl IntoIterator<Item = &'m Masks>) -> Masks {
        let known = all.into_iter().filter_map(|masks| masks.0.as_ref());
        let forms = known.flat_map(|known| known.forms.iter());
        Masks::of_forms(forms.map(|form| form.needle().to_vec()).collect())
    }

    fn of_forms(mut forms: Vec<Vec<u8>>) -> Masks {
        forms.retain(|form| form.len() >= SHORTEST);
        forms.sort_unstable();
        forms.dedup();
        let Some(longest) = forms.iter().map(Vec::len).max() else {
            return Masks(None);
        };
        let forms = forms.iter().map(|form| Finder::new(form).into_owned());
        Masks(Some(Arc::new(Known {
            forms: forms.collect(),
            longest,
        })))
    }

    /// Text with the secrets made unreadable.
    pub fn mask<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.mask_bytes(text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            Cow::Owned(masked) => Cow::Owned(String::from_utf8_lossy(&masked).into_owned()),
        }
    }

    /// Does so for bytes.
    pub fn mask_bytes<'t>(&self, text: &'t [u8]) -> Cow<'t, [u8]> {
        let Some(known) = &self.0 else {
            return Cow::Borrowed(text);
        };
        match merged(known.found(text)) {
            none if none.is_empty() => Cow::Borrowed(text),
            found => Cow::Owned(without(text, &found, text.len())),
        }
    }

    /// Text as it may stand in an error or a log line: masked, bounded, and without control characters.
    pub fn printable(&self, text: &str) -> String {
        let seen = MAX_TEXT + self.longest();
        if text.len() <= seen {
            return printable(&self.mask(text));
        }
        // A guest's text may be a hundred times what is shown of it.
        let shown = text.floor_char_boundary(MAX_TEXT);
        let seen = text.as_bytes().get(..seen).unwrap_or_default();
        let shown = self.mask_output(seen, shown, false).text;
        let mut clean = printable(&String::from_utf8_lossy(&shown));
        if !clean.ends_with(CUT) {
            clean.push_str(CUT);
        }
        clean
    }

    /// A name as it may stand within a message: as [`Masks::printable`], and short.
    pub fn name(&self, text: &str) -> String {
        let clean = self.printable(text);
        match clean.char_indices().nth(MAX_NAME) {
            Some((end, _)) => format!("{}...", clean.get(..end).unwrap_or_default()),
            None => clean,
        }
    }

    /// Returns true if the text has a secret in it.
    pub(crate) fn hides(&self, text: &str) -> bool {
        let known = self.0.as_ref();
        known.is_some_and(|known| {
            let text = text.as_bytes();
            known.forms.iter().any(|form| form.find(text).is_some())
        })
    }

    /// The length of the longest secret; 0 where there is none to look for.
    pub(crate) fn longest(&self) -> usize {
        self.0.as_ref().map_or(0, |known| known.longest)
    }

    /// The first `shown` bytes of what was printed. A secret that goes on behind them is found if [`Masks::longest`] more
    /// bytes are there. With `within`, the beginning may be the rest of a secret.
    pub(crate) fn mask_output(&self, text: &[u8], shown: usize, within: bool) -> Shown {
        let shown = shown.min(text.len());
        let Some(known) = &self.0 else {
            let text = text.get(..shown).unwrap_or(text).to_vec();
            return Shown {
                text,
                within: false,
            };
        };
        let mut found = known.found(text);
        let mut ends_within = false;
        for form in &known.forms {
            let form = form.needle();
            let begun = overlap(text, form.get(..form.len() - 1).unwrap_or(form));
            if begun >= SHORTEST {
                found.push(text.len() - begun..text.len());
                ends_within = true;
            }
            let rest = if within { overlap(form, text) } else { 0 };
            if rest >= SHORTEST {
                found.push(0..rest);
            }
        }
        Shown {
            text: without(text, &merged(found), shown),
            within: ends_within,
        }
    }
}

impl std::fmt::Debug for Masks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Masks")
    }
}

impl Known {
    /// Returns the ranges of secrets.
    fn found(&self, text: &[u8]) -> Vec<Range<usize>> {
        let of_form = |form: &Finder<'static>| {
            let length = form.needle().len();
            let starts: Vec<usize> = form.find_iter(text).collect();
            starts.into_iter().map(move |start| start..start + length)
        };
        self.forms.iter().flat_map(of_form).collect()
    }
}

/// A secret as it may be printed: itself, as text, and within quotation marks as Rust and JSON write it.
fn forms(secret: &[u8]) -> [Vec<u8>; 4] {
    // Line ends of a file are no part of what would be printed.
    let secret = secret.trim_ascii();
    let text = String::from_utf8_lossy(secret);
    let quoted = [
        format!("{text:?}"),
        serde_json::Value::from(&*text).to_string(),
    ];
    let [rust, json] = quoted.map(|quoted| {
        let inner = quoted.len().saturating_sub(1);
        quoted.get(1..inner).unwrap_or_default().as_bytes().to_vec()
    });
    [secret.to_vec(), text.as_bytes().to_vec(), rust, json]
}

/// Ranges in their order, those that overlap made one: no piece of a secret is left beside another.
fn merged(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_unstable_by_key(|range| range.start);
    ranges.dedup_by(|next, before| {
        let overlaps = next.start < before.end;
        if overlaps {
            before.end = before.end.max(next.end);
        }
        overlaps
    });
    ranges
}

/// The first `shown` bytes, with something else in place of these ranges.
fn without(text: &[u8], ranges: &[Range<usize>], shown: usize) -> Vec<u8> {
    let mut clean = Vec::with_capacity(shown);
    let mut at = 0;
    for range in ranges.iter().take_while(|range| range.start < shown) {
        clean.extend_from_slice(text.get(at..range.start).unwrap_or_default());
        clean.extend_from_slice(INSTEAD);
        at = range.end;
    }
    clean.extend_from_slice(text.get(at..shown).unwrap_or_default());
    clean
}

/// Returns the length of the end of `head` that is the beginning of `tail` (Knuth, Morris and Pratt: in the time of reading both).
fn overlap(head: &[u8], tail: &[u8]) -> usize {
    let most = head.len().min(tail.len());
    let head = head.get(head.len() - most..).unwrap_or_default();
    // Most texts have nothing of it.
    let start = tail.get(..SHORTEST).unwrap_or_default();
    if start.is_empty() || memmem::find(head, start).is_none() {
        return 0;
    }
    let mut borders: Vec<usize> = Vec::with_capacity(most);
    let longer = |mut length: usize, byte: u8, borders: &[usize]| loop {
        if tail.get(length) == Some(&byte) {
            return length + 1;
        }
        if length == 0 {
            return 0;
        }
        length = borders.get(length - 1).copied().unwrap_or_default();
    };
    for (at, byte) in tail.iter().take(most).enumerate() {
        let border = match at {
            0 => 0,
            _ => longer(borders.last().copied().unwrap_or_default(), *byte, &borders),
        };
        borders.push(border);
    }
    let mut length = 0;
    for byte in head {
        if length == most {
            length = borders.last().copied().unwrap_or_default();
        }
        length = longer(length, *byte, &borders);
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masks(secrets: &[&str]) -> Masks {
        let secrets: Vec<Bytes> = secrets
            .iter()
            .map(|secret| Bytes::copy_from_slice(secret.as_bytes()))
            .collect();
        Masks::of(&secrets)
    }

    #[test]
    fn a_secret_is_found_as_it_stands_and_in_quotation_marks() {
        let masks = masks(&["first \"line\"\nsecond\n"]);
        let said = "a first \"line\"\nsecond b";
        assert_eq!(masks.mask(said), "a *** b");
        assert_eq!(masks.mask(&format!("{said:?}")), "\"a *** b\"");
        assert_eq!(
            masks.mask(&serde_json::json!([said]).to_string()),
            "[\"a *** b\"]"
        );
        assert_eq!(masks.mask("first and second"), "first and second");
    }

    #[test]
    fn of_secrets_within_and_over_each_other_nothing_is_left() {
        let masks = masks(&["secret", "secret-and-more", "more-of-it"]);
        assert_eq!(masks.mask("<secret-and-more>"), "<***>");
        assert_eq!(masks.mask("<secret-and-more-of-it>"), "<***>");
        assert_eq!(masks.mask("<secretsecret>"), "<******>");
    }

    #[test]
    fn masks_together_know_the_secrets_of_each() {
        let together =
            Masks::together(&[masks(&["hunter2"]), Masks::default(), masks(&["swordfish"])]);
        assert_eq!(together.mask("hunter2, swordfish"), "***, ***");
        assert_eq!(Masks::together(&[Masks::default()]).longest(), 0);
    }

    #[test]
    fn short_secrets_are_not_looked_for() {
        let masks = masks(&["short", " a b \n", ""]);
        assert_eq!(masks.longest(), 0);
        assert_eq!(masks.mask("short"), "short");
    }

    #[test]
    fn what_is_no_text_is_found_as_well() {
        let masks = Masks::of(&[Bytes::from_static(b"\xff\xfesecret\xff")]);
        assert_eq!(
            &*masks.mask_bytes(b"<\xff\xfesecret\xff>"),
            b"<***>".as_slice()
        );
        assert_eq!(masks.mask("<\u{fffd}\u{fffd}secret\u{fffd}>"), "<***>");
    }

    #[test]
    fn of_what_is_cut_no_piece_of_a_secret_is_left() {
        let masks = masks(&["one\ntwo\nthree"]);
        let shown = |text: &str, most, within| {
            let shown = masks.mask_output(text.as_bytes(), most, within);
            (String::from_utf8(shown.text).unwrap(), shown.within)
        };
        assert_eq!(
            shown("a one\ntwo\nthree b", 5, false),
            ("a ***".into(), false)
        );
        assert_eq!(shown("a one\ntwo\n", 100, false), ("a ***".into(), true));
        assert_eq!(shown("\nthree b", 100, true), ("*** b".into(), false));
        assert_eq!(shown("\nthree b", 100, false).0, "\nthree b");
        assert_eq!(shown("a one", 100, false), ("a one".into(), false));
    }

    #[test]
    fn of_a_text_much_longer_than_what_is_shown_no_piece_of_a_secret_is_left() {
        let secret = "0123456789-secret-9876543210";
        let masks = masks(&[secret]);
        for before in MAX_TEXT - 40..MAX_TEXT + 10 {
            let text = format!("{}{secret}{}", "ä".repeat(before / 2), "x".repeat(1 << 20));
            let clean = masks.printable(&text);
            assert!(!clean.contains("0123"), "{before}: {clean}");
            assert!(clean.ends_with("..."), "{before}: {clean}");
            assert!(clean.len() <= MAX_TEXT + 8, "{before}: {clean}");
            // At the end the place of it is cut as well.
            let is_masked = clean.contains("***");
            assert!(is_masked || before > MAX_TEXT - 4, "{before}: {clean}");
        }
        let short = format!("{} 012345", "x".repeat(MAX_TEXT - 8));
        assert_eq!(masks.printable(&short), short);
    }

    #[test]
    fn a_thousand_times_the_text_takes_no_longer() {
        let many: Vec<String> = (0..100).map(|n| format!("secret-number-{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let masks = masks(&many);
        let time = |text: &str| {
            let times = (0..5).map(|_| {
                let began = std::time::Instant::now();
                masks.printable(text);
                began.elapsed()
            });
            times.min().unwrap()
        };
        let (short, long) = ("secret-number ".repeat(80), "secret-number ".repeat(80_000));
        let (of_short, of_long) = (time(&short), time(&long));
        assert!(of_long < 20 * of_short, "{of_short:?} {of_long:?}");
    }

    #[test]
    fn an_end_that_is_a_beginning_is_found_as_slowly_comparing_finds_it() {
        let slowly = |head: &[u8], tail: &[u8]| {
            let most = head.len().min(tail.len());
            let fits = |n: &usize| head.ends_with(&tail[..*n]);
            (SHORTEST..=most).rev().find(fits).unwrap_or(0)
        };
        let mut number = 1_u32;
        let mut text = |length: usize| -> Vec<u8> {
            (0..length)
                .map(|_| {
                    number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    b"ab"[(number >> 31) as usize]
                })
                .collect()
        };
        for length in 0..400 {
            let (head, tail) = (text(length % 37), text(length % 23));
            let found = overlap(&head, &tail);
            let found = if found < SHORTEST { 0 } else { found };
            assert_eq!(found, slowly(&head, &tail), "{head:?} {tail:?}");
        }
        assert_eq!(overlap(b"xaaaaaaa", b"aaaaaaaab"), 7);
    }

    #[test]
    fn names_are_short() {
        let masks = masks(&["hunter2"]);
        assert_eq!(masks.name("a\nhunter2"), "a\\n***");
        assert_eq!(masks.name(&"x".repeat(64 << 10)).len(), MAX_NAME + 3);
    }
}
