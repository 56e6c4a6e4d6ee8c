//! The log on standard error: lines for people on a terminal, JSON otherwise.

use std::io::IsTerminal;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

/// Starts logging. `SELVEDGE_LOG` takes a filter, for instance `debug` or `access=off,plugin=debug`; `fallback` holds
/// where it is not set.
pub fn start(fallback: &str) {
    let filter =
        EnvFilter::try_from_env("SELVEDGE_LOG").unwrap_or_else(|_| EnvFilter::new(fallback));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        lines.init();
    } else {
        lines.json().flatten_event(true).init();
    }
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
