//! Calls of cargo: finding the package of a folder, and building it.

use super::built::{BuildError, TARGET};
use serde_json::Value;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, thread};

/// A package that can be built as a plugin.
#[derive(Debug)]
pub(super) struct Package {
    /// Its name.
    pub(super) name: String,
    /// Its name in cargo's messages.
    pub(super) id: String,
    /// Its manifest.
    pub(super) manifest: PathBuf,
    /// The folder of its workspace's manifest.
    pub(super) workspace: PathBuf,
}

/// The package whose manifest is in this folder.
pub(super) fn package(project: &Path) -> Result<Package, BuildError> {
    let manifest = project.join("Cargo.toml");
    if !manifest.is_file() {
        return Err(BuildError::NoManifest(project.to_owned()));
    }
    let mut command = cargo(project);
    command.args(["metadata", "--no-deps", "--format-version", "1"]);
    let output = command.output().map_err(not_started)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr)
            .trim_end()
            .to_owned();
        return Err(BuildError::Unreadable { manifest, said });
    }
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let absolute = manifest.canonicalize().unwrap_or_else(|_| manifest.clone());
    let packages = metadata["packages"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let here = |package: &&Value| {
        text(&package["manifest_path"]).is_some_and(|path| Path::new(path) == absolute)
    };
    let (Some(package), Some(workspace)) = (
        packages.iter().find(here),
        text(&metadata["workspace_root"]),
    ) else {
        return Err(BuildError::NoPackage(manifest));
    };
    let name = text(&package["name"]).unwrap_or_default().to_owned();
    let targets = package["targets"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    if !targets.iter().any(is_cdylib) {
        return Err(BuildError::NotAPlugin {
            package: name,
            manifest,
        });
    }
    let id = text(&package["id"]).unwrap_or_default().to_owned();
    Ok(Package {
        name,
        id,
        manifest,
        workspace: workspace.into(),
    })
}

/// Builds the package; gives the module's path below cargo's target folder. Cargo's lines go to `say`.
pub(super) fn compile(
    package: &Package,
    profile: &[String],
    say: &mut dyn FnMut(&str),
) -> Result<PathBuf, BuildError> {
    let mut command = cargo(package.manifest.parent().unwrap_or(Path::new(".")));
    command.args(["build", "--lib", "--target", TARGET, "--profile", "plugin"]);
    command
        .args(["--message-format", "json-render-diagnostics"])
        .args(profile);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(not_started)?;
    let (messages, lines) = (child.stdout.take(), child.stderr.take());
    // Both pipes are read at once, or cargo would wait for room in the one that nobody reads.
    let module = thread::scope(|scope| {
        let module =
            scope.spawn(|| messages.and_then(|messages| find_module(messages, &package.id)));
        for line in lines
            .into_iter()
            .flat_map(|lines| BufReader::new(lines).split(b'\n').map_while(Result::ok))
        {
            say(String::from_utf8_lossy(&line).trim_end());
        }
        module.join().ok().flatten()
    });
    let built = child.wait().is_ok_and(|status| status.success());
    match module {
        Some(module) if built => Ok(module),
        None if built => Err(BuildError::NoModule {
            package: package.name.clone(),
        }),
        _ => Err(BuildError::Failed {
            package: package.name.clone(),
        }),
    }
}

/// Reads cargo's messages to their end; gives the module of the package with this id.
fn find_module(messages: impl Read, id: &str) -> Option<PathBuf> {
    let mut module = None;
    for line in BufReader::new(messages).split(b'\n').map_while(Result::ok) {
        let Ok(message) = serde_json::from_slice::<Value>(&line) else {
            continue;
        };
        let artifact = message["reason"] == "compiler-artifact" && message["package_id"] == id;
        if !artifact || !is_cdylib(&message["target"]) {
            continue;
        }
        let files = message["filenames"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let mut files = files.iter().filter_map(text);
        module = files
            .find(|file| file.ends_with(".wasm"))
            .map(PathBuf::from)
            .or(module);
    }
    module
}

fn is_cdylib(target: &Value) -> bool {
    target["crate_types"]
        .as_array()
        .is_some_and(|kinds| kinds.iter().any(|kind| kind == "cdylib"))
}

fn text(value: &Value) -> Option<&str> {
    value.as_str()
}

/// Cargo in this folder: the one that runs us, if one does, so that both are of the same Rust.
fn cargo(dir: &Path) -> Command {
    let mut command = Command::new(program());
    command.current_dir(dir);
    command
}

fn program() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

fn not_started(source: std::io::Error) -> BuildError {
    BuildError::NotStarted {
        program: program().to_string_lossy().into_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(reason: &str, id: &str, kind: &str, file: &str) -> String {
        serde_json::json!({
            "reason": reason, "package_id": id, "target": { "crate_types": [kind] }, "filenames": [file]
        })
        .to_string()
    }

    #[test]
    fn the_module_is_the_cdylib_of_the_package_itself() {
        let messages = [
            "not json".to_owned(),
            message("compiler-artifact", "other", "cdylib", "/t/other.wasm"),
            message("compiler-artifact", "mine", "rlib", "/t/libmine.rlib"),
            message("compiler-artifact", "mine", "cdylib", "/t/mine.wasm"),
            message("build-finished", "mine", "cdylib", "/t/no.wasm"),
        ]
        .join("\n");
        assert_eq!(
            find_module(messages.as_bytes(), "mine"),
            Some(PathBuf::from("/t/mine.wasm"))
        );
        assert_eq!(find_module(messages.as_bytes(), "third"), None);
    }
}
