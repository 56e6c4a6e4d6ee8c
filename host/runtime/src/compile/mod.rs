//! From the bytes of a plugin file to machine code: who makes it, and within which bounds.
//!
//! It is the only costly step of loading, and the only one that a hostile file can drive far: a few hundred bytes can
//! describe gigabytes of work. So a host lets a process of its own do it ([`Compiler::Child`]), with limits that the system
//! enforces. The file's bytes are all that the child gets, or these and what `init` left in memory, and machine code or a
//! refusal all that comes back.
//!
//! What it is not: a sandbox around the compiler. The child runs as the same user, and its machine code is trusted.

mod child;
mod snapshot;
mod steps;
mod worker;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use wasmtime::Engine;

use crate::error::LoadError;

pub(crate) use snapshot::{ACCESS, Memory};
pub(crate) use steps::settings;
pub use worker::compile_worker;

/// Who makes machine code of plugin files.
#[derive(Debug, Clone, Default)]
pub enum Compiler {
    /// This process, without bounds: for files that are trusted, as in tests and benchmarks.
    #[default]
    InProcess,
    /// A child process for each file, within bounds.
    Child(ChildCompiler),
}

/// The command that compiles one file, and how far it may go.
#[derive(Debug, Clone)]
pub struct ChildCompiler {
    /// A program that calls [`compile_worker`].
    pub program: PathBuf,
    /// What leads it there. The limits follow as three further arguments.
    pub arguments: Vec<OsString>,
    /// How far it may go.
    pub limits: CompileLimits,
}

impl ChildCompiler {
    /// The running program itself, called with these arguments. It is found by the system's link to what runs, so that it
    /// is the same version even when its file has been replaced meanwhile.
    pub fn this_program(arguments: impl IntoIterator<Item = &'static str>) -> ChildCompiler {
        ChildCompiler {
            program: PathBuf::from("/proc/self/exe"),
            arguments: arguments.into_iter().map(OsString::from).collect(),
            limits: CompileLimits::default(),
        }
    }
}

/// What compiling one plugin file may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompileLimits {
    /// Bytes of memory that the child may fill. Default 1 GiB.
    pub memory: u64,
    /// CPU time of all its threads together, in whole seconds. Default 120 s.
    pub cpu: Duration,
    /// Time on the clock. Default 300 s.
    pub wall: Duration,
    /// Bytes of machine code. Default 256 MiB.
    pub code: u64,
}

/// For comparison: a Rust plugin of 130 KB takes 0.4 s of CPU time and 36 MiB of memory in a debug build of the host, one of
/// 18 MB with a Python interpreter inside 24 s and 370 MiB.
impl Default for CompileLimits {
    fn default() -> Self {
        CompileLimits {
            memory: 1 << 30,
            cpu: Duration::from_secs(120),
            wall: Duration::from_secs(300),
            code: 256 << 20,
        }
    }
}

/// What machine code is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Job<'a> {
    /// A plugin file as it is.
    Plain(&'a [u8]),
    /// A plugin file, with exports added that tell what is in its memory.
    Readable(&'a [u8]),
    /// A plugin file that begins with this in its memory.
    Begun(&'a [u8], &'a Memory),
}

/// What is wrong with a file, or with compiling it. The words for people are [`LoadError`]'s.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    NoComponentType,
    NeedsComponentAsync,
    Invalid(String),
    Limit(CompileLimit),
    Machine(String),
}

/// The bound that a file went beyond when it was compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompileLimit {
    /// [`CompileLimits::memory`].
    Memory(u64),
    /// [`CompileLimits::cpu`].
    Cpu(Duration),
    /// [`CompileLimits::wall`].
    Wall(Duration),
    /// [`CompileLimits::code`].
    Code(u64),
    /// The stack of the compiling thread, by nesting without end.
    Stack,
}

impl Refusal {
    fn about(self, path: &Path) -> LoadError {
        let path = path.to_owned();
        match self {
            Refusal::NoComponentType => LoadError::NoComponentType { path },
            Refusal::NeedsComponentAsync => LoadError::NeedsComponentAsync { path },
            Refusal::Invalid(reason) => LoadError::Invalid { path, reason },
            Refusal::Limit(limit) => LoadError::CompileLimit { path, limit },
            Refusal::Machine(reason) => LoadError::Machine { path, reason },
        }
    }
}

impl Job<'_> {
    const PLAIN: u8 = b'p';
    const READABLE: u8 = b'r';
    const BEGUN: u8 = b'b';

    /// What the child reads.
    fn write(&self, to: &mut impl Write) -> io::Result<()> {
        match self {
            Job::Plain(file) => {
                to.write_all(&[Self::PLAIN])?;
                to.write_all(file)
            }
            Job::Readable(file) => {
                to.write_all(&[Self::READABLE])?;
                to.write_all(file)
            }
            Job::Begun(file, memory) => {
                to.write_all(&[Self::BEGUN])?;
                to.write_all(&(file.len() as u64).to_le_bytes())?;
                to.write_all(file)?;
                to.write_all(memory.bytes())
            }
        }
    }

    /// Whether it holds more than what is in a plugin file: nothing of it may get on a disk.
    fn is_private(&self) -> bool {
        matches!(self, Job::Begun(..))
    }
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
