//! The interface `log`, and what guests write to standard output and error: lines of the host's log, bounded per call.
//!
//! Secrets are looked for before anything is escaped or cut. What a plugin with secrets prints is therefore kept until the
//! call is over: a secret may have several lines, and be written in several pieces.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::bindings::imported::log::Level;
use crate::facts::RequestFacts;
use crate::identity::Identity;
use crate::text::printable;

/// Bytes of standard error that are kept to explain a failure.
const KEPT_STDERR: usize = 4096;

/// A line on standard output or error is cut here.
const MAX_LINE: usize = 1024;

/// Shared with the streams that WASI gives to the guest.
pub(crate) type SharedLog = Arc<Mutex<GuestLog>>;

/// Source of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stdio {
    Out,
    Err,
}

/// Output that is not in the log yet.
#[derive(Default)]
struct Printed {
    bytes: Vec<u8>,
    /// Lines beyond those that are kept.
    missed: u64,
    /// True if earlier output ended with the beginning of a secret.
    within: bool,
}

/// The way of one instance into the host's log.
pub(crate) struct GuestLog {
    plugin: Arc<Identity>,
    request: Option<Arc<RequestFacts>>,
    lines_left: u32,
    bytes_left: u32,
    dropped: u64,
    /// True if the running call wrote anything.
    wrote: bool,
    out: Printed,
    err: Printed,
    /// The beginning of what this call wrote to standard error.
    stderr: Vec<u8>,
}

impl GuestLog {
    pub(crate) fn shared(plugin: Arc<Identity>) -> SharedLog {
        let (lines_left, bytes_left) = (plugin.limits.log_lines, plugin.limits.log_bytes);
        Arc::new(Mutex::new(GuestLog {
            plugin,
            request: None,
            lines_left,
            bytes_left,
            dropped: 0,
            wrote: false,
            out: Printed::default(),
            err: Printed::default(),
            stderr: Vec::new(),
        }))
    }

    /// A hook call begins, with a fresh budget.
    pub(crate) fn begin(&mut self, request: Option<Arc<RequestFacts>>) {
        // What `init` printed.
        self.end();
        self.request = request;
        self.lines_left = self.plugin.limits.log_lines;
        self.bytes_left = self.plugin.limits.log_bytes;
        self.stderr.clear();
    }

    /// The call is over: what was kept comes out, and a word about what did not.
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

    /// Text of the guest as it may be shown.
    pub(crate) fn printable(&self, text: &str) -> String {
        self.plugin.masks.printable(text)
    }

    /// Returns true if the call wrote anything, and forgets it.
    pub(crate) fn take_wrote(&mut self) -> bool {
        std::mem::take(&mut self.wrote)
    }

    /// Returns true if the call wrote anything.
    pub(crate) fn has_written(&self) -> bool {
        self.wrote
    }

    /// Returns the output on standard error during this call, its beginning at least, without secrets.
    pub(crate) fn stderr(&self) -> Vec<u8> {
        let masks = &self.plugin.masks;
        masks.mask_output(&self.stderr, KEPT_STDERR, false).text
    }

    /// Writes one line, if the budget has room for it.
    pub(crate) fn write(&mut self, level: Level, message: &str, fields: &[(String, String)]) {
        self.wrote = true;
        let of_fields = fields
            .iter()
            .map(|(name, value)| name.len() + value.len() + 2);
        if self.has_room(of_fields.sum::<usize>().saturating_add(message.len())) {
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("{}={}", self.printable(name), self.printable(value)))
                .collect();
            self.emit(level, &self.printable(message), &fields.join(" "));
        }
    }

    /// Takes a line of so many bytes from the budget.
    fn has_room(&mut self, size: usize) -> bool {
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        let has = self.lines_left > 0 && self.bytes_left >= size;
        if has {
            self.lines_left -= 1;
            self.bytes_left -= size;
        } else {
            self.dropped += 1;
        }
        has
    }

    /// Takes bytes of a stream. Where there are no secrets to look for, the lines that are complete are written at once.
    pub(crate) fn stdio(&mut self, stdio: Stdio, bytes: &[u8]) {
        self.wrote = true;
        let longest = self.plugin.masks.longest();
        if stdio == Stdio::Err {
            let room = (KEPT_STDERR + longest).saturating_sub(self.stderr.len());
            self.stderr.extend(bytes.iter().take(room));
        }
        if longest > 0 {
            let most = self.shown() + longest;
            self.printed(stdio).keep(bytes, most);
            return;
        }
        for byte in bytes {
            match byte {
                b'\n' => self.flush(stdio),
                _ => {
                    let line = &mut self.printed(stdio).bytes;
                    if line.len() < MAX_LINE {
                        line.push(*byte);
                    }
                }
            }
        }
    }

    fn printed(&mut self, stdio: Stdio) -> &mut Printed {
        match stdio {
            Stdio::Out => &mut self.out,
            Stdio::Err => &mut self.err,
        }
    }

    /// Of what a call prints to a stream, more than this never comes into the log.
    fn shown(&self) -> usize {
        (self.plugin.limits.log_bytes as usize).max(MAX_LINE)
    }

    fn flush(&mut self, stdio: Stdio) {
        let printed = std::mem::take(self.printed(stdio));
        if printed.bytes.is_empty() {
            self.printed(stdio).within = printed.within;
            return;
        }
        let level = match stdio {
            Stdio::Out => Level::Info,
            Stdio::Err => Level::Warn,
        };
        let shown = self.shown();
        let masks = &self.plugin.masks;
        let clean = masks.mask_output(&printed.bytes, shown, printed.within);
        self.printed(stdio).within = clean.within;
        for line in clean.text.split(|byte| *byte == b'\n') {
            let line = line.get(..MAX_LINE).unwrap_or(line);
            if !line.is_empty() && self.has_room(line.len()) {
                self.emit(level, &printable(&String::from_utf8_lossy(line)), "");
            }
        }
        let rest = printed.bytes.get(shown..).unwrap_or_default();
        self.dropped += printed.missed + line_ends(rest);
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

impl Printed {
    /// Keeps bytes as long as there are at most so many.
    fn keep(&mut self, bytes: &[u8], most: usize) {
        let room = most.saturating_sub(self.bytes.len()).min(bytes.len());
        let (kept, missed) = bytes.split_at(room);
        self.bytes.extend_from_slice(kept);
        self.missed += line_ends(missed);
    }
}

fn line_ends(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}
