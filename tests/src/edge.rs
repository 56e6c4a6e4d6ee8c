//! The edge under test: the real binary with a configuration and a store of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::binary::selvedge;
use crate::config::Distribution;
use crate::gate::eventually;
use crate::origin::Origin;
use crate::process::{Exit, Process, Run, run};
use crate::response::Response;
use crate::system;
use crate::viewer::{Ask, Viewer};

/// The alias of the distribution `main`, which viewers ask for unless a test says another host.
pub const ALIAS: &str = "www.example.test";

/// Seconds on the test clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Secs(pub u64);

/// An edge that is not started yet.
#[derive(Clone, Debug)]
pub struct EdgeBuilder {
    distribution: Distribution,
    others: Vec<Distribution>,
    server: String,
    store: String,
    tables: String,
}

/// A running edge.
pub struct Edge {
    dir: TempDir,
    process: Process,
    viewers: SocketAddr,
    admin: SocketAddr,
    log_from: usize,
}

impl Edge {
    /// An edge with the distribution `main` in front of this origin.
    pub fn in_front_of(origin: &Origin) -> EdgeBuilder {
        Edge::in_front_of_address(origin.address())
    }

    /// An edge with the distribution `main` in front of whatever is at this address.
    pub fn in_front_of_address(origin: SocketAddr) -> EdgeBuilder {
        Edge::with(Distribution::new("main", origin).alias(ALIAS))
    }

    /// An edge with this distribution.
    pub fn with(distribution: Distribution) -> EdgeBuilder {
        EdgeBuilder {
            distribution,
            others: Vec::new(),
            server: String::new(),
            store: String::new(),
            tables: String::new(),
        }
    }
}

impl EdgeBuilder {
    /// Changes the distribution `main`.
    pub fn distribution(
        mut self,
        change: impl FnOnce(Distribution) -> Distribution,
    ) -> EdgeBuilder {
        self.distribution = change(self.distribution);
        self
    }

    /// One more distribution.
    pub fn and(mut self, distribution: Distribution) -> EdgeBuilder {
        self.others.push(distribution);
        self
    }

    /// As [`Distribution::behavior`].
    pub fn behavior(self, lines: &str) -> EdgeBuilder {
        self.distribution(|one| one.behavior(lines))
    }

    /// As [`Distribution::cache`].
    pub fn cache(self, entries: &str) -> EdgeBuilder {
        self.distribution(|one| one.cache(entries))
    }

    /// As [`Distribution::origin_lines`].
    pub fn origin_lines(self, lines: &str) -> EdgeBuilder {
        self.distribution(|one| one.origin_lines(lines))
    }

    /// As [`Distribution::plugin`].
    pub fn plugin(self, name: &str, file: &Path, lines: &str) -> EdgeBuilder {
        self.distribution(|one| one.plugin(name, file, lines))
    }

    /// As [`Distribution::tables`].
    pub fn tables(self, tables: &str) -> EdgeBuilder {
        self.distribution(|one| one.tables(tables))
    }

    /// More lines at the top of the server file.
    pub fn server(mut self, lines: &str) -> EdgeBuilder {
        self.server += &format!("{lines}\n");
        self
    }

    /// Lines of the server file's `[store]` in place of the harness's sizes.
    pub fn store(mut self, lines: &str) -> EdgeBuilder {
        self.store += &format!("{lines}\n");
        self
    }

    /// More tables at the end of the server file, for instance `[limits]`.
    pub fn server_tables(mut self, lines: &str) -> EdgeBuilder {
        self.tables += &format!("{lines}\n");
        self
    }

    /// Writes the files into a new folder.
    pub fn write(&self) -> TempDir {
        let dir = TempDir::with_prefix("selvedge-test-").expect("a temporary folder");
        let sizes = if self.store.is_empty() {
            "memory = \"32 MiB\"\ndisk = \"1 GiB\"\n"
        } else {
            &self.store
        };
        let server = format!(
            "listen = [\"127.0.0.1:0\"]\nadmin = \"127.0.0.1:0\"\ndomain_suffix = \"edge.test\"\n\
             distributions = \"distributions\"\nedge = \"test\"\n{}\n[store]\npath = \"store\"\n{sizes}\n{}",
            self.server, self.tables,
        );
        std::fs::write(dir.path().join("selvedge.toml"), server).expect("the folder is ours");
        std::fs::create_dir(dir.path().join("distributions")).expect("the folder is ours");
        for distribution in self.others.iter().chain([&self.distribution]) {
            let file = dir
                .path()
                .join(format!("distributions/{}.toml", distribution.id()));
            std::fs::write(file, distribution.toml()).expect("the folder is ours");
        }
        dir
    }

    /// Starts the edge and waits until it listens.
    #[track_caller]
    pub fn start(self) -> Edge {
        Edge::start_in(self.write())
    }

    /// Runs `selvedge check` on the files.
    #[track_caller]
    pub fn check(self) -> Run {
        self.command("check")
    }

