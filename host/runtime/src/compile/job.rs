//! Jobs of the compiler, and its refusals.

use std::io::{self, Write};
use std::path::Path;

use super::limits::CompileLimit;
use super::memory::Memory;
use crate::error::LoadError;

/// Input of the compiler.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Job<'a> {
    /// A plugin file as it is.
    Plain(&'a [u8]),
    /// A plugin file, with exports added that tell what is in its memory.
    Readable(&'a [u8]),
    /// A plugin file that begins with this in its memory.
    Begun(&'a [u8], &'a Memory),
}

impl Job<'_> {
    pub(super) const PLAIN: u8 = b'p';
    pub(super) const READABLE: u8 = b'r';
    pub(super) const BEGUN: u8 = b'b';

    /// Writes what the child reads.
    pub(super) fn write(&self, to: &mut impl Write) -> io::Result<()> {
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

    /// Returns true if it holds more than what is in a plugin file: nothing of it may get on a disk.
    pub(super) fn is_private(&self) -> bool {
        matches!(self, Job::Begun(..))
    }
}

/// CompileRefusal of a file by the compiler. The words for people are [`LoadError`]'s.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CompileRefusal {
    NoComponentType,
    NeedsComponentAsync,
    Invalid(String),
    Limit(CompileLimit),
    Machine(String),
}

impl CompileRefusal {
    pub(super) fn about(self, path: &Path) -> LoadError {
        let path = path.to_owned();
        match self {
            CompileRefusal::NoComponentType => LoadError::NoComponentType { path },
            CompileRefusal::NeedsComponentAsync => LoadError::NeedsComponentAsync { path },
            CompileRefusal::Invalid(reason) => LoadError::Invalid { path, reason },
            CompileRefusal::Limit(limit) => LoadError::CompileLimit { path, limit },
            CompileRefusal::Machine(reason) => LoadError::Machine { path, reason },
        }
    }
}
