//! The engine: one per process, with the settings that were measured (ARCHITECTURE.md, plugins).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use wasmtime::component::Linker;
use wasmtime::{Config, Enabled, Engine, PoolingAllocationConfig};

use crate::artifact::Artifacts;
use crate::compile::{self, Compiler};
use crate::error::{LoadError, RuntimeError};
use crate::host;
use crate::inspect::{self, Inspection};
use crate::instance::State;
use crate::load;
use crate::plugin::Plugin;
use crate::remember::Budget;
use crate::snapshot::Snapshots;
use crate::spec::PluginSpec;
use crate::ticker::Ticker;

/// Tells guests the time of day in place of the system.
pub trait WallClock: std::fmt::Debug + Send + Sync {
    /// Since the Unix epoch.
    fn since_epoch(&self) -> Duration;
}

/// Settings of a [`Runtime`]; the defaults suit a server.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many instances there may be at a time, those waiting in pools included, and of one plugin three quarters of them.
    /// Default 1000. Each reserves 4 GiB of
    /// addresses, which cost nothing. Beyond it, calls end as [`HookError::NoInstance`](crate::HookError::NoInstance).
    pub max_instances: u32,
    /// Where compiled code is kept, so that a restart need not compile. `None`: nowhere. The folder is made if it is
    /// missing, and must belong to this user alone: loading compiled code is trusting it.
    pub cache_dir: Option<PathBuf>,
    /// Who makes machine code of plugin files. Default: this process, without bounds.
    pub compiler: Compiler,
    /// Bytes of stack for WebAssembly in one call. Default 512 KiB.
    pub stack_bytes: usize,
    /// The largest number of elements that any plugin's table may have. Default 20 000.
    pub table_elements: usize,
    /// Bytes of an instance's memory that stay resident for the next one instead of going back to the system. Default
    /// 4 MiB. At most 100 unused slots keep theirs.
    pub keep_resident: usize,
    /// How many hook calls an instance of a plugin with [`Isolation::Reuse`](crate::Isolation::Reuse) serves. Default 1000.
    pub calls_per_instance: u32,
    /// Bytes that remembered decisions of all plugins may take together. Default 64 MiB.
    pub remember_bytes: usize,
    /// How much time fresh instances of a plugin spend in its `init` before it is run once for all that come. That takes two
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

/// What one instance of a plugin may be made of. A plugin with a Python interpreter links 14 modules, which share a memory
/// and a table.
const MOST_MODULES: u32 = 64;
const MOST_MEMORIES: u32 = 4;
/// So many tables there are for each instance.
pub(crate) const TABLES: u32 = 4;
const MOST_TABLES: u32 = 16;

/// What plugins of all distributions share. Cheap to clone; lives as long as any plugin.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) options: Arc<Options>,
    /// Instances that wait in pools, of all plugins together.
    pub(crate) idle: Arc<AtomicU32>,
    pub(crate) ticker: Arc<Ticker>,
    /// For remembered decisions.
    pub(crate) budget: Arc<Budget>,
    pub(crate) snapshots: Arc<Snapshots>,
}

/// Loads plugins. One per process.
pub struct Runtime {
    pub(crate) shared: Shared,
    pub(crate) linker: Arc<Linker<State>>,
    pub(crate) artifacts: Option<Artifacts>,
}

impl Runtime {
    /// Sets up the engine and the thread that interrupts guests.
    ///
    /// # Errors
    ///
    /// [`RuntimeError`], when the machine does not allow it or the cache folder is not safe to use.
    pub fn new(options: Options) -> Result<Arc<Runtime>, RuntimeError> {
        let failed = |error: wasmtime::Error| RuntimeError::Engine {
            instances: options.max_instances,
            reason: format!("{error:#}"),
        };
        let engine = Engine::new(&engine_config(&options)).map_err(failed)?;
        let linker = Arc::new(host::linker(&engine).map_err(failed)?);
        let artifacts = options
            .cache_dir
            .as_deref()
            .map(|dir| Artifacts::open(dir, &engine))
            .transpose()?;
        let ticker = Ticker::start(&engine).map_err(RuntimeError::Thread)?;
        let options = Arc::new(options);
        let shared = Shared {
            snapshots: Arc::new(Snapshots::new(&engine, &linker, &options)),
            engine,
            budget: Arc::new(Budget::new(options.remember_bytes)),
            options,
            idle: Arc::default(),
            ticker: Arc::new(ticker),
        };
        Ok(Arc::new(Runtime {
            shared,
            linker,
            artifacts,
        }))
    }

    /// Reads, checks and compiles a plugin, and makes a first instance of it. Takes up to seconds of CPU time: call it on a
    /// blocking thread. It may also be called outside of any async runtime.
    ///
    /// # Errors
    ///
    /// [`LoadError`]: what is wrong with the file or with what the configuration asks of it.
    pub fn load(&self, spec: &PluginSpec) -> Result<Arc<Plugin>, LoadError> {
        load::load(self, spec)
    }

    /// Reads, checks and compiles a plugin file and says what is in it, without making an instance. As costly as
    /// [`Runtime::load`].
    ///
    /// # Errors
    ///
    /// [`LoadError`]: why no configuration could load it.
    pub fn inspect(&self, file: &Path) -> Result<Inspection, LoadError> {
        inspect::inspect(self, file)
    }

    /// Removes compiled code that no loaded plugin uses, but for what was made last. Call it when all plugins of a
    /// configuration are loaded.
    pub fn tidy(&self) {
        if let Some(artifacts) = &self.artifacts {
            artifacts.tidy();
        }
    }
}

fn engine_config(options: &Options) -> Config {
    let mut config = compile::settings();
    config
        .allocation_strategy(pooling(options))
        .max_wasm_stack(options.stack_bytes)
        // Host functions run on the same stack, below the guest's frames.
        .async_stack_size(options.stack_bytes.saturating_add(1536 << 10));
    config
}

/// Counts for the usual shapes of a plugin: one memory; the module itself, the WASI adapter and two small modules that tie
/// them together, each with a table at most.
fn pooling(options: &Options) -> PoolingAllocationConfig {
    let instances = options.max_instances;
    let mut pooling = PoolingAllocationConfig::new();
    pooling
        // One plugin made of thousands of modules or memories would leave none for the others.
        .max_core_instances_per_component(MOST_MODULES)
        .max_memories_per_component(MOST_MEMORIES)
        .max_tables_per_component(MOST_TABLES)
        .total_component_instances(instances)
        // These are only counted.
        .total_core_instances(instances.saturating_mul(MOST_MODULES))
        .total_memories(instances)
        .total_tables(instances.saturating_mul(TABLES))
        .total_stacks(instances)
        .max_tables_per_module(4)
        .table_elements(options.table_elements)
        .linear_memory_keep_resident(options.keep_resident)
        .table_keep_resident(64 << 10)
        .pagemap_scan(Enabled::Auto);
    pooling
}
