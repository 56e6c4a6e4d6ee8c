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
const MAX_WAIT: Duration = Duration::from_secs(300);

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
        MAX_WAIT.as_secs()
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

    /// Returns true if they have been started.
    pub(super) fn are_started(&self) -> bool {
        !self.started.is_empty()
    }

    /// Puts the ports that the programs have in place of those that the files say.
    pub(super) fn apply(&self, config: &mut Config) {
        for origin in config.distributions_mut().flat_map(|one| &mut one.origins) {
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
            if begun.elapsed() > MAX_WAIT {
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

/// Returns true if a program could listen there; `None` where the name leads to no address of this machine.
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
mod tests;
