//! Dependencies keep the rules of deny.toml, and the crates of the workspace depend on each other as ARCHITECTURE.md says.
//!
//! The rules are cargo-deny's, read from its file and held here by what `cargo metadata` says, so that nothing has to be built
//! or installed for them.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The dependencies of the workspace, on the platforms that deny.toml names.
struct Graph {
    rules: toml::Table,
    /// The packages by their ids.
    packages: BTreeMap<String, Value>,
    /// The ids of the packages that each package needs to run: without development and build dependencies.
    needs: BTreeMap<String, Vec<String>>,
}

impl Graph {
    fn read() -> Graph {
        let rules = std::fs::read_to_string(root().join("deny.toml")).expect("deny.toml");
        let rules: toml::Table = rules.parse().expect("deny.toml is TOML");
        let mut command = Command::new(env!("CARGO"));
        command
            .args(["metadata", "--locked", "--format-version", "1"])
            .current_dir(root());
        for target in texts(&rules["graph"]["targets"]) {
            command.args(["--filter-platform", &target]);
        }
        let output = command.output().expect("cargo runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let (mut packages, mut needs) = (BTreeMap::new(), BTreeMap::new());
        for package in array(&metadata["packages"]) {
            packages.insert(text(&package["id"]), package.clone());
        }
        for node in array(&metadata["resolve"]["nodes"]) {
            let is_needed = |dependency: &&Value| {
                array(&dependency["dep_kinds"])
                    .iter()
                    .any(|kind| kind["kind"].is_null())
            };
            let needed = array(&node["deps"]).iter().filter(is_needed);
            let needed = needed.map(|dependency| text(&dependency["pkg"])).collect();
            needs.insert(text(&node["id"]), needed);
        }
        packages.retain(|id, _| needs.contains_key(id));
        Graph {
            rules,
            packages,
            needs,
        }
    }

    /// The names of all packages that a package needs to run, with its own.
    fn below(&self, name: &str) -> BTreeSet<String> {
        let is_it = |(_, package): &(&String, &Value)| package["name"] == name;
        let start = self.packages.iter().find(is_it).expect(name).0.clone();
        let (mut seen, mut left) = (BTreeSet::from([start.clone()]), vec![start]);
        while let Some(id) = left.pop() {
            for needed in &self.needs[&id] {
                if seen.insert(needed.clone()) {
                    left.push(needed.clone());
                }
            }
        }
        seen.iter()
            .map(|id| text(&self.packages[id]["name"]))
            .collect()
    }
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn texts(value: &toml::Value) -> Vec<String> {
    let items = value.as_array().expect("a list").iter();
    items
        .map(|item| item.as_str().expect("text").to_owned())
        .collect()
}

/// The names in a list of `{ crate = ..., reason = ... }`, each of which must give its reason.
fn crates(value: &toml::Value) -> BTreeSet<String> {
    let entries = value.as_array().expect("a list").iter();
    let name = |entry: &toml::Value| {
        let said = |key: &str| entry.get(key).and_then(toml::Value::as_str);
        assert!(
            said("reason").is_some_and(|reason| reason.len() > 5),
            "{entry} has no reason"
        );
        said("crate").expect("a crate").to_owned()
    };
    entries.map(name).collect()
}

/// Returns true if a licence expression (SPDX, or with `/` for OR as older crates have it) can be met by the allowed ones.
fn is_allowed(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    any_of(&words, &mut at, allowed) && at == words.len()
}

fn any_of(words: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let mut met = all_of(words, at, allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        met |= all_of(words, at, allowed);
    }
    met
}

fn all_of(words: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let mut met = one(words, at, allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        met &= one(words, at, allowed);
    }
    met
}

fn one(words: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let Some(word) = words.get(*at) else {
        return false;
    };
    *at += 1;
    if *word == "(" {
        let met = any_of(words, at, allowed);
        *at += 1;
        return met;
    }
    let mut name = (*word).to_owned();
    if let Some(["WITH", exception]) = words.get(*at..*at + 2) {
        *at += 2;
        name = format!("{name} WITH {exception}");
    }
    allowed.contains(&name)
}

#[test]
fn a_licence_expression_is_met_by_one_of_its_alternatives() {
    let allowed = [
        "MIT".to_owned(),
        "Apache-2.0 WITH LLVM-exception".to_owned(),
    ];
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0/MIT", true),
        ("GPL-3.0 AND MIT", false),
        ("(GPL-3.0 OR MIT) AND MIT", true),
        ("Apache-2.0", false),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("", false),
    ] {
        assert_eq!(is_allowed(expression, &allowed), expected, "{expression}");
    }
}

#[test]
fn each_dependency_has_an_allowed_licence() {
    let graph = Graph::read();
    let allowed = texts(&graph.rules["licenses"]["allow"]);
    for package in graph.packages.values() {
        let licence = text(&package["license"]);
        let (name, version) = (&package["name"], &package["version"]);
        assert!(
            is_allowed(&licence, &allowed),
            "{name} {version}: `{licence}` is not in deny.toml"
        );
    }
}

#[test]
fn each_dependency_comes_from_crates_io_or_this_workspace() {
    for package in Graph::read().packages.values() {
        let source = text(&package["source"]);
        let is_known = source.is_empty() || source.ends_with("/crates.io-index");
        assert!(is_known, "{} comes from {source}", package["name"]);
    }
}

#[test]
fn crates_that_are_there_in_several_versions_have_a_reason() {
    let graph = Graph::read();
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in graph.packages.values() {
        let of_name = versions.entry(text(&package["name"])).or_default();
        of_name.insert(text(&package["version"]));
    }
    versions.retain(|_, versions| versions.len() > 1);
    let several: BTreeSet<String> = versions.keys().cloned().collect();
    let known = crates(&graph.rules["bans"]["skip"]);
    let new: Vec<_> = several.difference(&known).collect();
    assert!(
        new.is_empty(),
        "give a reason in deny.toml (bans.skip), or get rid of: {new:?}"
    );
    let gone: Vec<_> = known.difference(&several).collect();
    assert!(
        gone.is_empty(),
        "there is one version left, so take it off deny.toml: {gone:?}"
    );
}

#[test]
fn crates_that_the_architecture_rules_out_are_not_there() {
    let graph = Graph::read();
    let denied = crates(&graph.rules["bans"]["deny"]);
    for package in graph.packages.values() {
        let name = text(&package["name"]);
        assert!(
            !denied.contains(&name),
            "{name} is ruled out in deny.toml (bans.deny)"
        );
    }
}

/// The crates of ours that each crate of ours may need: the table "May use" of ARCHITECTURE.md.
const LAYERS: [(&str, &[&str]); 5] = [
    ("selvedge-caching", &[]),
    ("selvedge-store", &["selvedge-caching"]),
    ("selvedge-runtime", &[]),
    ("selvedge-sdk", &["selvedge-sdk-macros"]),
    (
        "selvedge",
        &["selvedge-caching", "selvedge-store", "selvedge-runtime"],
    ),
];

#[test]
fn our_crates_need_each_other_as_the_architecture_says() {
    let graph = Graph::read();
    for (name, allowed) in LAYERS {
        let ours = |needed: &String| needed.starts_with("selvedge") && needed != name;
        let needed: Vec<String> = graph.below(name).into_iter().filter(ours).collect();
        let unexpected = needed
            .iter()
            .find(|needed| !allowed.contains(&needed.as_str()));
        assert_eq!(unexpected, None, "{name} must not need it");
    }
}

#[test]
fn the_rules_of_caching_know_no_runtime_and_no_sockets() {
    let below = Graph::read().below("selvedge-caching");
    for name in [
        "tokio",
        "hyper",
        "mio",
        "socket2",
        "futures-executor",
        "redb",
        "wasmtime",
    ] {
        assert!(!below.contains(name), "selvedge-caching needs {name}");
    }
}
