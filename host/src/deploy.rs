//! Configurations are taken here, whoever asks for it: the file watcher, a signal, `dev`.
//!
//! One is taken at a time, behind one lock. What is in force serves meanwhile: no request waits.

use crate::config::{Config, Files, Loaded, Report, Server};
use crate::distribution::{Broken, Builder, Plan};
use crate::files::Ledger;
use crate::pipeline::Edge;
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A configuration that has been read, and the files that it came from.
pub struct Reading {
    loaded: Loaded,
    /// `None` if it is taken whole or not at all.
    files: Option<Files>,
    ledger: Ledger,
}

impl Reading {
    /// Reads the files that a server file begins. Each distribution is taken by itself. Blocking.
    pub fn files(server_file: &Path) -> Reading {
        let mut ledger = Ledger::default();
        let mut files = Files::new(server_file);
        Reading {
            loaded: files.read(&mut ledger),
            files: Some(files),
            ledger,
        }
    }

    /// Settings of the server file.
    ///
    /// # Errors
    /// Its errors.
    pub fn server(&self) -> Result<&Arc<Server>, Report> {
        match self.loaded.server_error() {
            Some(report) => Err(report),
            None => Ok(&self.loaded.server),
        }
    }

    /// Makes the first plan. Blocking.
    ///
    /// # Errors
    /// All errors, if nothing could be served.
    pub fn first_plan(&mut self, builder: &Builder) -> Result<Plan, Report> {
        let (plan, report) = Plan::build(&self.loaded, None, builder, &mut self.ledger)?;
        let is_whole = self.files.is_none();
        if report.has_errors() && (is_whole || plan.distributions().is_empty()) {
            return Err(report);
        }
        if !is_whole && report.has_warnings() {
            tracing::warn!(target: "config", "{}", report.warnings());
        }
        tell(None, &plan);
        Ok(plan)
    }
}

impl From<Config> for Reading {
    fn from(config: Config) -> Reading {
        Reading {
            loaded: config.into(),
            files: None,
            ledger: Ledger::default(),
        }
    }
}

/// A configuration has been taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// True if anything is different now.
    pub changed: bool,
    /// True if the server file asks for something that only a restart brings.
    pub restart: bool,
    /// The number of files with errors.
    pub broken: usize,
}

/// Puts configurations in force.
pub struct Deployer {
    edge: Arc<Edge>,
    builder: Builder,
    started_with: Arc<Server>,
    state: Mutex<State>,
}

/// Files as they were read last.
struct State {
    files: Option<Files>,
    ledger: Ledger,
    /// Folders in which a change may matter.
    folders: HashSet<PathBuf>,
    /// The report on the server file that was refused last.
    refused: Option<String>,
}

impl Deployer {
    /// A deployer for a host that has started with this.
    pub fn new(edge: Arc<Edge>, builder: Builder, reading: Reading) -> Deployer {
        let Reading {
            loaded,
            files,
            ledger,
        } = reading;
        Deployer {
            started_with: edge.plan().server().clone(),
            state: Mutex::new(State {
                folders: folders(&loaded, files.as_ref()),
                files,
                ledger,
                refused: None,
            }),
            edge,
            builder,
        }
    }

    /// Reads what has changed of the files, and puts it in force: the server file whole or not at all, each distribution by
    /// itself. `asked` says so in the log even if nothing has changed. Blocking.
    ///
    /// # Errors
    /// Errors of the server file: everything stays as it was.
    pub fn take_files(&self, asked: bool) -> Result<Taken, Report> {
        let mut state = self.state.lock();
        let state = &mut *state;
        state.ledger.look();
        let Some(files) = &mut state.files else {
            return Ok(self.unchanged());
        };
        let loaded = files.read(&mut state.ledger);
        state.folders = folders(&loaded, Some(files));
        let before = self.edge.plan().clone();
        let built = Plan::build(&loaded, Some(&before), &self.builder, &mut state.ledger);
        match built {
            Ok((plan, _)) => {
                state.refused = None;
                Ok(self.put(plan, asked))
            }
            Err(report) => {
                let text = report.to_string();
                if asked || state.refused.as_ref() != Some(&text) {
                    self.edge.metrics().reload("refused");
                    tracing::error!(
                        target: "config",
                        "the new configuration is refused and the old one stays:\n{text}"
                    );
                }
                state.refused = Some(text);
                Err(report)
            }
        }
    }

    /// Puts a configuration in force, whole or not at all. Blocking.
    ///
    /// # Errors
    /// Its errors: everything stays as it was.
    pub fn take(&self, config: Config) -> Result<Taken, Report> {
        let mut state = self.state.lock();
        state.ledger.look();
        let loaded = Loaded::from(config);
        let before = self.edge.plan().clone();
        let built = Plan::build(&loaded, Some(&before), &self.builder, &mut state.ledger);
        let whole = built.and_then(|(plan, report)| match report.has_errors() {
            true => Err(report),
            false => Ok(plan),
        });
        match whole {
            Ok(plan) => Ok(self.put(plan, true)),
            Err(report) => {
                self.edge.metrics().reload("refused");
                Err(report)
            }
        }
    }

