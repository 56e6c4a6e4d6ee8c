//! One line for each request, for people.

use crate::cli::output::say;
use crate::observe::access::{HookRecord, Record};
use crate::observe::sinks::{Sink, hook_words};
use selvedge_caching::cache_status::CacheStatus;
use std::fmt::Write;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// A terminal that does not take its lines (somebody selects text) holds no request back: this many wait, further ones
/// are counted and left out.
const MAX_PENDING: usize = 10_000;

/// A longer path or decision is cut; the access log of `run` has all of it.
const MAX_LENGTH: usize = 160;

/// Prints requests as they end, on a thread of its own.
pub(super) struct Lines {
    paint: Paint,
    left_out: AtomicU64,
    sender: SyncSender<Message>,
}

enum Message {
    Line(String),
    /// All before it has been printed once this one is answered.
    Done(SyncSender<()>),
}

impl Lines {
    /// Starts the thread.
    pub(super) fn start() -> std::io::Result<Lines> {
        let (sender, receiver) = sync_channel(MAX_PENDING);
        thread::Builder::new()
            .name("lines".to_owned())
            .spawn(move || print(&receiver))?;
        let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Ok(Lines {
            paint: Paint { colours },
            left_out: AtomicU64::new(0),
            sender,
        })
    }

    /// Waits a moment until everything so far has been printed.
    pub(super) fn finish(&self) {
        let (done, wait) = sync_channel(1);
        if self.sender.try_send(Message::Done(done)).is_ok() {
            let _ = wait.recv_timeout(Duration::from_secs(1));
        }
    }
}

fn print(receiver: &Receiver<Message>) {
    for message in receiver {
        match message {
            Message::Line(line) => say(line),
            Message::Done(done) => drop(done.try_send(())),
        }
    }
}

impl Sink for Lines {
    fn record(&self, record: &Record) {
        let mut line = self.paint.line(record, record.received.elapsed());
        let left_out = self.left_out.swap(0, Ordering::Relaxed);
        if left_out > 0 {
            line = format!("({left_out} requests left out: the terminal was too slow)\n{line}");
        }
        if self.sender.try_send(Message::Line(line)).is_err() {
            self.left_out.fetch_add(left_out + 1, Ordering::Relaxed);
        }
    }
}

/// Colours, or none.
#[derive(Clone, Copy)]
struct Paint {
    colours: bool,
}

const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const DIM: &str = "2";

impl Paint {
    /// Status, method and path, the cache, each hook, the origin, bytes, duration.
    fn line(self, record: &Record, took: Duration) -> String {
        let status = record.status_number();
        let colour = if (1..400).contains(&status) {
            GREEN
        } else {
            RED
        };
        let mut line = self.paint(colour, &format!("{status:03}"));
        let asked = printable(&format!("{} {}", record.method, record.target()));
        let _ = write!(line, " {asked:<24}");
        let mut part = |text: &str| {
            line.push_str(&self.paint(DIM, " | "));
            line.push_str(text);
        };
        part(&self.cache(record));
        if !record.hooks.is_empty() {
            let hooks: Vec<String> = record.hooks.iter().map(|call| self.hook(call)).collect();
            part(&hooks.join(", "));
        }
        if let Some(origin) = &record.origin {
            part(&format!("origin {}", printable(origin)));
        }
        part(&bytes(record.sent));
        part(&duration(took));
        if record.aborted {
            part(&self.paint(RED, "aborted"));
        }
        line
    }

    /// The cache's part, as in the field Cache-Status; and the word for a refusal or failure.
    fn cache(self, record: &Record) -> String {
        let mut words = Vec::new();
        if record.distribution.is_none() && record.host.is_some() {
            words.push(format!("host {}", printable(&record.host())));
        }
        if let Some(cache) = &record.cache {
            let colour = if cache.hit { GREEN } else { YELLOW };
            words.push(self.paint(colour, &CacheStatus::parameters(cache)));
        }
        let said = record.cache.as_ref().and_then(|cache| cache.detail);
        let reason = record.reason.filter(|reason| said != Some(reason));
        words.extend(reason.map(|reason| format!("reason {reason}")));
        if words.is_empty() {
            "-".to_owned()
        } else {
            words.join(" ")
        }
    }

    fn hook(self, call: &HookRecord) -> String {
        let words = printable(&hook_words(std::slice::from_ref(call)));
        if call.outcome.is_err() {
            self.paint(RED, &words)
        } else {
            words
        }
    }

