//! Limits on compiling one plugin file.

use std::time::Duration;

/// Limits on compiling one plugin file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompileLimits {
    /// Bytes of memory that the child may fill. Default 1 GiB.
    pub memory: u64,
    /// CPU time of all its threads together, in whole seconds. Default 120 s.
    pub cpu: Duration,
    /// Time on the clock. Default 300 s.
    pub wall: Duration,
    /// Bytes of machine code. Default 256 MiB.
    pub code: u64,
}

/// For comparison: a Rust plugin of 130 KB takes 0.4 s of CPU time and 36 MiB of memory in a debug build of the host, one of
/// 18 MB with a Python interpreter inside 24 s and 370 MiB.
impl Default for CompileLimits {
    fn default() -> Self {
        CompileLimits {
            memory: 1 << 30,
            cpu: Duration::from_secs(120),
            wall: Duration::from_secs(300),
            code: 256 << 20,
        }
    }
}

/// The bound that a file went beyond when it was compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompileLimit {
    /// [`CompileLimits::memory`].
    Memory(u64),
    /// [`CompileLimits::cpu`].
    Cpu(Duration),
    /// [`CompileLimits::wall`].
    Wall(Duration),
    /// [`CompileLimits::code`].
    Code(u64),
    /// The stack of the compiling thread, by nesting without end.
    Stack,
}
