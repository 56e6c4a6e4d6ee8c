//! Errors of this crate: one type for starting, one for loading, one for calling.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::capabilities::Capability;
use crate::compile::limits::CompileLimit;
use crate::fault::Fault;
use crate::hook::{Hook, names};

/// Why a runtime could not be made.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The engine's settings do not work on this machine.
    #[error(
        "cannot set up the plugin runtime for {instances} instances: {reason}; each instance reserves 4 GiB of addresses \
         (not memory), so a limit on virtual memory (`ulimit -v`) or a large number of instances may be the cause"
    )]
    Engine {
        /// The number of instances that were asked for.
        instances: u32,
        /// The engine's words.
        reason: String,
    },
    /// The thread that interrupts guests could not be started.
    #[error("cannot start the thread that interrupts plugins: {0}")]
    Thread(std::io::Error),
    /// The folder for compiled code cannot be used.
    #[error("cannot keep compiled plugins in {path}: {reason}")]
    CacheDir {
        /// The folder.
        path: PathBuf,
        /// The fault, and the remedy.
        reason: String,
    },
}

/// Why a file is not accepted as a plugin.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is no such file.
    #[error(
        "there is no plugin file {path}; `selvedge plugin build` in the plugin's folder makes it"
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("cannot read the plugin file {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is larger than a plugin may be.
    #[error(
        "the plugin file {path} has {size} bytes, more than the {limit} that a plugin may have; a release build with `strip = true` is usually a hundred times smaller"
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The file is something else.
    #[error(
        "{path} is no WebAssembly: it is {found}; a plugin is a component or a wasm32-wasip1 module, as `selvedge plugin build` makes it"
    )]
    NotWasm {
        /// The file.
        path: PathBuf,
        /// Its likely kind: `a native shared library (ELF)`.
        found: &'static str,
    },
    /// A module without the contract's types inside.
    #[error(
        "{path} is a plain WebAssembly module without a component type; build it with the Selvedge SDK (or another tool that makes components) for the target wasm32-wasip1"
    )]
    NoComponentType {
        /// The file.
        path: PathBuf,
    },
    /// The file is WebAssembly but broken, or uses what this host does not run.
    #[error("{path} is not a valid plugin: {reason}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The words of the validator or compiler.
        reason: String,
    },
    /// Compiling the file takes more than it may.
    #[error(
        "{path} is refused: compiling it takes more than {limit}; an ordinary plugin takes a small part of that, so the file is broken, hostile, or not meant for an edge"
    )]
    CompileLimit {
        /// The file.
        path: PathBuf,
        /// The limit that it goes beyond.
        limit: CompileLimit,
    },
    /// The component uses the component model's own asynchronous calls.
    #[error(
        "{path} needs the asynchronous calls of the component model (async functions, streams or futures), which this host does not run; use synchronous functions: waiting calls such as `fetch` return a handle to wait on"
    )]
    NeedsComponentAsync {
        /// The file.
        path: PathBuf,
    },
    /// The plugin wants something that the host does not have.
    #[error("{path} imports {interface}, which this host does not offer; it offers {offered}")]
    ImportsUnknown {
        /// The file.
        path: PathBuf,
        /// Its unknown imports: `wasi:http/types@0.2.0`.
        interface: String,
        /// The imports that are offered.
        offered: String,
    },
    /// The plugin was built for another version of the contract.
    #[error(
        "{path} was built for `{found}`, and this host runs {expected}; rebuild the plugin with the SDK of this host's version"
    )]
    ContractVersion {
        /// The file.
        path: PathBuf,
        /// The interface as the plugin names it.
        found: String,
        /// The package and version of this host.
        expected: &'static str,
    },
    /// The configuration asks for a hook that the plugin does not have.
    #[error("{path} has no hook `{hook}`; it exports {exports}")]
    LacksHook {
        /// The file.
        path: PathBuf,
        /// The hook that is asked for.
        hook: Hook,
        /// The plugin's exports.
        exports: String,
    },
    /// The plugin has no hook at all.
    #[error("{path} exports no hook; the hooks are {list}; it exports {exports}", list = names(&Hook::ALL))]
    NoHooks {
        /// The file.
        path: PathBuf,
        /// The plugin's exports.
        exports: String,
    },
    /// The plugin imports an interface that it was not given.
    #[error("{path} imports `{capability}`, which it is not given: {}", .capability.why_not())]
    NotGiven {
        /// The file.
        path: PathBuf,
        /// Its import.
        capability: Capability,
    },
    /// The plugin refused its configuration.
    #[error("{path} refuses its configuration: {message}")]
    InitRefused {
        /// The file.
        path: PathBuf,
        /// The plugin's own words.
        message: String,
    },
    /// A first instance of the plugin could not be made.
    #[error("{path} cannot be started: {error}")]
    Start {
        /// The file.
        path: PathBuf,
        /// Why.
        error: HookError,
    },
    /// The machine could not do it.
    #[error("cannot load {path}: {reason}")]
    Machine {
        /// The file.
        path: PathBuf,
        /// The failure.
        reason: String,
    },
}

