//! The servers that are compared: what each needs, how it is set up, and a running one of them.
//!
//! Every one has two workers, caching, no access log, a folder of its own, and free ports on the loopback address.

mod haproxy;
mod nginx;
pub(crate) mod selvedge;
mod traffic_server;
mod varnish;

use crate::client::Client;
use crate::load::installed;
use crate::origin::{Origin, Side};
use crate::proc;
use anyhow::{Context, Result, bail};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The host name that every server answers to.
pub(crate) const HOST: &str = "bench.test";

/// How long a server may take to answer its first request (hundreds of plugins are compiled before), and to end.
const PATIENCE: Duration = Duration::from_secs(300);

/// How to start one kind of server.
pub(crate) struct Recipe {
    pub(crate) name: &'static str,
    /// The Debian packages that it comes from; none for what is built here.
    package: &'static str,
    /// Programs and files that have to be there.
    needs: &'static [&'static str],
    /// The command that says its version.
    version: &'static [&'static str],
    /// Writes its configuration; the command that starts it in the foreground.
    prepare: fn(&Place) -> Result<Command>,
}

/// Where a server is set up.
pub(crate) struct Place {
    /// Its own folder.
    pub(crate) folder: PathBuf,
    /// Where it listens for HTTP/1.1, and for HTTP/2 with prior knowledge.
    pub(crate) address: SocketAddr,
    pub(crate) h2: SocketAddr,
    /// Where it fetches.
    pub(crate) origin: SocketAddr,
}

impl Place {
    /// Writes a file into the folder.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.folder.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(&path, text)
            .with_context(|| format!("{} can't be written", path.display()))?;
        Ok(path)
    }
}

/// All kinds, in the order of the tables.
pub(crate) const RECIPES: &[Recipe] = &[
    selvedge::FLOOR,
    selvedge::SELVEDGE,
    selvedge::BEFORE,
    haproxy::HAPROXY,
    nginx::NGINX,
    nginx::NGINX_LUA,
    varnish::VARNISH,
    traffic_server::TRAFFIC_SERVER,
];

impl Recipe {
    /// The program that is missing here, and how to get it.
    pub(crate) fn missing(&self) -> Option<String> {
        let missing = self.needs.iter().find(|need| match need.starts_with('/') {
            true => !Path::new(need).exists(),
            false => !installed(need),
        })?;
        let (name, package) = (self.name, self.package);
        Some(format!(
            "{name} is left out: there is no {missing}. To have it: apt-get install {package}"
        ))
    }

    /// The line with which the program says its version.
    pub(crate) fn version(&self) -> String {
        let Some((program, arguments)) = self.version.split_first() else {
            return String::new();
        };
        let Ok(output) = command(program).args(arguments).output() else {
            return String::new();
        };
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let numbered = said
            .lines()
            .find(|line| line.contains(|c: char| c.is_ascii_digit()));
        numbered.unwrap_or_default().trim().to_owned()
    }

    /// Starts one in a folder of its own below `root`, and waits until it answers.
    pub(crate) fn start(&self, root: &Path, origin: &Origin) -> Result<Server> {
        self.start_with(root, origin, self.prepare)
    }

    /// As `start`, set up in another way.
    pub(crate) fn start_with(
        &self,
        root: &Path,
        origin: &Origin,
        prepare: impl FnOnce(&Place) -> Result<Command>,
    ) -> Result<Server> {
        let side = origin.side()?;
        let place = Place {
            folder: root.join(self.name.replace(' ', "-")),
            address: free_address()?,
            h2: free_address()?,
            origin: side.address,
        };
        std::fs::create_dir_all(&place.folder)?;
        let command = prepare(&place).with_context(|| format!("{} can't be set up", self.name))?;
        Server::start(self.name, place, side, command)
    }
}

fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("there is no free port")?;
    Ok(listener.local_addr()?)
}

/// A command for a program that may lie where users do not look.
fn command(program: &str) -> Command {
    let beside = Path::new("/usr/sbin").join(program);
    if beside.is_file() {
        Command::new(beside)
    } else {
        Command::new(program)
    }
}

/// A running server. Dropping it ends it.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    pub(crate) place: Place,
    pub(crate) origin: Side,
    /// How long it took from its start to its first answer.
    pub(crate) started_in: Duration,
    child: Child,
}

impl Server {
    fn start(name: &'static str, place: Place, origin: Side, command: Command) -> Result<Server> {
        let log = std::fs::File::create(place.folder.join("output.log"))?;
        // Where this program is killed, the kernel ends the server. A group of its own: Ctrl-C is for this program,
        // which then ends the servers in order.
        let mut started = Command::new("setpriv");
        started
            .args(["--pdeathsig", "TERM", "--"])
            .arg(command.get_program())
            .args(command.get_args());
        for (name, value) in command.get_envs() {
            started.env(name, value.unwrap_or_default());
        }
        started.current_dir(&place.folder).process_group(0);
        started
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let start = Instant::now();
        let child = started
            .spawn()
            .context("setpriv (util-linux) does not start")?;
        let mut server = Server {
            name,
            place,
            origin,
            started_in: Duration::ZERO,
            child,
        };
        server.wait_until_it_answers(start)?;
        Ok(server)
    }

    fn wait_until_it_answers(&mut self, start: Instant) -> Result<()> {
        while start.elapsed() < PATIENCE {
            let ended = self.child.try_wait()?.is_some();
            let answer = self
                .client()
                .and_then(|mut client| client.get("/1024/ready", None));
            if !ended && answer.is_ok_and(|answer| answer.status == 200) {
                self.started_in = start.elapsed();
                return Ok(());
            }
            if ended {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let said =
            std::fs::read_to_string(self.place.folder.join("output.log")).unwrap_or_default();
        let (name, seconds) = (self.name, start.elapsed().as_secs());
        bail!("{name} does not answer after {seconds} s; it said:\n{said}");
    }

    /// A connection to it.
    pub(crate) fn client(&self) -> Result<Client> {
        Client::connect(self.place.address, HOST)
    }

    /// Processor time used so far, its workers' included.
    pub(crate) fn processor_time(&self) -> Result<Duration> {
        proc::processor_time(self.child.id())
    }

    /// Resident memory in bytes, its workers' included.
    pub(crate) fn memory(&self) -> Result<u64> {
        proc::memory(self.child.id())
    }

    /// Ends it at once, without a chance to put anything in order.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        let running = |child: &mut Child| matches!(child.try_wait(), Ok(None));
        if let Some(pid) = pid.filter(|_| running(&mut self.child)) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let start = Instant::now();
        while running(&mut self.child) && start.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
