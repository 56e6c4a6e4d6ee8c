//! CONFORMANCE.md names tests: each of them exists.
#![allow(
    clippy::disallowed_methods,
    reason = "tests read and write files themselves"
)]

use std::path::Path;

/// The source of a module and of its tests.
fn source(module: &str) -> String {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = [
        sources.join(format!("{module}.rs")),
        sources.join(module).join("tests.rs"),
    ];
    files
        .iter()
        .filter_map(|file| std::fs::read_to_string(file).ok())
        .collect()
}

#[test]
fn every_test_that_the_conformance_list_names_exists() {
    let list = include_str!("../CONFORMANCE.md");
    let named: Vec<_> = list
        .split('`')
        .filter_map(|word| word.split_once("::"))
        .filter(|name| *name != ("module", "test"))
        .collect();
    assert!(named.len() > 80, "the list names {} tests", named.len());
    for (module, test) in named {
        let source = source(module);
        let test = if test == "*" {
            "#[test]".to_owned()
        } else {
            format!("fn {test}()")
        };
        assert!(
            source.contains(&test),
            "{module}::{test} is in CONFORMANCE.md only"
        );
    }
}
