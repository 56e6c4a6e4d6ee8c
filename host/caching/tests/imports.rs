//! The modules of the rules import each other in one direction.
#![allow(
    clippy::disallowed_methods,
    reason = "tests read and write files themselves"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The modules that each module names in `crate::...` paths outside comments.
fn imports() -> BTreeMap<String, BTreeSet<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = fs::read_dir(folder).expect("it is there").flatten();
    let is_module = |path: &Path| path.extension().is_some_and(|extension| extension == "rs");
    let paths = files.map(|file| file.path()).filter(|path| is_module(path));
    let module = |path: std::path::PathBuf| {
        let name = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        (name, fs::read_to_string(path).expect("Rust is UTF-8"))
    };
    // `testing` is for tests only, and imports what users of the crate import.
    let modules = paths
        .map(module)
        .filter(|(name, _)| name != "testing" && name != "lib");
    let named = |(name, text): (String, String)| (name, named_in(&text));
    modules.map(named).collect()
}

fn named_in(text: &str) -> BTreeSet<String> {
    let lines = text
        .lines()
        .take_while(|line| *line != "#[cfg(test)]")
        .filter(|line| !line.trim_start().starts_with("//"));
    let code: String = lines.collect();
    let paths = code.split("crate::").skip(1);
    let names = paths.map(|rest| {
        rest.split(|c: char| !c.is_alphanumeric() && c != '_')
            .next()
    });
    names
        .map(|name| name.unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn modules_name_modules_and_not_the_root() {
    let imports = imports();
    assert!(imports.len() > 20, "{} modules", imports.len());
    for (module, named) in &imports {
        for name in named {
            assert!(
                imports.contains_key(name),
                "{module} names crate::{name}: name the module that it is in"
            );
        }
    }
}

#[test]
fn no_modules_import_each_other_in_a_circle() {
    let mut left = imports();
    // What imports nothing that is left can be taken away. A circle is what stays.
    loop {
        let free = |(_, named): &(&String, &BTreeSet<String>)| {
            named.iter().all(|name| !left.contains_key(name))
        };
        let Some(module) = left.iter().find(free).map(|(module, _)| module.clone()) else {
            break;
        };
        left.remove(&module);
    }
    assert!(left.is_empty(), "a circle, or above one: {:?}", left.keys());
}
