//! The host's word about a request beside the response: its record, and the lines of its log.

use crate::observe::access::{HookRecord, Record};
use crate::observe::sinks::Sink;
use parking_lot::Mutex;
use selvedge_caching::cache_status::CacheStatus;
use std::fmt;
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedSender;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// No more lines are kept of one step.
const MAX_LINES: usize = 10_000;

/// The part of a record that scenarios may expect something of.
pub(super) struct Recorded {
    pub(super) cache: Option<CacheStatus>,
    pub(super) hooks: Vec<HookRecord>,
    pub(super) origin: Option<String>,
}

/// Hands records on.
pub(super) struct Records(pub(super) UnboundedSender<Recorded>);

impl Sink for Records {
    fn record(&self, record: &Record) {
        // Nobody waits for it any more at the end of a scenario.
        let _ = self.0.send(Recorded {
            cache: record.cache.clone(),
            hooks: record.hooks.clone(),
            origin: record.origin.clone(),
        });
    }
}

/// One line of the log: of a plugin, or a warning of the host.
#[derive(Clone)]
pub(super) struct LogLine {
    level: Level,
    pub(super) is_of_plugin: bool,
    /// The word of a failed call, and its hook.
    pub(super) failure: Option<String>,
    hook: Option<String>,
    pub(super) text: String,
}

impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = self.level.as_str().to_ascii_lowercase();
        write!(f, "{level:<5} ")?;
        if let (Some(word), Some(hook)) = (&self.failure, &self.hook) {
            write!(f, "{hook} failed, {word}: ")?;
        }
        f.write_str(&self.text)
    }
}

/// Collects lines of the log.
#[derive(Clone, Default)]
pub(super) struct LogLines(Arc<Mutex<Vec<LogLine>>>);

impl LogLines {
    /// The lines logged since the last call.
    pub(super) fn take(&self) -> Vec<LogLine> {
        std::mem::take(&mut self.0.lock())
    }
}

impl<S: Subscriber> Layer<S> for LogLines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let (target, level) = (event.metadata().target(), *event.metadata().level());
        let is_of_plugin = target == "plugin";
        let is_warning_of_ours = level <= Level::WARN && !target.contains("::");
        if !is_of_plugin && !is_warning_of_ours {
            return;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut lines = self.0.lock();
        if lines.len() < MAX_LINES {
            lines.push(LogLine {
                level,
                is_of_plugin,
                failure: fields.error,
                hook: fields.hook,
                text: fields.text + &fields.further,
            });
        }
    }
}

#[derive(Default)]
struct Fields {
    text: String,
    further: String,
    error: Option<String>,
    hook: Option<String>,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "error" => self.error = Some(value.to_owned()),
            "hook" => self.hook = Some(value.to_owned()),
            // What a plugin gives beside its message.
            "fields" => self.further = format!("  {value}"),
            _ => {}
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.text = format!("{value:?}");
        }
    }
}
