//! The world of a scenario: a host with its store, scripted servers, and a clock.

use super::capture::{LogLine, LogLines, Recorded, Records};
use super::servers::{Requests, Seen, Server};
use super::viewer::{self, Got};
use crate::cli::compile;
use crate::config::Config;
use crate::config::scenario::{Ask, Script};
use crate::observe::clock::Clock;
use crate::observe::sinks::hook_words;
use crate::pipeline::insight::{KvChanges, KvValue, kv_change};
use crate::running::{Running, Start, StartError, always, start};
use selvedge_caching::cache_status::CacheStatus;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{sleep, timeout};

/// A step's response has this long to come; no hook may take longer than a minute.
const PATIENCE: Duration = Duration::from_secs(300);

/// The time that work behind a response has to end.
const BEHIND: Duration = Duration::from_secs(60);

/// The parts that all scenarios of a run share.
pub(super) struct Setting {
    wasm: PathBuf,
    name: String,
    /// Machine code: the plugin is compiled once.
    compiled: PathBuf,
    folder: PathBuf,
    log: LogLines,
}

impl Setting {
    pub(super) fn new(wasm: &Path, folder: &Path, log: LogLines) -> std::io::Result<Setting> {
        let name = wasm.file_stem().unwrap_or_default().to_string_lossy();
        let compiled = folder.join("compiled");
        std::fs::create_dir(&compiled)?;
        Ok(Setting {
            wasm: std::path::absolute(wasm)?,
            name: name.into_owned(),
            compiled,
            folder: folder.to_owned(),
            log,
        })
    }
}

/// One scenario's host, servers and clock.
pub(super) struct World {
    running: Running,
    clock: Arc<Clock>,
    host: String,
    requests: Requests,
    records: UnboundedReceiver<Recorded>,
    log: LogLines,
    _servers: Vec<Server>,
    _store: tempfile::TempDir,
}

impl World {
    /// Starts everything and fills in the key-value data.
    ///
    /// # Errors
    /// Why it can't be started, in words.
    pub(super) async fn start(
        setting: &Setting,
        mut config: Config,
        script: &Script,
    ) -> Result<World, String> {
        let failed = |error: std::io::Error| format!("the host can't be set up: {error}");
        let clock = Arc::new(script.now.map_or_else(Clock::held, Clock::held_at));
        let requests = Requests::default();
        let servers = servers(&mut config, script, &clock, &requests)
            .await
            .map_err(failed)?;
        let store = set_up(setting, &mut config).map_err(failed)?;
        let (sender, records) = unbounded_channel();
        setting.log.take();
        let running = start(Start {
            configuration: config.into(),
            sinks: always(Arc::new(Records(sender))),
            clock: clock.clone(),
            test_clock: false,
            next_free_port: false,
            compiler: compile::child(),
        })
        .await
        .map_err(|error| match error {
            StartError::Configuration(report) => format!("\n{}", report.listed()),
            other => other.to_string(),
        })?;
        let world = World {
            running,
            clock,
            host: script.host.clone(),
            requests,
            records,
            log: setting.log.clone(),
            _servers: servers,
            _store: store,
        };
        match world.fill(script).await {
            Ok(()) => Ok(world),
            Err(why) => {
                world.end().await;
                Err(why)
            }
        }
    }

    async fn fill(&self, script: &Script) -> Result<(), String> {
        if script.kv.is_empty() {
            return Ok(());
        }
        let edge = self.running.edge();
        let id = edge
            .plan()
            .distributions()
            .first()
            .map(|one| one.id().clone());
        let pairs = script.kv.iter().cloned();
        let changes = KvChanges {
            changes: pairs
                .map(|(key, value)| (key, Some(KvValue::Text(value))))
                .collect(),
            replace: false,
        };
        kv_change(edge, &id.unwrap_or_default(), changes)
            .await
            .map(|_| ())
            .map_err(|refused| format!("the key-value data is refused: {refused}"))
    }

