//! The plugin that runs in front of some resources, `tests/guests/simulated`: built once, and compiled once for all runs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const TARGET: &str = "wasm32-wasip1";

/// The target directory of the workspace.
fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("it is inside of the target directory")
        .to_owned()
}

/// The Wasm file. It has a target directory of its own: the main one is locked by the `cargo test` that runs this.
pub(crate) fn file() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/guests");
        let into = target().join("guests-e2e");
        if !build(&guests, &into) {
            let added = Command::new("rustup")
                .args(["target", "add", TARGET])
                .status();
            assert!(
                added.is_ok_and(|status| status.success()) && build(&guests, &into),
                "the plugin does not build; if its target is missing: `rustup target add {TARGET}`"
            );
        }
        into.join(TARGET).join("release/simulated.wasm")
    })
}

fn build(guests: &Path, into: &Path) -> bool {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .current_dir(guests)
        .args(["build", "--quiet", "--release", "--locked"])
        .args(["--package", "simulated", "--target", TARGET])
        .arg("--target-dir")
        .arg(into);
    // What cargo says to this test is not meant for the plugin.
    for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
        cargo.env_remove(variable);
    }
    cargo.status().expect("cargo runs").success()
}

/// Where compiled plugins are kept between runs.
pub(crate) fn compiled() -> PathBuf {
    let folder = target().join("tmp/compiled-simulation");
    std::fs::create_dir_all(&folder).expect("the target directory is ours");
    folder
}
