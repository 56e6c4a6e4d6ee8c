//! One snapshot: an instance whose memory can be read runs `init` under the plugin's limits, what it left is read, and a
//! component that begins with it is compiled and tried.

use std::sync::Arc;

use wasmtime::Store;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, ComponentExportIndex, ComponentNamedList, Lift, WasmList};

use super::{Candidate, Maker, NoSnapshot, left};
use crate::compile::{self, ACCESS, Job, Memory};
use crate::error::HookError;
use crate::instance::{Instance, State};
use crate::limits::CpuTime;
use crate::plugin::{Indices, Origin, Plugin};
use crate::{artifact, load, transaction};

/// No more memory than this is written into a component.
const LARGEST: usize = 64 << 20;

pub(super) fn made(
    maker: &Maker,
    plugin: &Plugin,
    candidate: &Candidate,
) -> Result<Arc<Origin>, NoSnapshot> {
    let file = load::read(&candidate.file).map_err(failed)?;
    if blake3::hash(&file) != candidate.hash {
        return Err(failed("the file is not the one that was loaded"));
    }
    let here = load::here().map_err(failed)?;
    let readable = compiled(maker, candidate, Job::Readable(&file))?;
    let memory = here.block_on(after_init(maker, plugin, &readable))?;
    drop(readable);
    let begun = compiled(maker, candidate, Job::Begun(&file, &memory))?;
    // It does not run `init`, whose export is still there.
    let begun = Arc::new(origin(maker, plugin, &begun, false)?);
    let tried = transaction::try_start(plugin, &begun);
    here.block_on(tried).map_err(of_hook)?;
    Ok(begun)
}

fn compiled(maker: &Maker, candidate: &Candidate, job: Job<'_>) -> Result<Component, NoSnapshot> {
    let Maker {
        engine, options, ..
    } = maker;
    let folder = options.cache_dir.as_deref();
    let code = compile::machine_code(&options.compiler, engine, folder, &candidate.file, job);
    artifact::trusted(engine, &code.map_err(failed)?).map_err(of_engine)
}

fn origin(
    maker: &Maker,
    plugin: &Plugin,
    component: &Component,
    init: bool,
) -> Result<Origin, NoSnapshot> {
    let pre = maker.linker.instantiate_pre(component);
    let pre = pre.map_err(of_engine)?;
    let indices = Indices::new(&pre, plugin.hooks(), init).map_err(of_engine)?;
    Ok(Origin { pre, indices })
}

/// What is in memory when `init` has run.
async fn after_init(
    maker: &Maker,
    plugin: &Plugin,
    readable: &Component,
) -> Result<Memory, NoSnapshot> {
    let origin = Arc::new(origin(maker, plugin, readable, true)?);
    let cpu = Arc::new(CpuTime::default());
    let read = async {
        let instance = transaction::made_of(plugin, &origin, &cpu).await?;
        Ok(match left(instance.store.data()) {
            Some(left) => Err(NoSnapshot::Init(left)),
            None => memory(instance, readable).await,
        })
    };
    transaction::within_limits(plugin, &cpu, read)
        .await
        .unwrap_or_else(|error| Err(of_hook(error)))
}

/// Reads all memories and globals. Reading a memory makes it grow by a page, for which the plugin's limit may leave no room.
async fn memory(mut instance: Instance, readable: &Component) -> Result<Memory, NoSnapshot> {
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
        let told = told(store, &instance.instance, function);
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

/// What one function tells: a memory's bytes, or a global's in eight.
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

fn of_hook(error: HookError) -> NoSnapshot {
    match error {
        HookError::NoInstance { .. } => NoSnapshot::Busy,
        error => failed(error),
    }
}