impl LoadError {
    /// Returns true if it is this machine's failure, and says nothing about the plugin.
    pub fn is_of_machine(&self) -> bool {
        matches!(self, LoadError::Machine { .. })
    }
}

impl fmt::Display for CompileLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CompileLimit::Memory(limit) => write!(f, "{} of memory", bytes(*limit)),
            CompileLimit::Cpu(limit) => write!(f, "{} of CPU time", duration(limit)),
            CompileLimit::Wall(limit) => write!(f, "{}", duration(limit)),
            CompileLimit::Code(limit) => write!(f, "{} for its machine code", bytes(*limit)),
            CompileLimit::Stack => f.write_str("the compiler's stack, by the depth of its nesting"),
        }
    }
}

/// Why a hook gave no decision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HookError {
    /// The plugin returned an error; its own words.
    #[error("the plugin returned an error: {0}")]
    Guest(String),
    /// The plugin refused its configuration when an instance was made; its own words.
    #[error("the plugin refuses its configuration: {0}")]
    InitRefused(String),
    /// The plugin failed: a panic with its message and source line, or what WebAssembly calls a trap.
    #[error("the plugin failed: {0}")]
    Trap(String),
    /// It returned with a handle of its request or response still held. It does so at every call.
    #[error(
        "the plugin failed: it returned while it held a handle of its request or response; a hook borrows them, so a plugin drops each handle before the hook returns"
    )]
    HeldHandle,
    /// It used more CPU time than it may.
    #[error("the plugin used more than its {} of CPU time (limits.cpu); does it loop?", duration(.limit))]
    CpuLimit {
        /// The limit.
        limit: Duration,
    },
    /// It took longer than it may.
    #[error("the plugin took longer than its {} (limits.wall), waiting included", duration(.limit))]
    WallLimit {
        /// The limit.
        limit: Duration,
    },
    /// It wanted more memory than it may have, and did not go on without.
    #[error("the plugin needs more than its {} of memory (limits.memory)", bytes(*.limit))]
    MemoryLimit {
        /// The limit in bytes.
        limit: u64,
    },
    /// It wanted a larger table than it may have, and did not go on without.
    #[error("the plugin needs a table of more than its {limit} entries (limits.table_elements)")]
    TableLimit {
        /// The limit.
        limit: usize,
    },
    /// It called too deep.
    #[error("the plugin ran out of stack; does it recurse without end?")]
    StackOverflow,
    /// It called host functions too often.
    #[error("the plugin made more than its {limit} calls to the host (limits.host_calls)")]
    HostCalls {
        /// The limit.
        limit: u64,
    },
    /// It passed too much to host functions.
    #[error("the plugin passed more than its {} to the host (limits.passed_bytes)", bytes(*.limit))]
    PassedBytes {
        /// The limit in bytes.
        limit: u64,
    },
    /// Its decision is too large.
    #[error("the plugin's decision has more than {} (limits.output_bytes)", bytes(*.limit))]
    OutputLimit {
        /// The limit in bytes.
        limit: u64,
    },
    /// It returned too much content at once.
    #[error("the plugin returned more than {} of content at once (limits.body_bytes)", bytes(*.limit))]
    BodyLimit {
        /// The limit in bytes.
        limit: u64,
    },
    /// It started, or held, too many requests to backends.
    #[error(
        "the plugin started or held more than its {limit} requests to backends (limits.fetches)"
    )]
    Fetches {
        /// The limit.
        limit: u32,
    },
    /// Its transform or producer had failed before, or had come to its end.
    #[error("the plugin's body is over: it failed before, or has come to its end")]
    StreamOver,
    /// Its decision cannot be carried out.
    #[error("the plugin's decision is not valid: {0}")]
    BadDecision(Fault),
    /// It kept failing and is not called for a while.
    #[error(
        "the plugin is short-circuited: {failures} of its last {calls} calls failed, the last one by {last} (short_circuit)"
    )]
    ShortCircuited {
        /// Failures that it took.
        failures: u32,
        /// Among how many calls.
        calls: u32,
        /// The word of the last failure.
        last: &'static str,
    },
    /// All instances are in use: those of the host, or those that one plugin may have of them.
    #[error(
        "no plugin instance is free: all {limit} are in use, those of this host or those that one plugin may have of them"
    )]
    NoInstance {
        /// Their number.
        limit: u32,
    },
    /// The plugin has no such hook. The pipeline asks only for those of [`Plugin::hooks`](crate::Plugin::hooks).
    #[error("the plugin has no hook `{0}`")]
    NoHook(Hook),
}

