//! `init` once for all instances: fresh ones begin with the memory that it left in another.
//!
//! It is done afterwards, by one thread for all plugins, once a plugin's instances have spent enough time in `init`: loading
//! and starting stay as quick as they are, and what is called rarely costs nothing. Whatever is in the way, each instance
//! goes on to run `init` itself. What is made is not kept on disk: it holds the plugin's configuration.

mod make;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use wasmtime::Engine;
use wasmtime::component::Linker;

use crate::check::Exports;
use crate::instance::State;
use crate::plugin::{Linked, Plugin};
use crate::runtime::Options;
use crate::spec::{Hook, Isolation, PluginSpec};

/// Why each instance of a plugin runs `init` itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoSnapshot {
    /// It has none, or its instances are used again, or it has the hook `origin-response`, whose bodies an instance can keep.
    #[error(
        "only plugins with `init`, isolation `request` and without `origin-response` have it run once"
    )]
    NotFor,
    /// What `init` did in one instance is not all that it is in another.
    #[error("`init` {0}")]
    Init(&'static str),
    /// The file does not allow it, or it did not work.
    #[error("it could not be made: {0}")]
    Failed(String),
    /// There was no room or no time for it just now. It is tried again, a few times.
    #[error("there was no room or no time for it")]
    Busy,
}

/// How often it is tried where there is no room or no time. Each time `init` must have cost four times as much before.
const TRIES: u32 = 5;

/// A plugin whose `init` may be run once for all instances, as far as its configuration and its exports tell.
pub(crate) struct Candidate {
    file: PathBuf,
    /// Of what was loaded: the file may have been replaced.
    hash: blake3::Hash,
    /// The plugin that this is part of, once it is loaded.
    plugin: OnceLock<Weak<Plugin>>,
    /// Nanoseconds that fresh instances spent in `init`.
    spent: AtomicU64,
    /// It was asked for, or `init` did what rules it out.
    settled: AtomicBool,
    ruled_out: OnceLock<NoSnapshot>,
    /// How often there was no room or no time.
    tries: AtomicU32,
    begun: OnceLock<Begun>,
}

/// What instances are made of once `init` has run for all.
struct Begun {
    linked: Arc<Linked>,
    _share: Share,
}

/// A share of the bytes that all snapshots may take, until it is dropped.
struct Share {
    taken: Arc<AtomicUsize>,
    bytes: usize,
}

impl Share {
    fn of(maker: &Maker, bytes: usize) -> Option<Share> {
        let before = maker.taken.fetch_add(bytes, Relaxed);
        let share = Share {
            taken: maker.taken.clone(),
            bytes,
        };
        (before.saturating_add(bytes) <= maker.options.snapshot_bytes).then_some(share)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.taken.fetch_sub(self.bytes, Relaxed);
    }
}

impl Candidate {
    pub(crate) fn new(spec: &PluginSpec, exports: &Exports, file: &[u8]) -> Option<Candidate> {
        let may_be = spec.isolation == Isolation::Request
            && exports.lifecycle
            && !exports.hooks.contains(&Hook::OriginResponse);
        may_be.then(|| Candidate {
            file: spec.file.clone(),
            hash: blake3::hash(file),
            plugin: OnceLock::new(),
            spent: AtomicU64::new(0),
            settled: AtomicBool::new(false),
            ruled_out: OnceLock::new(),
            tries: AtomicU32::new(0),
            begun: OnceLock::new(),
        })
    }

    /// From now on it may be asked for.
    pub(crate) fn is_loaded(&self, plugin: &Arc<Plugin>) {
        let _ = self.plugin.set(Arc::downgrade(plugin));
    }

    /// What instances are made of once `init` has run for all.
    pub(crate) fn begun(&self) -> Option<&Arc<Linked>> {
        self.begun.get().map(|begun| &begun.linked)
    }

    /// An instance has run `init`: looks at what that left, and asks for a snapshot when it has cost enough.
    pub(crate) fn initialised(&self, plugin: &Plugin, state: &State, took: Duration) {
        if self.settled.load(Relaxed) {
            return;
        }
        if let Some(left) = left(state) {
            let why = NoSnapshot::Init(left);
            say_why_not(plugin, &why);
            self.rule_out(why);
            return;
        }
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let spent = self.spent.fetch_add(took, Relaxed).saturating_add(took);
        let snapshots = plugin.snapshots();
        let after = snapshots.maker.options.snapshot_after;
        let after = after.saturating_mul(4_u32.pow(self.tries.load(Relaxed)));
        let enough = Duration::from_nanos(spent) >= after;
        if let Some(plugin) = self.plugin.get()
            && enough
            && !self.settled.swap(true, Relaxed)
        {
            snapshots.ask(plugin.clone());
        }
    }

    fn rule_out(&self, why: NoSnapshot) {
        let _ = self.ruled_out.set(why);
        self.settled.store(true, Relaxed);
    }

