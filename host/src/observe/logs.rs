//! The log on standard error: lines for people on a terminal, JSON otherwise.
//!
//! A thread of its own writes it, so that no request waits for a terminal, a pipe or a disk. Where these take lines too
//! slowly, [`MAX_WAITING`] wait and further ones are left out and counted ([`left_out`]).

use std::io::IsTerminal;
use std::sync::OnceLock;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

/// The most lines that wait for the thread that writes them.
const MAX_WAITING: usize = 4096;

static LEFT_OUT: OnceLock<ErrorCounter> = OnceLock::new();

/// Writes what waits when it is dropped, and gives up after a second.
#[must_use = "nothing is logged once this is dropped"]
pub struct Logging(#[expect(dead_code, reason = "held for its end")] WorkerGuard);

/// How many lines were left out since the start, since standard error took them too slowly.
pub fn left_out() -> u64 {
    LEFT_OUT
        .get()
        .map_or(0, |count| count.dropped_lines() as u64)
}

/// Starts logging. `SELVEDGE_LOG` takes a filter, for instance `debug` or `access=off,plugin=debug`; `fallback` holds
/// where it is not set.
pub fn start(fallback: &str) -> Logging {
    let (writer, thread) = NonBlockingBuilder::default()
        .buffered_lines_limit(MAX_WAITING)
        .lossy(true)
        .thread_name("log")
        .finish(std::io::stderr());
    // A second start would count with the first; there is one in a process.
    let _ = LEFT_OUT.set(writer.error_counter());
    let filter =
        EnvFilter::try_from_env("SELVEDGE_LOG").unwrap_or_else(|_| EnvFilter::new(fallback));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(std::io::stderr().is_terminal());
    if std::io::stderr().is_terminal() {
        lines.init();
    } else {
        lines.json().flatten_event(true).init();
    }
    Logging(thread)
}

/// Starts logging into `layer`, which gets every line from debug on. Lines go to standard error only where `SELVEDGE_LOG` asks
/// for them.
pub fn start_quietly_with(layer: impl Layer<Registry> + Send + Sync) {
    let lines = EnvFilter::try_from_env("SELVEDGE_LOG").ok().map(|filter| {
        tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_filter(filter)
    });
    Registry::default()
        .with(layer.with_filter(EnvFilter::new("warn,plugin=debug")))
        .with(lines)
        .init();
}
