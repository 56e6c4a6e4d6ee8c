//! From a file to a plugin: read, have it compiled, check what it imports and exports, and make a first instance.

use std::path::Path;
use std::sync::Arc;

use wasmtime::component::{Component, Linker};

use crate::artifact::{self, Artifacts};
use crate::check::{self, Exports};
use crate::compile::{self, Job};
use crate::error::{HookError, LoadError};
use crate::hook::Hook;
use crate::linked::{Indices, Linked};
use crate::plugin::Plugin;
use crate::shared::Shared;
use crate::snapshot::maker::{SnapshotOf, Snapshots};
use crate::spec::PluginSpec;
use crate::state::State;
use crate::{file, start};

/// Everything that loading plugins takes.
pub(crate) struct Loader {
    pub(crate) shared: Shared,
    pub(crate) linker: Arc<Linker<State>>,
    pub(crate) artifacts: Option<Artifacts>,
    pub(crate) snapshots: Arc<Snapshots>,
}

pub(crate) fn load(loader: &Loader, spec: &PluginSpec) -> Result<Arc<Plugin>, LoadError> {
    load_bytes(loader, spec, &file::read(&spec.file)?)
}

/// Loads a plugin whose file has these bytes; its path is only said in messages.
pub(crate) fn load_bytes(
    loader: &Loader,
    spec: &PluginSpec,
    bytes: &[u8],
) -> Result<Arc<Plugin>, LoadError> {
    let path = &spec.file;
    file::kind(path, bytes)?;
    let component = compiled(loader, path, bytes)?;
    let engine = &loader.shared.engine;
    let exports = check::component(engine, path, &component)?;
    check::given(engine, path, &component, &spec.capabilities)?;
    let hooks = check::hooks(path, &spec.hooks, &exports)?;
    let linked = linked(loader, path, &component, &hooks, &exports)?;
    let code = loader
        .artifacts
        .as_ref()
        .map(|artifacts| artifacts.used(bytes));
    let shared = loader.shared.clone();
    let plugin = Plugin::new(shared, spec, bytes, hooks, exports, linked, code);
    first_instance(path, &plugin)?;
    let plugin = Arc::new(plugin);
    if let Some(candidate) = plugin.candidate() {
        candidate.may_ask(SnapshotOf {
            snapshots: loader.snapshots.clone(),
            plugin: Arc::downgrade(&plugin),
        });
    }
    Ok(plugin)
}

/// Finds what the component imports at the host, and its exports that will be called.
pub(crate) fn linked(
    loader: &Loader,
    path: &Path,
    component: &Component,
    hooks: &[Hook],
    exports: &Exports,
) -> Result<Linked, LoadError> {
    let link = || {
        let pre = loader.linker.instantiate_pre(component)?;
        let indices = Indices::new(&pre, hooks, exports.lifecycle)?;
        Ok(Linked { pre, indices })
    };
    link().map_err(|error: wasmtime::Error| LoadError::Invalid {
        path: path.to_owned(),
        reason: format!("{error:#}"),
    })
}

/// The compiled component, from the cache if it is there. All that looks deeper into a file than its first bytes is the
/// compiler's, which has bounds.
pub(crate) fn compiled(loader: &Loader, path: &Path, file: &[u8]) -> Result<Component, LoadError> {
    let engine = &loader.shared.engine;
    let artifacts = loader.artifacts.as_ref();
    if let Some(component) = artifacts.and_then(|artifacts| artifacts.get(engine, file)) {
        return Ok(component);
    }
    let options = &loader.shared.options;
    let folder = options.cache_dir.as_deref();
    let code = compile::machine_code(&options.compiler, engine, folder, path, Job::Plain(file))?;
    if let Some(artifacts) = artifacts {
        artifacts.put(file, &code);
    }
    artifact::trusted(engine, &code).map_err(|error| LoadError::Machine {
        path: path.to_owned(),
        reason: format!("{error:#}"),
    })
}

/// Makes an instance and throws it away: what would fail at each request fails here instead, and a plugin can refuse its
/// configuration.
fn first_instance(path: &Path, plugin: &Plugin) -> Result<(), LoadError> {
    let made = std::thread::scope(|scope| scope.spawn(|| try_instance(plugin)).join());
    let machine = |reason: String| LoadError::Machine {
        path: path.to_owned(),
        reason,
    };
    match made {
        Ok(Ok(Ok(()))) => Ok(()),
        // A busy host can still take a new configuration; the first call will tell.
        Ok(Ok(Err(HookError::NoInstance { .. }))) => Ok(()),
        Ok(Ok(Err(HookError::InitRefused(message)))) => Err(LoadError::InitRefused {
            path: path.to_owned(),
            message,
        }),
        Ok(Ok(Err(error))) => Err(LoadError::Start {
            path: path.to_owned(),
            error,
        }),
        Ok(Err(error)) => Err(machine(error.to_string())),
        Err(_) => Err(machine("making a first instance panicked".to_owned())),
    }
}

/// Runs on a thread of its own, since the caller may be inside of an async runtime, where no second one can be driven.
fn try_instance(plugin: &Plugin) -> std::io::Result<Result<(), HookError>> {
    Ok(start::here()?.block_on(start::try_start(plugin, plugin.linked())))
}
