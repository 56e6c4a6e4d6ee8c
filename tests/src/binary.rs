//! Finding the binary under test, and building it where that has not happened.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// The workspace's folder.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests lie in the workspace")
}

/// The target directory that this test was built into, and the profile's name.
pub(crate) fn target() -> (PathBuf, String) {
    let test = std::env::current_exe().expect("a test knows its own path");
    // <target>/<profile>/deps/<test>, or <target>/<profile>/<test>
    let profile = test
        .ancestors()
        .skip(1)
        .find(|folder| !folder.ends_with("deps"))
        .expect("a folder");
    let name = profile
        .file_name()
        .expect("a profile")
        .to_string_lossy()
        .into_owned();
    (
        profile.parent().expect("a target directory").to_owned(),
        name,
    )
}

/// The `selvedge` binary: what `SELVEDGE_BIN` names, else the one of this workspace, built now if need be.
pub fn selvedge() -> &'static Path {
    static BINARY: LazyLock<PathBuf> = LazyLock::new(|| match std::env::var_os("SELVEDGE_BIN") {
        Some(path) => PathBuf::from(path),
        None => build(),
    });
    &BINARY
}

fn build() -> PathBuf {
    let (target, profile) = target();
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // The whole workspace selects the features, as `cargo test` there does: otherwise the large dependencies would
    // be built a second time with a feature less.
    command.current_dir(workspace());
    command.args(["build", "--quiet", "--workspace", "--bin", "selvedge"]);
    command.arg("--target-dir").arg(&target);
    if profile != "debug" {
        command.args(["--profile", &profile]);
    }
    let built = command.status().expect("cargo starts");
    assert!(
        built.success(),
        "the binary under test does not build: {command:?}"
    );
    target.join(profile).join("selvedge")
}
