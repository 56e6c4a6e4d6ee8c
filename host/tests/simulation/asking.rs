//! One viewer's request: what it asks, and the answer with how things stood meanwhile.

use crate::content::{Policy, RESOURCES};
use crate::model::Asked;
use crate::terms::Trouble;
use crate::viewer::{self, Answer, Ask};
use crate::world::World;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tokio::task::JoinHandle;

/// A request under way, and how things stood when it was sent.
pub(crate) struct Open {
    pub(crate) ask: Ask,
    began: u64,
    sent_before: usize,
    outdated_before: usize,
    arrived_before: u64,
    was_down: bool,
    pub(crate) fetched: Arc<AtomicBool>,
    pub(crate) answer: JoinHandle<Result<Answer, String>>,
}

impl World {
    pub(crate) async fn ask(&mut self) -> Result<(), String> {
        let ask = self.any_ask();
        let open = self.open(ask);
        self.close(open, true).await
    }

    pub(crate) async fn leave(&mut self) {
        let mut ask = self.any_ask();
        // What passes the cache by ends with its viewer, wherever it is.
        ask.cache_control = None;
        self.model.forget(ask.resource);
        let after = self.random.below(RESOURCES[ask.resource].size as u64) as usize;
        self.tell(format!("leaves after {after} bytes: {}", shown(&ask)));
        self.has_left = true;
        viewer::leave(self.host.address(), ask, after).await;
    }

    pub(crate) fn any_ask(&mut self) -> Ask {
        let resource = self.any_resource();
        let random = &mut self.random;
        let mut ask = Ask::get(resource);
        ask.lang = random.one_of(&[None, Some("en"), Some("EN"), Some("de")]);
        ask.device = random.one_of(&[None, Some("phone"), Some("phone"), Some("desk")]);
        ask.accepts_gzip = random.chance(30);
        if random.chance(8) {
            ask.method = "HEAD";
        }
        if random.chance(25) {
            let size = RESOURCES[resource].size as u64;
            let (one, other) = (random.below(size), random.below(size));
            ask.range = Some(match random.below(6) {
                0 => format!("bytes={one}-"),
                1 => format!("bytes=-{}", other + 1),
                2 => format!("bytes={}-{}", size * 3, size * 4),
                3 => format!("bytes=0-{},{}-{}", one / 4, size / 2, size / 2 + one / 4),
                _ => format!("bytes={}-{}", one.min(other), one.max(other)),
            });
        }
        let version = self.origin.inner().states[resource].version;
        // What confirms that the viewer has the present version goes to that viewer only: steady resources don't do that.
        let behind = if RESOURCES[resource].is_steady {
            1
        } else {
            self.random.below(2)
        };
        let known = version.checked_sub(behind);
        let etag = known.and_then(|known| RESOURCES[resource].etag(&ask.lang(), known));
        if self.random.chance(15) {
            ask.if_none_match.clone_from(&etag);
        }
        if ask.range.is_some() && self.random.chance(20) {
            ask.if_range = etag;
        }
        if self.random.chance(15) {
            let wishes = [
                "no-cache",
                "no-store",
                "max-age=0",
                "max-stale=100",
                "only-if-cached",
            ];
            ask.cache_control = Some(self.random.one_of(&wishes));
        }
        ask
    }

    /// Sends a request.
    pub(crate) fn open(&mut self, ask: Ask) -> Open {
        self.tell(format!("  asks {}", shown(&ask)));
        let fetched = Arc::<AtomicBool>::default();
        let inner = self.origin.inner();
        Open {
            began: self.clock.now().0,
            sent_before: inner.log.len(),
            outdated_before: self.model.invalidations(),
            arrived_before: inner.arrived[ask.resource],
            was_down: self.unreachable_at == Some(inner.log.len()),
            answer: tokio::spawn(viewer::ask(
                self.host.address(),
                ask.clone(),
                fetched.clone(),
            )),
            fetched,
            ask,
        }
    }

    /// Takes an answer and judges it.
    pub(crate) async fn close(&mut self, open: Open, is_alone: bool) -> Result<(), String> {
        let answer = open.answer.await.map_err(|error| error.to_string())??;
        let ended = self.clock.now().0;
        if is_alone {
            self.settle_down().await?;
        }
        self.tell(format!("    {}", told(&answer)));
        let is_down = !self.origin.is_up();
        let inner = self.origin.inner();
        let (resource, before) = (open.ask.resource, &self.before);
        // A fetch that others share may have begun, and failed, before this request came.
        let sent = inner.log.iter().skip(before.sent);
        let sent = sent.filter(|sent| sent.resource == resource);
        let has_failed = inner.failed[resource] > before.failed[resource];
        // Slices that are stored already may turn out to be of an old version when the next one is fetched.
        let is_sliced = RESOURCES[resource].policy == Policy::Sliced;
        let asked = Asked {
            reached_origin: is_alone.then(|| inner.arrived[resource] - open.arrived_before),
            may_break_off: sent.clone().any(|sent| is_sliced || sent.is_truncated)
                || (is_sliced && (has_failed || is_down)),
            trouble: Trouble {
                was_down: open.was_down,
                is_disconnected: before.is_down || is_down || has_failed,
                is_error: sent.clone().any(|sent| sent.status >= 500),
            },
            ask: open.ask,
            answer,
            began: open.began,
            ended,
            sent_before: open.sent_before,
            outdated_before: open.outdated_before,
        };
        self.model.judge(&inner.log, &asked)
    }
}

fn shown(ask: &Ask) -> String {
    let mut text = format!("{} {}", ask.method, RESOURCES[ask.resource].path);
    let fields = [
        ("accept-language", ask.lang),
        ("x-device", ask.device),
        ("range", ask.range.as_deref()),
        ("if-range", ask.if_range.as_deref()),
        ("if-none-match", ask.if_none_match.as_deref()),
        ("cache-control", ask.cache_control),
        ("accept-encoding", ask.accepts_gzip.then_some("gzip")),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            text += &format!(", {name}: {value}");
        }
    }
    text
}

fn told(answer: &Answer) -> String {
    let field = |name| answer.fields.get(name).unwrap_or("-");
    let mut text = format!(
        "{} sent {}, version {}, age {}, {} bytes, complete: {}, {}",
        answer.status,
        field("x-sent"),
        field("x-version"),
        field("age"),
        answer.body.len(),
        answer.is_complete,
        field("cache-status")
    );
    if answer.sent().is_none() {
        text += &format!(": {}", String::from_utf8_lossy(&answer.body).trim_end());
    }
    text
}
