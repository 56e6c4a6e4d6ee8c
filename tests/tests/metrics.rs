//! docs/operating.md describes each metric that a host has, and no other.

use selvedge_tests::*;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The names in the first column of the table of metrics, without `selvedge_`, and without the `_total` of counters.
fn documented() -> BTreeSet<String> {
    let text = fs::read_to_string(workspace().join("docs/operating.md")).expect("it is there");
    let rows = text.lines().filter(|line| line.starts_with("| `selvedge_"));
    let names = rows.flat_map(|row| row.split('|').nth(1).unwrap_or_default().split('`'));
    let names = names.filter_map(|name| name.strip_prefix("selvedge_"));
    names
        .map(|name| name.trim_end_matches("_total").to_owned())
        .collect()
}

/// The names that a host gives, in the same form.
fn given(edge: &Edge) -> BTreeSet<String> {
    let text = edge.admin("GET", "/metrics").expect(200).text();
    let names = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE selvedge_"));
    names
        .filter_map(|rest| rest.split(' ').next().map(str::to_owned))
        .collect()
}

/// The text of all sources in a folder.
fn sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).expect("it is there").flatten() {
        let path = entry.path();
        if path.is_dir() {
            text.push_str(&sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(&path).expect("Rust is UTF-8"));
        }
    }
    text
}

#[test]
fn each_metric_of_a_running_host_is_documented() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin
        .on("/a")
        .answers(Answer::ok("x").cache_control("max-age=60"));
    edge.get("/a").expect(200);
    edge.get("/a").expect(200).cache_status("hit");
    edge.get("/a").host("unknown.example.test").expect(403);
    let (given, documented) = (given(&edge), documented());
    assert!(given.len() > 20, "{given:?}");
    let missing: Vec<_> = given.difference(&documented).collect();
    assert!(
        missing.is_empty(),
        "describe in docs/operating.md: {missing:?}"
    );
}

#[test]
fn each_documented_metric_is_in_the_host() {
    let sources = sources(&workspace().join("host/src"));
    let documented = documented();
    assert!(documented.len() > 30, "{documented:?}");
    for name in documented {
        let is_there = sources.contains(&format!("\"{name}\""));
        assert!(is_there, "selvedge_{name} is in docs/operating.md only");
    }
}
