//! Which file imports which: `use` declarations and paths in the code, followed through re-exports to the file that defines
//! what is meant.

use super::sources;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The files of a crate and what each of them uses.
#[derive(Default)]
pub(super) struct Graph {
    /// Other files of the crate.
    pub(super) uses: BTreeMap<String, BTreeSet<String>>,
    /// Other crates of the workspace, without `selvedge_`.
    pub(super) crates: BTreeMap<String, BTreeSet<String>>,
}

type Segments = Vec<String>;

/// A file as a module.
struct Module {
    file: String,
    uses: Vec<Segments>,
    /// Names that it passes on from elsewhere.
    re_exports: BTreeMap<String, Segments>,
}

impl Graph {
    pub(super) fn read(folder: &Path) -> Graph {
        let modules: BTreeMap<Segments, Module> = sources::read(folder)
            .into_iter()
            .map(|(file, code)| (module_of(&file), Module::of(file, &code)))
            .collect();
        let mut graph = Graph::default();
        for (place, module) in &modules {
            let uses = graph.uses.entry(module.file.clone()).or_default();
            for path in &module.uses {
                if let Some(used) =
                    resolve(&modules, place, path, 0).and_then(|at| modules.get(&at))
                    && used.file != module.file
                {
                    uses.insert(used.file.clone());
                }
                if let Some(other) = path
                    .first()
                    .and_then(|first| first.strip_prefix("selvedge_"))
                {
                    let crates = graph.crates.entry(module.file.clone()).or_default();
                    crates.insert(other.to_owned());
                }
            }
        }
        graph
    }
}

fn module_of(file: &str) -> Segments {
    let mut segments: Segments = file
        .trim_end_matches(".rs")
        .split('/')
        .map(str::to_owned)
        .collect();
    if matches!(segments.last().map(String::as_str), Some("mod" | "lib")) {
        segments.pop();
    }
    segments
}

impl Module {
    fn of(file: String, code: &str) -> Module {
        let (declarations, rest) = declarations(code);
        let mut module = Module {
            file,
            uses: paths(&rest),
            re_exports: BTreeMap::new(),
        };
        for (is_public, tree) in declarations {
            for path in expanded(&tree) {
                let (path, alias) = match path.split_once(" as ") {
                    Some((path, alias)) => (path.to_owned(), Some(alias.trim().to_owned())),
                    None => (path, None),
                };
                let mut segments: Segments =
                    path.split("::").map(|one| one.trim().to_owned()).collect();
                if segments.last().is_some_and(|last| last == "self") {
                    segments.pop();
                }
                let name = alias
                    .or_else(|| segments.last().cloned())
                    .unwrap_or_default();
                // What is only passed on is no import.
                if !is_public || has_word(&rest, &name) {
                    module.uses.push(segments.clone());
                }
                if is_public {
                    module.re_exports.insert(name, segments);
                }
            }
        }
        module
    }
}

/// The `use` declarations, each with whether it re-exports, and the code without them and without declarations of modules.
fn declarations(code: &str) -> (Vec<(bool, String)>, String) {
    let (mut found, mut rest) = (Vec::new(), String::new());
    let mut lines = code.lines();
    while let Some(line) = lines.next() {
        let words = line.trim_start();
        let is_public = words.starts_with("pub");
        let bare = match words
            .strip_prefix("pub(")
            .and_then(|rest| rest.split_once(") "))
        {
            Some((_, bare)) => bare,
            None => words.strip_prefix("pub ").unwrap_or(words),
        };
        if let Some(tree) = bare.strip_prefix("use ") {
            let mut tree = tree.to_owned();
            while !tree.contains(';') {
                match lines.next() {
                    Some(more) => tree.push_str(more.trim()),
                    None => break,
                }
            }
            found.push((is_public, tree.split(';').next().unwrap_or("").to_owned()));
        } else if !(bare.starts_with("mod ") && bare.ends_with(';')) {
            rest.push_str(line);
            rest.push('\n');
        }
    }
    (found, rest)
}

/// `a::{b, c::{d, e}}` as `a::b`, `a::c::d`, `a::c::e`.
fn expanded(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let (Some(open), Some(close)) = (tree.find('{'), tree.rfind('}')) else {
        return vec![tree.to_owned()];
    };
    let (start, inner) = (&tree[..open], &tree[open + 1..close]);
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for letter in inner.chars() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(part) = parts.last_mut() {
            part.push(letter);
        }
    }
    let parts = parts
        .iter()
        .map(|part| part.trim())
        .filter(|part| !part.is_empty());
    parts
        .flat_map(|part| expanded(&format!("{start}{part}")))
        .collect()
}

/// The paths in code that begin at a module: `crate::a::b`, `super::c`, `selvedge_store::Store`.
fn paths(code: &str) -> Vec<Segments> {
    let is_part = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | ':');
    let words = code
        .split(|letter| !is_part(letter))
        .filter(|word| word.contains("::"));
    words
        .map(|word| word.split("::").map(str::to_owned).collect::<Segments>())
        .filter(|segments| {
            let first = segments.first().map_or("", String::as_str);
            matches!(first, "crate" | "super" | "self") || first.starts_with("selvedge_")
        })
        .collect()
}

fn has_word(code: &str, word: &str) -> bool {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    code.split(|letter| !is_part(letter)).any(|one| one == word)
}

/// The module that defines what a path in `from` means.
fn resolve(
    modules: &BTreeMap<Segments, Module>,
    from: &[String],
    path: &[String],
    depth: u32,
) -> Option<Segments> {
    let first = path.first()?;
    let child = [from, std::slice::from_ref(first)].concat();
    let (mut at, mut rest) = match first.as_str() {
        "crate" => (Vec::new(), &path[1..]),
        "self" => (from.to_vec(), &path[1..]),
        "super" => {
            let up = path
                .iter()
                .take_while(|segment| *segment == "super")
                .count();
            (
                from.get(..from.len().checked_sub(up)?)?.to_vec(),
                &path[up..],
            )
        }
        _ if modules.contains_key(&child) => (from.to_vec(), path),
        _ => return None,
    };
    while let Some(next) = rest.first() {
        let child = [at.as_slice(), std::slice::from_ref(next)].concat();
        if modules.contains_key(&child) {
            (at, rest) = (child, &rest[1..]);
            continue;
        }
        if let Some(elsewhere) = modules
            .get(&at)
            .and_then(|module| module.re_exports.get(next))
            && depth < 8
        {
            let path = [elsewhere.as_slice(), &rest[1..]].concat();
            return resolve(modules, &at, &path, depth + 1).or(Some(at));
        }
        break;
    }
    Some(at)
}

/// Sets of files each of which leads to every other one.
pub(super) fn circles(graph: &Graph) -> Vec<BTreeSet<String>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> = graph
        .uses
        .keys()
        .map(|file| (file.as_str(), reachable(graph, file)))
        .collect();
    let mut found: Vec<BTreeSet<String>> = Vec::new();
    for (file, all) in &reached {
        if !all.contains(file) || found.iter().any(|circle| circle.contains(*file)) {
            continue;
        }
        let back = all.iter().filter(|other| reached[**other].contains(file));
        found.push(back.map(|other| (*other).to_owned()).collect());
    }
    found
}

fn reachable<'g>(graph: &'g Graph, file: &str) -> BTreeSet<&'g str> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&str> = graph.uses[file].iter().map(String::as_str).collect();
    while let Some(file) = next.pop() {
        if reached.insert(file) {
            next.extend(graph.uses[file].iter().map(String::as_str));
        }
    }
    reached
}
