//! Names of plugin projects: what cargo takes as a package name and a distribution file as a plugin's name.

/// The longest name, in bytes. The name is also that of a file and of a folder.
const MAX_LENGTH: usize = 64;

/// Why a text cannot name a plugin project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameProblem {
    /// Nothing at all.
    #[error("it is empty")]
    Empty,
    /// More than 64 bytes.
    #[error("it is longer than {MAX_LENGTH} letters")]
    TooLong,
    /// A first character other than a lower-case letter.
    #[error("it does not begin with a lower-case letter")]
    FirstLetter,
    /// Another character than `a` to `z`, `0` to `9`, `-` and `_`.
    #[error("it holds `{0}`; lower-case letters, digits, `-` and `_` are allowed")]
    Letter(char),
    /// A word of the language, or the name of a crate that every project has.
    #[error("Rust or the project itself uses that word")]
    Reserved,
}

/// Words that cargo refuses as package names, and names that would hide a crate of the project.
const RESERVED: &[&str] = &[
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "build",
    "const",
    "continue",
    "core",
    "crate",
    "deps",
    "do",
    "dyn",
    "else",
    "enum",
    "examples",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "incremental",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc-macro",
    "proc_macro",
    "pub",
    "ref",
    "return",
    "self",
    "selvedge-sdk",
    "selvedge-sdk-macros",
    "selvedge_sdk",
    "selvedge_sdk_macros",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "wasi",
    "where",
    "while",
    "wit-bindgen",
    "wit_bindgen",
    "yield",
];

/// Says whether a text can name a plugin project.
pub(super) fn check(name: &str) -> Result<(), NameProblem> {
    let Some(first) = name.chars().next() else {
        return Err(NameProblem::Empty);
    };
    if name.len() > MAX_LENGTH {
        return Err(NameProblem::TooLong);
    }
    let allowed = |letter: &char| {
        letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-_".contains(*letter)
    };
    if let Some(letter) = name.chars().find(|letter| !allowed(letter)) {
        return Err(NameProblem::Letter(letter));
    }
    if !first.is_ascii_lowercase() {
        return Err(NameProblem::FirstLetter);
    }
    if RESERVED.contains(&name) {
        return Err(NameProblem::Reserved);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_packages_are_taken() {
        for name in ["a", "my-plugin", "my_plugin2", &"a".repeat(64)] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn what_cannot_be_a_package_is_refused_with_the_reason() {
        let cases = [
            ("", NameProblem::Empty),
            (&"a".repeat(65), NameProblem::TooLong),
            ("My-plugin", NameProblem::Letter('M')),
            ("a/b", NameProblem::Letter('/')),
            ("..", NameProblem::Letter('.')),
            ("a b", NameProblem::Letter(' ')),
            ("\u{fc}ber", NameProblem::Letter('\u{fc}')),
            ("-a", NameProblem::FirstLetter),
            ("9lives", NameProblem::FirstLetter),
            ("fn", NameProblem::Reserved),
            ("test", NameProblem::Reserved),
            ("selvedge-sdk", NameProblem::Reserved),
        ];
        for (name, problem) in cases {
            assert_eq!(check(name), Err(problem), "{name}");
        }
    }
}
