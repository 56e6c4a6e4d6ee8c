//! One instance of a plugin: its store, and the hooks found in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use wasmtime::Store;

use crate::error::HookError;
use crate::facts::{Read, RequestFacts, ResponseFacts};
use crate::limits::Usage;
use crate::linked::{Guests, Linked};
use crate::state::State;

pub(crate) struct Instance {
    pub(crate) store: Store<State>,
    pub(crate) instance: wasmtime::component::Instance,
    /// Code that it was made of.
    pub(crate) linked: Arc<Linked>,
    /// On the heap, so that handing an instance on moves little.
    pub(crate) guests: Box<Guests>,
    /// Hook calls so far.
    pub(crate) calls: u32,
    pub(crate) _alive: Alive,
}

impl Instance {
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
        state.viewer_broke_off = false;
        state.usage = Usage::default();
        state.fetches.started = 0;
        state.growth.refused = None;
        state.log.lock().begin(Some(request.clone()));
    }

    /// The guest's own words as an error, without its secrets.
    pub(crate) fn said(&self, message: &str) -> HookError {
        HookError::Guest(self.store.data().plugin.masks.printable(message))
    }

    /// Returns the guest's output on standard error if its call has failed.
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

/// One instance of the number that a plugin may have, as long as it lives.
pub(crate) struct Alive(Arc<AtomicU32>);

impl Alive {
    /// Counts one more, if there are fewer than `limit`.
    pub(crate) fn one_more(count: &Arc<AtomicU32>, limit: u32) -> Option<Alive> {
        let before = count.fetch_add(1, Relaxed);
        let alive = Alive(count.clone());
        (before < limit).then_some(alive)
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
