//! `selvedge run`: serve until told to stop; take changed configurations meanwhile.

use super::compile;
use super::output::{complain, say};
use super::{FAILED, WRONG};
use crate::config::{self, Config, Report};
use crate::observe::clock::Clock;
use crate::observe::logs;
use crate::observe::sinks::Sinks;
use crate::running::{Running, Start, StartError, start};
use crate::watch::{Watch, contents};
use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};

#[derive(Args)]
pub(super) struct Arguments {
    /// The server file
    #[arg(long, short, value_name = "FILE", default_value = "selvedge.toml")]
    config: PathBuf,
    /// Let HTTP time stand still and be moved by `POST /test/clock` on the admin listener. For tests
    #[arg(long)]
    test_clock: bool,
}

pub(super) fn run(arguments: &Arguments) -> u8 {
    let _logging = logs::start("info");
    let (config, followed) = match Followed::load(&arguments.config) {
        Ok(loaded) => loaded,
        Err(report) => {
            complain(report);
            return WRONG;
        }
    };
    if !config.warnings.is_empty() {
        tracing::warn!(target: "config", "{}", config.warnings);
    }
    allow_handles(config.server.max_connections);
    match runtime(&config).map(|runtime| runtime.block_on(serve(arguments, config, followed))) {
        Ok(Ok(())) => 0,
        Ok(Err(StartError::Configuration(report))) => {
            complain(report);
            WRONG
        }
        Ok(Err(error)) => {
            complain(error);
            FAILED
        }
        Err(error) => {
            complain(format_args!(
                "the threads of the server could not be started: {error}"
            ));
            FAILED
        }
    }
}

/// Beside viewers' connections: files of the store, origins, listeners.
const OTHER_HANDLES: u64 = 2048;

/// Asks the system for as many file handles as it gives, and says where that is less than viewers may take.
fn allow_handles(connections: usize) {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: maximum,
        maximum,
    };
    let _ = setrlimit(Resource::Nofile, all);
    let given = getrlimit(Resource::Nofile).current;
    let wanted = connections as u64 + OTHER_HANDLES;
    if let Some(given) = given.filter(|given| *given < wanted) {
        tracing::warn!(
            target: "server",
            "the system allows {given} file handles, and {connections} connections of viewers may take {wanted} with all else: \
             raise the limit (`ulimit -n`, LimitNOFILE of systemd), or lower `max_connections` of the server file"
        );
    }
}

/// The worker threads; their number is `workers` of the server file, or that of the cores.
pub(super) fn runtime(config: &Config) -> std::io::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(workers) = config.server.workers {
        builder.worker_threads(workers);
    }
    builder.enable_all().build()
}

/// The access lines that a configuration asks for.
fn access_lines(config: &Config) -> Sinks {
    let distributions = config.distributions.iter();
    let own = distributions
        .filter_map(|distribution| Some((distribution.id.as_str(), distribution.access_log?)));
    Sinks::access_lines(config.server.access_log, own)
}

async fn serve(
    arguments: &Arguments,
    config: Config,
    followed: Followed,
) -> Result<(), StartError> {
    let mut signals = Signals::new().map_err(|_| StartError::Interrupted)?;
    let clock = if arguments.test_clock {
        Clock::held()
    } else {
        Clock::system()
    };
    let running = start(Start {
        config,
        sinks: Box::new(access_lines),
        clock: Arc::new(clock),
        test_clock: arguments.test_clock,
        next_free_port: false,
        compiler: compile::child(),
    })
    .await?;
    for address in running.addresses() {
        say(format_args!("listening http://{address}"));
    }
    if let Some(address) = running.admin() {
        say(format_args!("admin http://{address}"));
    }
    followed.follow(&running, &mut signals).await;
    tracing::info!(target: "server", "stopping: requests under way may finish");
    let cut_off = running.stop().await;
    tracing::info!(target: "server", cut_off, "stopped");
    Ok(())
}

/// The files of a configuration, and what was seen of them.
struct Followed {
    file: PathBuf,
    watch: Option<Watch>,
    seen: [u8; 32],
}

impl Followed {
    /// Loads a configuration and follows its files from then on.
    fn load(file: &Path) -> Result<(Config, Followed), Report> {
        let watch = match Watch::new() {
            Ok(watch) => Some(watch),
            Err(error) => {
                tracing::warn!(target: "config", "changed files are not noticed, only SIGHUP: {error}");
                None
            }
        };
        let mut followed = Followed {
            file: file.to_owned(),
            watch,
            seen: [0; 32],
        };
        // Only a configuration says which files there are to look at. What is loaded after looking is as new as what was
        // seen, or newer: then the next look finds a difference.
        let first = config::load(file)?;
        followed.seen = followed.look(&first);
        Ok((config::load(file)?, followed))
    }

    /// Takes changed configurations until a signal says to stop.
    async fn follow(mut self, running: &Running, signals: &mut Signals) {
        loop {
            tokio::select! {
                told = signals.next() => if told == Told::Stop { return },
                () = self.changed() => {
                    if self.look(running.edge().plan().config()) == self.seen {
                        continue;
                    }
                }
            }
            let seen = self.look(running.edge().plan().config());
            let _ = running.reload(&self.file).await;
            self.seen = seen;
        }
    }

    async fn changed(&mut self) {
        match &mut self.watch {
            Some(watch) => watch.changed().await,
            None => std::future::pending().await,
        }
    }

    /// The contents of everything that the configuration consists of: its files as they are now, and what they name.
    fn look(&mut self, config: &Config) -> [u8; 32] {
        let folder = config.server.distributions.value.as_path();
        let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "toml")
            })
            .collect();
        files.push(self.file.clone());
        files.extend(config.files().map(Path::to_owned));
        files.extend(config.named_files().map(Path::to_owned));
        files.sort();
        files.dedup();
        let files = || files.iter().map(PathBuf::as_path);
        if let Some(watch) = &mut self.watch {
            watch.add(files().chain([folder]));
        }
        contents(files())
    }
}

/// SIGXFSZ: a write beyond a limit on the size of files. Listened to, it does not end the process, and the write is an
/// error of the disk as any other.
const FILE_SIZE: i32 = rustix::process::Signal::XFSZ.as_raw();

/// The signals that a server listens to.
pub(super) struct Signals {
    _file_size: Signal,
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    pub(super) fn new() -> std::io::Result<Signals> {
        Ok(Signals {
            _file_size: signal(SignalKind::from_raw(FILE_SIZE))?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::Stop,
            _ = self.interrupt.recv() => Told::Stop,
            _ = self.hangup.recv() => Told::Reload,
        }
    }
}

/// The request of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// SIGTERM or Ctrl-C.
    Stop,
    /// SIGHUP.
    Reload,
}
