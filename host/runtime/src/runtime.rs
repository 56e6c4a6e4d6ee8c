//! The engine: one per process, with the settings that were measured (ARCHITECTURE.md, plugins).

use std::path::Path;
use std::sync::Arc;

use wasmtime::{Config, Enabled, Engine, PoolingAllocationConfig};

use crate::artifact::Artifacts;
use crate::compile;
use crate::error::{HookError, LoadError, RuntimeError};
use crate::hook::Hook;
use crate::host;
use crate::inspect::{self, Inspection};
use crate::load::{self, Loader};
use crate::options::Options;
use crate::plugin::Plugin;
use crate::remember::Budget;
use crate::shared::{Shared, TABLES};
use crate::snapshot::maker::Snapshots;
use crate::spec::PluginSpec;
use crate::ticker::Ticker;
use crate::{rehearsal, start};

/// Limits on the parts of one instance of a plugin. A plugin with a Python interpreter links 14 modules, which share a memory
/// and a table.
const MAX_MODULES: u32 = 64;
const MAX_MEMORIES: u32 = 4;
const MAX_TABLES: u32 = 16;

/// Loads plugins. One per process.
pub struct Runtime(Loader);

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
            engine: engine.clone(),
            budget: Arc::new(Budget::new(options.remember_bytes)),
            options: options.clone(),
            idle: Arc::default(),
            ticker: Arc::new(ticker),
        };
        Ok(Arc::new(Runtime(Loader {
            snapshots: Arc::new(Snapshots::new(&engine, &linker, &options)),
            shared,
            linker,
            artifacts,
        })))
    }

    /// Reads, checks and compiles a plugin, and makes a first instance of it. Takes up to seconds of CPU time: call it on a
    /// blocking thread. It may also be called outside of any async runtime.
    ///
    /// # Errors
    ///
    /// [`LoadError`]: what is wrong with the file or with what the configuration asks of it.
    pub fn load(&self, spec: &PluginSpec) -> Result<Arc<Plugin>, LoadError> {
        load::load(&self.0, spec)
    }

    /// Checks and compiles a plugin from its bytes, wherever they come from, and makes a first instance of it, as
    /// [`Runtime::load`] does. The path of the spec is only said in messages.
    ///
    /// # Errors
    ///
    /// [`LoadError`]: what is wrong with the bytes or with what the configuration asks of them.
    pub fn load_bytes(&self, spec: &PluginSpec, file: &[u8]) -> Result<Arc<Plugin>, LoadError> {
        load::load_bytes(&self.0, spec, file)
    }

    /// Reads, checks and compiles a plugin file and says what is in it, without making an instance. As costly as
    /// [`Runtime::load`].
    ///
    /// # Errors
    ///
    /// [`LoadError`]: why no configuration could load it.
    pub fn inspect(&self, file: &Path) -> Result<Inspection, LoadError> {
        inspect::inspect(&self.0, file)
    }

    /// Calls each hook of a plugin once with a plain request, under its limits. Returns those that failed. Blocking.
    ///
    /// # Errors
    ///
    /// This machine's.
    pub fn rehearse(&self, plugin: &Arc<Plugin>) -> std::io::Result<Vec<(Hook, HookError)>> {
        let rehearsed = || Ok(start::here()?.block_on(rehearsal::rehearse(plugin)));
        let done = std::thread::scope(|scope| scope.spawn(rehearsed).join());
        done.unwrap_or_else(|_| Err(std::io::Error::other("calling its hooks panicked")))
    }

    /// Removes compiled code that no loaded plugin uses, but for what was made last. Call it when all plugins of a
    /// configuration are loaded.
    pub fn tidy(&self) {
        if let Some(artifacts) = &self.0.artifacts {
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
        .max_core_instances_per_component(MAX_MODULES)
        .max_memories_per_component(MAX_MEMORIES)
        .max_tables_per_component(MAX_TABLES)
        .total_component_instances(instances)
        // These are only counted.
        .total_core_instances(instances.saturating_mul(MAX_MODULES))
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
