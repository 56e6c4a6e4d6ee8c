//! The plugins of `tests/guests`: built from source to Wasm, once for each test process.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use crate::binary::target;

const TARGET: &str = "wasm32-wasip1";

/// The Wasm file of the guest with this name. Builds all guests at the first call; cargo's own lock orders
/// tests that run at the same time.
#[track_caller]
pub fn guest(name: &str) -> PathBuf {
    static BUILT: LazyLock<PathBuf> = LazyLock::new(build);
    let file = BUILT.join(format!("{}.wasm", name.replace('-', "_")));
    assert!(file.is_file(), "there is no guest {name} in tests/guests");
    file
}

fn build() -> PathBuf {
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("guests");
    let into = target().0.join("guests-e2e");
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .current_dir(&guests)
        .args(["build", "--quiet", "--release", "--target", TARGET]);
    command.arg("--target-dir").arg(&into);
    // What cargo says to this test is not meant for the guests.
    for variable in [
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_TARGET_DIR",
        "CARGO_BUILD_TARGET",
    ] {
        command.env_remove(variable);
    }
    let built = command.status().expect("cargo starts");
    assert!(
        built.success(),
        "the guests do not build; if their target is missing: `rustup target add {TARGET}`"
    );
    into.join(TARGET).join("release")
}

/// A file with these bytes under this name, in a folder that is removed with the returned value.
pub fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::TempDir::with_prefix("selvedge-guest-").expect("a temporary folder");
    let path = dir.path().join(name);
    std::fs::write(&path, bytes).expect("the folder is ours");
    (dir, path)
}

/// A guest's bytes with a mark in them that means nothing: for a host, another file.
#[track_caller]
pub fn marked(name: &str, mark: u32) -> Vec<u8> {
    let mut bytes = std::fs::read(guest(name)).expect("the guest is built");
    // A custom section: its kind, the length of what follows, the length of its name, the name.
    bytes.extend([0, 9, 4]);
    bytes.extend(b"mark");
    bytes.extend(mark.to_le_bytes());
    bytes
}