    /// Runs a command that takes `--config` on the files.
    #[track_caller]
    pub fn command(self, command: &str) -> Run {
        let dir = self.write();
        run([
            command.as_ref(),
            "--config".as_ref(),
            dir.path().join("selvedge.toml").as_os_str(),
        ])
    }

    /// Runs `selvedge run`, which is expected to end by itself.
    #[track_caller]
    pub fn run_in_vain(self) -> Run {
        self.command("run")
    }
}

fn launch(dir: &Path, prepare: impl FnOnce(&mut Command)) -> Process {
    let mut command = Command::new(selvedge());
    command
        .args(["run", "--test-clock", "--config"])
        .arg(dir.join("selvedge.toml"));
    command.env_remove("SELVEDGE_LOG").current_dir(dir);
    prepare(&mut command);
    Process::start(command)
}

/// The address behind this word of the line, for instance `listening http://127.0.0.1:4711`.
fn address_in(line: &str, word: &str) -> Option<SocketAddr> {
    line.trim()
        .strip_prefix(word)?
        .trim()
        .strip_prefix("http://")?
        .trim_end_matches('/')
        .parse()
        .ok()
}

impl Edge {
    /// Starts an edge on the files of a folder that [`EdgeBuilder::write`] has written.
    #[track_caller]
    pub fn start_in(dir: TempDir) -> Edge {
        Edge::start_with(dir, |_| {})
    }

