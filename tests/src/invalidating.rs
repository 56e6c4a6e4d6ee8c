//! Invalidating by the command, and an origin whose answers tell which fetch they are of.

use crate::{Answer, Edge, Origin, Run, run};
use std::ffi::OsString;
use std::sync::atomic::{AtomicU32, Ordering};

/// Runs a command of `selvedge` about this edge.
#[track_caller]
pub fn selvedge_on(edge: &Edge, command: &[&str]) -> Run {
    let command = command.iter().map(OsString::from);
    run(command.chain(["--config".into(), edge.config().into_os_string()]))
}

/// Invalidates paths or tags of the distribution `main`.
#[track_caller]
pub fn invalidate(edge: &Edge, scope: &[&str]) {
    selvedge_on(edge, &[&["invalidate", "main"], scope].concat()).code(0);
}

/// Answers with the number of the fetch, so that a test sees which one it gets.
pub fn numbered(origin: &Origin, path: &str, cache_control: &'static str) {
    let count = AtomicU32::new(0);
    origin.on(path).computes(move |seen| {
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        let language = seen.field("Accept-Language").unwrap_or_default();
        Answer::ok(format!("{number}{language}"))
            .cache_control(cache_control)
            .field("Vary", "Accept-Language")
    });
}
