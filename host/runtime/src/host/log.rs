//! The interface `log`, and what guests write to standard output and error: lines of the host's log, bounded per call.

use std::borrow::Cow;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::bindings::imported::log::{Host, Level};
use crate::facts::RequestFacts;
use crate::instance::State;
use crate::plugin::Identity;
use crate::trap::printable;

/// How much of standard error is kept to explain a failure.
const KEPT_STDERR: usize = 4096;

/// A line on standard output or error is cut here.
const LONGEST_LINE: usize = 1024;

/// Secrets shorter than this are not looked for: they would make words unreadable.
const SHORTEST_SECRET: usize = 6;

/// How many secrets of an instance are looked for.
const MOST_SECRETS: usize = 32;

/// Shared with the streams that WASI gives to the guest.
pub(crate) type SharedLog = Arc<Mutex<GuestLog>>;

/// Where a line comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stdio {
    Out,
    Err,
}

/// The way of one instance into the host's log.
pub(crate) struct GuestLog {
    plugin: Arc<Identity>,
    request: Option<Arc<RequestFacts>>,
    lines_left: u32,
    bytes_left: u32,
    dropped: u64,
    /// Whether the running call wrote anything.
    wrote: bool,
    /// Secrets that the instance was given: what it prints is searched for them.
    secrets: Vec<String>,
    out: Vec<u8>,
    err: Vec<u8>,
    stderr: Vec<u8>,
}

impl GuestLog {
    pub(crate) fn shared(plugin: Arc<Identity>) -> SharedLog {
        let (lines_left, bytes_left) = (plugin.limits.log_lines, plugin.limits.log_bytes);
        let (out, err, stderr) = (Vec::new(), Vec::new(), Vec::new());
        Arc::new(Mutex::new(GuestLog {
            plugin,
            request: None,
            lines_left,
            bytes_left,
            dropped: 0,
            wrote: false,
            secrets: Vec::new(),
            out,
            err,
            stderr,
        }))
    }

    /// A hook call begins, with a fresh budget.
    pub(crate) fn begin(&mut self, request: Option<Arc<RequestFacts>>) {
        self.request = request;
        self.lines_left = self.plugin.limits.log_lines;
        self.bytes_left = self.plugin.limits.log_bytes;
        self.stderr.clear();
    }

    /// The call is over: lines without an end come out, and a word about those that did not.
    pub(crate) fn end(&mut self) {
        for stdio in [Stdio::Out, Stdio::Err] {
            self.flush(stdio);
        }
        let dropped = std::mem::take(&mut self.dropped);
        if dropped > 0 {
            let message =
                format!("{dropped} further log lines dropped (limits.log_lines, limits.log_bytes)");
            self.emit(Level::Warn, &message, "");
        }
        self.request = None;
    }

    /// The instance was given this secret.
    pub(crate) fn keep_secret(&mut self, secret: &[u8]) {
        let Ok(secret) = std::str::from_utf8(secret) else {
            return;
        };
        // Line ends of a file are no part of what would be printed.
        let secret = secret.trim();
        let known = self.secrets.iter().any(|known| known == secret);
        if secret.len() >= SHORTEST_SECRET && !known && self.secrets.len() < MOST_SECRETS {
            self.secrets.push(secret.to_owned());
        }
    }

    /// Text of the guest with its secrets made unreadable.
    pub(crate) fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut masked = Cow::Borrowed(text);
        for secret in &self.secrets {
            if masked.contains(secret.as_str()) {
                masked = Cow::Owned(masked.replace(secret.as_str(), "***"));
            }
        }
        masked
    }

    /// Whether the call wrote anything, for the last time.
    pub(crate) fn take_wrote(&mut self) -> bool {
        std::mem::take(&mut self.wrote)
    }

    /// What the guest wrote to standard error during this call, its beginning at least.
    pub(crate) fn take_stderr(&mut self) -> Vec<u8> {
        let stderr = std::mem::take(&mut self.stderr);
        if self.secrets.is_empty() {
            return stderr;
        }
        let text = String::from_utf8_lossy(&stderr);
        self.mask(&text).into_owned().into_bytes()
    }

    /// Writes one line, if the budget has room for it.
    pub(super) fn write(&mut self, level: Level, message: &str, fields: &str) {
        self.wrote = true;
        let size = u32::try_from(message.len().saturating_add(fields.len())).unwrap_or(u32::MAX);
        if self.lines_left == 0 || self.bytes_left < size {
            self.dropped += 1;
            return;
        }
        self.lines_left -= 1;
        self.bytes_left -= size;
        self.emit(level, &printable(&self.mask(message)), &self.mask(fields));
    }

    /// Takes bytes of a stream and writes the lines that are complete.
    pub(crate) fn stdio(&mut self, stdio: Stdio, bytes: &[u8]) {
        self.wrote = true;
        if stdio == Stdio::Err {
            let room = KEPT_STDERR.saturating_sub(self.stderr.len());
            self.stderr.extend(bytes.iter().take(room));
        }
        for byte in bytes {
            match byte {
                b'\n' => self.flush(stdio),
                _ => {
                    let line = self.partial(stdio);
                    if line.len() < LONGEST_LINE {
                        line.push(*byte);
                    }
                }
            }
        }
    }

    fn partial(&mut self, stdio: Stdio) -> &mut Vec<u8> {
        match stdio {
            Stdio::Out => &mut self.out,
            Stdio::Err => &mut self.err,
        }
    }

    fn flush(&mut self, stdio: Stdio) {
        let line = std::mem::take(self.partial(stdio));
        if !line.is_empty() {
            let level = if stdio == Stdio::Err {
                Level::Warn
            } else {
                Level::Info
            };
            self.write(level, &String::from_utf8_lossy(&line), "");
        }
    }

    fn emit(&self, level: Level, message: &str, fields: &str) {
        let plugin = &*self.plugin.name;
        let distribution = self.plugin.distribution.as_str();
        let request_id = self
            .request
            .as_ref()
            .map_or_else(String::new, |request| request.request_id.to_string());
        macro_rules! line {
            ($level:expr) => {
                if fields.is_empty() {
                    tracing::event!(target: "plugin", $level, plugin, distribution, request_id, "{message}")
                } else {
                    tracing::event!(target: "plugin", $level, plugin, distribution, request_id, fields, "{message}")
                }
            };
        }
        match level {
            Level::Trace => line!(tracing::Level::TRACE),
            Level::Debug => line!(tracing::Level::DEBUG),
            Level::Info => line!(tracing::Level::INFO),
            Level::Warn => line!(tracing::Level::WARN),
            Level::Error => line!(tracing::Level::ERROR),
        }
    }
}

/// A call that was cut off by its wall time, or whose caller went away, still says what it had to say.
impl Drop for GuestLog {
    fn drop(&mut self) {
        self.end();
    }
}

impl Host for State {
    fn write(
        &mut self,
        level: Level,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        let passed = fields
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum::<usize>();
        self.count(message.len().saturating_add(passed))?;
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| format!("{}={}", printable(name), printable(value)))
            .collect();
        self.log.lock().write(level, &message, &fields.join(" "));
        Ok(())
    }
}
