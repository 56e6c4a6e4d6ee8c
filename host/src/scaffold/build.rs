//! Builds a plugin project: the target, the profile, and where the module is left.

use super::built::{BuildError, Built, PROFILE, TARGET};
use super::cargo::{self, Package};
use super::script;
use std::path::Path;
use std::process::Command;
use std::{env, fs, io, process};

/// Builds the plugin in this folder and leaves it there as `<package>.wasm`, in one step: whoever reads the file
/// meanwhile sees the old one or the new one, whole. A folder without Cargo.toml but with a `build.sh` is built by
/// that script, which leaves the file itself.
///
/// Adds the target by rustup where it is missing. Lines for whoever waits go to `say`: those of cargo, and what is
/// done beside it.
///
/// # Errors
///
/// As [`BuildError`] says; a module that was there before stays.
pub fn build(project: &Path, say: &mut dyn FnMut(&str)) -> Result<Built, BuildError> {
    if script::is_used(project) {
        return script::build(project, say);
    }
    let package = cargo::package(project)?;
    ensure_target(project, say)?;
    let module = cargo::compile(&package, &profile_arguments(&package), say)?;
    let wasm = project.join(format!("{}.wasm", package.name));
    let bytes = put(&module, &wasm).map_err(|source| BuildError::Write {
        path: wasm.clone(),
        source,
    })?;
    Ok(Built { wasm, bytes })
}

/// `--config` arguments for the profile, or none where the workspace has its own.
fn profile_arguments(package: &Package) -> Vec<String> {
    let manifest = fs::read_to_string(package.workspace.join("Cargo.toml")).unwrap_or_default();
    let manifest: toml::Table = manifest.parse().unwrap_or_default();
    if manifest
        .get("profile")
        .is_some_and(|profiles| profiles.get("plugin").is_some())
    {
        return Vec::new();
    }
    let setting = |(key, value): &(&str, &str)| {
        [
            "--config".to_owned(),
            format!("profile.plugin.{key}={value}"),
        ]
    };
    PROFILE.iter().flat_map(setting).collect()
}

/// Sees to it that rustc can build for the target.
fn ensure_target(project: &Path, say: &mut dyn FnMut(&str)) -> Result<(), BuildError> {
    if target_installed(project)? {
        return Ok(());
    }
    say(&format!(
        "Rust's target {TARGET} is missing: adding it with `rustup target add {TARGET}`"
    ));
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", TARGET]).current_dir(project);
    let output = match rustup.output() {
        Ok(output) => output,
        Err(error) => {
            return Err(BuildError::NoTarget {
                reason: format!(
                    "rustup, which would add it, cannot be started: {error}. Install Rust from https://rustup.rs, or \
                     install the standard library for {TARGET} the way that your Rust was installed"
                ),
            });
        }
    };
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(BuildError::NoTarget {
            reason: format!(
                "`rustup target add {TARGET}` failed. Is the network reachable? Then run it by hand. It said:\n{}",
                said.trim_end()
            ),
        });
    }
    if target_installed(project)? {
        return Ok(());
    }
    Err(BuildError::NoTarget {
        reason: format!(
            "rustup added it to another Rust than the one in use: `rustc` is not rustup's. Put rustup's folder \
             (~/.cargo/bin) first in PATH, or install the standard library for {TARGET} the way that this Rust was \
             installed"
        ),
    })
}

fn target_installed(project: &Path) -> Result<bool, BuildError> {
    let program = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut rustc = Command::new(&program);
    rustc
        .args(["--print", "target-libdir", "--target", TARGET])
        .current_dir(project);
    let output = rustc.output().map_err(|source| BuildError::NotStarted {
        program: program.to_string_lossy().into_owned(),
        source,
    })?;
    let folder = String::from_utf8_lossy(&output.stdout);
    Ok(output.status.success() && Path::new(folder.trim_end()).is_dir())
}

/// Copies the module beside its place and renames it into it. Gives its size.
fn put(module: &Path, place: &Path) -> io::Result<u64> {
    let mut beside = place.as_os_str().to_owned();
    beside.push(format!(".{}.tmp", process::id()));
    let written =
        fs::copy(module, &beside).and_then(|bytes| fs::rename(&beside, place).map(|()| bytes));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(manifest: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("src")).unwrap();
        fs::write(dir.path().join("src/lib.rs"), "").unwrap();
        fs::write(dir.path().join("Cargo.toml"), manifest).unwrap();
        dir
    }

    fn refused(dir: &Path) -> BuildError {
        build(dir, &mut |line| panic!("nothing is built: {line}")).unwrap_err()
    }

    #[test]
    fn a_folder_without_a_manifest_is_no_plugin() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(refused(dir.path()), BuildError::NoManifest(_)));
    }

    #[test]
    fn a_library_that_no_host_can_load_is_refused_with_the_lines_to_add() {
        let dir = project("[package]\nname = \"plain\"\nedition = \"2024\"\n[workspace]\n");
        let error = refused(dir.path());
        assert!(matches!(error, BuildError::NotAPlugin { .. }), "{error}");
        assert!(
            error
                .to_string()
                .contains("crate-type = [\"cdylib\", \"rlib\"]")
        );
    }

    #[test]
    fn a_workspace_without_a_package_is_refused() {
        let dir = project("[workspace]\nmembers = []\n");
        assert!(matches!(refused(dir.path()), BuildError::NoPackage(_)));
    }

    #[test]
    fn a_manifest_that_cargo_cannot_read_is_refused_in_cargos_words() {
        let dir = project("[package\n");
        let error = refused(dir.path());
        assert!(matches!(error, BuildError::Unreadable { .. }), "{error}");
        assert!(error.to_string().contains("[package"), "{error}");
    }

    #[test]
    fn the_profile_is_given_unless_the_workspace_has_its_own() {
        let own = project("[profile.plugin]\ninherits = \"release\"\n");
        let none = project("[package]\nname = \"a\"\n");
        let package = |dir: &tempfile::TempDir| Package {
            name: "a".into(),
            id: "a".into(),
            manifest: dir.path().join("Cargo.toml"),
            workspace: dir.path().to_owned(),
        };
        assert_eq!(profile_arguments(&package(&own)), [""; 0]);
        assert_eq!(
            profile_arguments(&package(&none))[..2],
            ["--config", "profile.plugin.inherits=\"release\""]
        );
    }

    #[test]
    fn the_profile_is_the_one_of_this_workspace() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
        let root: toml::Table = fs::read_to_string(root).unwrap().parse().unwrap();
        let text: String = PROFILE
            .iter()
            .map(|(key, value)| format!("{key} = {value}\n"))
            .collect();
        let profile: toml::Table = text.parse().unwrap();
        assert_eq!(root["profile"]["plugin"], toml::Value::Table(profile));
    }

    #[test]
    fn the_module_is_replaced_whole_and_nothing_else_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let (module, place) = (dir.path().join("in.wasm"), dir.path().join("out.wasm"));
        fs::write(&module, "new").unwrap();
        fs::write(&place, "old and longer").unwrap();
        assert_eq!(put(&module, &place).unwrap(), 3);
        assert_eq!(fs::read_to_string(&place).unwrap(), "new");
        assert!(put(&dir.path().join("absent"), &place).is_err());
        assert_eq!(fs::read_to_string(&place).unwrap(), "new");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}