    /// Takes what was made, or why nothing was.
    fn settle(&self, made: Result<Begun, NoSnapshot>) -> Result<(), NoSnapshot> {
        match made {
            Ok(begun) => {
                let _ = self.begun.set(begun);
                self.settled.store(true, Relaxed);
                Ok(())
            }
            Err(NoSnapshot::Busy) if self.tries.fetch_add(1, Relaxed) + 1 < TRIES => {
                self.spent.store(0, Relaxed);
                self.settled.store(false, Relaxed);
                Err(NoSnapshot::Busy)
            }
            Err(why) => {
                self.rule_out(why.clone());
                Err(why)
            }
        }
    }
}

/// What `init` left beside the memory, or based on what may be another thing the next time.
fn left(state: &State) -> Option<&'static str> {
    if !state.reads.is_empty() {
        Some("used more than the configuration")
    } else if state.log.lock().has_written() {
        Some("wrote to the log")
    } else if state.wasi.is_some() {
        Some("used WASI")
    } else if !state.table.is_empty() {
        Some("holds a handle")
    } else if state.growth.refused.is_some() {
        Some("was refused memory")
    } else {
        None
    }
}

/// Makes snapshots, one at a time.
pub(crate) struct Snapshots {
    maker: Arc<Maker>,
    /// To the thread that makes them, which is started when the first one is asked for and ends with this.
    asked: Mutex<Option<Sender<Weak<Plugin>>>>,
}

/// What it takes.
struct Maker {
    engine: Engine,
    linker: Arc<Linker<State>>,
    options: Arc<Options>,
    /// Bytes that there are of snapshots.
    taken: Arc<AtomicUsize>,
}

impl Snapshots {
    pub(crate) fn new(
        engine: &Engine,
        linker: &Arc<Linker<State>>,
        options: &Arc<Options>,
    ) -> Snapshots {
        Snapshots {
            maker: Arc::new(Maker {
                engine: engine.clone(),
                linker: linker.clone(),
                options: options.clone(),
                taken: Arc::default(),
            }),
            asked: Mutex::new(None),
        }
    }

    fn ask(&self, plugin: Weak<Plugin>) {
        let mut asked = self.asked.lock();
        if asked.is_none() {
            *asked = self.start();
        }
        if let Some(asked) = &*asked {
            // The thread ends only when nobody can ask.
            let _ = asked.send(plugin);
        }
    }

    fn start(&self) -> Option<Sender<Weak<Plugin>>> {
        let maker = self.maker.clone();
        let (send, receive) = channel();
        let started = std::thread::Builder::new()
            .name("snapshots".to_owned())
            .spawn(move || work(&maker, &receive));
        match started {
            Ok(_) => Some(send),
            Err(error) => {
                tracing::debug!(target: "plugin", "no thread to run `init` once for all: {error}");
                None
            }
        }
    }

    /// Makes one at once.
    pub(crate) fn make(&self, plugin: &Plugin) -> Result<(), NoSnapshot> {
        // On a thread of its own, since the caller may be inside of an async runtime.
        let made = std::thread::scope(|scope| scope.spawn(|| one(&self.maker, plugin)).join());
        made.unwrap_or_else(|_| Err(NoSnapshot::Failed("it panicked".to_owned())))
    }
}

/// Until nobody can ask any more.
fn work(maker: &Maker, asked: &Receiver<Weak<Plugin>>) {
    while let Ok(plugin) = asked.recv() {
        // A plugin that is not loaded any more needs none.
        if let Some(plugin) = plugin.upgrade() {
            match one(maker, &plugin) {
                Ok(()) => {
                    let (name, distribution) = (plugin.name(), plugin.distribution());
                    tracing::debug!(target: "plugin", plugin = name, distribution, "`init` has run once for all instances");
                }
                Err(why) => say_why_not(&plugin, &why),
            }
        }
    }
}

fn say_why_not(plugin: &Plugin, why: &NoSnapshot) {
    let (name, distribution) = (plugin.name(), plugin.distribution());
    tracing::debug!(target: "plugin", plugin = name, distribution, "each instance runs `init`: {why}");
}

fn one(maker: &Maker, plugin: &Plugin) -> Result<(), NoSnapshot> {
    let candidate = plugin.candidate().ok_or(NoSnapshot::NotFor)?;
    if candidate.begun().is_some() {
        return Ok(());
    }
    if let Some(why) = candidate.ruled_out.get() {
        return Err(why.clone());
    }
    // A compiler of this process may panic on odd files; it leaves nothing behind.
    let make = std::panic::AssertUnwindSafe(|| make::made(maker, plugin, candidate));
    let made = std::panic::catch_unwind(make)
        .unwrap_or_else(|_| Err(NoSnapshot::Failed("it panicked".to_owned())));
    candidate.settle(made)
}
