//! Reports about wrong configurations, as people read them.
//!
//! Every bad configuration under `tests/config/invalid` has its report beside it: `NAME.toml` is one distribution file,
//! the folder `NAME` a server file with its distributions, `NAME.txt` what must be printed. After a change on
//! purpose, `BLESS=1 cargo test --test config_errors` writes the reports anew: read the difference before keeping it.
#![allow(
    clippy::disallowed_methods,
    reason = "tests read and write files themselves"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use selvedge::config;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config")
}

/// The report of a bad configuration, with paths as seen from its folder.
fn report(case: &Path) -> String {
    let loaded = match case.is_dir() {
        true => config::load(case),
        false => config::load_one(case),
    };
    let Err(report) = loaded else {
        return format!("{} is accepted\n", case.display());
    };
    let prefix = format!("{}/", case.parent().unwrap().display());
    format!("{}\n", report.to_string().replace(&prefix, ""))
}

#[test]
fn every_bad_configuration_is_refused_with_its_report() {
    let bless = std::env::var_os("BLESS").is_some();
    let entries = std::fs::read_dir(folder().join("invalid")).unwrap();
    let paths: BTreeSet<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    let is_case = |path: &&PathBuf| path.is_dir() || path.extension().is_some_and(|e| e == "toml");
    let cases: Vec<&PathBuf> = paths.iter().filter(is_case).collect();
    let mut differences = Vec::new();
    for case in &cases {
        let golden = case.with_extension("txt");
        let actual = report(case);
        assert!(actual.contains("error: "), "{}", case.display());
        if bless {
            std::fs::write(&golden, &actual).unwrap();
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        if actual != expected {
            let golden = golden.display();
            differences.push(format!(
                "=== {golden}\n--- expected\n{expected}\n--- actual\n{actual}"
            ));
        }
    }
    assert!(
        differences.is_empty(),
        "{}\nBLESS=1 writes them anew",
        differences.join("\n")
    );
    assert!(cases.len() >= 24, "only {} cases were found", cases.len());
    for path in paths.iter().filter(|path| !is_case(path)) {
        let has_case = cases
            .iter()
            .any(|case| case.with_extension("txt") == **path);
        assert!(has_case, "{} belongs to no case", path.display());
    }
}
