//! A plugin whose `init` may be run once for all instances, and what came of that.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::check::Exports;
use crate::hook::Hook;
use crate::identity::Identity;
use crate::linked::Linked;
use crate::options::Options;
use crate::spec::{Isolation, PluginSpec};
use crate::state::State;

/// Why each instance of a plugin runs `init` itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoSnapshot {
    /// It has none, or its instances are used again, or it has the hook `origin-response`, whose bodies an instance can keep.
    #[error(
        "only plugins with `init`, isolation `request` and without `origin-response` have it run once"
    )]
    NotFor,
    /// `init` may do something else in another instance.
    #[error("`init` {0}")]
    Init(&'static str),
    /// The file does not allow it, or it did not work.
    #[error("it could not be made: {0}")]
    Failed(String),
    /// There was no room or no time for it just now. It is tried again, a few times.
    #[error("there was no room or no time for it")]
    Busy,
}

impl NoSnapshot {
    pub(super) fn say(&self, plugin: &Identity) {
        let (name, distribution) = (&*plugin.name, &*plugin.distribution);
        tracing::debug!(target: "plugin", plugin = name, distribution, "each instance runs `init`: {self}");
    }
}

/// The maker of one plugin's snapshot.
pub(crate) trait MakeSnapshot: Send + Sync {
    /// Has it made in the background.
    fn ask(&self);

    /// Makes it at once. Blocking.
    fn make(&self) -> Result<(), NoSnapshot>;
}

/// Tries where there is no room or no time. Each time `init` must have cost four times as much before.
const TRIES: u32 = 5;

/// A plugin whose `init` may be run once for all instances, as far as its configuration and its exports tell.
pub(crate) struct Candidate {
    pub(super) file: PathBuf,
    /// Of what was loaded: the file may have been replaced.
    pub(super) hash: blake3::Hash,
    /// Makes the snapshot of the plugin that this is part of; set when that is loaded.
    maker: OnceLock<Box<dyn MakeSnapshot>>,
    /// Time that instances spend in `init` before it is asked for.
    after: Duration,
    /// Nanoseconds that fresh instances spent in `init`.
    spent: AtomicU64,
    /// It was asked for, or `init` did what rules it out.
    settled: AtomicBool,
    pub(super) ruled_out: OnceLock<NoSnapshot>,
    /// Tries that found no room or no time.
    tries: AtomicU32,
    begun: OnceLock<Begun>,
}

/// Linked code of instances once `init` has run for all.
pub(super) struct Begun {
    pub(super) linked: Arc<Linked>,
    pub(super) _share: Share,
}

impl Candidate {
    pub(crate) fn new(
        spec: &PluginSpec,
        exports: &Exports,
        file: &[u8],
        options: &Options,
    ) -> Option<Candidate> {
        let may_be = spec.isolation == Isolation::Request
            && exports.lifecycle
            && !exports.hooks.contains(&Hook::OriginResponse);
        may_be.then(|| Candidate {
            file: spec.file.clone(),
            hash: blake3::hash(file),
            maker: OnceLock::new(),
            after: options.snapshot_after,
            spent: AtomicU64::new(0),
            settled: AtomicBool::new(false),
            ruled_out: OnceLock::new(),
            tries: AtomicU32::new(0),
            begun: OnceLock::new(),
        })
    }

    /// From now on it may be asked for.
    pub(crate) fn may_ask(&self, maker: impl MakeSnapshot + 'static) {
        let _ = self.maker.set(Box::new(maker));
    }

    /// Has the snapshot made at once. Blocking.
    pub(crate) fn make_now(&self) -> Result<(), NoSnapshot> {
        self.maker.get().ok_or(NoSnapshot::NotFor)?.make()
    }

    /// Linked code of instances once `init` has run for all.
    pub(crate) fn begun(&self) -> Option<&Arc<Linked>> {
        self.begun.get().map(|begun| &begun.linked)
    }

    /// An instance has run `init`: looks at what that left, and asks for a snapshot when it has cost enough.
    pub(crate) fn initialised(&self, state: &State, took: Duration) {
        if self.settled.load(Relaxed) {
            return;
        }
        if let Some(left) = left(state) {
            let why = NoSnapshot::Init(left);
            why.say(&state.plugin);
            self.rule_out(why);
            return;
        }
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let spent = self.spent.fetch_add(took, Relaxed).saturating_add(took);
        let after = self
            .after
            .saturating_mul(4_u32.pow(self.tries.load(Relaxed)));
        let enough = Duration::from_nanos(spent) >= after;
        if let Some(maker) = self.maker.get()
            && enough
            && !self.settled.swap(true, Relaxed)
        {
            maker.ask();
        }
    }

    fn rule_out(&self, why: NoSnapshot) {
        let _ = self.ruled_out.set(why);
        self.settled.store(true, Relaxed);
    }

    /// Takes what was made, or why nothing was.
    pub(super) fn settle(&self, made: Result<Begun, NoSnapshot>) -> Result<(), NoSnapshot> {
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

/// A share of the bytes that all snapshots may take, until it is dropped.
pub(super) struct Share {
    taken: Arc<AtomicUsize>,
    bytes: usize,
}

impl Share {
    pub(super) fn of(taken: &Arc<AtomicUsize>, limit: usize, bytes: usize) -> Option<Share> {
        let before = taken.fetch_add(bytes, Relaxed);
        let share = Share {
            taken: taken.clone(),
            bytes,
        };
        (before.saturating_add(bytes) <= limit).then_some(share)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.taken.fetch_sub(self.bytes, Relaxed);
    }
}

/// Returns the reason why the memory is not all that `init` left, or why it may leave something else the next time.
pub(super) fn left(state: &State) -> Option<&'static str> {
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
