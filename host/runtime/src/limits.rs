//! Limits of a guest on memory, tables, host calls, passed bytes and fetches. Those on time are in `time.rs`.

use wasmtime::ResourceLimiter;

use crate::spec::Limits;

/// Streams, pollables and errors of WASI that a guest may hold at a time.
pub(crate) const MAX_WASI_RESOURCES: usize = 256;

/// A limit was hit while the guest ran. It travels through the guest as a trap; `trap.rs` gives it its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Exceeded {
    #[error("CPU time")]
    Cpu,
    #[error("host calls")]
    HostCalls,
    #[error("passed bytes")]
    PassedBytes,
    #[error("fetches")]
    Fetches,
}

/// Usage of the host by one hook call.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    host_calls: u64,
    passed_bytes: u64,
}

impl Usage {
    /// Counts a call that cannot fail by itself (those of WASI); the next tick or counted call ends the guest.
    pub(crate) fn note_call(&mut self) {
        self.host_calls += 1;
    }

    /// Counts a call and the bytes that came with it.
    pub(crate) fn call(&mut self, passed: usize, limits: &Limits) -> Result<(), Exceeded> {
        self.host_calls += 1;
        self.passed_bytes = self.passed_bytes.saturating_add(passed as u64);
        if self.passed_bytes > limits.passed_bytes {
            return Err(Exceeded::PassedBytes);
        }
        self.check_host_calls(limits)
    }

    pub(crate) fn check_host_calls(&self, limits: &Limits) -> Result<(), Exceeded> {
        if self.host_calls > limits.host_calls {
            Err(Exceeded::HostCalls)
        } else {
            Ok(())
        }
    }
}

/// Requests to backends of one instance.
#[derive(Debug, Default)]
pub(crate) struct Fetches {
    /// Started by the running call.
    pub(crate) started: u32,
    /// Under way, or answers that the guest has not dropped yet.
    pub(crate) held: u32,
}

impl Fetches {
    pub(crate) fn release(&mut self) {
        self.held = self.held.saturating_sub(1);
    }
}

/// Bounds memory and tables of one instance.
#[derive(Debug)]
pub(crate) struct Growth {
    memory: u64,
    table_elements: usize,
    /// Bytes of all linear memories so far.
    total: u64,
    /// The last growth that was refused. The guest may live with that; if it then fails, this is why.
    pub(crate) refused: Option<Growing>,
}

/// Kind of growth of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Growing {
    Memory,
    Table,
}

impl Growth {
    pub(crate) fn new(limits: &Limits) -> Growth {
        Growth {
            memory: limits.memory,
            table_elements: limits.table_elements,
            total: 0,
            refused: None,
        }
    }
}

impl ResourceLimiter for Growth {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current) as u64;
        let total = self.total.saturating_add(more);
        let allowed = total <= self.memory && maximum.is_none_or(|maximum| desired <= maximum);
        if allowed {
            self.total = total;
        } else {
            self.refused = Some(Growing::Memory);
        }
        Ok(allowed)
    }

    /// The system had none left. What a guest makes of that is not what it is elsewhere.
    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.refused = Some(Growing::Memory);
        Ok(())
    }

    fn table_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.refused = Some(Growing::Table);
        Ok(())
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let allowed =
            desired <= self.table_elements && maximum.is_none_or(|maximum| desired <= maximum);
        if !allowed {
            self.refused = Some(Growing::Table);
        }
        Ok(allowed)
    }
}