impl HookError {
    /// The words of all kinds, in the order of [`HookError::index`], as [`HookError::as_str`] says them.
    pub const KINDS: [&'static str; 18] = [
        "guest-error",
        "init-refused",
        "trap",
        "cpu-limit",
        "wall-limit",
        "memory-limit",
        "stack-overflow",
        "host-calls",
        "passed-bytes",
        "output-limit",
        "body-limit",
        "fetches",
        "bad-decision",
        "stream-over",
        "no-instance",
        "no-hook",
        "short-circuited",
        "table-limit",
    ];

    /// Index of this kind in [`HookError::KINDS`].
    pub(crate) const fn index(&self) -> usize {
        match self {
            HookError::Guest(_) => 0,
            HookError::InitRefused(_) => 1,
            HookError::Trap(_) | HookError::HeldHandle => 2,
            HookError::CpuLimit { .. } => 3,
            HookError::WallLimit { .. } => 4,
            HookError::MemoryLimit { .. } => 5,
            HookError::StackOverflow => 6,
            HookError::HostCalls { .. } => 7,
            HookError::PassedBytes { .. } => 8,
            HookError::OutputLimit { .. } => 9,
            HookError::BodyLimit { .. } => 10,
            HookError::Fetches { .. } => 11,
            HookError::BadDecision(_) => 12,
            HookError::StreamOver => 13,
            HookError::NoInstance { .. } => 14,
            HookError::NoHook(_) => 15,
            HookError::ShortCircuited { .. } => 16,
            HookError::TableLimit { .. } => 17,
        }
    }

    /// Returns true if the plugin broke down: it trapped, hit a limit, or could not be started. An error that it returned is an
    /// answer, and a full host is not its fault.
    pub(crate) fn is_breakdown(&self) -> bool {
        match self {
            HookError::InitRefused(_)
            | HookError::Trap(_)
            | HookError::HeldHandle
            | HookError::CpuLimit { .. }
            | HookError::WallLimit { .. }
            | HookError::MemoryLimit { .. }
            | HookError::TableLimit { .. }
            | HookError::StackOverflow
            | HookError::HostCalls { .. }
            | HookError::PassedBytes { .. }
            | HookError::OutputLimit { .. }
            | HookError::BodyLimit { .. }
            | HookError::Fetches { .. } => true,
            HookError::Guest(_)
            | HookError::BadDecision(_)
            | HookError::StreamOver
            | HookError::NoInstance { .. }
            | HookError::NoHook(_)
            | HookError::ShortCircuited { .. } => false,
        }
    }

    /// The kind as one word, the same in header, log and metric: `cpu-limit`.
    pub fn as_str(&self) -> &'static str {
        Self::KINDS[self.index()]
    }
}

/// `50 ms`, `1.5 s`.
fn duration(limit: &Duration) -> String {
    if limit.as_millis() < 1000 {
        format!("{} ms", limit.as_micros() as f64 / 1000.0)
    } else {
        format!("{} s", limit.as_millis() as f64 / 1000.0)
    }
}

/// `64 MiB`, or the plain number where it is no round one.
fn bytes(limit: u64) -> String {
    match limit {
        n if n >= 1 << 30 && n % (1 << 30) == 0 => format!("{} GiB", n >> 30),
        n if n >= 1 << 20 && n % (1 << 20) == 0 => format!("{} MiB", n >> 20),
        n if n >= 1 << 10 && n % (1 << 10) == 0 => format!("{} KiB", n >> 10),
        n => format!("{n} bytes"),
    }
}
