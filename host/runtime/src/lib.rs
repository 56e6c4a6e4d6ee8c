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
//! | `plugin.rs`, `counters.rs` | a loaded plugin, and what became of its calls |
//! | `instance.rs`, `transaction.rs` | instances, and one hook call with its limits |
//! | `limits.rs`, `ticker.rs`, `trap.rs` | what a guest may use, and what it is told when it uses more |
//! | `host/` | one file per interface that guests may import |
//! | `hooks/` | one file per hook that the host calls |
//!
//! # The life of a hook call
//!
//! [`Transaction`] takes an instance (a fresh one, or one of the plugin's pool), gives it the facts, calls the export on a
//! fiber of its own, and polls that under two limits: CPU time of the thread, looked at on each epoch tick, and wall time.
//! The guest gives way to other tasks on each tick, so a spinning guest never holds a worker thread.

mod artifact;
mod bindings;
mod check;
mod counters;
mod error;
mod facts;
mod hooks;
mod host;
mod instance;
mod limits;
mod load;
mod plugin;
mod runtime;
mod spec;
mod ticker;
mod transaction;
mod trap;

pub use counters::Counters;
pub use error::{HookError, LoadError, RuntimeError};
pub use facts::{Read, RequestFacts, ResponseFacts, Scheme, TlsFacts};
pub use hooks::{KeyDecision, KeyPart, OriginDecision, TtlDecision};
pub use plugin::Plugin;
pub use runtime::{Options, Runtime};
pub use spec::{Hook, Isolation, Limits, OnError, PluginSpec, UnknownHook};
pub use transaction::{Called, Transaction};
