//! From a file to a plugin: read, have it compiled, check what it imports and exports, and make a first instance.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;
use std::sync::Arc;

use wasmtime::component::Component;

use crate::artifact;
use crate::check::{self, Exports};
use crate::compile::{self, Job};
use crate::error::{HookError, LoadError};
use crate::plugin::{Indices, Linked, Plugin};
use crate::runtime::Runtime;
use crate::snapshot::Candidate;
use crate::spec::{Hook, PluginSpec};

/// The largest plugin file in bytes.
const LARGEST_FILE: u64 = 64 << 20;

pub(crate) fn load(runtime: &Runtime, spec: &PluginSpec) -> Result<Arc<Plugin>, LoadError> {
    let path = &spec.file;
    let file = read(path)?;
    kind(path, &file)?;
    let component = compiled(runtime, path, &file)?;
    let engine = &runtime.shared.engine;
    let exports = check::component(engine, path, &component)?;
    check::given(engine, path, &component, &spec.capabilities)?;
    let hooks = check::hooks(path, &spec.hooks, &exports)?;
    let linked = linked(runtime, path, &component, &hooks, &exports)?;
    let code = runtime
        .artifacts
        .as_ref()
        .map(|artifacts| artifacts.used(&file));
    let shared = runtime.shared.clone();
    let candidate = Candidate::new(spec, &exports, &file);
    let plugin = Plugin::new(shared, spec, hooks, exports, linked, code, candidate);
    first_instance(path, &plugin)?;
    let plugin = Arc::new(plugin);
    if let Some(candidate) = plugin.candidate() {
        candidate.is_loaded(&plugin);
    }
    Ok(plugin)
}

/// Finds what the component imports at the host, and its exports that will be called.
pub(crate) fn linked(
    runtime: &Runtime,
    path: &Path,
    component: &Component,
    hooks: &[Hook],
    exports: &Exports,
) -> Result<Linked, LoadError> {
    let link = || {
        let pre = runtime.linker.instantiate_pre(component)?;
        let indices = Indices::new(&pre, hooks, exports.lifecycle)?;
        Ok(Linked { pre, indices })
    };
    link().map_err(|error: wasmtime::Error| LoadError::Invalid {
        path: path.to_owned(),
        reason: format!("{error:#}"),
    })
}

/// What the file begins with.
pub(crate) fn kind(path: &Path, file: &[u8]) -> Result<check::Kind, LoadError> {
    check::kind(file).map_err(|found| LoadError::NotWasm {
        path: path.to_owned(),
        found,
    })
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    let unreadable = |source: std::io::Error| match source.kind() {
        ErrorKind::NotFound => LoadError::Missing {
            path: path.to_owned(),
        },
        _ => LoadError::Unreadable {
            path: path.to_owned(),
            source,
        },
    };
    let file = File::open(path).map_err(unreadable)?;
    let size = file.metadata().map_err(unreadable)?.len();
    if size > LARGEST_FILE {
        return Err(LoadError::TooLarge {
            path: path.to_owned(),
            size,
            limit: LARGEST_FILE,
        });
    }
    let mut bytes = Vec::new();
    // A file that grows meanwhile is cut, and then not valid.
    file.take(LARGEST_FILE)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok(bytes)
}

/// The compiled component, from the cache if it is there. All that looks deeper into a file than its first bytes is the
/// compiler's, which has bounds.
pub(crate) fn compiled(
    runtime: &Runtime,
    path: &Path,
    file: &[u8],
) -> Result<Component, LoadError> {
    let engine = &runtime.shared.engine;
    let artifacts = runtime.artifacts.as_ref();
    if let Some(component) = artifacts.and_then(|artifacts| artifacts.get(engine, file)) {
        return Ok(component);
    }
    let options = &runtime.shared.options;
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
    Ok(here()?.block_on(plugin.try_start()))
}

/// Drives what runs a guest, on a thread where nothing else is driven.
pub(crate) fn here() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
}
