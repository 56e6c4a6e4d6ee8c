//! `selvedge dev`: a folder with a server file, run for its developer. Builds the plugins, starts the origins, serves,
//! says what becomes of each request, and follows every change.
//!
//! Lines of dev itself go to standard output; those of others (cargo, the origins, the log) to standard error.

mod build;
mod dep_info;
mod follow;
mod lines;
mod manifest;
mod origins;
mod tour;

use self::follow::{Followed, Fresh, News};
use self::lines::Lines;
use self::manifest::Manifest;
use self::origins::{OriginError, Origins};
use super::compile;
use super::output::{complain, say};
use super::run::{Signals, Told, runtime, stop_is_told};
use super::{FAILED, WRONG};
use crate::config::{self, Config};
use crate::observe::clock::Clock;
use crate::running::{Running, Start, StartError, always, start};
use clap::Args;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;
use tracing_subscriber::EnvFilter;

/// The log between the lines: what plugins say, and what goes wrong. A refused configuration is shown by dev itself.
const LOG: &str = "warn,plugin=debug,access=off,config=error";

/// Requests under way have this long to finish; then their connections are cut.
const TO_STOP: Duration = Duration::from_secs(3);

#[derive(Args)]
#[command(after_long_help = HELP)]
pub(super) struct Arguments {
    /// The folder with selvedge.toml and, where there are origins to start, dev.toml
    folder: PathBuf,
}

const HELP: &str = "\
Every plugin whose file lies in a folder with a Cargo.toml, or a build.sh, is built from there, now and after every change. A build
error is shown, and the plugin that was built before stays; so it is with a configuration that is wrong.

dev.toml may have
  [[origins]]  id = \"main\", command = [\"program\", \"argument\"]
               a program that is started in the folder and plays this origin; the environment variable PORT says
               where it has to listen. It ends with dev: its standard input ends, then it gets SIGTERM
  [[tour]]     say = \"what it shows\", curl = [\"-A\", \"iPhone\", \"/path\"]
               a curl line that is printed, ready to paste

A port that is taken is replaced by the next free one. SELVEDGE_LOG filters the log.";

