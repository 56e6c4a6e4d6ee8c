//! Making instances, and the limits under which anything of a guest runs.

use std::sync::Arc;
use std::time::Instant;

use wasmtime::component::ResourceTable;
use wasmtime::{Store, StoreContextMut, UpdateDeadline};

use crate::error::HookError;
use crate::guest_log::GuestLog;
use crate::instance::Instance;
use crate::limits::{Exceeded, Fetches, Growing, Growth, MAX_WASI_RESOURCES, Usage};
use crate::linked::Linked;
use crate::plugin::Plugin;
use crate::state::State;
use crate::time::CallTime;
use crate::trap::{Circumstances, explain};

/// Why there is no instance.
enum NotMade {
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

/// Makes an instance.
pub(crate) async fn made_of(
    plugin: &Plugin,
    linked: &Arc<Linked>,
    time: &Arc<CallTime>,
) -> Result<Instance, HookError> {
    make(plugin, linked, time.clone())
        .await
        .map_err(|not_made| why_not(plugin, not_made))
}

/// Makes an instance and runs the plugin's `init` if it has one that did not run yet.
async fn make(
    plugin: &Plugin,
    linked: &Arc<Linked>,
    time: Arc<CallTime>,
) -> Result<Instance, NotMade> {
    let alive = plugin.room().ok_or(NotMade::NoRoom)?;
    let mut store = store(plugin, time);
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

fn store(plugin: &Plugin, time: Arc<CallTime>) -> Store<State> {
    let identity = plugin.identity();
    let mut table = ResourceTable::new();
    // Of a request to a backend a guest may hold the request and its answer.
    let of_fetches = 2 * identity.limits.fetches as usize;
    table.set_max_capacity(MAX_WASI_RESOURCES + of_fetches);
    let state = State {
        plugin: identity.clone(),
        growth: Growth::new(&identity.limits),
        time,
        usage: Usage::default(),
        fetches: Fetches::default(),
        request: None,
        response: None,
        viewer_broke_off: false,
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
            candidate.initialised(store.data(), began.elapsed());
        }
    }
    Ok(Ok(instance))
}

/// Action of a guest on each tick of the epoch: it ends if its CPU time is used up, and otherwise gives way to other tasks.
///
/// `yield_now` rather than the engine's own yield: tokio then looks at its sockets and timers before it resumes the guest.
fn on_tick(store: StoreContextMut<'_, State>) -> wasmtime::Result<UpdateDeadline> {
    let state = store.data();
    if state.time.is_beyond(state.plugin.limits.cpu) {
        return Err(Exceeded::Cpu.into());
    }
    state.usage.check_host_calls(&state.plugin.limits)?;
    Ok(UpdateDeadline::YieldCustom(
        1,
        Box::pin(tokio::task::yield_now()),
    ))
}

/// Runs what runs a guest.
pub(crate) async fn within_limits<T>(
    plugin: &Plugin,
    time: &CallTime,
    call: impl Future<Output = Result<T, HookError>>,
) -> Result<T, HookError> {
    let limit = plugin.limits().wall;
    let _running = plugin.ticker().run();
    time.within(limit, call)
        .await
        .unwrap_or(Err(HookError::WallLimit { limit }))
}

fn why_not(plugin: &Plugin, not_made: NotMade) -> HookError {
    match not_made {
        NotMade::NoRoom => HookError::NoInstance {
            limit: plugin.share_of_instances(),
        },
        NotMade::Refused(message) => HookError::InitRefused(message),
        NotMade::Failed {
            error,
            stderr,
            refused,
        } => name_failure(plugin, &error, &stderr, refused, false),
    }
}

pub(crate) fn name_failure(
    plugin: &Plugin,
    error: &wasmtime::Error,
    stderr: &[u8],
    refused: Option<Growing>,
    returns_content: bool,
) -> HookError {
    let limits = plugin.limits();
    explain(
        error,
        &Circumstances {
            limits,
            stderr,
            refused,
            instances: plugin.max_instances(),
            returns_content,
        },
    )
}

/// Makes an instance and looks at the types of its hooks, under the same limits as a call.
pub(crate) async fn try_start(plugin: &Plugin, linked: &Arc<Linked>) -> Result<(), HookError> {
    let time = Arc::new(CallTime::default());
    let start = async {
        let mut made = made_of(plugin, linked, &time).await?;
        let checked = linked.indices.check_types(&mut made.store, &made.instance);
        checked.map_err(|error| HookError::Trap(format!("{error:#}")))
    };
    within_limits(plugin, &time, start).await
}

/// Drives what runs a guest, on a thread where nothing else is driven.
pub(crate) fn here() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
}