    /// Lets time pass.
    pub(super) fn advance(&self, time: Duration) {
        self.clock
            .advance(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    }

    /// Asks, and waits until everything that the request has caused is over.
    ///
    /// # Errors
    /// Why there is no response, in words.
    pub(super) async fn ask(&mut self, ask: &Ask, for_key: bool) -> Result<Came, String> {
        let address = self.running.addresses().first().copied();
        let address = address.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        self.requests.lock().clear();
        self.log.take();
        while self.records.try_recv().is_ok() {}
        let got = timeout(PATIENCE, viewer::ask(address, &self.host, ask, for_key))
            .await
            .unwrap_or_else(|_| Err(format!("no response within {} s", PATIENCE.as_secs())))?;
        // Those that no distribution was found for have a record too.
        let recorded = timeout(BEHIND, self.records.recv()).await.ok().flatten();
        self.calm_down().await?;
        Ok(Came {
            got,
            recorded,
            requests: std::mem::take(&mut self.requests.lock()),
            log: self.log.take(),
        })
    }

    /// Waits for refreshes and fetches that go on behind the response.
    async fn calm_down(&self) -> Result<(), String> {
        let begun = Instant::now();
        while self.running.edge().tasks_under_way() > 0 {
            if begun.elapsed() > BEHIND {
                let seconds = BEHIND.as_secs();
                return Err(format!(
                    "a fetch behind the response takes over {seconds} s"
                ));
            }
            sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    pub(super) async fn end(self) {
        self.running.stop().await;
    }
}

/// Starts the servers and puts their ports into the configuration.
async fn servers(
    config: &mut Config,
    script: &Script,
    clock: &Arc<Clock>,
    requests: &Requests,
) -> std::io::Result<Vec<Server>> {
    let mut servers = Vec::new();
    for distribution in config.distributions_mut() {
        for (origin, script) in distribution.origins.iter_mut().zip(&script.origins) {
            let server = Server::start(script, clock, Some(requests)).await?;
            origin.http_port = server.port;
            servers.push(server);
        }
        for plugin in &mut distribution.plugins {
            for backend in &mut plugin.backends {
                let scripts = &mut script.backends.iter();
                let Some(script) = scripts.find(|script| **script.name == *backend.name) else {
                    continue;
                };
                let server = Server::start(script, clock, None).await?;
                backend.url.port = server.port;
                servers.push(server);
            }
        }
    }
    Ok(servers)
}

/// Fills in what only the run knows, and makes a folder for the store, in which the machine code of all scenarios is.
fn set_up(setting: &Setting, config: &mut Config) -> std::io::Result<tempfile::TempDir> {
    let folder = tempfile::TempDir::new_in(&setting.folder)?;
    std::os::unix::fs::symlink(&setting.compiled, folder.path().join("compiled"))?;
    for plugin in config.distributions_mut().flat_map(|one| &mut one.plugins) {
        plugin.name.value.clone_from(&setting.name);
        plugin.file.value.clone_from(&setting.wasm);
    }
    let server = &mut config.server;
    server.listen = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))];
    server.socket = folder.path().join("admin.sock");
    server.debug_fields = true;
    server.store.dir = folder.path().to_owned();
    server.store.memory_bytes = 64 << 20;
    server.store.disk_bytes = 512 << 20;
    server.store.max_object_bytes = 256 << 20;
    Ok(folder)
}

/// The result of a step.
pub(super) struct Came {
    pub(super) got: Got,
    pub(super) recorded: Option<Recorded>,
    /// The requests that the origins got.
    pub(super) requests: Vec<Seen>,
    pub(super) log: Vec<LogLine>,
}

impl Came {
    /// The cache's part.
    pub(super) fn cache(&self) -> Option<&CacheStatus> {
        self.recorded.as_ref()?.cache.as_ref()
    }

    /// The origins that were asked, each once for requests that followed each other.
    pub(super) fn origins(&self) -> Vec<&str> {
        let mut origins: Vec<&str> = self.requests.iter().map(|seen| &*seen.origin).collect();
        origins.dedup();
        if origins.is_empty() {
            // A host that a hook named has no script.
            let of_record = self.recorded.as_ref().and_then(|one| one.origin.as_deref());
            origins.extend(of_record);
        }
        origins
    }
}

/// For whoever looks for the reason of a failure.
impl fmt::Display for Came {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origins = self.origins().join(", ");
        let cache = self.cache().map(CacheStatus::parameters);
        writeln!(
            f,
            "  came   {}; cache: {}; origin: {}",
            self.got.status.as_u16(),
            cache.as_deref().unwrap_or("none"),
            if origins.is_empty() { "none" } else { &origins }
        )?;
        let hooks = self.recorded.as_ref().map(|one| hook_words(&one.hooks));
        if let Some(hooks) = hooks.filter(|hooks| !hooks.is_empty()) {
            writeln!(f, "  hooks  {hooks}")?;
        }
        for line in &self.log {
            writeln!(f, "  log    {line}")?;
        }
        Ok(())
    }
}
