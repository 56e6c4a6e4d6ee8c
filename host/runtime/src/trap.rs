//! From what wasmtime says to what the plugin's author needs to hear.

use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::error::HookError;
use crate::limits::{Exceeded, Growing};
use crate::spec::Limits;
use crate::text::printable;

/// Circumstances of a guest's failure.
pub(crate) struct Circumstances<'a> {
    pub(crate) limits: &'a Limits,
    /// Its output on standard error during the call.
    pub(crate) stderr: &'a [u8],
    /// The growth that it was refused.
    pub(crate) refused: Option<Growing>,
    /// Limit on the host's instances.
    pub(crate) instances: u32,
    /// True if the call returns content.
    pub(crate) returns_content: bool,
}

/// Names the reason of a failed call.
pub(crate) fn explain(error: &wasmtime::Error, what: &Circumstances<'_>) -> HookError {
    let limits = what.limits;
    if let Some(exceeded) = error.downcast_ref::<Exceeded>() {
        return match exceeded {
            Exceeded::Cpu => HookError::CpuLimit { limit: limits.cpu },
            Exceeded::HostCalls => HookError::HostCalls {
                limit: limits.host_calls,
            },
            Exceeded::PassedBytes => HookError::PassedBytes {
                limit: limits.passed_bytes,
            },
            Exceeded::Fetches => HookError::Fetches {
                limit: limits.fetches,
            },
        };
    }
    if error.is::<PoolConcurrencyLimitError>() {
        return HookError::NoInstance {
            limit: what.instances,
        };
    }
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        let how = if exit.0 == 0 { "without" } else { "with" };
        return HookError::Trap(format!("it ended itself (`exit`) {how} an error code"));
    }
    let backtrace = error.downcast_ref::<WasmBacktrace>();
    let panic = panic_message(what.stderr);
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => HookError::StackOverflow,
        Some(Trap::MemoryOutOfBounds) if backtrace.is_some_and(is_recursion) => {
            HookError::StackOverflow
        }
        _ if what.refused == Some(Growing::Memory)
            && panic.as_deref().is_none_or(is_out_of_memory) =>
        {
            HookError::MemoryLimit {
                limit: limits.memory,
            }
        }
        _ if what.refused == Some(Growing::Table) && panic.is_none() => HookError::TableLimit {
            limit: limits.table_elements,
        },
        Some(trap) => {
            HookError::Trap(panic.unwrap_or_else(|| with_function(trap.to_string(), backtrace)))
        }
        // What remains are broken promises of the component model (a string that is no UTF-8, a handle kept too long), and
        // values too large for the host to copy: into a host function while the guest runs, or out of it afterwards.
        None if is_held_handle(error) => HookError::HeldHandle,
        None if is_too_much_data(error) && backtrace.is_some() => HookError::PassedBytes {
            limit: limits.passed_bytes,
        },
        None if is_too_much_data(error) && what.returns_content => HookError::BodyLimit {
            limit: limits.body_bytes,
        },
        None if is_too_much_data(error) => HookError::OutputLimit {
            limit: limits.output_bytes,
        },
        None => HookError::Trap(with_function(
            printable(&error.root_cause().to_string()),
            backtrace,
        )),
    }
}

/// wasmtime has no public type for this either.
fn is_held_handle(error: &wasmtime::Error) -> bool {
    error
        .root_cause()
        .to_string()
        .contains("borrow handles still remain")
}

/// wasmtime has no public type for this; the tests hold the text in place.
fn is_too_much_data(error: &wasmtime::Error) -> bool {
    error
        .root_cause()
        .to_string()
        .contains("too much data is being copied")
}

/// Rust's stack lies in linear memory below everything else, so that deep calls with large frames run out of memory at its
/// lower end instead of overflowing the host's stack. Then the innermost frames are of few functions only.
fn is_recursion(backtrace: &WasmBacktrace) -> bool {
    let frames = backtrace.frames();
    let mut functions: Vec<u32> = frames.iter().map(|frame| frame.func_index()).collect();
    functions.sort_unstable();
    functions.dedup();
    frames.len() >= 16 && functions.len() * 4 <= frames.len()
}

/// Returns true if it is what Rust's standard library writes before it aborts for want of memory.
fn is_out_of_memory(message: &str) -> bool {
    message.contains("memory allocation of")
}

fn with_function(message: String, backtrace: Option<&WasmBacktrace>) -> String {
    let function = backtrace.and_then(|backtrace| {
        backtrace
            .frames()
            .iter()
            .find_map(|frame| frame.func_name().map(printable))
    });
    match function {
        Some(function) => format!("{message} in `{function}`"),
        None => message,
    }
}

/// The message that a guest left on standard error before it failed. Rust's form
/// `thread '<name>' panicked at src/lib.rs:3:5:` + newline + message becomes one line; otherwise the last line counts that
/// says something.
fn panic_message(stderr: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(stderr);
    let Some(start) = text.rfind("panicked at ") else {
        let line = text
            .lines()
            .rev()
            .find(|line| !line.trim().is_empty() && !line.starts_with("note: "))?;
        return Some(printable(line.trim()));
    };
    let panic = text.get(start..)?;
    let end = panic
        .find("\nnote: run with")
        .or_else(|| panic.find("\nstack backtrace:"))
        .unwrap_or(panic.len());
    let panic = panic.get(..end)?.trim_end().replacen(":\n", ": ", 1);
    Some(printable(&panic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_one_line_with_its_source_line() {
        let stderr = b"\nthread '<unnamed>' (1) panicked at src/lib.rs:3:5:\nboom\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n";
        assert_eq!(
            panic_message(stderr).as_deref(),
            Some("panicked at src/lib.rs:3:5: boom")
        );
    }

    #[test]
    fn without_a_panic_the_last_line_counts() {
        assert_eq!(
            panic_message(b"first\nlast\nnote: run with `RUST_BACKTRACE=1`\n\n").as_deref(),
            Some("last")
        );
        assert_eq!(panic_message(b""), None);
    }
}
