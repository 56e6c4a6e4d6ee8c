//! `selvedge run`: serve until told to stop; take changed configurations meanwhile.

use super::output::{complain, say};
use super::{FAILED, WRONG};
use crate::config::{self, Config};
use crate::observe::access::{Log, Off, Sink};
use crate::observe::clock::Clock;
use crate::observe::logs;
use crate::running::{Running, Start, StartError, start};
use crate::watch::{Watch, contents};
use clap::Args;
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
    let config = match config::load(&arguments.config) {
        Ok(config) => config,
        Err(report) => {
            complain(report);
            return WRONG;
        }
    };
    logs::start("info");
    if !config.warnings.is_empty() {
        tracing::warn!(target: "config", "{}", config.warnings);
    }
    match runtime(&config).map(|runtime| runtime.block_on(serve(arguments, config))) {
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
            complain(format_args!("the threads of the server could not be started: {error}"));
            FAILED
        }
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

async fn serve(arguments: &Arguments, config: Config) -> Result<(), StartError> {
    let mut signals = Signals::new().map_err(|_| StartError::Interrupted)?;
    let sink: Arc<dyn Sink> = if config.server.access_log { Arc::new(Log) } else { Arc::new(Off) };
    let clock = if arguments.test_clock { Clock::held() } else { Clock::system() };
    let running = start(Start {
        config,
        sink,
        clock: Arc::new(clock),
        test_clock: arguments.test_clock,
        next_free_port: false,
    })
    .await?;
    for address in running.addresses() {
        say(format_args!("listening http://{address}"));
    }
    if let Some(address) = running.admin() {
        say(format_args!("admin http://{address}"));
    }
    follow(&running, &arguments.config, &mut signals).await;
    tracing::info!(target: "server", "stopping: requests under way may finish");
    let cut_off = running.stop().await;
    tracing::info!(target: "server", cut_off, "stopped");
    Ok(())
}

/// Takes changed configurations until a signal says to stop.
async fn follow(running: &Running, file: &Path, signals: &mut Signals) {
    let mut watch = match Watch::new() {
        Ok(watch) => Some(watch),
        Err(error) => {
            tracing::warn!(target: "config", "changed files are not noticed, only SIGHUP: {error}");
            None
        }
    };
    let mut seen = look(running, file, watch.as_mut());
    loop {
        tokio::select! {
            told = signals.next() => if told == Told::Stop { return },
            () = changed(watch.as_mut()) => {
                if look(running, file, watch.as_mut()) == seen {
                    continue;
                }
            }
        }
        // What is read now is what was looked at before reading: a change in between is found at the next look.
        let before = look(running, file, watch.as_mut());
        let _ = running.reload(file).await;
        seen = before;
    }
}

async fn changed(watch: Option<&mut Watch>) {
    match watch {
        Some(watch) => watch.changed().await,
        None => std::future::pending().await,
    }
}

/// The contents of everything that the configuration consists of: its files as they are now, and what they name.
pub(super) fn look(running: &Running, file: &Path, watch: Option<&mut Watch>) -> [u8; 32] {
    let plan = running.edge().plan();
    let folder = plan.config().server.distributions.value.clone();
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.push(file.to_owned());
    files.extend(plan.config().files().map(Path::to_owned));
    files.extend(plan.further_files().map(Path::to_owned));
    files.sort();
    files.dedup();
    if let Some(watch) = watch {
        watch.add(files.iter().map(PathBuf::as_path).chain([folder.as_path()]));
    }
    contents(files.iter().map(PathBuf::as_path))
}

/// The signals that a server listens to.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    pub(super) fn new() -> std::io::Result<Signals> {
        Ok(Signals {
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

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// SIGTERM or Ctrl-C.
    Stop,
    /// SIGHUP.
    Reload,
}
