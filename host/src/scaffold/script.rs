//! Plugins in other languages: a project without Cargo.toml is built by its own script.
//!
//! The contract is plain WIT, so any toolchain that makes components can make a plugin. What that takes, the project says
//! in an executable `build.sh`; it is run in the project's folder and leaves one `.wasm` file there.

use super::built::{BuildError, Built, SCRIPT};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Returns true if a folder is a plugin's project: it has a Cargo.toml or a `build.sh`.
pub fn is_project(folder: &Path) -> bool {
    folder.join("Cargo.toml").is_file() || is_used(folder)
}

/// Returns true if a script builds the project. Cargo takes precedence.
pub(super) fn is_used(project: &Path) -> bool {
    !project.join("Cargo.toml").is_file() && project.join(SCRIPT).is_file()
}

/// Runs the script; its lines go to `say`.
pub(super) fn build(project: &Path, say: &mut dyn FnMut(&str)) -> Result<Built, BuildError> {
    let script = project.join(SCRIPT);
    let not_started = |source| BuildError::NotStarted {
        program: script.display().to_string(),
        source,
    };
    let mut child = Command::new(script.canonicalize().map_err(not_started)?)
        .current_dir(project)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(not_started)?;
    let lines = child.stderr.take().into_iter();
    for line in lines.flat_map(|lines| BufReader::new(lines).split(b'\n').map_while(Result::ok)) {
        say(String::from_utf8_lossy(&line).trim_end());
    }
    let status = child.wait().map_err(not_started)?;
    if !status.success() {
        return Err(BuildError::ScriptFailed { script, status });
    }
    match modules(project).as_slice() {
        [wasm] => Ok(Built {
            wasm: wasm.clone(),
            bytes: fs::metadata(wasm).map_or(0, |file| file.len()),
        }),
        found => Err(BuildError::NotOneModule {
            script,
            found: found.len(),
        }),
    }
}

/// The `.wasm` files in a folder.
fn modules(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "wasm"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::build;
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn project(script: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(SCRIPT);
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        dir
    }

    #[test]
    fn the_script_leaves_the_module_and_its_complaints_are_passed_on() {
        let dir = project("echo half way >&2; printf abc > made.wasm");
        let mut said = Vec::new();
        let built = build(dir.path(), &mut |line| said.push(line.to_owned())).unwrap();
        assert_eq!((built.wasm, built.bytes), (dir.path().join("made.wasm"), 3));
        assert_eq!(said, ["half way"]);
    }

    #[test]
    fn a_script_that_fails_or_leaves_nothing_is_named() {
        let failed = build(project("exit 3").path(), &mut |_| {}).unwrap_err();
        assert!(
            failed
                .to_string()
                .contains("build.sh ended with exit status: 3"),
            "{failed}"
        );
        let nothing = build(project("true").path(), &mut |_| {}).unwrap_err();
        assert!(nothing.to_string().contains("there is none"), "{nothing}");
    }

    #[test]
    fn a_script_that_cannot_run_is_told_apart_from_a_missing_rust() {
        let dir = project("true");
        fs::set_permissions(dir.path().join(SCRIPT), fs::Permissions::from_mode(0o644)).unwrap();
        let refused = build(dir.path(), &mut |_| {}).unwrap_err();
        assert!(
            refused.to_string().contains("is it executable"),
            "{refused}"
        );
    }
}
