//! Lines for whoever typed the command. A reader that has gone away is no error.

use std::fmt::Display;
use std::io::Write;

/// A line on standard output.
pub(super) fn say(line: impl Display) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}

/// A line on standard error.
pub(super) fn complain(line: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