/// The parts that do not change while dev runs.
struct Session {
    folder: PathBuf,
    manifest: Manifest,
    lines: Arc<Lines>,
}

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Origin(#[from] OriginError),
    #[error("{0}")]
    Start(#[from] StartError),
}

pub(super) fn dev(arguments: &Arguments) -> u8 {
    let folder = arguments.folder.clone();
    if !folder.join("selvedge.toml").is_file() {
        complain(format_args!(
            "{} has no selvedge.toml: `selvedge dev` takes a folder with a server file, for instance examples/quickstart",
            folder.display()
        ));
        return WRONG;
    }
    let config = config::load(&folder.join("selvedge.toml")).map_err(complain);
    let manifest = Manifest::read(&folder.join("dev.toml")).map_err(complain);
    let (Ok(config), Ok(manifest)) = (config, manifest) else {
        return WRONG;
    };
    if let Err(error) = manifest.check(&config.distributions) {
        complain(error);
        return WRONG;
    }
    start_log();
    let started = Lines::start().and_then(|lines| Ok((lines, runtime(&config.server)?)));
    let (lines, runtime) = match started {
        Ok((lines, runtime)) => (Arc::new(lines), runtime),
        Err(error) => {
            complain(format_args!(
                "the threads of the server could not be started: {error}"
            ));
            return FAILED;
        }
    };
    let session = Session {
        folder,
        manifest,
        lines,
    };
    let code = runtime.block_on(session.run());
    // A build that is under way is not waited for.
    runtime.shutdown_background();
    code
}

/// Lines without times: each stands between the requests that it belongs to.
fn start_log() {
    let filter = EnvFilter::try_from_env("SELVEDGE_LOG").unwrap_or_else(|_| EnvFilter::new(LOG));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .without_time()
        .compact()
        .init();
}

impl Session {
    async fn run(mut self) -> u8 {
        let mut signals = match Signals::new() {
            Ok(signals) => signals,
            Err(error) => {
                complain(format_args!("signals can't be listened to: {error}"));
                return FAILED;
            }
        };
        let (mut followed, error) = Followed::new(
            &self.folder.join("selvedge.toml"),
            &self.folder.join("dev.toml"),
        );
        if let Some(error) = error {
            complain(format_args!(
                "changed files are not noticed, only SIGHUP: {error}"
            ));
        }
        let mut origins = Origins::default();
        let running = tokio::select! {
            running = self.set_up(&mut followed, &mut origins) => running.map(Some),
            () = stop_is_told(&mut signals) => Ok(None),
        };
        let code = match running {
            Ok(Some(running)) => {
                self.follow(&running, &mut followed, &origins, &mut signals)
                    .await;
                stop(running).await;
                0
            }
            Ok(None) => 0,
            Err(failure) => {
                complain(format_args!("error: {failure}"));
                FAILED
            }
        };
        origins.end().await;
        self.lines.finish();
        code
    }

    /// Builds, starts the origins and then the host. Plugins that can't be built or loaded are waited for.
    async fn set_up(
        &self,
        followed: &mut Followed,
        origins: &mut Origins,
    ) -> Result<Running, Failure> {
        loop {
            match followed.look().await {
                News::Nothing => {}
                News::Refused(report) => complain(report),
                News::Fresh(fresh) if !fresh.all_built => {
                    say("nothing is served yet: the next change is built at once");
                }
                News::Fresh(fresh) => {
                    let Fresh { mut config, .. } = *fresh;
                    if !origins.are_started() {
                        origins.start(&self.manifest, &self.folder, &config).await?;
                    }
                    origins.apply(&mut config);
                    match self.serve(config).await {
                        Ok(running) => return Ok(running),
                        Err(StartError::Configuration(report)) => {
                            complain(report);
                            say("nothing is served yet: the next change is taken at once");
                        }
                        Err(error) => return Err(error.into()),
                    }
                }
            }
            followed.changed().await;
        }
    }

    /// Starts the host and says where everything is.
    async fn serve(&self, config: Config) -> Result<Running, StartError> {
        let asked = (config.server.listen.clone(), config.server.admin);
        let warnings = config.warnings.clone();
        let running = start(Start {
            configuration: config.into(),
            sinks: always(self.lines.clone()),
            clock: Arc::new(Clock::system()),
            test_clock: false,
            next_free_port: true,
            compiler: compile::child(),
        })
        .await?;
        if !warnings.is_empty() {
            complain(warnings);
        }
        say_moved("viewers", &asked.0, running.addresses());
        say_moved("admin", asked.1.as_slice(), running.admin().as_slice());
        for address in running.addresses() {
            say(format_args!("listening http://{address}"));
        }
        if let Some(address) = running.admin() {
            say(format_args!("admin http://{address}"));
        }
        let plan = running.edge().plan();
        for line in tour::lines(&self.manifest, &plan.settings(), running.addresses()) {
            say(line);
        }
        drop(plan);
        say(
            "one line for each request from here on; changes are taken as they are saved; Ctrl-C ends it",
        );
        Ok(running)
    }

    /// Takes every change until a signal says to stop.
    async fn follow(
        &mut self,
        running: &Running,
        followed: &mut Followed,
        origins: &Origins,
        signals: &mut Signals,
    ) {
        loop {
            tokio::select! {
                told = signals.next() => match told {
                    Told::Stop => return,
                    Told::Reload => followed.forget(),
                },
                () = followed.changed() => {}
            }
            tokio::select! {
                () = self.catch_up(running, followed, origins) => {}
                () = stop_is_told(signals) => return,
            }
        }
    }

    async fn catch_up(&mut self, running: &Running, followed: &mut Followed, origins: &Origins) {
        let begun = Instant::now();
        match followed.look().await {
            News::Nothing => {}
            News::Refused(report) => {
                complain(report);
                say("the configuration is refused, the one before stays");
            }
            News::Fresh(fresh) => take(*fresh, running, origins, begun).await,
        }
        if followed.manifest_changed() {
            self.take_manifest(running);
        }
    }

    /// New curl lines are shown; programs stay as they are.
    fn take_manifest(&mut self, running: &Running) {
        let plan = running.edge().plan();
        let read = Manifest::read(&self.folder.join("dev.toml"));
        let manifest =
            match read.and_then(|manifest| manifest.check(&plan.settings()).map(|()| manifest)) {
                Ok(manifest) => manifest,
                Err(error) => return complain(error),
            };
        if manifest.origins() != self.manifest.origins() {
            say("dev.toml has changed: its programs are started anew when dev is");
        }
        if manifest.tour() != self.manifest.tour() {
            for line in tour::lines(&manifest, &plan.settings(), running.addresses()) {
                say(line);
            }
        }
        self.manifest = manifest;
    }
}

/// Swaps in what has changed, whole or not at all.
async fn take(fresh: Fresh, running: &Running, origins: &Origins, begun: Instant) {
    let Fresh {
        mut config,
        config_changed,
        round,
        ..
    } = fresh;
    if !round.failed.is_empty() {
        say(format_args!(
            "plugin {} not built, the one before stays",
            round.failed.join(", ")
        ));
    }
    let mut news = Vec::new();
    if config_changed {
        news.push("configuration read anew".to_owned());
    }
    if !round.built.is_empty() {
        let names = round.built.join(", ");
        news.push(format!(
            "plugin {names} rebuilt in {:.1} s",
            begun.elapsed().as_secs_f64()
        ));
    }
    if news.is_empty() {
        return;
    }
    let news = news.join(", ");
    let warnings = config.warnings.clone();
    origins.apply(&mut config);
    match running.take(config).await {
        Ok(taken) => {
            if config_changed && !warnings.is_empty() {
                complain(warnings);
            }
            say(format_args!("{news}, taken"));
            if taken.restart {
                say(
                    "what the server file says of listeners and the store takes effect when dev is started anew",
                );
            }
        }
        Err(report) => {
            complain(report);
            say(format_args!("{news}, but refused: what ran before stays"));
        }
    }
}

fn say_moved(whom: &str, wanted: &[SocketAddr], got: &[SocketAddr]) {
    for (wanted, got) in wanted.iter().zip(got) {
        if wanted.port() != got.port() && wanted.port() != 0 {
            say(format_args!(
                "port {} is taken: {whom} on {}",
                wanted.port(),
                got.port()
            ));
        }
    }
}

/// Ends the host. The developer waits, so viewers get less time than in `run`.
async fn stop(running: Running) {
    let store = running.edge().store().clone();
    if timeout(TO_STOP, running.stop()).await.is_err() {
        say("requests that were still under way have been cut off");
        store.flush().await;
    }
}
