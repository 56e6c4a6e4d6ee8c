//! The hidden command by which this program compiles plugin files: a process of its own, with limits.

use clap::Args;
use selvedge_runtime::{ChildCompiler, CompileLimits, Compiler, compile_worker};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// The command's name.
pub(super) const NAME: &str = "compile-plugin";

#[derive(Args)]
pub(super) struct Arguments {
    /// Bytes of memory
    memory: u64,
    /// Seconds of CPU time
    cpu: u64,
    /// Bytes of machine code
    code: u64,
}

/// The compiler of every command that loads plugins.
pub(super) fn child() -> Compiler {
    Compiler::Child(ChildCompiler::this_program([NAME]))
}

/// The folder for compiled plugins of commands that belong to no server: that of the user's caches. `None` if there is none,
/// or it can't be used.
pub(super) fn users_cache() -> Option<PathBuf> {
    let named = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let caches = named("XDG_CACHE_HOME")
        .filter(|folder| folder.is_absolute())
        .or_else(|| Some(named("HOME")?.join(".cache")))?;
    let folder = caches.join("selvedge/compiled");
    let mut make = std::fs::DirBuilder::new();
    make.recursive(true).mode(0o700).create(&folder).ok()?;
    Some(folder)
}

pub(super) fn compile(arguments: &Arguments) -> ExitCode {
    compile_worker(&CompileLimits {
        memory: arguments.memory,
        cpu: Duration::from_secs(arguments.cpu),
        code: arguments.code,
        ..CompileLimits::default()
    })
}
