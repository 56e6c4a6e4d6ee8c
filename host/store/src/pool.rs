//! The threads on which the store reads and writes bodies.
//!
//! They are few, and the store's own. An allocator has a stock for each thread that makes things, and a runtime's pool
//! for blocking calls has hundreds of threads, which all come to be used in turn: their stocks grew with the hours.
//! Nor does what else blocks there, the resolver for instance, keep bodies waiting.

use std::io;
use std::num::NonZero;
use std::thread::available_parallelism;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

/// One for each processor, within these bounds: a disk takes several calls at once, and no processor is needed for that.
const MIN_THREADS: usize = 8;
const MAX_THREADS: usize = 32;

/// See the module. When it is dropped, calls under way end by themselves, and what waits is dropped.
#[derive(Debug)]
pub(crate) struct Pool {
    handle: Handle,
    /// There until the pool is dropped. It is never driven: only its threads for blocking calls are used.
    runtime: Option<Runtime>,
}

impl Pool {
    pub(crate) fn new() -> io::Result<Pool> {
        let processors = available_parallelism().map_or(MIN_THREADS, NonZero::get);
        let runtime = Builder::new_current_thread()
            .max_blocking_threads(processors.clamp(MIN_THREADS, MAX_THREADS))
            .thread_name("store-disk")
            .build()?;
        Ok(Pool {
            handle: runtime.handle().clone(),
            runtime: Some(runtime),
        })
    }

    /// Returns the handle that bodies are read with. It does not keep the pool alive.
    pub(crate) fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Does this when a thread is free.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        self.handle.spawn_blocking(work)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // The last one to let go of a store may be a task, which must not wait for threads.
            runtime.shutdown_background();
        }
    }
}
