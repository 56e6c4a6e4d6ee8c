//! The sources keep what CONTRIBUTING.md asks of them: files are short, and doc comments begin with what they are about.

use selvedge_tests::workspace;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The largest number of lines of code in a file: without blank lines and comments.
const MAX_LINES: usize = 400;

/// Words that doc comments do not begin with.
const CLAUSES: [&str; 5] = ["What ", "Whether ", "Who ", "Whoever ", "So many "];

/// The Rust files of the repository with their paths from its root, except what was built or fetched.
fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![workspace().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)
            .expect("the folder is there")
            .flatten()
        {
            let (path, name) = (entry.path(), entry.file_name());
            if path.is_dir() {
                if name != "target" && !name.as_encoded_bytes().starts_with(b".") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("Rust is UTF-8");
                found.push((from_root(&path), text));
            }
        }
    }
    found.sort();
    assert!(found.len() > 400, "{} files", found.len());
    found
}

fn from_root(path: &Path) -> String {
    let path: PathBuf = path
        .strip_prefix(workspace())
        .expect("it is in there")
        .to_owned();
    path.to_string_lossy().into_owned()
}

fn is_code(line: &&str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with("//")
}

/// The numbers of the lines that begin a doc comment with one of [`CLAUSES`].
fn clauses(text: &str) -> Vec<usize> {
    let mut found = Vec::new();
    let mut inside = false;
    for (at, line) in text.lines().enumerate() {
        let line = line.trim_start();
        let doc = line
            .strip_prefix("/// ")
            .or_else(|| line.strip_prefix("//! "));
        let begins = doc.filter(|_| !inside);
        if begins.is_some_and(|doc| CLAUSES.iter().any(|clause| doc.starts_with(clause))) {
            found.push(at + 1);
        }
        inside = line.starts_with("///") || line.starts_with("//!");
    }
    found
}

/// Fails with the rule if something breaks it.
fn expect_none(rule: &str, broken: &BTreeSet<String>) {
    assert!(broken.is_empty(), "{rule}: {broken:#?}");
}

#[test]
fn no_file_has_more_than_400_lines_of_code() {
    let is_long = |text: &str| text.lines().filter(is_code).count() > MAX_LINES;
    let sources = sources();
    let long = sources.iter().filter(|(_, text)| is_long(text));
    let long = long.map(|(path, _)| path.clone()).collect();
    expect_none("split by ideas", &long);
}

#[test]
fn no_doc_comment_begins_with_a_clause() {
    let sources = sources();
    let mut broken = BTreeSet::new();
    for (path, text) in &sources {
        for line in clauses(text) {
            broken.insert(format!("{path}:{line}"));
        }
    }
    let rule =
        "begin with a noun phrase or a verb: \"Responses that ...\", \"Returns true if ...\"";
    expect_none(rule, &broken);
}

#[test]
fn clauses_are_found_at_the_beginning_of_a_comment_only() {
    let text = "/// What it is.\nfn a() {}\n    /// The name.\n    /// What follows is more.\n//! Whether.\n//! So many.\n/// Whose";
    assert_eq!(clauses(text), [1]);
}
