//! Patterns of paths as the behaviors of a distribution have them, for plugins whose configuration names paths.
//!
//! `*` stands for any characters (also none, also `/`), `?` for exactly one; everything else for itself. A leading `/` may
//! be left out.
//!
//! ```
//! use selvedge_sdk::pattern::Pattern;
//!
//! let images = Pattern::path("images/*.jp?g")?;
//! assert!(images.matches("/images/a/b.jpeg"));
//! assert!(!images.matches("/images/a.jpg"));
//! assert!(Pattern::path("/a b").is_err());
//!
//! let any_image = Pattern::text("image/*")?;
//! assert!(any_image.matches("image/png"));
//! # Ok::<(), selvedge_sdk::Error>(())
//! ```

use std::fmt;

use crate::{Error, Result};

/// The longest pattern.
const MAX_LENGTH: usize = 255;

/// A text with `*` for any characters and `?` for exactly one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// A pattern of paths, percent-encoded as paths are. One that begins with none of `/`, `*` and `?` gets a `/`.
    ///
    /// # Errors
    ///
    /// When it is empty, has more than 255 bytes, or has a character that no path has.
    pub fn path(typed: &str) -> Result<Pattern> {
        let pattern = Pattern::text(typed)?;
        if typed.contains('#') {
            let message = format!("the path pattern {typed:?} contains '#', which no path does");
            return Err(Error::Message(message));
        }
        Ok(match typed.starts_with(['/', '*', '?']) {
            true => pattern,
            false => Pattern(format!("/{typed}")),
        })
    }

    /// A pattern of anything else, for instance of media types.
    ///
    /// # Errors
    ///
    /// When it is empty, has more than 255 bytes, or has a space, a control character, or what is beyond ASCII.
    pub fn text(typed: &str) -> Result<Pattern> {
        if typed.is_empty() {
            return Err("a pattern can't be empty; `*` matches everything".into());
        }
        if typed.len() > MAX_LENGTH {
            let length = typed.len();
            let message =
                format!("a pattern of {length} bytes is too long; it may have {MAX_LENGTH}");
            return Err(Error::Message(message));
        }
        if let Some(wrong) = typed.chars().find(|c| !c.is_ascii_graphic()) {
            let message = format!(
                "the pattern {typed:?} contains {wrong:?}; put `?` where the text has such a character"
            );
            return Err(Error::Message(message));
        }
        Ok(Pattern(typed.to_owned()))
    }

    /// Returns true if the pattern matches all of a text. It takes time in proportion to the text times the pattern at most.
    pub fn matches(&self, text: &str) -> bool {
        let (pattern, text) = (self.0.as_bytes(), text.as_bytes());
        let (mut p, mut t) = (0, 0);
        // Where the last `*` is, and up to where in the text it reaches.
        let mut star: Option<(usize, usize)> = None;
        while let Some(byte) = text.get(t) {
            match pattern.get(p) {
                Some(b'*') => {
                    star = Some((p, t));
                    p += 1;
                }
                Some(other) if *other == b'?' || other == byte => {
                    p += 1;
                    t += 1;
                }
                _ => {
                    // Only the last `*` need take one more: an earlier one could not help.
                    let Some((at, reach)) = star else {
                        return false;
                    };
                    star = Some((at, reach + 1));
                    p = at + 1;
                    t = reach + 1;
                }
            }
        }
        pattern.iter().skip(p).all(|rest| *rest == b'*')
    }

    /// Returns true if it matches every path.
    pub fn is_everything(&self) -> bool {
        let stars = self.0.strip_prefix('/').unwrap_or(&self.0);
        !stars.is_empty() && stars.bytes().all(|byte| byte == b'*')
    }

    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_mean_what_they_mean_for_behaviors() {
        for (pattern, path, expected) in [
            ("/images/*", "/images/a/b.jpg", true),
            ("images/*", "/images/", true),
            ("/images/*", "/images", false),
            ("/images/*", "/Images/a.jpg", false),
            ("*.jpg", "/a/b.jpg", true),
            ("*.jpg", "/a/b.jpg.txt", false),
            ("/a?c", "/abc", true),
            ("/a?c", "/ac", false),
            ("?a", "/a", true),
            ("/a*b*c", "/aXbXbXc", true),
            ("/a*bc*bc", "/abc", false),
            ("/ab*bc", "/abc", false),
            ("/*", "/", true),
            ("*", "/", true),
            ("/", "/", true),
            ("/", "/x", false),
            ("/a**b", "/ab", true),
        ] {
            let matched = Pattern::path(pattern).unwrap().matches(path);
            assert_eq!(matched, expected, "{pattern} {path}");
        }
    }

    /// As the definition says, trying everything.
    fn naive(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), None) => naive(rest, text),
            (Some((b'*', rest)), Some((_, tail))) => naive(rest, text) || naive(pattern, tail),
            (Some((b'?', rest)), Some((_, tail))) => naive(rest, tail),
            (Some((c, rest)), Some((d, tail))) => c == d && naive(rest, tail),
            _ => false,
        }
    }

    #[test]
    fn matching_agrees_with_a_naive_matcher() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut word = |alphabet: &[u8], longest: u64| {
            let mut random = |below: u64| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                usize::try_from(state % below).unwrap()
            };
            let length = random(longest + 1);
            let symbol = |_| char::from(alphabet[random(alphabet.len() as u64)]);
            (0..length).map(symbol).collect::<String>()
        };
        let mut matched = 0;
        for round in 0..50_000 {
            let pattern = format!("/{}", word(b"ab**?/", 8));
            let path = format!("/{}", word(b"ab/", 10));
            let expected = naive(pattern.as_bytes(), path.as_bytes());
            let found = Pattern::path(&pattern).unwrap().matches(&path);
            assert_eq!(found, expected, "round {round}: {pattern} on {path}");
            matched += u32::from(expected);
        }
        assert!(
            matched > 2_000,
            "only {matched} pairs matched: the test tests little"
        );
    }

    #[test]
    fn a_hostile_text_takes_no_exponential_time() {
        let pattern = Pattern::path(&format!("/{}b", "a*".repeat(100))).unwrap();
        assert!(!pattern.matches(&format!("/{}", "a".repeat(8_000))));
    }

    #[test]
    fn what_no_path_has_is_refused_by_its_name() {
        for (typed, why) in [
            ("", "can't be empty"),
            ("/a b", "contains ' '"),
            ("/a#b", "contains '#'"),
            ("/\u{e9}", "contains '\u{e9}'"),
            (&"a".repeat(256), "256 bytes is too long"),
        ] {
            let error = Pattern::path(typed).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
