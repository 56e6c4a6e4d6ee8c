//! The programs that play the origins: each gets a port, is waited for until it accepts connections, and ends with us.
//!
//! A program's standard input is a pipe that nothing is written to. Its end tells the program that we are gone, in
//! whatever way: a program that reads it never outlives us. Those that don't get SIGTERM and then SIGKILL, they and
//! what they have started.

use super::manifest::{Manifest, Program};
use crate::cli::output::{complain, say};
use crate::config::{Config, Origin, Protocol};
use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::BTreeSet;
use std::io;
use std::net::{TcpListener, ToSocketAddrs};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};

/// A program has this long to accept connections; it may have to be compiled first.
const MOST_WAITING: Duration = Duration::from_secs(300);

/// After this long it is said that a program is waited for.
const WAITING_IS_SAID: Duration = Duration::from_secs(5);

/// A program has this long to end when its input does, and as long again after SIGTERM.
const TO_END: Duration = Duration::from_secs(1);

/// The programs that run. [`Origins::end`] ends them; without it, they see at least the end of their input.
#[derive(Default)]
pub(super) struct Origins {
    started: Vec<Started>,
}

struct Started {
    id: String,
    /// Where the distribution says that it is.
    domain: String,
    port: u16,
    command: String,
    exit: watch::Receiver<Option<ExitStatus>>,
    end: watch::Sender<bool>,
    attended: JoinHandle<()>,
}

/// Why a program does not serve.
#[derive(Debug, thiserror::Error)]
pub(super) enum OriginError {
    /// Its origin is somewhere else.
    #[error(
        "dev.toml has a program for the origin `{id}`, but `{domain}` is not this machine, so that viewers' requests \
         would not reach it: write domain = \"127.0.0.1\" for the origin, or remove the program"
    )]
    Elsewhere { id: String, domain: String },
    /// No port.
    #[error("no port from {from} on is free for the origin `{id}`")]
    NoPort { id: String, from: u16 },
    /// It can't be started.
    #[error(
        "the program of the origin `{id}` cannot be started: {command}: {source}; is it installed, and is `command` \
         in dev.toml right? It runs in the folder of dev.toml"
    )]
    NotStarted {
        id: String,
        command: String,
        source: io::Error,
    },
    /// It ended.
    #[error(
        "the program of the origin `{id}` ended ({status}) before it accepted connections on port {port}; its own words \
         are above. It was started as: {command}"
    )]
    Ended {
        id: String,
        status: ExitStatus,
        port: u16,
        command: String,
    },
    /// It runs, but not as an origin.
    #[error(
        "the program of the origin `{id}` runs but accepts no connections at {domain}, port {port}, even after {} \
         seconds; it has to listen on the port that the environment variable PORT says. It was started as: {command}",
        MOST_WAITING.as_secs()
    )]
    Silent {
        id: String,
        domain: String,
        port: u16,
        command: String,
    },
}

impl Origins {
    /// Starts all programs and waits until they accept connections. After an error some may run: end them.
    pub(super) async fn start(
        &mut self,
        manifest: &Manifest,
        folder: &Path,
        config: &Config,
    ) -> Result<(), OriginError> {
        let mut spoken_for = ports_of(config);
        for program in manifest.origins() {
            let Some(origin) = origins(config).find(|origin| *origin.id == program.id()) else {
                continue;
            };
            let port = choose(origin, &mut spoken_for)?;
            self.started.push(start(program, origin, port, folder)?);
        }
        for started in &self.started {
            started.accepts_connections().await?;
            say(format_args!(
                "origin {}: http://{}:{}",
                started.id, started.domain, started.port
            ));
            tokio::spawn(say_end(started.id.clone(), started.exit.clone()));
        }
        Ok(())
    }

    /// Whether they have been started.
    pub(super) fn are_started(&self) -> bool {
        !self.started.is_empty()
    }

