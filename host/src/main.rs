//! The `selvedge` binary. Exit codes: 0 done; 1 something failed; 2 the command line or the configuration is wrong.

use std::process::ExitCode;

/// A request allocates a few small things and frees them on the same thread: this allocator takes less time for that than
/// the system's, and gives memory back (docs/performance.md has the figures).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    selvedge::cli::main()
}
