//! The `selvedge` binary. Exit codes: 0 done; 1 something failed; 2 the command line or the configuration is wrong.

use std::process::ExitCode;

fn main() -> ExitCode {
    selvedge::cli::main()
}
