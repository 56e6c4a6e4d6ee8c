//! A loaded plugin: checked code, ready to be instantiated, and its pool of instances.

use std::any::Any;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use parking_lot::Mutex;
use wasmtime::Engine;

use crate::artifact::InUse;
use crate::breaker::{Admitted, Breaker, Change};
use crate::check::Exports;
use crate::counters::Counters;
use crate::decision::{KeyDecision, OriginDecision};
use crate::error::HookError;
use crate::hook::Hook;
use crate::identity::Identity;
use crate::instance::{Alive, Instance};
use crate::linked::Linked;
use crate::masks::Masks;
use crate::remember::Memory;
use crate::shared::{Shared, TABLES};
use crate::snapshot::candidate::{Candidate, NoSnapshot};
use crate::spec::{Isolation, Limits, OnError, PluginSpec, ShortCircuit};
use crate::ticker::Ticker;

/// The hooks whose decisions are remembered.
pub(crate) struct Memories {
    pub(crate) cache_key: Memory<KeyDecision>,
    pub(crate) origin_selection: Memory<OriginDecision>,
}

/// A plugin that was loaded, with one distribution's configuration. Immutable: a new configuration loads a new one.
pub struct Plugin {
    shared: Shared,
    digest: [u8; 32],
    identity: Arc<Identity>,
    hooks: Vec<Hook>,
    exports: Vec<Hook>,
    isolation: Isolation,
    on_error: OnError,
    linked: Arc<Linked>,
    candidate: Option<Candidate>,
    counters: Counters,
    breaker: Breaker,
    memories: Option<Memories>,
    kept: OnceLock<Box<dyn Any + Send + Sync>>,
    /// Instances without a transaction, with [`Isolation::Reuse`].
    idle: Mutex<Vec<Instance>>,
    /// For how many usual plugins' instances one of this takes memories and tables.
    slots: u32,
    /// Number of instances.
    alive: Arc<AtomicU32>,
    /// Keeps its compiled code on disk.
    _code: Option<InUse>,
}

impl Plugin {
    pub(crate) fn new(
        shared: Shared,
        spec: &PluginSpec,
        file: &[u8],
        hooks: Vec<Hook>,
        exports: Exports,
        linked: Linked,
        code: Option<InUse>,
    ) -> Plugin {
        let candidate = Candidate::new(spec, &exports, file, &shared.options);
        let needs = linked.pre.component().resources_required();
        let (memories, tables) =
            needs.map_or((1, 1), |needs| (needs.num_memories, needs.num_tables));
        let slots = memories.max(tables.div_ceil(TABLES)).max(1);
        let secrets = spec.capabilities.secrets.as_ref();
        let identity = Identity {
            masks: secrets.map_or_else(Masks::default, |secrets| Masks::of(&secrets.all())),
            name: spec.name.as_str().into(),
            distribution: spec.distribution.clone(),
            config_json: spec.config.to_string(),
            config: spec.config.clone(),
            limits: spec.limits.clone(),
            capabilities: spec.capabilities.clone(),
            wall_clock: shared.options.wall_clock.clone(),
        };
        // An instance that is used again is not what it was at first.
        let remembers = spec.remember && spec.isolation == Isolation::Request;
        let memories = remembers.then(|| Memories {
            cache_key: Memory::new(shared.budget.clone()),
            origin_selection: Memory::new(shared.budget.clone()),
        });
        let mut digest = blake3::Hasher::new();
        digest.update(blake3::hash(file).as_bytes());
        digest.update(identity.config_json.as_bytes());
        Plugin {
            digest: *digest.finalize().as_bytes(),
            shared,
            identity: Arc::new(identity),
            hooks,
            exports: exports.hooks,
            isolation: spec.isolation,
            on_error: spec.on_error,
            linked: Arc::new(linked),
            candidate,
            counters: Counters::default(),
            breaker: Breaker::new(spec.short_circuit.clone()),
            memories,
            kept: OnceLock::new(),
            idle: Mutex::default(),
            slots,
            alive: Arc::default(),
            _code: code,
        }
    }

    /// The name in the configuration.
    pub fn name(&self) -> &str {
        &self.identity.name
    }

    /// The name in the configuration, for records that keep it.
    pub fn shared_name(&self) -> &Arc<str> {
        &self.identity.name
    }

    /// Makes the plugin's secrets unreadable in what it says.
    pub fn masks(&self) -> &Masks {
        &self.identity.masks
    }

