//! Configuration of a plugin: its file, its hooks, its limits and capabilities, and the meaning of its failure.

use std::path::PathBuf;
use std::time::Duration;

use crate::capabilities::Capabilities;
use crate::hook::Hook;

/// Sharing of instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// A fresh instance for each transaction: nothing of one request can reach another.
    #[default]
    Request,
    /// Instances go back to a pool of the plugin and serve later transactions, until a failure or the end of their calls.
    Reuse,
}

/// Meaning of a plugin's failure for the request, which the pipeline carries out per hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnError {
    /// The request fails.
    #[default]
    Fail,
    /// The request goes on as if the plugin were not there.
    Continue,
}

impl OnError {
    /// `fail` or `continue`, as in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            OnError::Fail => "fail",
            OnError::Continue => "continue",
        }
    }
}

/// Limits of a plugin. All counts are per hook call, unless said otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// CPU time of the guest, making its instance included. Default 50 ms. Looked at about every millisecond.
    pub cpu: Duration,
    /// Time on the clock, waiting included. Default 1 s.
    pub wall: Duration,
    /// Bytes of linear memory of an instance. Default 64 MiB; at most 4 GiB.
    pub memory: u64,
    /// Elements of an instance's tables, each. Default 10 000; at most [`Options::table_elements`](crate::Options).
    pub table_elements: usize,
    /// Calls of host functions. Default 10 000.
    pub host_calls: u64,
    /// Bytes that the guest passes to host functions: names, log lines. Default 1 MiB.
    pub passed_bytes: u64,
    /// Bytes of the decision that a hook returns, bodies aside. Default 64 KiB.
    pub output_bytes: u64,
    /// Bytes of content that one call returns: the body of a decision, or what a transform or producer gives for one piece.
    /// Default 1 MiB.
    pub body_bytes: u64,
    /// Requests to backends that a call may start, and that an instance may hold. Default 16.
    pub fetches: u32,
    /// Lines that reach the log; further ones are dropped and counted in one last line. Default 100.
    pub log_lines: u32,
    /// Bytes that reach the log, as `log_lines`. Default 16 KiB.
    pub log_bytes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            cpu: Duration::from_millis(50),
            wall: Duration::from_secs(1),
            memory: 64 << 20,
            table_elements: 10_000,
            host_calls: 10_000,
            passed_bytes: 1 << 20,
            output_bytes: 64 << 10,
            body_bytes: 1 << 20,
            fetches: 16,
            log_lines: 100,
            log_bytes: 16 << 10,
        }
    }
}

/// When a plugin that keeps failing is not called any more, and how it is tried again. Failures are traps and limits; errors
/// that a plugin returns are not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShortCircuit {
    /// Failures that open the circuit breaker, 1 to `calls`. Default 16.
    pub failures: u32,
    /// Among so many of the last calls, 1 to 64. Default 20.
    pub calls: u32,
    /// For how long it is not called then. Default 10 s.
    pub pause: Duration,
    /// Calls that have to succeed afterwards, one at a time, before all are let through. Default 1.
    pub probes: u32,
}

impl Default for ShortCircuit {
    fn default() -> Self {
        ShortCircuit {
            failures: 16,
            calls: 20,
            pause: Duration::from_secs(10),
            probes: 1,
        }
    }
}

/// One plugin of one distribution, as its configuration says.
#[derive(Debug, Clone)]
pub struct PluginSpec {
    /// The plugin's name in the configuration.
    pub name: String,
    /// The id of the distribution.
    pub distribution: String,
    /// The component or module.
    pub file: PathBuf,
    /// The hooks asked for; empty means all that the plugin exports.
    pub hooks: Vec<Hook>,
    /// The plugin's own table, which it reads by the contract's `config` interface. [`serde_json::Value::Null`] for none.
    pub config: serde_json::Value,
    /// Sharing of instances.
    pub isolation: Isolation,
    /// Its limits.
    pub limits: Limits,
    /// The meaning of its failure.
    pub on_error: OnError,
    /// When it is not called any more.
    pub short_circuit: ShortCircuit,
    /// True if decisions of cache-key and origin-selection are remembered where they can be. Default true. Only plugins with
    /// [`Isolation::Request`] have decisions that can be.
    pub remember: bool,
    /// Its capabilities. A plugin that imports more is refused.
    pub capabilities: Capabilities,
}

impl PluginSpec {
    /// A plugin with all defaults: every hook of the file, no configuration, fresh instances, default limits.
    pub fn new(
        name: impl Into<String>,
        distribution: impl Into<String>,
        file: impl Into<PathBuf>,
    ) -> Self {
        PluginSpec {
            name: name.into(),
            distribution: distribution.into(),
            file: file.into(),
            hooks: Vec::new(),
            config: serde_json::Value::Null,
            isolation: Isolation::default(),
            limits: Limits::default(),
            on_error: OnError::default(),
            short_circuit: ShortCircuit::default(),
            remember: true,
            capabilities: Capabilities::default(),
        }
    }
}
