//! Path patterns of behaviors, as CloudFront has them.
//!
//! `*` stands for any characters (also none, also `/`), `?` for exactly one; everything else for itself,
//! upper and lower case kept apart. A leading `/` may be left out. Query and cookies play no part.

use std::fmt;

use memchr::memmem::Finder;

use super::printable::printable;
use super::report::Problem;

/// A compiled path pattern.
///
/// The pattern is cut at its `*`s. The first piece must begin the path, the last must end it, and each piece
/// between is taken at its first occurrence after the one before: a later one could never help. So nothing
/// is tried twice, and matching takes time proportional to the path for pieces without `?`, and to path
/// times piece with `?`.
#[derive(Clone)]
pub struct PathPattern {
    text: String,
    first: Piece,
    /// The rest after the first `*`; empty for a pattern without one.
    between: Vec<Piece>,
    /// The rest after the last `*`; none for a pattern without one.
    last: Option<Piece>,
}

/// The characters between two `*`s.
#[derive(Clone)]
enum Piece {
    Literal(Box<Finder<'static>>),
    /// With at least one `?`.
    Wild(Vec<u8>),
}

impl Piece {
    fn new(text: &str) -> Piece {
        match text.contains('?') {
            true => Piece::Wild(text.as_bytes().to_vec()),
            false => Piece::Literal(Box::new(Finder::new(text).into_owned())),
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Piece::Literal(finder) => finder.needle(),
            Piece::Wild(bytes) => bytes,
        }
    }

    /// Returns true if the piece is all of `text`.
    fn is(&self, text: &[u8]) -> bool {
        let same = |(pattern, c): (&u8, &u8)| *pattern == b'?' || pattern == c;
        self.bytes().len() == text.len() && self.bytes().iter().zip(text).all(same)
    }

    /// The rest after the piece if `text` begins with it.
    fn after_start<'t>(&self, text: &'t [u8]) -> Option<&'t [u8]> {
        let (start, rest) = text.split_at_checked(self.bytes().len())?;
        self.is(start).then_some(rest)
    }

    /// Returns true if `text` ends with the piece.
    fn is_end(&self, text: &[u8]) -> bool {
        let start = text.len().checked_sub(self.bytes().len());
        start
            .and_then(|start| text.get(start..))
            .is_some_and(|end| self.is(end))
    }

    /// The rest after the piece's first occurrence in `text`.
    fn after_first<'t>(&self, text: &'t [u8]) -> Option<&'t [u8]> {
        let length = self.bytes().len();
        let start = match self {
            Piece::Literal(finder) => finder.find(text)?,
            Piece::Wild(_) => text.windows(length).position(|window| self.is(window))?,
        };
        text.get(start + length..)
    }
}

impl PathPattern {
    /// Compiles a pattern; says what is wrong with one that CloudFront would refuse.
    pub(super) fn new(typed: &str) -> Result<PathPattern, Problem> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.*$/~\"'@:+&?".contains(c);
        if typed.is_empty() {
            return Err(
                Problem::new("a path pattern cannot be empty").help("`*` matches every path")
            );
        }
        if typed.len() > 255 {
            let problem = Problem::new(format!(
                "a path pattern of {} characters is too long",
                typed.len()
            ));
            return Err(problem.allowed("at most 255 characters"));
        }
        if let Some(c) = typed.chars().find(|c| !allowed(*c)) {
            let c = printable(&c.to_string());
            return Err(Problem::new(format!("a path pattern cannot contain `{c}`"))
                .allowed("letters, digits and _ - . $ / ~ \" ' @ : + &, with `*` for anything and `?` for one character")
                .help("put `?` where the path has another character"));
        }
        Ok(PathPattern::compile(typed))
    }

    fn compile(typed: &str) -> PathPattern {
        let text = match typed.starts_with(['/', '*', '?']) {
            true => typed.to_owned(),
            false => format!("/{typed}"),
        };
        let mut pieces = text.split('*');
        let first = Piece::new(pieces.next().unwrap_or(""));
        let mut between: Vec<Piece> = pieces.map(Piece::new).collect();
        let last = between.pop();
        between.retain(|piece| !piece.bytes().is_empty());
        PathPattern {
            text,
            first,
            between,
            last,
        }
    }

    /// Returns true if the pattern matches a path, which begins with `/` and has no query.
    /// Paths are compared byte by byte: other than ASCII they carry percent-encoded.
    pub fn matches(&self, path: &str) -> bool {
        let path = path.as_bytes();
        let Some(last) = &self.last else {
            return self.first.is(path);
        };
        let start = self.first.after_start(path);
        let rest = self
            .between
            .iter()
            .try_fold(start, |rest, piece| Some(piece.after_first(rest?)));
        rest.flatten().is_some_and(|rest| last.is_end(rest))
    }

    /// The pattern as text, with its leading `/`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns true if it matches every path.
    pub fn is_everything(&self) -> bool {
        let stars = self.text.strip_prefix('/').unwrap_or(&self.text);
        !stars.is_empty() && stars.bytes().all(|byte| byte == b'*')
    }
}

/// Every path.
impl Default for PathPattern {
    fn default() -> PathPattern {
        PathPattern::compile("*")
    }
}

