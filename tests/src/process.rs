//! Processes of the binary under test: their output, their signals, their end.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::binary::{selvedge, target};
use crate::gate::{PATIENCE, eventually};
use crate::system;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// The exit code, where it ended by itself.
    pub code: Option<i32>,
    /// The signal, where one ended it.
    pub signal: Option<i32>,
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Exit {
        Exit {
            code: status.code(),
            signal: status.signal(),
        }
    }
}

/// A finished run of the binary.
#[derive(Clone, Debug)]
pub struct Run {
    /// How it ended.
    pub exit: Exit,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Run {
    /// Claims this exit code.
    #[track_caller]
    pub fn code(self, code: i32) -> Run {
        assert_eq!(self.exit.code, Some(code), "the exit code of {self:#?}");
        self
    }

    /// Claims that standard output contains this text.
    #[track_caller]
    pub fn prints(self, text: &str) -> Run {
        assert!(
            self.stdout.contains(text),
            "no {text:?} in the output of {self:#?}"
        );
        self
    }

    /// Claims that standard error contains this text.
    #[track_caller]
    pub fn reports(self, text: &str) -> Run {
        assert!(
            self.stderr.contains(text),
            "no {text:?} in the report of {self:#?}"
        );
        self
    }
}

/// Runs the binary with these arguments to its end.
#[track_caller]
pub fn run<I: AsRef<OsStr>>(arguments: impl IntoIterator<Item = I>) -> Run {
    finish(Command::new(selvedge()).args(arguments))
}

/// As `run`, in this folder. What it builds with cargo is kept in a target directory of the tests, so that it
/// is quick the next time.
#[track_caller]
pub fn run_in<I: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = I>) -> Run {
    finish(in_folder(folder).args(arguments))
}

fn in_folder(folder: &Path) -> Command {
    let mut command = Command::new(selvedge());
    command
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", target().0.join("tour-e2e"));
    command
}

#[track_caller]
fn finish(command: &mut Command) -> Run {
    command.stdin(Stdio::null());
    system::dies_with_us(command);
    let output = command.output().expect("the binary starts");
    Run {
        exit: output.status.into(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Lines as they come in, waitable.
#[derive(Default)]
pub(crate) struct Lines {
    lines: Mutex<Vec<String>>,
    more: Condvar,
}

impl Lines {
    fn follow(self: Arc<Self>, stream: impl Read + Send + 'static) {
        std::thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                self.lines
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(line);
                self.more.notify_all();
            }
        });
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The first line from number `from` on that `wanted` says something about.
    pub(crate) fn wait<T>(&self, from: usize, wanted: impl Fn(&str) -> Option<T>) -> Option<T> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let find = |lines: &Vec<String>| lines.iter().skip(from).find_map(|line| wanted(line));
        let waited = self
            .more
            .wait_timeout_while(lines, PATIENCE, |lines| find(lines).is_none());
        find(&waited.unwrap_or_else(PoisonError::into_inner).0)
    }
}

/// A running process. It is killed when this is dropped, and by the kernel when the test's thread ends.
pub(crate) struct Process {
    child: Child,
    exit: Option<Exit>,
    pub(crate) stdout: Arc<Lines>,
    pub(crate) stderr: Arc<Lines>,
}

impl Process {
    pub(crate) fn start(mut command: Command) -> Process {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        system::dies_with_us(&mut command);
        let mut child = command.spawn().expect("the binary starts");
        let (stdout, stderr) = (Arc::new(Lines::default()), Arc::new(Lines::default()));
        Arc::clone(&stdout).follow(child.stdout.take().expect("its output is piped"));
        Arc::clone(&stderr).follow(child.stderr.take().expect("its errors are piped"));
        Process {
            child,
            exit: None,
            stdout,
            stderr,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, unless the process has ended.
    pub(crate) fn signal(&mut self, signal: i32) {
        if self.ended().is_none() {
            system::signal(self.child.id(), signal);
        }
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<Exit> {
        if self.exit.is_none() {
            let status = self.child.try_wait().expect("it is our own child");
            self.exit = status.map(Exit::from);
        }
        self.exit
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> Exit {
        eventually("the process ends", || self.ended().is_some());
        self.exit.expect("it has ended")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended().is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// A run of the binary in the background, killed at the end of the test.
pub struct Background(Process);

impl Background {
    /// Starts the binary in this folder with these arguments; as [`run_in`] otherwise.
    #[track_caller]
    pub fn start<I: AsRef<OsStr>>(
        folder: &Path,
        arguments: impl IntoIterator<Item = I>,
    ) -> Background {
        let mut command = in_folder(folder);
        command.args(arguments);
        Background(Process::start(command))
    }

    /// Waits for a line of standard output or standard error about which `wanted` says something. Builds with
    /// cargo may take their time.
    #[track_caller]
    pub fn wait_for<T>(&self, what: &str, wanted: impl Fn(&str) -> Option<T>) -> T {
        let start = std::time::Instant::now();
        while start.elapsed() < BUILDING {
            let lines = [self.0.stdout.all(), self.0.stderr.all()].concat();
            if let Some(found) = lines.iter().find_map(|line| wanted(line)) {
                return found;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        panic!("no {what} in the output:\n{}", self.output());
    }

    /// Waits for a line with this text.
    #[track_caller]
    pub fn wait_for_line(&self, text: &str) -> String {
        self.wait_for(text, |line| line.contains(text).then(|| line.to_owned()))
    }

    /// All of its output so far.
    pub fn output(&self) -> String {
        [self.0.stdout.all(), self.0.stderr.all()]
            .concat()
            .join("\n")
    }

    /// Sends SIGINT, as Ctrl-C does, and waits for the end.
    #[track_caller]
    pub fn interrupt(&mut self) -> Exit {
        self.0.signal(libc::SIGINT);
        self.0.wait()
    }
}

/// How long a build of a small project may take on a busy machine.
const BUILDING: std::time::Duration = std::time::Duration::from_secs(300);
