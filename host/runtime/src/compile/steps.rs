//! The steps themselves, bytes in and bytes out: make a component of a module, look at it, make machine code. They run in
//! the child, or in the process itself where that is asked for.

use std::borrow::Cow;

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasmtime::{Config, Engine};
use wit_component::ComponentEncoder;

use super::job::{CompileRefusal, Job};
use super::snapshot;
use crate::check::{self, Kind};

/// The settings that machine code depends on. Those of the host's engine beyond these concern running only.
pub(crate) fn settings() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        // Halves the cost of a fresh instance. Async host functions and calls work without it.
        .concurrency_support(false);
    config
}

pub(super) fn compile(engine: &Engine, job: Job<'_>) -> Result<Vec<u8>, CompileRefusal> {
    let component = match job {
        Job::Plain(file) => component(file)?,
        Job::Readable(file) => snapshot::readable(&component(file)?)?.into(),
        Job::Begun(file, memory) => snapshot::begun(&component(file)?, memory)?.into(),
    };
    engine
        .precompile_component(&component)
        .map_err(|error| CompileRefusal::Invalid(format!("{error:#}")))
}

fn component(file: &[u8]) -> Result<Cow<'_, [u8]>, CompileRefusal> {
    let component: Cow<'_, [u8]> = match check::kind(file) {
        Ok(Kind::Component) => file.into(),
        Ok(Kind::Module) => component_of(file)?.into(),
        Err(found) => return Err(CompileRefusal::Invalid(format!("it is {found}"))),
    };
    if check::needs_component_async(&component) {
        return Err(CompileRefusal::NeedsComponentAsync);
    }
    Ok(component)
}

/// Makes a component of a `wasm32-wasip1` module: what it imports of WASI 0.1 is translated to 0.2 by an adapter.
fn component_of(module: &[u8]) -> Result<Vec<u8>, CompileRefusal> {
    if !check::has_component_type(module) {
        return Err(CompileRefusal::NoComponentType);
    }
    ComponentEncoder::default()
        .module(module)
        .and_then(|encoder| {
            encoder.adapter(
                WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME,
                WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
            )
        })
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| CompileRefusal::Invalid(format!("{error:#}")))
}
