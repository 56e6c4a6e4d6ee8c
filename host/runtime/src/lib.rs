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
//! | `runtime.rs`, `options.rs`, `shared.rs` | engine settings, [`Options`], [`Runtime`], and the parts of it that plugins hold |
//! | `hook.rs`, `decision.rs`, `facts.rs`, `edits.rs`, `spec.rs`, `error.rs` | values: hooks, decisions, what hooks read, changes, what a configuration says of a plugin, failures |
//! | `file.rs`, `load.rs`, `check.rs`, `artifact.rs`, `contract.rs` | from a file to checked, compiled code |
//! | `inspect.rs`, `rehearsal.rs` | what a file says of itself, and one call of each hook, for its author |
//! | `compile/` | making machine code, in a child process with bounds |
//! | `linked.rs`, `plugin.rs`, `identity.rs`, `counters.rs` | code with its imports resolved; a loaded plugin, and the outcomes of its calls |
//! | `start.rs`, `instance.rs`, `state.rs` | making instances, one of them, and what the host keeps for it |
//! | `transaction.rs`, `time.rs` | one hook call, and its limits of time |
//! | `snapshot/` | `init` once for all instances |
//! | `remember/` | decisions that need not be asked for again |
//! | `breaker.rs` | plugins that keep failing |
//! | `limits.rs`, `ticker.rs`, `trap.rs` | what a guest may use, and what it is told when it uses more |
//! | `host/`, `bindings.rs`, `fetching.rs`, `guest_log.rs` | one file per interface that guests may import, and what guests hold |
//! | `capabilities.rs`, `on_demand.rs` | what of that the pipeline implements |
//! | `hooks/` | one file per hook that the host calls: `call.rs` is what they have in common, `convert.rs` checks what they return |
//! | `masks.rs`, `text.rs` | what a plugin says, without its secrets and in bounds |
//! | `fault.rs`, `protected.rs` | what can be wrong with a change; fields out of reach |
//! | `stream.rs` | bodies that a plugin makes while they flow |
//!
//! Files import each other in one direction: values at the bottom, then `state.rs`, `instance.rs`, `plugin.rs`, `start.rs`,
//! `transaction.rs`, `hooks/`, and `runtime.rs` on top.
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
mod rehearsal;
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
