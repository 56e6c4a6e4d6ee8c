//! The child's side: bound this process, read a plugin file from standard input, write what came of it to standard output.

use std::alloc::{Layout, handle_alloc_error};
use std::io::{ErrorKind, Read as _, Write as _};
use std::process::ExitCode;

use rustix::process::{
    Resource, Rlimit, Signal, getrlimit, nice, set_parent_process_death_signal, setrlimit,
};
use wasmtime::Engine;

use super::job::{CompileRefusal, Job};
use super::limits::CompileLimits;
use super::memory::Memory;
use super::steps;

/// The longest reason that goes back, in bytes: names in a hostile file may be long.
const MAX_REASON: usize = 4 << 10;

/// The first byte of what the child writes, and what follows it.
pub(super) const CODE: u8 = b'c';
const NO_COMPONENT_TYPE: u8 = b'n';
const NEEDS_COMPONENT_ASYNC: u8 = b'a';
const INVALID: u8 = b'i';
const MACHINE: u8 = b'm';

/// The child of a [`ChildCompiler`](super::ChildCompiler): sets the limits for this process, compiles the plugin file on
/// standard input, and writes what came of it to standard output, which has to be nobody else's. `wall` is the parent's to
/// enforce. Nothing else should have happened in the process before.
pub fn compile_worker(limits: &CompileLimits) -> ExitCode {
    let result = bound(limits)
        .map_err(|error| {
            CompileRefusal::Machine(format!("the compiler's limits cannot be set: {error}"))
        })
        .and_then(|()| read_and_compile());
    let (kind, content) = encode(&result);
    let mut out = std::io::stdout().lock();
    let written = out
        .write_all(&[kind])
        .and_then(|()| out.write_all(content))
        .and_then(|()| out.flush());
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn bound(limits: &CompileLimits) -> rustix::io::Result<()> {
    // Private memory that may be written to. Unlike the limit on addresses, it does not count what is only reserved, which
    // grows with the number of threads.
    at_most(Resource::Data, limits.memory)?;
    // Its result begins with one byte more.
    at_most(Resource::Fsize, limits.code.saturating_add(1))?;
    at_most(Resource::Core, 0)?;
    at_most(Resource::Cpu, limits.cpu.as_secs().max(1))?;
    // A parent that is killed has no use for the result.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // What serves goes first.
    nice(10)?;
    Ok(())
}

/// Sets a limit, or leaves a lower one. The soft limit: that on CPU time ends the process by a signal by which the parent
/// knows it, the hard one by the signal that anything may have sent.
fn at_most(resource: Resource, value: u64) -> rustix::io::Result<()> {
    let Rlimit { current, maximum } = getrlimit(resource);
    let lower = current.is_some_and(|current| current <= value);
    if lower {
        return Ok(());
    }
    setrlimit(
        resource,
        Rlimit {
            current: Some(value),
            maximum,
        },
    )
}

fn read_and_compile() -> Result<Vec<u8>, CompileRefusal> {
    let machine = |reason: String| CompileRefusal::Machine(reason);
    let mut read = Vec::new();
    std::io::stdin()
        .lock()
        .read_to_end(&mut read)
        .map_err(|error| match error.kind() {
            // As every other allocation that fails: the parent knows the limit by its end.
            ErrorKind::OutOfMemory => handle_alloc_error(Layout::new::<u8>()),
            _ => machine(format!("the compiler cannot read the file: {error}")),
        })?;
    let engine = Engine::new(&steps::settings()).map_err(|error| machine(format!("{error:#}")))?;
    let nothing = || machine("there is nothing of use to compile".to_owned());
    let (kind, content) = read.split_first().ok_or_else(nothing)?;
    match *kind {
        Job::PLAIN => steps::compile(&engine, Job::Plain(content)),
        Job::READABLE => steps::compile(&engine, Job::Readable(content)),
        Job::BEGUN => {
            let (file, memory) = begun(content).ok_or_else(nothing)?;
            drop(read);
            steps::compile(&engine, Job::Begun(&file, &memory))
        }
        _ => Err(nothing()),
    }
}

/// A file and what its memory begins with.
fn begun(content: &[u8]) -> Option<(Vec<u8>, Memory)> {
    let (length, rest) = content.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let (file, memory) = rest.split_at_checked(length)?;
    Some((file.to_vec(), Memory::from_bytes(memory.to_vec())))
}

fn encode(result: &Result<Vec<u8>, CompileRefusal>) -> (u8, &[u8]) {
    match result {
        Ok(code) => (CODE, code),
        Err(CompileRefusal::NoComponentType) => (NO_COMPONENT_TYPE, b""),
        Err(CompileRefusal::NeedsComponentAsync) => (NEEDS_COMPONENT_ASYNC, b""),
        Err(CompileRefusal::Invalid(reason)) => (INVALID, shortened(reason)),
        Err(CompileRefusal::Machine(reason)) => (MACHINE, shortened(reason)),
        // Limits end the process; it does not see them itself.
        Err(CompileRefusal::Limit(_)) => (MACHINE, b"a limit"),
    }
}

fn shortened(reason: &str) -> &[u8] {
    let bytes = reason.as_bytes();
    bytes.get(..MAX_REASON).unwrap_or(bytes)
}

/// Reads the child's output. `None` for what no child writes.
pub(super) fn decode(mut written: Vec<u8>) -> Option<Result<Vec<u8>, CompileRefusal>> {
    let kind = *written.first()?;
    written.remove(0);
    let text = || crate::text::printable(&String::from_utf8_lossy(&written));
    Some(match kind {
        CODE => Ok(written),
        NO_COMPONENT_TYPE => Err(CompileRefusal::NoComponentType),
        NEEDS_COMPONENT_ASYNC => Err(CompileRefusal::NeedsComponentAsync),
        INVALID => Err(CompileRefusal::Invalid(text())),
        MACHINE => Err(CompileRefusal::Machine(text())),
        _ => return None,
    })
}