    /// Returns the value that the host keeps with the plugin, made when it is first asked for; `None` if that is of another type.
    pub fn kept<T: Send + Sync + 'static>(&self, make: impl FnOnce() -> T) -> Option<&T> {
        let kept = self.kept.get_or_init(|| Box::new(make()));
        kept.downcast_ref()
    }

    /// The digest of the file's bytes and of the plugin's own configuration: what the plugin is, wherever it was read from.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The id of the distribution.
    pub fn distribution(&self) -> &str {
        &self.identity.distribution
    }

    /// The hooks that are called, in the order in which they run.
    pub fn hooks(&self) -> &[Hook] {
        &self.hooks
    }

    /// The hooks that the file exports, those that are not called included.
    pub fn exports(&self) -> &[Hook] {
        &self.exports
    }

    /// Returns true if this hook is called.
    pub fn has(&self, hook: Hook) -> bool {
        self.hooks.contains(&hook)
    }

    /// The meaning of a failure.
    pub fn on_error(&self) -> OnError {
        self.on_error
    }

    /// Sharing of instances.
    pub fn isolation(&self) -> Isolation {
        self.isolation
    }

    /// Its limits.
    pub fn limits(&self) -> &Limits {
        &self.identity.limits
    }

    /// Counts of its calls so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Returns true if it is not called at present, since it kept failing.
    pub fn is_short_circuited(&self) -> bool {
        self.breaker.is_open()
    }

    pub(crate) fn memories(&self) -> Option<&Memories> {
        self.memories.as_ref()
    }

    /// Admits a call, or refuses it for now.
    pub(crate) fn admit(&self, now: Instant) -> Result<Admitted, HookError> {
        self.breaker.admit(now)
    }

    /// Takes note of how an admitted call ended, and says in the log if that changes anything.
    pub(crate) fn ended<T>(&self, admitted: Admitted, outcome: &Result<T, HookError>) {
        let change = self.breaker.record(admitted, outcome, Instant::now());
        self.announce(change, outcome.as_ref().err());
    }

    /// A body that a hook call began has failed.
    pub(crate) fn broke_down(&self, error: &HookError) {
        self.counters.count_failure(error);
        let change = self.breaker.broke_down(error, Instant::now());
        self.announce(change, Some(error));
    }

    fn announce(&self, change: Change, error: Option<&HookError>) {
        let (plugin, distribution) = (self.name(), self.distribution());
        match change {
            Change::None => {}
            Change::Opened => {
                let ShortCircuit {
                    failures,
                    calls,
                    pause,
                    ..
                } = self.breaker.settings();
                let error = error.map(ToString::to_string).unwrap_or_default();
                tracing::error!(
                    target: "plugin",
                    plugin,
                    distribution,
                    on_error = self.on_error.as_str(),
                    "short-circuited: {failures} of its last {calls} calls failed, so it is not called for {} s, then one call tries it again; the last failure: {error}",
                    pause.as_secs_f64()
                );
            }
            Change::Closed => {
                tracing::info!(target: "plugin", plugin, distribution, "works again: no longer short-circuited");
            }
        }
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.shared.engine
    }

    pub(crate) fn ticker(&self) -> &Ticker {
        &self.shared.ticker
    }

    pub(crate) fn max_instances(&self) -> u32 {
        self.shared.options.max_instances
    }

    /// Returns the number of instances that it may have at a time: three quarters of the host's, or fewer where each takes more than one memory
    /// or several tables. What holds instances for long, such as bodies that slow viewers read, leaves some for other
    /// plugins.
    pub(crate) fn share_of_instances(&self) -> u32 {
        let all = self.max_instances();
        (all - all / 4) / self.slots
    }

    /// Returns room for one more instance, until it is dropped.
    pub(crate) fn room(&self) -> Option<Alive> {
        Alive::one_more(&self.alive, self.share_of_instances())
    }

    pub(crate) fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    /// Returns the linked code of the next instance: that of the file, or of its snapshot if there is one.
    pub(crate) fn linked(&self) -> &Arc<Linked> {
        let begun = self.candidate.as_ref().and_then(Candidate::begun);
        begun.unwrap_or(&self.linked)
    }

    /// Returns the candidate for a snapshot, if its `init` may be run once for all instances.
    pub(crate) fn candidate(&self) -> Option<&Candidate> {
        self.candidate.as_ref()
    }

    /// Runs `init` once for all instances that come, at once in place of when it has cost enough. Blocking, for some
    /// seconds; for tests and benchmarks.
    ///
    /// # Errors
    ///
    /// Why each instance goes on to run it.
    pub fn snapshot_now(&self) -> Result<(), NoSnapshot> {
        self.candidate
            .as_ref()
            .ok_or(NoSnapshot::NotFor)?
            .make_now()
    }

    /// Returns true if instances begin with a snapshot, and so do not run `init`.
    pub fn has_snapshot(&self) -> bool {
        self.candidate
            .as_ref()
            .is_some_and(|candidate| candidate.begun().is_some())
    }

    /// An instance that waits for work.
    pub(crate) fn take_idle(&self) -> Option<Instance> {
        let instance = self.idle.lock().pop()?;
        self.shared.idle.fetch_sub(1, Relaxed);
        Some(instance)
    }

    /// Takes an instance whose transaction is over. It waits for the next one where the plugin allows that, it has calls
    /// left, and no more than half of the host's instances wait already: the rest is for other plugins.
    pub(crate) fn give_back(&self, instance: Instance) {
        let reuse = self.isolation == Isolation::Reuse
            && instance.calls < self.shared.options.calls_per_instance;
        let room = (self.max_instances() / 2).max(1);
        if !reuse || self.shared.idle.fetch_add(1, Relaxed) >= room {
            if reuse {
                self.shared.idle.fetch_sub(1, Relaxed);
            }
            return;
        }
        self.idle.lock().push(instance);
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        let waiting = u32::try_from(self.idle.get_mut().len()).unwrap_or(u32::MAX);
        self.shared.idle.fetch_sub(waiting, Relaxed);
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Identity {
            name, distribution, ..
        } = &*self.identity;
        f.debug_struct("Plugin")
            .field("name", name)
            .field("distribution", distribution)
            .field("hooks", &self.hooks)
            .finish()
    }
}
