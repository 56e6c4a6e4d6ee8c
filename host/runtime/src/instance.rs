//! One instance of a plugin: its store, what the host keeps about it, and the hooks found in it.

use std::sync::Arc;
use std::time::Instant;

use wasmtime::Store;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::WasiCtx;

use crate::bindings::exported;
use crate::error::HookError;
use crate::facts::{Read, RequestFacts, ResponseFacts};
use crate::host::{GuestLog, SharedLog};
use crate::limits::{CpuTime, Fetches, Growing, Growth, Usage, on_tick};
use crate::plugin::{Alive, Identity, Linked, Plugin};

/// What the host keeps for an instance; host functions see it.
pub(crate) struct State {
    pub(crate) plugin: Arc<Identity>,
    pub(crate) growth: Growth,
    pub(crate) cpu: Arc<CpuTime>,
    pub(crate) usage: Usage,
    pub(crate) fetches: Fetches,
    /// What the running hook may read. `None` outside of hooks.
    pub(crate) request: Option<Arc<RequestFacts>>,
    pub(crate) response: Option<Arc<ResponseFacts>>,
    /// What the running hook has read.
    pub(crate) reads: Vec<Read>,
    pub(crate) log: SharedLog,
    /// Made when the guest first asks for something of WASI.
    pub(crate) wasi: Option<Box<WasiCtx>>,
    pub(crate) table: ResourceTable,
}

impl State {
    /// Records that something was read, once.
    pub(crate) fn note(&mut self, read: Read) {
        if !self.reads.contains(&read) {
            self.reads.push(read);
        }
    }
}

/// The hooks of an instance that were called already.
#[derive(Default)]
pub(crate) struct Guests {
    pub(crate) viewer_request: Option<exported::viewer_request::Guest>,
    pub(crate) cache_key: Option<exported::cache_key::Guest>,
    pub(crate) origin_selection: Option<exported::origin_selection::Guest>,
    pub(crate) origin_request: Option<exported::origin_request::Guest>,
    pub(crate) origin_response: Option<exported::origin_response::Guest>,
    pub(crate) ttl: Option<exported::ttl::Guest>,
    pub(crate) viewer_response: Option<exported::viewer_response::Guest>,
}

pub(crate) struct Instance {
    pub(crate) store: Store<State>,
    pub(crate) instance: wasmtime::component::Instance,
    /// What it was made of.
    pub(crate) linked: Arc<Linked>,
    /// On the heap, so that handing an instance on moves little.
    pub(crate) guests: Box<Guests>,
    /// Hook calls so far.
    pub(crate) calls: u32,
    _alive: Alive,
}

/// Why there is no instance.
pub(crate) enum NotMade {
    /// The plugin has its share of the host's instances.
    NoRoom,
    /// The plugin's `init` returned this error, which may be shown.
    Refused(String),
    /// It failed, or the host has no room. With what it wrote to standard error, and whether it was refused memory.
    Failed {
        error: wasmtime::Error,
        stderr: Vec<u8>,
        refused: Option<Growing>,
    },
}

impl Instance {
    /// Makes an instance and runs the plugin's `init` if it has one that did not run yet.
    pub(crate) async fn make(
        plugin: &Plugin,
        linked: &Arc<Linked>,
        cpu: Arc<CpuTime>,
    ) -> Result<Instance, NotMade> {
        let alive = plugin.room().ok_or(NotMade::NoRoom)?;
        let mut store = store(plugin, cpu);
        plugin.counters().count_instance();
        match start(plugin, linked, &mut store).await {
            Ok(Ok(instance)) => Ok(Instance {
                store,
                instance,
                linked: linked.clone(),
                guests: Box::default(),
                calls: 0,
                _alive: alive,
            }),
            Ok(Err(message)) => {
                let message = store.data().log.lock().printable(&message);
                Err(NotMade::Refused(message))
            }
            Err(error) => {
                let refused = store.data().growth.refused;
                let stderr = store.data().log.lock().stderr();
                Err(NotMade::Failed {
                    error,
                    stderr,
                    refused,
                })
            }
        }
    }

    /// Gives the instance what the next hook may read, and fresh budgets.
    pub(crate) fn begin(
        &mut self,
        request: &Arc<RequestFacts>,
        response: Option<&Arc<ResponseFacts>>,
    ) {
        self.store.set_epoch_deadline(1);
        let state = self.store.data_mut();
        state.request = Some(request.clone());
        state.response = response.cloned();
        state.usage = Usage::default();
        state.fetches.started = 0;
        state.growth.refused = None;
        state.log.lock().begin(Some(request.clone()));
    }

    /// The guest's own words as an error, without its secrets.
    pub(crate) fn said(&self, message: &str) -> HookError {
        HookError::Guest(self.store.data().plugin.masks.printable(message))
    }

    /// What the guest wrote to standard error, where its call has failed.
    pub(crate) fn stderr_of<T>(&self, returned: &wasmtime::Result<T>) -> Vec<u8> {
        match returned {
            Ok(_) => Vec::new(),
            Err(_) => self.store.data().log.lock().stderr(),
        }
    }

    /// Takes back what the hook could read. What it did read is the result.
    pub(crate) fn end(&mut self) -> Vec<Read> {
        let state = self.store.data_mut();
        state.request = None;
        state.response = None;
        let wrote = {
            let mut log = state.log.lock();
            log.end();
            log.take_wrote()
        };
        if wrote {
            state.note(Read::Log);
        }
        std::mem::take(&mut state.reads)
    }
}

fn store(plugin: &Plugin, cpu: Arc<CpuTime>) -> Store<State> {
    let identity = plugin.identity();
    let mut table = ResourceTable::new();
    // Of a request to a backend a guest may hold the request and its answer.
    let of_fetches = 2 * identity.limits.fetches as usize;
    table.set_max_capacity(crate::host::MAX_WASI_RESOURCES + of_fetches);
    let state = State {
        plugin: identity.clone(),
        growth: Growth::new(&identity.limits),
        cpu,
        usage: Usage::default(),
        fetches: Fetches::default(),
        request: None,
        response: None,
        reads: Vec::new(),
        log: GuestLog::shared(identity.clone()),
        wasi: None,
        table,
    };
    let mut store = Store::new(plugin.engine(), state);
    store.limiter(|state| &mut state.growth);
    store.epoch_deadline_callback(on_tick);
    store.set_epoch_deadline(1);
    let largest = identity.limits.passed_bytes.max(
        identity
            .limits
            .output_bytes
            .saturating_add(identity.limits.body_bytes),
    );
    store.set_hostcall_fuel(usize::try_from(largest).unwrap_or(usize::MAX));
    store
}

async fn start(
    plugin: &Plugin,
    linked: &Linked,
    store: &mut Store<State>,
) -> wasmtime::Result<Result<wasmtime::component::Instance, String>> {
    let instance = linked.pre.instantiate_async(&mut *store).await?;
    if let Some(indices) = &linked.indices.lifecycle {
        let began = Instant::now();
        let guest = indices.load(&mut *store, &instance)?;
        if let Err(message) = guest.call_init(&mut *store).await? {
            return Ok(Err(message));
        }
        if let Some(candidate) = plugin.candidate() {
            candidate.initialised(plugin, store.data(), began.elapsed());
        }
    }
    Ok(Ok(instance))
}