    /// Puts the ports that the programs have in place of those that the files say.
    pub(super) fn apply(&self, config: &mut Config) {
        for origin in config
            .distributions
            .iter_mut()
            .flat_map(|one| &mut one.origins)
        {
            if let Some(started) = self.started.iter().find(|started| started.id == *origin.id) {
                *port_of(origin) = started.port;
            }
        }
    }

    /// Ends all of them.
    pub(super) async fn end(self) {
        let mut ending = JoinSet::new();
        for started in self.started {
            let _ = started.end.send(true);
            ending.spawn(started.attended);
        }
        ending.join_all().await;
    }
}

impl Started {
    async fn accepts_connections(&self) -> Result<(), OriginError> {
        let begun = Instant::now();
        let mut said = false;
        let mut exit = self.exit.clone();
        loop {
            let address = (self.domain.trim_matches(['[', ']']), self.port);
            if TcpStream::connect(address).await.is_ok() {
                return Ok(());
            }
            if !said && begun.elapsed() > WAITING_IS_SAID {
                said = true;
                say(format_args!(
                    "waiting for origin {} on port {}: {}",
                    self.id, self.port, self.command
                ));
            }
            if begun.elapsed() > MOST_WAITING {
                return Err(OriginError::Silent {
                    id: self.id.clone(),
                    domain: self.domain.clone(),
                    port: self.port,
                    command: self.command.clone(),
                });
            }
            tokio::select! {
                () = sleep(Duration::from_millis(50)) => {}
                Ok(exit) = exit.wait_for(Option::is_some) => {
                    if let Some(status) = *exit {
                        return Err(OriginError::Ended {
                            id: self.id.clone(),
                            status,
                            port: self.port,
                            command: self.command.clone(),
                        });
                    }
                }
            }
        }
    }
}

fn origins(config: &Config) -> impl Iterator<Item = &Origin> {
    config.distributions.iter().flat_map(|one| &one.origins)
}

/// The port that requests go to.
fn port_of(origin: &mut Origin) -> &mut u16 {
    match origin.protocol {
        Protocol::HttpsOnly => &mut origin.https_port,
        Protocol::HttpOnly | Protocol::MatchViewer => &mut origin.http_port,
    }
}

/// All ports that the configuration names: no program is moved to another's.
fn ports_of(config: &Config) -> BTreeSet<u16> {
    let server = &config.server;
    let listeners = server
        .listen
        .iter()
        .chain(&server.admin)
        .map(|address| address.port());
    listeners
        .chain(origins(config).map(|origin| *port_of(&mut origin.clone())))
        .collect()
}

/// The origin's own port, or the next free one.
fn choose(origin: &Origin, spoken_for: &mut BTreeSet<u16>) -> Result<u16, OriginError> {
    let id = origin.id.to_string();
    let wanted = *port_of(&mut origin.clone());
    let own = can_listen(&origin.domain, wanted);
    match own {
        Some(Ok(())) => return Ok(wanted),
        Some(Err(_)) => {}
        None => {
            return Err(OriginError::Elsewhere {
                id,
                domain: origin.domain.clone(),
            });
        }
    }
    let free = |port: &u16| {
        !spoken_for.contains(port) && matches!(can_listen(&origin.domain, *port), Some(Ok(())))
    };
    let Some(port) = (wanted..=u16::MAX).skip(1).find(free) else {
        return Err(OriginError::NoPort { id, from: wanted });
    };
    spoken_for.insert(port);
    let why = match own {
        Some(Err(error)) if error.kind() != io::ErrorKind::AddrInUse => {
            format!("cannot be used ({error})")
        }
        _ => "is taken".to_owned(),
    };
    say(format_args!(
        "port {wanted} {why}: origin {id} listens on {port}"
    ));
    Ok(port)
}

/// Whether a program could listen there; `None` where the name leads to no address of this machine.
fn can_listen(domain: &str, port: u16) -> Option<io::Result<()>> {
    let addresses = (domain.trim_matches(['[', ']']), port)
        .to_socket_addrs()
        .ok()?;
    let mut own = None;
    for address in addresses {
        match TcpListener::bind(address) {
            Ok(_) => own = Some(Ok(())),
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {}
            Err(error) => return Some(Err(error)),
        }
    }
    own
}

