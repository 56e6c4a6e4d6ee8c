//! Built plugins, and why one was not built.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

/// The script's name.
pub(super) const SCRIPT: &str = "build.sh";

/// The target that plugins are built for: core modules that may use WASI, which the host turns into components.
pub const TARGET: &str = "wasm32-wasip1";

/// The profile that plugins are built with, as keys and values of TOML. A workspace that has its own
/// `[profile.plugin]` is built with that instead.
pub(super) const PROFILE: &[(&str, &str)] = &[
    ("inherits", "\"release\""),
    ("opt-level", "\"s\""),
    ("lto", "true"),
    ("codegen-units", "1"),
    ("panic", "\"abort\""),
    ("strip", "\"debuginfo\""),
];

/// A built plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// The module: `<package>.wasm` in the project's folder.
    pub wasm: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Why a plugin was not built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The folder has no manifest.
    #[error(
        "{} has no Cargo.toml, so there is no plugin to build; name a plugin's folder, or write one with \
         `selvedge plugin new`. A plugin in another language has a {} there instead", .0.display(), SCRIPT
    )]
    NoManifest(PathBuf),
    /// The project's script ended badly; why, it has said through the sink.
    #[error("the plugin was not built: {} ended with {status}; it says why above", script.display())]
    ScriptFailed {
        /// The script.
        script: PathBuf,
        /// How it ended.
        status: ExitStatus,
    },
    /// The script is to leave one module.
    #[error(
        "{} is to leave one .wasm file in its folder, and there {}; have the script remove others",
        script.display(),
        match found { 0 => "is none".to_owned(), many => format!("are {many}") }
    )]
    NotOneModule {
        /// The script.
        script: PathBuf,
        /// How many there are.
        found: usize,
    },
    /// A program can't be started.
    #[error("cannot start `{program}`: {source}; {}", advice(program))]
    NotStarted {
        /// The program as it was called.
        program: String,
        /// The system's error.
        source: io::Error,
    },
    /// Cargo can't read the project.
    #[error("cargo cannot read {}:\n{said}", manifest.display())]
    Unreadable {
        /// The project's manifest.
        manifest: PathBuf,
        /// Cargo's own words.
        said: String,
    },
    /// The manifest is that of a workspace without a package.
    #[error("{} describes no package, only a workspace; name the folder of a plugin", .0.display())]
    NoPackage(PathBuf),
    /// The package is not built as a module that a host can load.
    #[error(
        "the package `{package}` is no plugin: it has no library of the kind cdylib; write into {}:\n\n\
         [lib]\ncrate-type = [\"cdylib\", \"rlib\"]\n", manifest.display()
    )]
    NotAPlugin {
        /// The package's name.
        package: String,
        /// Its manifest.
        manifest: PathBuf,
    },
    /// The target's standard library is not installed and could not be added.
    #[error("Rust's target {TARGET} is not installed, and {reason}")]
    NoTarget {
        /// Why it could not be added, and what to do.
        reason: String,
    },
    /// Cargo did not build it; why, it has said through the sink.
    #[error("the plugin `{package}` was not built: cargo says why above")]
    Failed {
        /// The package's name.
        package: String,
    },
    /// Cargo built it but named no module.
    #[error(
        "cargo built `{package}` but named no .wasm file; is `crate-type` of its [lib] in order?"
    )]
    NoModule {
        /// The package's name.
        package: String,
    },
    /// The module can't be put beside the manifest. What was there stays.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// Advice if a program can't be started.
fn advice(program: &str) -> &'static str {
    if program.ends_with(SCRIPT) {
        "is it executable, and is the program of its first line there?"
    } else {
        "plugins are built with Rust, see https://rustup.rs"
    }
}
