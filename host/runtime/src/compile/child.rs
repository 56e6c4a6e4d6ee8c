//! The parent's side: start the child, wait for it no longer than it may take, and name what ended it.
//!
//! Input and output are files without a name, so no other process can open them, no pipe can fill up, and a file that
//! changes meanwhile is not compiled under the hash of what it was.
#![expect(
    clippy::disallowed_methods,
    reason = "a child is awaited by the thread that compiles"
)]

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::Signal;

use super::job::{CompileRefusal, Job};
use super::limits::{CompileLimit, CompileLimits};
use super::worker::decode;

/// Bytes of the child's standard error that are looked at.
const LOOKED_AT: u64 = 8 << 10;

/// Waits for the child grow up to this.
const MAX_NAP: Duration = Duration::from_millis(20);

/// Has the host's allocator take what it needs in place of setting a GiB aside, which is all that the child may have. A
/// program with another allocator does not look at it.
const ALLOCATOR: [(&str, &str); 2] = [
    ("MIMALLOC_ARENA_RESERVE", "65536"),
    ("MIMALLOC_ARENA_EAGER_COMMIT", "0"),
];

/// The command that compiles one file, and how far it may go.
#[derive(Debug, Clone)]
pub struct ChildCompiler {
    /// A program that calls [`compile_worker`](crate::compile_worker).
    pub program: PathBuf,
    /// Arguments that lead it there. The limits follow as three further arguments.
    pub arguments: Vec<OsString>,
    /// Its limits.
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

impl ChildCompiler {
    /// Does one job. Blocking.
    pub(super) fn compile(
        &self,
        folder: Option<&Path>,
        job: Job<'_>,
    ) -> Result<Vec<u8>, CompileRefusal> {
        let failed = |error: io::Error| {
            CompileRefusal::Machine(format!("the compiler process cannot be used: {error}"))
        };
        let Files {
            input,
            mut output,
            mut said,
        } = Files::new(folder, job).map_err(failed)?;
        let handles = || Ok::<_, io::Error>((output.try_clone()?, said.try_clone()?));
        let (stdout, stderr) = handles().map_err(failed)?;
        let mut child = Running(
            self.command()
                .stdin(input)
                .stdout(stdout)
                .stderr(stderr)
                .spawn()
                .map_err(failed)?,
        );
        let status = child.wait(self.limits.wall).map_err(failed)?;
        match status {
            None => Err(CompileRefusal::Limit(CompileLimit::Wall(self.limits.wall))),
            Some(status) if status.success() => {
                let written = whole(&mut output, u64::MAX).map_err(failed)?;
                decode(written).unwrap_or_else(|| {
                    Err(CompileRefusal::Machine(
                        "the compiler process wrote nothing of use".to_owned(),
                    ))
                })
            }
            Some(status) => {
                let said = whole(&mut said, LOOKED_AT).map_err(failed)?;
                Err(ended(status, &String::from_utf8_lossy(&said), &self.limits))
            }
        }
    }

