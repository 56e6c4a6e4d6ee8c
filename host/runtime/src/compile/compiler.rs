//! Compilers of plugin files.

use std::path::Path;

use wasmtime::Engine;

use super::child::ChildCompiler;
use super::job::Job;
use super::steps;
use crate::error::LoadError;

/// Compiler that makes machine code of plugin files.
#[derive(Debug, Clone, Default)]
pub enum Compiler {
    /// This process, without bounds: for files that are trusted, as in tests and benchmarks.
    #[default]
    InProcess,
    /// A child process for each file, within bounds.
    Child(ChildCompiler),
}

/// Makes machine code; `path` is for messages only. Files of the child's are made in `folder`, or where the
/// system has its temporary files.
pub(crate) fn machine_code(
    compiler: &Compiler,
    engine: &Engine,
    folder: Option<&Path>,
    path: &Path,
    job: Job<'_>,
) -> Result<Vec<u8>, LoadError> {
    let made = match compiler {
        Compiler::InProcess => steps::compile(engine, job),
        Compiler::Child(child) => child.compile(folder, job),
    };
    made.map_err(|refusal| refusal.about(path))
}