    fn paint(self, colour: &str, text: &str) -> String {
        if self.colours {
            format!("\x1b[{colour}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// Text from outside on one line of a terminal: nothing in it can steer the terminal or fill it.
fn printable(text: &str) -> String {
    let mut shown = String::new();
    for (count, c) in text.chars().enumerate() {
        if count == MAX_LENGTH {
            shown.push_str("...");
            break;
        }
        match c {
            '\n' | '\r' | '\t' => shown.push(' '),
            c if c.is_control() => shown.push(char::REPLACEMENT_CHARACTER),
            c => shown.push(c),
        }
    }
    shown
}

fn bytes(count: u64) -> String {
    match count {
        0..10_000 => format!("{count} B"),
        10_000..10_000_000 => format!("{} KiB", count / 1024),
        _ => format!("{} MiB", count / (1024 * 1024)),
    }
}

fn duration(took: Duration) -> String {
    let seconds = took.as_secs_f64();
    if seconds < 0.1 {
        format!("{:.1} ms", seconds * 1e3)
    } else {
        format!("{seconds:.2} s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::access::Decided;
    use http::uri::Authority;
    use http::{Method, StatusCode, Uri};
    use selvedge_caching::cache_status::Fwd;
    use selvedge_runtime::{Hook, Masks};
    use std::time::Instant;

    const PLAIN: Paint = Paint { colours: false };

    fn record() -> Record {
        Record {
            received: Instant::now(),
            request_id: selvedge_runtime::RequestId(1),
            viewer: ([127, 0, 0, 1], 1).into(),
            method: Method::GET,
            host: Some(Authority::from_static("localhost")),
            asked: Some(Uri::from_static("/?a=1")),
            distribution: Some("quickstart".into()),
            status: Some(StatusCode::OK),
            cache: Some(CacheStatus {
                fwd: Some(Fwd::UriMiss),
                fwd_status: Some(200),
                ttl: Some(10),
                stored: true,
                ..CacheStatus::default()
            }),
            reason: None,
            hooks: vec![
                call(Hook::CacheKey, Ok("extend literal")),
                call(Hook::Ttl, Ok("10 s")),
            ],
            origin: Some("main".into()),
            sent: 512,
            aborted: false,
            messages: None,
        }
    }

    fn call(hook: Hook, outcome: Result<&str, &str>) -> HookRecord {
        HookRecord {
            plugin: "device".into(),
            hook,
            elapsed: Duration::from_micros(31),
            remembered: false,
            outcome: outcome
                .map(|words| Decided::Words(words.to_owned().into()))
                .map_err(str::to_owned),
            decides: true,
            overruled_by: None,
            masks: Masks::default(),
        }
    }

    #[test]
    fn a_line_says_status_request_cache_hooks_origin_size_and_time() {
        assert_eq!(
            PLAIN.line(&record(), Duration::from_micros(3_140)),
            "200 GET /?a=1                | fwd=uri-miss; fwd-status=200; ttl=10; stored | \
             cache-key(device) 31us extend literal, ttl(device) 31us 10 s | origin main | 512 B | 3.1 ms"
        );
    }

    #[test]
    fn of_two_plugins_that_decide_the_overruled_one_is_told() {
        let overruled = HookRecord {
            overruled_by: Some("canary".into()),
            ..call(Hook::OriginSelection, Ok("main"))
        };
        let other = HookRecord {
            plugin: "canary".into(),
            ..call(Hook::OriginSelection, Ok("second"))
        };
        let decided = Record {
            hooks: vec![overruled, other],
            ..record()
        };
        let line = PLAIN.line(&decided, Duration::ZERO);
        assert!(
            line.contains(
                "| origin-selection(device) 31us main (overruled by canary), origin-selection(canary) 31us second |"
            ),
            "{line}"
        );
    }

    #[test]
    fn a_refusal_says_why_and_for_which_host() {
        let refused = Record {
            status: Some(StatusCode::FORBIDDEN),
            host: Some(Authority::from_static("other.test")),
            distribution: None,
            cache: None,
            reason: Some("unknown-host"),
            hooks: Vec::new(),
            origin: None,
            ..record()
        };
        assert_eq!(
            PLAIN.line(&refused, Duration::from_millis(1_500)),
            "403 GET /?a=1                | host other.test reason unknown-host | 512 B | 1.50 s"
        );
    }

    #[test]
    fn a_transfer_that_broke_off_is_called_aborted() {
        let broken = Record {
            aborted: true,
            ..record()
        };
        assert!(PLAIN.line(&broken, Duration::ZERO).ends_with("| aborted"));
    }

    #[test]
    fn what_comes_from_outside_stays_on_its_line() {
        let hostile = Record {
            asked: format!("/{}", "x".repeat(1000)).parse().ok(),
            origin: Some("\x1b[2J\u{7}".to_owned()),
            hooks: vec![call(Hook::Ttl, Err("first\nsecond\x1b[31m"))],
            ..record()
        };
        let line = PLAIN.line(&hostile, Duration::ZERO);
        assert!(!line.contains(char::is_control), "{line:?}");
        assert!(line.contains("error: first second"), "{line}");
        assert!(line.len() < 600, "{line}");
    }

    #[test]
    fn colours_add_nothing_but_colours() {
        let coloured = Paint { colours: true }.line(&record(), Duration::ZERO);
        assert!(coloured.contains("\x1b[32m200\x1b[0m"), "{coloured:?}");
        let mut plain = String::new();
        for (number, piece) in coloured.split('\x1b').enumerate() {
            let text = if number == 0 {
                piece
            } else {
                piece.split_once('m').unwrap().1
            };
            plain.push_str(text);
        }
        assert_eq!(plain, PLAIN.line(&record(), Duration::ZERO));
    }
}
