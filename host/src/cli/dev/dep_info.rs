//! Which files a plugin was built from, as cargo has noted it beside the module: its own, and those of dependencies by
//! path. Where cargo is asked in vain, the project's own folder has to do.

use crate::scaffold::TARGET;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The files that the project in this folder was built from last; none where that is not to be found out.
pub(super) async fn files(folder: &Path) -> Vec<PathBuf> {
    let folder = folder.to_owned();
    let found = tokio::task::spawn_blocking(move || {
        let noted = Noted::of(&folder)?;
        let mut files = prerequisites(&std::fs::read_to_string(noted.file).ok()?);
        // What a build writes is no reason for the next one.
        files.retain(|file| !file.starts_with(&noted.target));
        Some(files)
    });
    found.await.ok().flatten().unwrap_or_default()
}

/// Where cargo notes it.
struct Noted {
    file: PathBuf,
    /// Cargo's own folder, which holds everything that is built.
    target: PathBuf,
}

impl Noted {
    fn of(folder: &Path) -> Option<Noted> {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .current_dir(folder);
        let metadata: Value = serde_json::from_slice(&cargo.output().ok()?.stdout).ok()?;
        let manifest = folder.join("Cargo.toml");
        let package = metadata["packages"].as_array()?.iter().find(|package| {
            package["manifest_path"]
                .as_str()
                .is_some_and(|path| Path::new(path) == manifest)
        })?;
        let is_cdylib = |target: &&Value| {
            let kinds = target["crate_types"].as_array();
            kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind == "cdylib"))
        };
        let library = package["targets"].as_array()?.iter().find(is_cdylib)?;
        let name = library["name"].as_str()?.replace('-', "_");
        let target = PathBuf::from(metadata["target_directory"].as_str()?);
        let file = target.join(TARGET).join("plugin").join(format!("{name}.d"));
        Some(Noted { file, target })
    }
}

/// The words behind the colons of a make file: paths, in which a space has a backslash before it. Only those that
/// mean something from everywhere.
fn prerequisites(noted: &str) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for line in noted.lines() {
        let Some((_, files)) = line.split_once(": ") else {
            continue;
        };
        let files = files.replace("\\ ", "\0");
        paths.extend(
            files
                .split_ascii_whitespace()
                .map(|file| PathBuf::from(file.replace('\0', " "))),
        );
    }
    paths.retain(|path| path.is_absolute());
    paths.sort();
    paths.dedup();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_is_found_once_whatever_its_name() {
        let noted = "/t/a.rlib: /s/lib.rs /s/with\\ space.rs\n/t/a.wasm: /s/lib.rs /s/edge.wit relative.rs\n\n# note\n";
        let expected = ["/s/edge.wit", "/s/lib.rs", "/s/with space.rs"].map(PathBuf::from);
        assert_eq!(prerequisites(noted), expected);
    }

    #[tokio::test]
    async fn a_folder_that_cargo_does_not_understand_has_no_noted_files() {
        let dir = tempfile::tempdir().unwrap();
        assert!(files(dir.path()).await.is_empty());
    }
}