fn start(
    program: &Program,
    origin: &Origin,
    port: u16,
    folder: &Path,
) -> Result<Started, OriginError> {
    let (name, arguments) = program.command();
    let command = [&[name.to_owned()], arguments].concat().join(" ");
    let child = Command::new(name)
        .args(arguments)
        .current_dir(folder)
        .env("PORT", port.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C is ours alone: the programs end after the host, whose last requests still need them.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| OriginError::NotStarted {
            id: program.id().to_owned(),
            command: command.clone(),
            source,
        })?;
    let (exited, exit) = watch::channel(None);
    let (end, ending) = watch::channel(false);
    Ok(Started {
        id: program.id().to_owned(),
        domain: origin.domain.clone(),
        port,
        command,
        exit,
        end,
        attended: tokio::spawn(attend(program.id().to_owned(), child, exited, ending)),
    })
}

/// Stays with a program until its end: passes its output on, and brings the end about when told to.
async fn attend(
    id: String,
    mut child: Child,
    exited: watch::Sender<Option<ExitStatus>>,
    mut ending: watch::Receiver<bool>,
) {
    let group = child
        .id()
        .and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
    // Waiting for a child would close its input, so it is held here.
    let input = child.stdin.take();
    let mut output = JoinSet::new();
    if let Some(stdout) = child.stdout.take() {
        output.spawn(pass_on(id.clone(), stdout));
    }
    if let Some(stderr) = child.stderr.take() {
        output.spawn(pass_on(id.clone(), stderr));
    }
    let ended = tokio::select! {
        status = child.wait() => Some(status),
        _ = ending.wait_for(|ending| *ending) => None,
    };
    match ended {
        Some(status) => {
            // What it said last comes before the news of its end; a child of its own may hold the pipes open.
            let _ = timeout(TO_END, async {
                while output.join_next().await.is_some() {}
            })
            .await;
            if let Ok(status) = status {
                exited.send_replace(Some(status));
            }
            signal(group, Signal::TERM);
        }
        None => {
            drop(input);
            let by_itself = timeout(TO_END, child.wait()).await.is_ok();
            signal(group, Signal::TERM);
            if !by_itself && timeout(TO_END, child.wait()).await.is_err() {
                signal(group, Signal::KILL);
                let _ = child.wait().await;
            }
        }
    }
}

/// Says so when a program that served ends by itself.
async fn say_end(id: String, mut exit: watch::Receiver<Option<ExitStatus>>) {
    if let Ok(exit) = exit.wait_for(Option::is_some).await
        && let Some(status) = *exit
    {
        complain(format_args!(
            "the program of the origin `{id}` has ended ({status}): requests to it fail until dev is started anew"
        ));
    }
}

/// To the program and all that it started. Nobody left to get it is no error.
fn signal(group: Option<Pid>, signal: Signal) {
    if let Some(group) = group {
        let _ = kill_process_group(group, signal);
    }
}

