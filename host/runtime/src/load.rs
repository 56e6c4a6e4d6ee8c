//! From a file to a plugin: read, make a component of it, compile, check, and make a first instance.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;
use std::sync::Arc;

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasmtime::component::Component;
use wit_component::ComponentEncoder;

use crate::check;
use crate::error::{HookError, LoadError};
use crate::plugin::Plugin;
use crate::runtime::Runtime;
use crate::spec::PluginSpec;

/// The largest plugin file in bytes.
const LARGEST_FILE: u64 = 64 << 20;

pub(crate) fn load(runtime: &Runtime, spec: &PluginSpec) -> Result<Arc<Plugin>, LoadError> {
    let path = &spec.file;
    let file = read(path)?;
    let kind = check::kind(path, &file)?;
    let component = compiled(runtime, path, &file, kind)?;
    let exports = check::component(&runtime.shared.engine, path, &component, &spec.powers)?;
    let hooks = check::hooks(path, &spec.hooks, &exports)?;
    let invalid = |error: wasmtime::Error| LoadError::Invalid {
        path: path.clone(),
        reason: format!("{error:#}"),
    };
    let pre = runtime
        .linker
        .instantiate_pre(&component)
        .map_err(invalid)?;
    let plugin = Plugin::new(runtime.shared.clone(), spec, hooks, exports, pre).map_err(invalid)?;
    first_instance(path, &plugin)?;
    Ok(Arc::new(plugin))
}

fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
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

/// The compiled component, from the cache if it is there.
fn compiled(
    runtime: &Runtime,
    path: &Path,
    file: &[u8],
    kind: check::Kind,
) -> Result<Component, LoadError> {
    let engine = &runtime.shared.engine;
    if let Some(component) = runtime
        .artifacts
        .as_ref()
        .and_then(|artifacts| artifacts.get(engine, file))
    {
        return Ok(component);
    }
    let component = match kind {
        check::Kind::Component => None,
        check::Kind::Module => Some(component_of(path, file)?),
    };
    let component = component.as_deref().unwrap_or(file);
    check::validate(path, component)?;
    let artifact = compile(engine, path, component)?;
    if let Some(artifacts) = &runtime.artifacts {
        artifacts.put(file, &artifact);
    }
    crate::artifact::trusted(engine, &artifact).map_err(|error| LoadError::Machine {
        path: path.to_owned(),
        reason: format!("{error:#}"),
    })
}

/// Makes machine code. The only costly step, and the only one a hostile file could drive far: bytes in, bytes out, so that
/// it can move to a process of its own.
fn compile(engine: &wasmtime::Engine, path: &Path, component: &[u8]) -> Result<Vec<u8>, LoadError> {
    engine
        .precompile_component(component)
        .map_err(|error| LoadError::Invalid {
            path: path.to_owned(),
            reason: format!("{error:#}"),
        })
}

/// Makes a component of a `wasm32-wasip1` module: what it imports of WASI 0.1 is translated to 0.2 by an adapter.
fn component_of(path: &Path, module: &[u8]) -> Result<Vec<u8>, LoadError> {
    if !check::has_component_type(module) {
        return Err(LoadError::NoComponentType {
            path: path.to_owned(),
        });
    }
    let encoded = ComponentEncoder::default()
        .module(module)
        .and_then(|encoder| {
            encoder.adapter(
                WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME,
                WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
            )
        })
        .and_then(|mut encoder| encoder.encode());
    encoded.map_err(|error| LoadError::Invalid {
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
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    Ok(runtime.block_on(plugin.try_start()))
}