    fn start_with(dir: TempDir, prepare: impl FnOnce(&mut Command)) -> Edge {
        let process = launch(dir.path(), prepare);
        let find = |word: &'static str| {
            let address = process.stdout.wait(0, |line| address_in(line, word));
            address.unwrap_or_else(|| {
                let (out, log) = (
                    process.stdout.all().join("\n"),
                    process.stderr.all().join("\n"),
                );
                panic!("the edge does not print `{word} http://ADDRESS`\n{out}\n{log}")
            })
        };
        let (viewers, admin) = (find("listening"), find("admin"));
        Edge {
            dir,
            process,
            viewers,
            admin,
            log_from: 0,
        }
    }

    /// Where it listens for viewers.
    pub fn address(&self) -> SocketAddr {
        self.viewers
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The folder with its files.
    pub fn folder(&self) -> &Path {
        self.dir.path()
    }

    /// The server file.
    pub fn config(&self) -> PathBuf {
        self.dir.path().join("selvedge.toml")
    }

    /// A plain request to it.
    pub fn request(&self, method: &str, target: &str) -> Ask {
        Ask::new(self.viewers, method, target)
    }

    /// A GET.
    pub fn get(&self, target: &str) -> Ask {
        self.request("GET", target)
    }

    /// A HEAD.
    pub fn head(&self, target: &str) -> Ask {
        self.request("HEAD", target)
    }

    /// A POST with this content.
    pub fn post(&self, target: &str, content: impl AsRef<[u8]>) -> Ask {
        self.request("POST", target).content(content)
    }

    /// A connection to it.
    pub fn viewer(&self) -> Viewer {
        Viewer::connect(self.viewers)
    }

    /// A connection on which these bytes were sent.
    pub fn sent(&self, bytes: impl AsRef<[u8]>) -> Viewer {
        let mut viewer = self.viewer();
        viewer.send(bytes);
        viewer
    }

    /// A plain request to its admin listener.
    pub fn admin(&self, method: &str, target: &str) -> Ask {
        Ask::new(self.admin, method, target).host(&self.admin.to_string())
    }

    /// Moves its clock.
    #[track_caller]
    pub fn advance(&self, by: Secs) -> Response {
        self.admin("POST", "/test/clock")
            .content(format!("advance {}", by.0))
            .expect(200)
    }

    /// The value of a metric line by its name with labels, exactly as printed; `None` where there is none.
    #[track_caller]
    pub fn metric(&self, name: &str) -> Option<f64> {
        let text = self.admin("GET", "/metrics").expect(200).text();
        text.lines().find_map(|line| {
            line.strip_prefix(name)?
                .strip_prefix(' ')?
                .trim()
                .parse()
                .ok()
        })
    }

    /// The sum of a metric over all its labels that contain this text.
    #[track_caller]
    pub fn metric_sum(&self, name: &str, labels: &str) -> f64 {
        let text = self.admin("GET", "/metrics").expect(200).text();
        let value = |line: &str| {
            let rest = line.strip_prefix(name)?;
            let (found, value) = rest.rsplit_once(' ')?;
            let of_name = found.is_empty() || found.starts_with('{');
            (of_name && found.contains(labels)).then(|| value.trim().parse::<f64>().ok())?
        };
        text.lines().filter_map(value).sum()
    }

    /// Has its writes fail beyond this place of any file, as on a full disk; `None` lifts that.
    pub fn limit_files(&self, bytes: Option<u64>) {
        system::limit_files(self.process.pid(), bytes);
    }

    /// A figure of its memory in bytes, for instance `VmRSS` or `VmHWM`.
    pub fn memory(&self, name: &str) -> u64 {
        system::memory(self.process.pid(), name)
    }

    /// Bytes that its cache takes on disk.
    pub fn disk_used(&self) -> u64 {
        system::disk_used(&self.dir.path().join("store/cache"))
    }

    /// Bytes that are free on the disk where it is.
    pub fn free_disk(&self) -> u64 {
        system::free_disk(self.dir.path())
    }

    /// Its processor time so far, without that of its children.
    pub fn processor_time(&self) -> Duration {
        system::processor_time(self.process.pid()).0
    }

    /// The processor time of its children that have ended: of compilers, for instance.
    pub fn processor_time_of_children(&self) -> Duration {
        system::processor_time(self.process.pid()).1
    }

    /// The log so far, since the last [`forget_log`](Edge::forget_log).
    pub fn log(&self) -> Vec<String> {
        self.process.stderr.all().split_off(self.log_from)
    }

    /// Looks only at what is logged from now on.
    pub fn forget_log(&mut self) {
        self.log_from = self.process.stderr.all().len();
    }

    /// Waits for a log line with this text.
    #[track_caller]
    pub fn wait_for_log(&self, text: &str) -> Value {
        let found = self.process.stderr.wait(self.log_from, |line| {
            line.contains(text).then(|| line.to_owned())
        });
        let line =
            found.unwrap_or_else(|| panic!("no {text:?} in the log:\n{}", self.log().join("\n")));
        serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("{error}: the log line is not JSON: {line}"))
    }

    /// Waits for the access line of this path and returns its fields.
    #[track_caller]
    pub fn access(&self, path: &str) -> Value {
        let of_path = |line: &str| {
            let line: Value = serde_json::from_str(line).ok()?;
            (line["target"] == "access" && line["path"] == path).then_some(line)
        };
        let found = self.process.stderr.wait(self.log_from, of_path);
        found.unwrap_or_else(|| {
            panic!(
                "no access line of {path} in the log:\n{}",
                self.log().join("\n")
            )
        })
    }

    /// Replaces a distribution's file.
    pub fn write_distribution(&self, distribution: &Distribution) {
        self.write_distribution_file(distribution.id(), &distribution.toml());
    }

    /// Replaces a distribution's file by this text, in one step as editors do.
    pub fn write_distribution_file(&self, id: &str, text: &str) {
        let (new, file) = (
            self.dir.path().join("new"),
            format!("distributions/{id}.toml"),
        );
        std::fs::write(&new, text).expect("the folder is ours");
        std::fs::rename(&new, self.dir.path().join(file)).expect("the folder is ours");
    }

    /// Sends SIGHUP.
    pub fn reload(&mut self) {
        self.process.signal(libc::SIGHUP);
    }

    /// Sends SIGTERM and goes on.
    pub fn ask_to_end(&mut self) {
        self.process.signal(libc::SIGTERM);
    }

    /// Sends SIGINT and goes on.
    pub fn interrupt(&mut self) {
        self.process.signal(libc::SIGINT);
    }

    /// Waits for the end of the process.
    #[track_caller]
    pub fn wait(&mut self) -> Exit {
        self.process.wait()
    }

    /// Returns true if the process still runs.
    pub fn runs(&mut self) -> bool {
        self.process.ended().is_none()
    }

    /// Sends SIGTERM and waits for the end.
    #[track_caller]
    pub fn terminate(&mut self) -> Exit {
        self.ask_to_end();
        self.wait()
    }

    /// Sends SIGKILL and waits for the end.
    #[track_caller]
    pub fn kill(&mut self) -> Exit {
        self.process.signal(libc::SIGKILL);
        self.wait()
    }

    /// Starts again on the same files and the same store; ends the process first if it runs.
    #[track_caller]
    pub fn restart(self) -> Edge {
        self.restart_with(|_| {})
    }

    /// As `restart`, on a disk that is full until `limit_files` lifts that.
    pub fn restart_on_a_full_disk(self) -> Edge {
        self.restart_with(system::starts_on_a_full_disk)
    }

    fn restart_with(mut self, prepare: impl FnOnce(&mut Command)) -> Edge {
        if self.runs() {
            self.terminate();
        }
        let empty = TempDir::with_prefix("selvedge-test-").expect("a temporary folder");
        let dir = std::mem::replace(&mut self.dir, empty);
        drop(self);
        Edge::start_with(dir, prepare)
    }

    /// Runs a second process on the same files, which is expected to end by itself.
    #[track_caller]
    pub fn run_second(&self) -> Run {
        run([
            "run".as_ref(),
            "--config".as_ref(),
            self.config().as_os_str(),
        ])
    }

    /// Waits until a request has this outcome.
    #[track_caller]
    pub fn eventually(
        &self,
        claim: &str,
        ask: impl Fn() -> Ask,
        holds: impl Fn(&Response) -> bool,
    ) {
        eventually(claim, || holds(&ask().send()));
    }
}

impl Drop for Edge {
    #[expect(
        clippy::print_stderr,
        reason = "the log of the edge belongs to the report of a failed test"
    )]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.process.stderr.all();
            let from = log.len().saturating_sub(40);
            eprintln!("the end of the edge's log:\n{}", log[from..].join("\n"));
        }
    }
}
