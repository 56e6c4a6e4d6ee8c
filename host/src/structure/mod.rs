//! Holds what ARCHITECTURE.md says of the source: which folder may use which, and that files do not import each other in circles.

mod imports;
mod sources;

use imports::{Graph, circles};
use sources::workspace;
use std::collections::{BTreeMap, BTreeSet};

/// The crates whose files are looked at, each with its place in the repository.
const CRATES: [&str; 4] = ["host", "host/caching", "host/store", "host/runtime"];

#[test]
fn no_two_files_import_each_other() {
    let mut wrong = Vec::new();
    for folder in CRATES {
        let graph = Graph::read(&workspace().join(folder).join("src"));
        for circle in circles(&graph) {
            let files: BTreeSet<String> = circle
                .iter()
                .map(|file| format!("{folder}/src/{file}"))
                .collect();
            wrong.push(format!("{files:?}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "these files import each other: give what they share a file of its own\n{}",
        wrong.join("\n")
    );
}

#[test]
fn folders_use_what_the_table_allows_and_nothing_else() {
    let allowed = allowed(
        &std::fs::read_to_string(workspace().join("ARCHITECTURE.md")).expect("it is there"),
    );
    let mut wrong = BTreeSet::new();
    for folder in CRATES {
        let graph = Graph::read(&workspace().join(folder).join("src"));
        for (file, uses) in &graph.uses {
            let path = format!("{folder}/src/{file}");
            let Some(from) = area(&path, &allowed) else {
                continue;
            };
            let inner = uses
                .iter()
                .filter_map(|used| area(&format!("{folder}/src/{used}"), &allowed));
            let outer = graph
                .crates
                .get(file)
                .into_iter()
                .flatten()
                .map(String::as_str);
            for to in inner.chain(outer).filter(|to| *to != from) {
                if !allowed[from].1.contains(to) {
                    wrong.insert(format!("{path}: {from} may not use {to}"));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{}",
        wrong.into_iter().collect::<Vec<_>>().join("\n")
    );
}

#[test]
fn circles_are_found_and_re_exports_are_no_imports() {
    let graph = |edges: &[(&str, &str)]| {
        let mut graph = Graph::default();
        for (from, to) in edges {
            graph.uses.entry((*to).to_owned()).or_default();
            let uses = graph.uses.entry((*from).to_owned()).or_default();
            uses.insert((*to).to_owned());
        }
        circles(&graph)
    };
    assert!(graph(&[("a", "b"), ("b", "c"), ("a", "c")]).is_empty());
    let found = graph(&[("a", "b"), ("b", "c"), ("c", "b"), ("c", "d")]);
    assert_eq!(found, [BTreeSet::from(["b".to_owned(), "c".to_owned()])]);
}

/// Of each folder of the table, by its name: its path, and the names of those that it may use.
type Allowed = BTreeMap<String, (String, BTreeSet<String>)>;

/// The rows `| [path](link) | job | may use |`.
fn allowed(text: &str) -> Allowed {
    let mut allowed = Allowed::new();
    for row in text.lines().filter(|line| line.starts_with("| [host/")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [what, _, uses] = cells.as_slice() else {
            continue;
        };
        let Some((path, _)) = what.trim_start_matches('[').split_once(']') else {
            continue;
        };
        let before: BTreeSet<String> = allowed.keys().cloned().collect();
        let uses = match *uses {
            "nothing of ours" => BTreeSet::new(),
            "all of the above" => before,
            some => some
                .split(',')
                .map(|name| name.split('(').next().unwrap_or(name).trim().to_owned())
                .collect(),
        };
        allowed.insert(name_of(path), (path.to_owned(), uses));
    }
    assert!(allowed.len() > 8, "the table is found");
    allowed
}

fn name_of(path: &str) -> String {
    let last = path.rsplit('/').next().unwrap_or(path);
    last.trim_end_matches(".rs").to_owned()
}

/// The name of the table's folder that a file is in.
fn area<'a>(file: &str, allowed: &'a Allowed) -> Option<&'a str> {
    let within = allowed.iter().filter(|(_, (path, _))| {
        file.strip_prefix(path.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    let longest = within.max_by_key(|(_, (path, _))| path.len());
    longest.map(|(name, _)| name.as_str())
}
