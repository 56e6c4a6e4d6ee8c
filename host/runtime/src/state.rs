//! State that the host keeps for an instance; host functions see it.

use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::WasiCtx;

use crate::facts::{Read, RequestFacts, ResponseFacts};
use crate::guest_log::SharedLog;
use crate::identity::Identity;
use crate::limits::{Fetches, Growth, Usage};
use crate::time::CallTime;

/// Words for a guest that asks in `init` for something that only a request may ask for.
pub(crate) const NOT_IN_INIT: &str =
    "this cannot be asked for in `init`, where there is no request";

/// State that the host keeps for an instance; host functions see it.
pub(crate) struct State {
    pub(crate) plugin: Arc<Identity>,
    pub(crate) growth: Growth,
    pub(crate) time: Arc<CallTime>,
    pub(crate) usage: Usage,
    pub(crate) fetches: Fetches,
    /// Request that the running hook may read. `None` outside of hooks.
    pub(crate) request: Option<Arc<RequestFacts>>,
    pub(crate) response: Option<Arc<ResponseFacts>>,
    /// The viewer broke its body off while the running hook read it.
    pub(crate) viewer_broke_off: bool,
    /// Reads of the running hook.
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

    /// The one way to what a request holds. `passed` is the size of what the guest gave to the call.
    pub(crate) fn read(
        &mut self,
        what: Read,
        passed: usize,
    ) -> wasmtime::Result<Arc<RequestFacts>> {
        self.usage.call(passed, &self.plugin.limits)?;
        self.note(what);
        // A guest has no handle outside of a hook, so it cannot get here without a request.
        self.request
            .clone()
            .ok_or_else(|| wasmtime::Error::msg("there is no request"))
    }

    /// As [`State::read`], for the response.
    pub(crate) fn read_response(
        &mut self,
        what: Read,
        passed: usize,
    ) -> wasmtime::Result<Arc<ResponseFacts>> {
        self.usage.call(passed, &self.plugin.limits)?;
        self.note(what);
        self.response
            .clone()
            .ok_or_else(|| wasmtime::Error::msg("there is no response"))
    }

    /// The one way to what the pipeline implements: counts the call and records the use.
    pub(crate) fn use_capability(&mut self, what: Read, passed: usize) -> wasmtime::Result<()> {
        self.usage.call(passed, &self.plugin.limits)?;
        self.note(what);
        Ok(())
    }

    /// Returns true if the guest is being initialised: there is no request.
    pub(crate) fn in_init(&self) -> bool {
        self.request.is_none()
    }

    /// Counts a call that reads nothing.
    pub(crate) fn count(&mut self, passed: usize) -> wasmtime::Result<()> {
        Ok(self.usage.call(passed, &self.plugin.limits)?)
    }
}