    /// The folders in which a change may matter, as of the last time that files were read.
    pub fn folders(&self) -> HashSet<PathBuf> {
        self.state.lock().folders.clone()
    }

    fn unchanged(&self) -> Taken {
        let plan = self.edge.plan();
        Taken {
            changed: false,
            restart: needs_restart(&self.started_with, plan.server()),
            broken: plan.broken().len(),
        }
    }

    fn put(&self, plan: Plan, asked: bool) -> Taken {
        let before = self.edge.plan().clone();
        let changed = !plan.is_same(&before);
        if !changed && !asked {
            return self.unchanged();
        }
        let plan = Arc::new(plan);
        let restart = needs_restart(&self.started_with, plan.server());
        let broken = plan.broken().len();
        self.edge.take(plan.clone());
        if lacks_something(&before, &plan) {
            self.edge.imports().follow(&plan);
        }
        self.edge.metrics().reload(match broken {
            0 => "taken",
            _ => "partly",
        });
        tell(Some(&before), &plan);
        match broken {
            0 => tracing::info!(target: "config", "the configuration has been reloaded"),
            _ => tracing::warn!(
                target: "config",
                "the configuration has been reloaded, but for {broken} that are broken: `selvedge distributions` lists them, `selvedge check` says why"
            ),
        }
        if restart {
            tracing::warn!(
                target: "config",
                "the server file has changed: what it says of listeners and the store takes effect at the next start"
            );
        }
        Taken {
            changed,
            restart,
            broken,
        }
    }
}

/// Returns true if a distribution or a plugin of the plan before is not in the next one.
fn lacks_something(before: &Plan, plan: &Plan) -> bool {
    before.distributions().iter().any(|old| {
        plan.distribution(old.id()).is_none_or(|new| {
            let has = |plugin| new.plugins().iter().any(|one| Arc::ptr_eq(one, plugin));
            !Arc::ptr_eq(old, new) && !old.plugins().iter().all(has)
        })
    })
}

/// Says in the log what is broken now, and what is not any more.
fn tell(before: Option<&Plan>, plan: &Plan) {
    let known: HashMap<&Path, &Broken> = before
        .map_or(&[][..], Plan::broken)
        .iter()
        .map(|one| (one.file.as_path(), one))
        .collect();
    for broken in plan.broken() {
        let told = known.get(broken.file.as_path());
        if !told.is_some_and(|told| told.report == broken.report && told.serves == broken.serves) {
            tracing::error!(
                target: "config",
                "{} is broken, and {}:\n{}",
                broken.file.display(),
                broken.serves.consequence(),
                broken.report
            );
        }
    }
    let now: HashSet<&Path> = plan.broken().iter().map(|one| one.file.as_path()).collect();
    for mended in known.keys().filter(|file| !now.contains(*file)) {
        tracing::info!(target: "config", "{} is not broken any more", mended.display());
    }
    let known = before.map_or(&[][..], Plan::pending);
    for pending in plan.pending().iter().filter(|one| !known.contains(one)) {
        tracing::warn!(
            target: "config",
            "{} is to move from {} to {}: it stays where it is until both files are right",
            pending.name,
            pending.holder,
            pending.claimant
        );
    }
}

fn folders(loaded: &Loaded, files: Option<&Files>) -> HashSet<PathBuf> {
    let folder = |file: &'_ Path| file.parent().map(Path::to_owned);
    let mut folders: HashSet<PathBuf> = HashSet::new();
    folders.extend(files.and_then(|files| folder(files.path())));
    folders.insert(loaded.server.distributions.value.clone());
    let named: HashSet<&Path> = loaded.named_files().filter_map(Path::parent).collect();
    folders.extend(named.into_iter().map(Path::to_owned));
    folders
}

/// Returns true if a server file says something that only a new process can do.
fn needs_restart(started_with: &Server, now: &Server) -> bool {
    fn fixed(server: &Server) -> impl PartialEq {
        // Without `..`: a new key has to be put on one side or the other.
        let Server {
            listen,
            admin,
            socket,
            edge,
            access_log: _,
            workers,
            store,
            domain_suffix: _,
            distributions: _,
            debug_fields: _,
            max_fetches: _,
            max_connections: _,
            max_connections_per_address: _,
            trusted_proxies: _,
            admin_hosts: _,
            geo_databases: _,
            limits: _,
            short_circuit: _,
        } = server.clone();
        (listen, admin, socket, edge, workers, store)
    }
    fixed(started_with) != fixed(now)
}