impl fmt::Debug for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PathPattern({:?})", self.text)
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for PathPattern {
    fn eq(&self, other: &PathPattern) -> bool {
        self.text == other.text
    }
}

#[cfg(test)]
mod tests {
    use super::PathPattern;

    fn matches(pattern: &str, path: &str) -> bool {
        PathPattern::new(pattern).unwrap().matches(path)
    }

    #[test]
    fn stars_and_question_marks_mean_what_cloudfront_says() {
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
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }

    /// As the definition says, trying everything.
    fn naive(pattern: &[u8], path: &[u8]) -> bool {
        match (pattern.split_first(), path.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), None) => naive(rest, path),
            (Some((b'*', rest)), Some((_, tail))) => naive(rest, path) || naive(pattern, tail),
            (Some((b'?', rest)), Some((_, tail))) => naive(rest, tail),
            (Some((c, rest)), Some((d, tail))) => c == d && naive(rest, tail),
            _ => false,
        }
    }

    #[test]
    fn matching_agrees_with_a_naive_matcher() {
        // All patterns of up to six and all paths of up to six symbols would take minutes: a fixed random walk instead.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        };
        let mut matched = 0;
        for round in 0..100_000 {
            let mut word = |alphabet: &[u8], longest: u64| {
                let length = random(longest + 1);
                let symbols = (0..length)
                    .map(|_| char::from(alphabet[random(alphabet.len() as u64) as usize]));
                symbols.collect::<String>()
            };
            let pattern = format!("/{}", word(b"ab**?/", 8));
            let path = format!("/{}", word(b"ab/", 10));
            let expected = naive(pattern.as_bytes(), path.as_bytes());
            assert_eq!(
                matches(&pattern, &path),
                expected,
                "round {round}: {pattern} on {path}"
            );
            matched += u32::from(expected);
        }
        assert!(
            matched > 5_000,
            "only {matched} pairs matched: the test tests little"
        );
    }

    /// All words of up to so many symbols, the empty one too.
    fn words(alphabet: &str, longest: usize) -> Vec<String> {
        let mut all = vec![String::new()];
        let mut last = all.clone();
        for _ in 0..longest {
            let longer = |word: &String| {
                alphabet
                    .chars()
                    .map(|c| format!("{word}{c}"))
                    .collect::<Vec<_>>()
            };
            last = last.iter().flat_map(longer).collect();
            all.extend(last.iter().cloned());
        }
        all
    }

    #[test]
    fn patterns_of_plugins_mean_the_same() {
        use selvedge_sdk::pattern::Pattern;
        // Short ones match often; a difference shows in a short one if there is any.
        let typed = words("ab*?/", 5)
            .into_iter()
            .filter(|typed| !typed.is_empty());
        let paths: Vec<String> = words("ab/", 5)
            .iter()
            .map(|end| format!("/{end}"))
            .collect();
        let mut matched = 0;
        for typed in typed {
            let (ours, theirs) = (
                PathPattern::new(&typed).unwrap(),
                Pattern::path(&typed).unwrap(),
            );
            assert_eq!(ours.as_str(), theirs.as_str());
            assert_eq!(ours.is_everything(), theirs.is_everything(), "{typed}");
            for path in &paths {
                let expected = ours.matches(path);
                assert_eq!(theirs.matches(path), expected, "{typed} on {path}");
                assert!(expected || !ours.is_everything(), "{typed} on {path}");
                matched += u32::from(expected);
            }
        }
        assert!(
            matched > 10_000,
            "only {matched} pairs matched: the test tests little"
        );
    }

    #[test]
    fn what_a_behavior_takes_a_plugin_takes() {
        use selvedge_sdk::pattern::Pattern;
        let longest = "a".repeat(255);
        for byte in 0..=u8::MAX {
            let typed = format!("/a{}b", char::from(byte));
            if PathPattern::new(&typed).is_ok() {
                assert!(Pattern::path(&typed).is_ok(), "{typed}");
            }
        }
        assert!(PathPattern::new(&longest).is_ok() && Pattern::path(&longest).is_ok());
        for refused in ["", "/a b", "/a#b", "/\u{e9}", &"a".repeat(256)] {
            assert!(
                PathPattern::new(refused).is_err() && Pattern::path(refused).is_err(),
                "{refused}"
            );
        }
        // A path in a plugin's configuration may be percent-encoded; a behavior has `?` there.
        assert!(PathPattern::new("/a%20b").is_err() && Pattern::path("/a%20b").is_ok());
    }

    #[test]
    fn a_hostile_path_takes_no_exponential_time() {
        // A backtracking matcher would not come back from this in our lifetime.
        let pattern = format!("/{}b", "a*".repeat(100));
        assert!(!matches(&pattern, &format!("/{}", "a".repeat(8_000))));
        let pattern = format!("/{}b", "*?a".repeat(60));
        assert!(!matches(&pattern, &format!("/{}", "a".repeat(8_000))));
    }

    #[test]
    fn what_cloudfront_refuses_is_refused() {
        for bad in ["", "/a b", "/a%20b", "/a#b", "/\u{e9}", &"a".repeat(256)] {
            assert!(PathPattern::new(bad).is_err(), "{bad}");
        }
    }
}
