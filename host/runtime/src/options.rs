//! Settings of a runtime.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::compile::Compiler;

/// Tells guests the time of day in place of the system.
pub trait WallClock: std::fmt::Debug + Send + Sync {
    /// Since the Unix epoch.
    fn since_epoch(&self) -> Duration;
}

/// Settings of a [`Runtime`]; the defaults suit a server.
#[derive(Debug, Clone)]
pub struct Options {
    /// Limit on instances at a time, those waiting in pools included. One plugin may have three quarters of them.
    /// Default 1000. Each reserves 4 GiB of
    /// addresses, which cost nothing. Beyond it, calls end as [`HookError::NoInstance`](crate::HookError::NoInstance).
    pub max_instances: u32,
    /// Folder of compiled code, so that a restart need not compile. `None`: nowhere. The folder is made if it is
    /// missing, and must belong to this user alone: loading compiled code is trusting it.
    pub cache_dir: Option<PathBuf>,
    /// Compiler of plugin files. Default: this process, without bounds.
    pub compiler: Compiler,
    /// Bytes of stack for WebAssembly in one call. Default 512 KiB.
    pub stack_bytes: usize,
    /// The largest number of elements that any plugin's table may have. Default 20 000.
    pub table_elements: usize,
    /// Bytes of an instance's memory that stay resident for the next one instead of going back to the system. Default
    /// 4 MiB. At most 100 unused slots keep theirs.
    pub keep_resident: usize,
    /// Hook calls that an instance of a plugin serves with [`Isolation::Reuse`](crate::Isolation::Reuse) serves. Default 1000.
    pub calls_per_instance: u32,
    /// Bytes that remembered decisions of all plugins may take together. Default 64 MiB.
    pub remember_bytes: usize,
    /// Time that fresh instances of a plugin spend in its `init` before it is run once for all that come. That takes two
    /// compilations, in the background. Default 1 s; [`Duration::MAX`] is never.
    pub snapshot_after: Duration,
    /// Bytes that what `init` left and its machine code may take for all plugins together. Default 256 MiB.
    pub snapshot_bytes: usize,
    /// The time of day that guests are told, for tests that move it. Default: the system's. How long something takes is
    /// always measured by the system.
    pub wall_clock: Option<Arc<dyn WallClock>>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            max_instances: 1000,
            cache_dir: None,
            compiler: Compiler::default(),
            stack_bytes: 512 << 10,
            table_elements: 20_000,
            keep_resident: 4 << 20,
            calls_per_instance: 1000,
            remember_bytes: 64 << 20,
            snapshot_after: Duration::from_secs(1),
            snapshot_bytes: 256 << 20,
            wall_clock: None,
        }
    }
}