async fn pass_on(id: String, output: impl AsyncRead + Unpin) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    while output
        .read_until(b'\n', &mut line)
        .await
        .is_ok_and(|count| count > 0)
    {
        complain(format_args!(
            "[{id}] {}",
            String::from_utf8_lossy(&line).trim_end()
        ));
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    const HALF: &str = "[default_behavior]\norigin = \"main\"\n";

    fn folder(port: u16, domain: &str, command: &str) -> (tempfile::TempDir, Manifest, Config) {
        let dir = tempfile::tempdir().unwrap();
        let (one, dev) = (dir.path().join("one.toml"), dir.path().join("dev.toml"));
        let text = format!(
            "id = \"one\"\n[[origins]]\nid = \"main\"\ndomain = \"{domain}\"\nhttp_port = {port}\n{HALF}"
        );
        std::fs::write(&one, text).unwrap();
        std::fs::write(
            &dev,
            format!("[[origins]]\nid = \"main\"\ncommand = {command}\n"),
        )
        .unwrap();
        let config = config::load_one(&one).unwrap();
        (dir, Manifest::read(&dev).unwrap(), config)
    }

    async fn started(
        port: u16,
        domain: &str,
        command: &str,
    ) -> (Result<(), OriginError>, Origins, Config) {
        let (dir, manifest, mut config) = folder(port, domain, command);
        let mut origins = Origins::default();
        let result = origins.start(&manifest, dir.path(), &config).await;
        origins.apply(&mut config);
        (result, origins, config)
    }

    fn free_port() -> u16 {
        TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port()
    }

    #[tokio::test]
    async fn a_program_that_ends_at_once_is_reported_with_its_command() {
        let (result, origins, _) =
            started(free_port(), "127.0.0.1", r#"["sh", "-c", "exit 7"]"#).await;
        let said = result.unwrap_err().to_string();
        assert!(
            said.contains("exit status: 7") && said.contains("sh -c exit 7"),
            "{said}"
        );
        origins.end().await;
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_reported_with_what_to_do() {
        let (result, ..) = started(free_port(), "127.0.0.1", r#"["no-such-program"]"#).await;
        let said = result.unwrap_err().to_string();
        assert!(
            said.contains("no-such-program") && said.contains("dev.toml"),
            "{said}"
        );
    }

    #[tokio::test]
    async fn an_origin_on_another_machine_gets_no_program() {
        let (result, ..) = started(free_port(), "192.0.2.1", r#"["sh"]"#).await;
        let said = result.unwrap_err().to_string();
        assert!(
            said.contains("192.0.2.1") && said.contains("not this machine"),
            "{said}"
        );
    }

    #[test]
    fn a_taken_port_is_answered_with_the_next_one_that_is_nobodys() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let wanted = taken.local_addr().unwrap().port();
        let (_dir, _, config) = folder(wanted, "127.0.0.1", r#"["sh"]"#);
        let origin = &config.distributions[0].origins[0];
        let mut spoken_for = BTreeSet::from([wanted, wanted.saturating_add(1)]);
        let port = choose(origin, &mut spoken_for).unwrap();
        assert!(port > wanted + 1, "{port}");
        assert!(spoken_for.contains(&port));
        assert_ne!(choose(origin, &mut spoken_for).unwrap(), port);
    }

    #[tokio::test]
    async fn programs_end_with_their_input_or_else_by_a_signal() {
        for script in [
            "cat >/dev/null",
            "sleep 1000",
            "trap '' TERM; while :; do sleep 1; done",
        ] {
            let (dir, manifest, config) = folder(
                free_port(),
                "127.0.0.1",
                &format!("[\"sh\", \"-c\", \"{script}\"]"),
            );
            let origin = &config.distributions[0].origins[0];
            let started = start(&manifest.origins()[0], origin, 1, dir.path()).unwrap();
            let attended = started.attended.abort_handle();
            assert!(started.exit.borrow().is_none());
            let origins = Origins {
                started: vec![started],
            };
            timeout(Duration::from_secs(30), origins.end())
                .await
                .unwrap();
            assert!(attended.is_finished(), "{script}");
        }
    }

    #[tokio::test]
    async fn the_port_of_the_program_holds_for_the_origin() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let wanted = taken.local_addr().unwrap().port();
        let (_dir, manifest, mut config) = folder(wanted, "127.0.0.1", r#"["cat"]"#);
        let origin = config.distributions[0].origins[0].clone();
        let started = start(&manifest.origins()[0], &origin, 4711, Path::new("/")).unwrap();
        let origins = Origins {
            started: vec![started],
        };
        origins.apply(&mut config);
        assert_eq!(config.distributions[0].origins[0].http_port, 4711);
        assert_eq!(config.distributions[0].origins[0].domain, "127.0.0.1");
        origins.end().await;
    }
}
