//! `selvedge run`: serve until told to stop; take changed configurations meanwhile.

use super::compile;
use super::output::{complain, say};
use super::{FAILED, WRONG};
use crate::config::Server;
use crate::deploy::Reading;
use crate::distribution::Plan;
use crate::observe::clock::Clock;
use crate::observe::logs;
use crate::observe::sinks::Sinks;
use crate::running::{Running, Start, StartError, start};
use crate::watch::Watch;
use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::path::PathBuf;
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
    let reading = Reading::files(&arguments.config);
    let server = match reading.server() {
        Ok(server) => server.clone(),
        Err(report) => {
            complain(report);
            return WRONG;
        }
    };
    allow_handles(server.max_connections);
    let runtime = match runtime(&server) {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(format_args!(
                "the threads of the server could not be started: {error}"
            ));
            return FAILED;
        }
    };
    let code = match runtime.block_on(serve(arguments, reading)) {
        Ok(0) => 0,
        Ok(broken) => {
            complain(format_args!(
                "{broken} distributions were broken when this host was stopped: `selvedge check` says why"
            ));
            WRONG
        }
        Err(StartError::Configuration(report)) => {
            complain(report);
            WRONG
        }
        Err(error) => {
            complain(error);
            FAILED
        }
    };
    // A file system that does not answer keeps nobody from stopping.
    runtime.shutdown_background();
    code
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
pub(super) fn runtime(server: &Server) -> std::io::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(workers) = server.workers {
        builder.worker_threads(workers);
    }
    builder.enable_all().build()
}

/// The access lines that a configuration asks for.
fn access_lines(plan: &Plan) -> Sinks {
    let distributions = plan.distributions().iter();
    let own = distributions.filter_map(|one| Some((&**one.id(), one.settings().access_log?)));
    Sinks::access_lines(plan.server().access_log, own)
}

/// Serves until a signal says to stop. Returns how many distributions were broken then.
async fn serve(arguments: &Arguments, configuration: Reading) -> Result<usize, StartError> {
    let mut signals = Signals::new().map_err(|_| StartError::Interrupted)?;
    let clock = if arguments.test_clock {
        Clock::held()
    } else {
        Clock::system()
    };
    let running = start(Start {
        configuration,
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
    let watch = Watch::new()
        .map_err(|error| {
            tracing::warn!(target: "config", "changed files are not noticed, only SIGHUP: {error}");
        })
        .ok();
    follow(&running, watch, &mut signals).await;
    tracing::info!(target: "server", "stopping: requests under way may finish");
    let broken = running.edge().plan().broken().len();
    let cut_off = running.stop().await;
    tracing::info!(target: "server", cut_off, "stopped");
    Ok(broken)
}

/// Takes changed configurations until a signal says to stop.
async fn follow(running: &Running, mut watch: Option<Watch>, signals: &mut Signals) {
    loop {
        // A folder that was not watched until now may have changed since it was read.
        let mut asked = false;
        if !watch_all(running, watch.as_mut()) {
            tokio::select! {
                told = signals.next() => match told {
                    Told::Stop => return,
                    Told::Reload => asked = true,
                },
                () = changed(watch.as_mut()) => {}
            }
        }
        tokio::select! {
            // What is wrong is in the log.
            _ = running.take_files(asked) => {}
            () = stop_is_told(signals) => return,
        }
    }
}

/// Watches all folders of the configuration. Returns true if there are new ones.
fn watch_all(running: &Running, watch: Option<&mut Watch>) -> bool {
    let Some(watch) = watch else { return false };
    let mut new = false;
    for folder in running.deployer().folders() {
        new |= watch.add_folder(&folder);
    }
    new
}

async fn changed(watch: Option<&mut Watch>) {
    match watch {
        Some(watch) => watch.changed().await,
        None => std::future::pending().await,
    }
}

/// Returns once a signal says to stop; others are for later.
pub(super) async fn stop_is_told(signals: &mut Signals) {
    while signals.next().await != Told::Stop {}
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
