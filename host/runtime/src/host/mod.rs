//! Interfaces that guests may import, one file each. Everything that a guest learns about a request comes through
//! [`State::read`], which counts the call and records what was read.

mod cache;
mod config;
mod fetch;
mod fields;
mod kv;
mod log;
mod metrics;
mod request;
mod response;
mod secrets;
mod wasi;

use wasmtime::Engine;
use wasmtime::component::{HasSelf, Linker};

use crate::bindings::imported;
use crate::state::State;

/// Everything that guests may import.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    imported::types::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    imported::config::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    imported::log::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    imported::kv::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    imported::fetch::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    imported::cache::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    imported::metrics::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    imported::secrets::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    wasi::add_to_linker(&mut linker)?;
    Ok(linker)
}

impl imported::types::Host for State {}
