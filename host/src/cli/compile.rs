//! The hidden command by which this program compiles plugin files: a process of its own, with limits.

use clap::Args;
use selvedge_runtime::{ChildCompiler, CompileLimits, Compiler, compile_worker};
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

pub(super) fn compile(arguments: &Arguments) -> ExitCode {
    compile_worker(&CompileLimits {
        memory: arguments.memory,
        cpu: Duration::from_secs(arguments.cpu),
        code: arguments.code,
        ..CompileLimits::default()
    })
}
