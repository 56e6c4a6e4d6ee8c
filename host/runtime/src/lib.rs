//! The wasmtime embedding: load, check, limit and call plugins.
//!
//! A plugin is a WebAssembly component, or a `wasm32-wasip1` module with the component type inside, that exports hooks of
//! the package `selvedge:edge` (`sdk/wit/edge.wit`). This crate decides whether a file may be a plugin ([`Runtime::load`]),
//! and what a hook answered or why it did not ([`Transaction`]). It knows nothing of sockets, caching or configuration
//! files: the pipeline gives it facts ([`RequestFacts`]) and gets decisions.
//!
//! # Layout
//!
//! | File | Its one idea |
//! |---|---|
//! | `runtime.rs` | engine settings, [`Options`], [`Runtime`] |
//! | `spec.rs` | what a configuration says of a plugin |
//! | `load.rs`, `check.rs`, `artifact.rs` | from a file to checked, compiled code |
//! | `inspect.rs` | what a file says of itself, for its author |
//! | `compile/` | making machine code, in a child process with bounds |
//! | `plugin.rs`, `counters.rs` | a loaded plugin, and what became of its calls |
//! | `instance.rs`, `transaction.rs` | instances, and one hook call with its limits |
//! | `remember/` | decisions that need not be asked for again |
//! | `breaker.rs` | plugins that keep failing |
//! | `limits.rs`, `ticker.rs`, `trap.rs` | what a guest may use, and what it is told when it uses more |
//! | `host/` | one file per interface that guests may import |
//! | `capabilities.rs` | what of that the pipeline implements |
//! | `hooks/` | one file per hook that the host calls, and `convert.rs`, which checks what they return |
//! | `masks.rs` | what a plugin says, without its secrets |
//! | `edits.rs`, `fault.rs`, `protected.rs` | changes as values; what can be wrong with one; fields out of reach |
//! | `stream.rs` | bodies that a plugin makes while they flow |
//!
//! # The life of a hook call
//!
//! [`Transaction`] takes an instance (a fresh one, or one of the plugin's pool), gives it the facts, calls the export on a
//! fiber of its own, and polls that under two limits: CPU time of the thread, looked at on each epoch tick, and wall time.
//! The guest gives way to other tasks on each tick, so a spinning guest never holds a worker thread.

#![warn(clippy::unwrap_used)]
#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        reason = "tests read and write files themselves"
    )
)]

#[macro_use]
#[path = "../../../sdk/macros/src/hooks.rs"]
mod hook_table;

mod artifact;
mod bindings;
mod breaker;
pub mod capabilities;
mod check;
mod compile;
mod contract;
mod counters;
mod decision;
pub mod edits;
mod error;
mod facts;
mod fault;
mod fetching;
mod file;
mod guest_log;
mod hook;
mod hooks;
mod host;
mod identity;
mod inspect;
mod instance;
mod limits;
mod linked;
mod load;
mod masks;
mod on_demand;
mod options;
mod plugin;
mod protected;
mod remember;
mod runtime;
mod shared;
mod snapshot;
mod spec;
mod start;
mod state;
mod stream;
mod text;
mod ticker;
mod time;
mod transaction;
mod trap;

pub use capabilities::{Capabilities, Capability};
pub use compile::limits::{CompileLimit, CompileLimits};
pub use compile::{ChildCompiler, Compiler, compile_worker};
pub use counters::Counters;
pub use decision::{
    KeyDecision, KeyPart, OriginDecision, OriginRequestDecision, TtlDecision,
    ViewerRequestDecision, ViewerResponseDecision,
};
pub use edits::{FieldEdit, RequestEdits, ResponseEdits, SyntheticResponse};
pub use error::{HookError, LoadError, RuntimeError};
pub use facts::{Read, RequestFacts, RequestId, ResponseFacts, Scheme, TlsFacts};
pub use fault::Fault;
pub use hook::{Hook, UnknownHook};
pub use hooks::OriginResponseDecision;
pub use inspect::{Inspection, MemoryBounds};
pub use masks::Masks;
pub use options::{Options, WallClock};
pub use plugin::Plugin;
pub use runtime::Runtime;
pub use snapshot::candidate::NoSnapshot;
pub use spec::{Isolation, Limits, OnError, PluginSpec, ShortCircuit};
pub use stream::{PIECE_BYTES, Producer, Transform};
pub use transaction::{Called, Transaction};