    fn command(&self) -> Command {
        let CompileLimits {
            memory, cpu, code, ..
        } = &self.limits;
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .args([memory, &cpu.as_secs(), code].map(ToString::to_string))
            // It needs nothing of this, secrets least of all.
            .env_clear()
            .envs(ALLOCATOR);
        command
    }
}

/// Files that the child reads and writes.
struct Files {
    input: File,
    output: File,
    said: File,
}

impl Files {
    fn new(folder: Option<&Path>, job: Job<'_>) -> io::Result<Files> {
        let new = || match folder {
            _ if job.is_private() => Ok(memfd_create("plugin", MemfdFlags::CLOEXEC)?.into()),
            Some(folder) => tempfile::tempfile_in(folder),
            None => tempfile::tempfile(),
        };
        let mut input = new()?;
        job.write(&mut input)?;
        input.rewind()?;
        Ok(Files {
            input,
            output: new()?,
            said: new()?,
        })
    }
}

fn whole(file: &mut File, at_most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.take(at_most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A child that does not outlive its use.
struct Running(Child);

impl Running {
    /// `None` when it took too long; it is killed then.
    fn wait(&mut self, limit: Duration) -> io::Result<Option<ExitStatus>> {
        let started = Instant::now();
        let mut nap = Duration::from_millis(1);
        loop {
            if let Some(status) = self.0.try_wait()? {
                return Ok(Some(status));
            }
            if started.elapsed() >= limit {
                return Ok(None);
            }
            std::thread::sleep(nap);
            nap = (nap * 2).min(MAX_NAP);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail, and may, when it has been waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Names what ended a child that came to no result.
fn ended(status: ExitStatus, said: &str, limits: &CompileLimits) -> CompileRefusal {
    let by = |signal: Signal| status.signal() == Some(signal.as_raw());
    let limit = if by(Signal::XCPU) {
        CompileLimit::Cpu(limits.cpu)
    } else if by(Signal::XFSZ) {
        CompileLimit::Code(limits.code)
    } else if said.contains("overflowed its stack") {
        CompileLimit::Stack
    } else if ["memory allocation of", "annot allocate memory"]
        .iter()
        .any(|words| said.contains(words))
    {
        CompileLimit::Memory(limits.memory)
    } else {
        let last = said.lines().rev().find(|line| !line.trim().is_empty());
        let last = crate::text::printable(last.unwrap_or("it said nothing").trim());
        return CompileRefusal::Machine(format!("the compiler process failed ({status}): {last}"));
    };
    CompileRefusal::Limit(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> CompileLimits {
        CompileLimits::default()
    }

    #[test]
    fn each_end_of_a_child_has_its_name() {
        let by = |signal: Signal| ExitStatus::from_raw(signal.as_raw());
        let cases = [
            (by(Signal::XCPU), "", CompileLimit::Cpu(limits().cpu)),
            (by(Signal::XFSZ), "", CompileLimit::Code(limits().code)),
            (
                by(Signal::ABORT),
                "memory allocation of 4096 bytes failed\n",
                CompileLimit::Memory(limits().memory),
            ),
            (
                by(Signal::ABORT),
                "\nthread 'main' has overflowed its stack\n",
                CompileLimit::Stack,
            ),
        ];
        for (status, said, limit) in cases {
            assert_eq!(ended(status, said, &limits()), CompileRefusal::Limit(limit));
        }
    }

    #[test]
    fn an_unknown_end_is_told_with_the_last_words() {
        let CompileRefusal::Machine(reason) = ended(
            ExitStatus::from_raw(0x100),
            "first\nthread 'main' panicked at x.rs:1:1\n\n",
            &limits(),
        ) else {
            panic!("a limit");
        };
        assert_eq!(
            reason,
            "the compiler process failed (exit status: 1): thread 'main' panicked at x.rs:1:1"
        );
    }

    #[test]
    fn a_child_that_takes_too_long_is_killed() {
        let wall = Duration::from_millis(200);
        // It sleeps for the sum of its arguments, the limits among them.
        let sleeping = ChildCompiler {
            program: "sleep".into(),
            arguments: vec!["60".into()],
            limits: CompileLimits { wall, ..limits() },
        };
        let started = Instant::now();
        let error = sleeping.compile(None, Job::Plain(b"")).unwrap_err();
        assert_eq!(error, CompileRefusal::Limit(CompileLimit::Wall(wall)));
        assert!(started.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_program_that_is_no_compiler_is_told() {
        let silent = ChildCompiler {
            program: "true".into(),
            arguments: Vec::new(),
            limits: limits(),
        };
        let missing = ChildCompiler {
            program: "/nowhere/selvedge".into(),
            ..silent.clone()
        };
        let reason = |child: &ChildCompiler| match child.compile(None, Job::Plain(b"")) {
            Err(CompileRefusal::Machine(reason)) => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(reason(&silent), "the compiler process wrote nothing of use");
        assert!(reason(&missing).starts_with("the compiler process cannot be used: "));
    }
}
