//! One snapshot: an instance whose memory can be read runs `init` under the plugin's limits, what it left is read, and a
//! component that begins with it is compiled and tried.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{
    Component, ComponentExportIndex, ComponentNamedList, Lift, Linker, WasmList,
};
use wasmtime::{Engine, Store};

use super::candidate::{Begun, Candidate, NoSnapshot, Share, left};
use crate::compile::{self, ACCESS, Job, Memory};
use crate::error::{HookError, LoadError};
use crate::instance::Instance;
use crate::linked::{Indices, Linked};
use crate::options::Options;
use crate::plugin::Plugin;
use crate::state::State;
use crate::time::CallTime;
use crate::{artifact, file, start};

/// Everything that making snapshots takes.
pub(super) struct Maker {
    pub(super) engine: Engine,
    pub(super) linker: Arc<Linker<State>>,
    pub(super) options: Arc<Options>,
    /// Bytes that there are of snapshots.
    pub(super) taken: Arc<AtomicUsize>,
}

/// No more memory than this is written into a component.
const LARGEST: usize = 16 << 20;

pub(super) fn made(
    maker: &Maker,
    plugin: &Plugin,
    candidate: &Candidate,
) -> Result<Begun, NoSnapshot> {
    if plugin.room().is_none() {
        // Known before anything is compiled for it.
        return Err(NoSnapshot::Busy);
    }
    let file = file::read(&candidate.file).map_err(failed)?;
    if blake3::hash(&file) != candidate.hash {
        return Err(failed("the file is not the one that was loaded"));
    }
    let here = start::here().map_err(failed)?;
    let (readable, _) = compiled(maker, candidate, Job::Readable(&file))?;
    let memory = here.block_on(after_init(maker, plugin, &readable))?;
    drop(readable);
    let (begun, bytes) = compiled(maker, candidate, Job::Begun(&file, &memory))?;
    // The code holds the memory too, and the engine has that once more to map it from.
    let share = Share::of(
        &maker.taken,
        maker.options.snapshot_bytes,
        bytes.saturating_add(memory.len()),
    );
    let share = share.ok_or_else(|| failed("snapshots of other plugins take all that they may"))?;
    // It does not run `init`, whose export is still there.
    let linked = Arc::new(linked(maker, plugin, &begun, false)?);
    let tried = start::try_start(plugin, &linked);
    here.block_on(tried).map_err(of_hook)?;
    Ok(Begun {
        linked,
        _share: share,
    })
}

/// The component, and the bytes of its code.
fn compiled(
    maker: &Maker,
    candidate: &Candidate,
    job: Job<'_>,
) -> Result<(Component, usize), NoSnapshot> {
    let Maker {
        engine, options, ..
    } = maker;
    let folder = options.cache_dir.as_deref();
    let code = compile::machine_code(&options.compiler, engine, folder, &candidate.file, job);
    let code = code.map_err(of_load)?;
    let component = artifact::trusted(engine, &code).map_err(of_engine)?;
    Ok((component, code.len()))
}

fn linked(
    maker: &Maker,
    plugin: &Plugin,
    component: &Component,
    init: bool,
) -> Result<Linked, NoSnapshot> {
    let pre = maker.linker.instantiate_pre(component);
    let pre = pre.map_err(of_engine)?;
    let indices = Indices::new(&pre, plugin.hooks(), init).map_err(of_engine)?;
    Ok(Linked { pre, indices })
}

/// Returns the memory that `init` leaves.
async fn after_init(
    maker: &Maker,
    plugin: &Plugin,
    readable: &Component,
) -> Result<Memory, NoSnapshot> {
    let linked = Arc::new(linked(maker, plugin, readable, true)?);
    let time = Arc::new(CallTime::default());
    let init = start::made_of(plugin, &linked, &time);
    let instance = start::within_limits(plugin, &time, init).await;
    let instance = instance.map_err(of_hook)?;
    if let Some(left) = left(instance.store.data()) {
        return Err(NoSnapshot::Init(left));
    }
    let _running = plugin.ticker().run();
    memory(instance, readable, &time).await
}

/// Reads all memories and globals. Reading a memory makes it grow by a page, for which the plugin's limit may leave no room.
async fn memory(
    mut instance: Instance,
    readable: &Component,
    time: &CallTime,
) -> Result<Memory, NoSnapshot> {
    let store = &mut instance.store;
    // What is read counts as passed to the host.
    store.set_hostcall_fuel(usize::MAX);
    let engine = store.engine().clone();
    let Some((ComponentItem::ComponentInstance(access), index)) = readable.get_export(None, ACCESS)
    else {
        return Err(failed("the memory cannot be read"));
    };
    let mut memory = Memory::default();
    let mut room = LARGEST;
    for (name, _) in access.exports(&engine) {
        let Some(function) = readable.get_export_index(Some(&index), name) else {
            return Err(failed("the memory cannot be read"));
        };
        // That is the host's own time, as much for each as a call of a hook may take.
        let told = time.count(told(store, &instance.instance, function));
        let told = match told.await {
            Ok(told) => told,
            Err(_) if store.data().growth.refused.is_some() => {
                return Err(failed("there is no memory left to read the memory with"));
            }
            Err(error) => return Err(of_engine(error)),
        };
        room = room
            .checked_sub(told.len())
            .ok_or_else(|| failed("there is too much memory"))?;
        memory.push(name, &told);
    }
    Ok(memory)
}

/// Returns what one function tells: a memory's bytes, or a global's in eight.
async fn told(
    store: &mut Store<State>,
    instance: &wasmtime::component::Instance,
    function: ComponentExportIndex,
) -> wasmtime::Result<Vec<u8>> {
    let function = instance
        .get_func(&mut *store, function)
        .ok_or_else(|| wasmtime::Error::msg("it is no function"))?;
    macro_rules! global {
        ($ty:ty, $bits:expr) => {
            if function.typed::<(), ($ty,)>(&*store).is_ok() {
                let value = call::<($ty,)>(store, function).await?.0;
                let mut told = $bits(value).to_vec();
                told.resize(8, 0);
                return Ok(told);
            }
        };
    }
    global!(i32, i32::to_le_bytes);
    global!(i64, i64::to_le_bytes);
    global!(f32, |value: f32| value.to_bits().to_le_bytes());
    global!(f64, |value: f64| value.to_bits().to_le_bytes());
    let (list,) = call::<(WasmList<u8>,)>(store, function).await?;
    let bytes = list.as_le_slice(&*store);
    if bytes.len() > LARGEST {
        return Err(wasmtime::Error::msg("there is too much memory"));
    }
    Ok(bytes.to_vec())
}

async fn call<R: ComponentNamedList + Lift + Send + Sync + 'static>(
    store: &mut Store<State>,
    function: wasmtime::component::Func,
) -> wasmtime::Result<R> {
    let typed = function.typed::<(), R>(&*store)?;
    typed.call_async(store, ()).await
}

fn failed(why: impl ToString) -> NoSnapshot {
    NoSnapshot::Failed(why.to_string())
}

fn of_engine(error: wasmtime::Error) -> NoSnapshot {
    NoSnapshot::Failed(format!("{error:#}"))
}

fn of_load(error: LoadError) -> NoSnapshot {
    match error {
        // It could not run the compiler, or take what it made.
        LoadError::Machine { .. } => NoSnapshot::Busy,
        error => failed(error),
    }
}

fn of_hook(error: HookError) -> NoSnapshot {
    match error {
        HookError::NoInstance { .. } | HookError::WallLimit { .. } | HookError::CpuLimit { .. } => {
            NoSnapshot::Busy
        }
        error => failed(error),
    }
}
