//! What happens in a step, chosen by the random numbers, and the checks around it.

use crate::content::{Mode, RESOURCES, State};
use crate::host::Host;
use crate::model::{Asked, Model};
use crate::origin::{Gate, Origin};
use crate::random::Random;
use crate::terms::Trouble;
use crate::viewer::{self, Answer, Ask};
use selvedge::observe::clock::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::task::{JoinHandle, yield_now};

/// Enough turns of the runtime for what was sent to arrive everywhere.
const SETTLED: usize = 50;

#[derive(Clone, Copy, Debug)]
enum Action {
    Ask,
    Crowd,
    HeldBody,
    Leave,
    MoveClock,
    NewVersion,
    NewState,
    Post,
    UpOrDown,
    Restart,
}

const ACTIONS: [(u64, Action); 10] = [
    (60, Action::Ask),
    (14, Action::Crowd),
    (8, Action::HeldBody),
    (4, Action::Leave),
    (12, Action::MoveClock),
    (8, Action::NewVersion),
    (8, Action::NewState),
    (4, Action::Post),
    (2, Action::UpOrDown),
    (1, Action::Restart),
];

/// One run: a host, its origin, and the model of both.
pub(crate) struct World {
    random: Random,
    clock: Arc<Clock>,
    origin: Origin,
    host: Host,
    /// How much the origin had sent when it went down the last time.
    down_at: Option<usize>,
    pub(crate) model: Model,
    /// The resource that most is about at the moment.
    favourite: usize,
    /// What happened, the latest last.
    pub(crate) story: Vec<String>,
}

/// A request under way, and how things stood when it was sent.
struct Open {
    ask: Ask,
    began: u64,
    sent_before: usize,
    floor: usize,
    arrived_before: u64,
    failed_before: u64,
    down_before: bool,
    was_down: bool,
    fetched: Arc<AtomicBool>,
    answer: JoinHandle<Result<Answer, String>>,
}

impl World {
    pub(crate) async fn new(seed: u64) -> World {
        let mut random = Random::new(seed);
        let states = RESOURCES.map(|resource| State::first(&resource, &mut random));
        let clock = Arc::new(Clock::held());
        let origin = Origin::start(states.to_vec(), clock.clone()).await;
        let host = Host::start(origin.address(), clock.clone()).await;
        World {
            random,
            clock,
            origin,
            host,
            down_at: None,
            favourite: 0,
            model: Model::default(),
            story: Vec::new(),
        }
    }

    pub(crate) async fn end(mut self) {
        self.host.stop().await;
    }

    /// Does something and checks what came of it.
    pub(crate) async fn step(&mut self) -> Result<(), String> {
        if !self.origin.is_up() && self.random.chance(25) {
            self.up_or_down().await;
        }
        let action = self.random.weighted(&ACTIONS);
        match action {
            Action::Ask => self.ask().await?,
            Action::Crowd => self.crowd().await?,
            Action::HeldBody => self.held_body().await?,
            Action::Leave => self.leave().await,
            Action::MoveClock => self.move_clock(),
            Action::NewVersion => {
                let resource = self.any_resource();
                self.new_version(resource);
            }
            Action::NewState => self.new_state(),
            Action::Post => {
                let resource = self.any_resource();
                self.post(resource).await?;
            }
            Action::UpOrDown => self.up_or_down().await,
            Action::Restart => {
                self.tell("restart".to_owned());
                self.host.restart().await;
                self.model.restart();
            }
        }
        self.settle_down().await
    }

    fn tell(&mut self, event: String) {
        self.story.push(event);
    }

    /// Often the same as before: only what is asked for again can be used again.
    fn any_resource(&mut self) -> usize {
        if self.random.chance(35) {
            self.favourite = self.random.below(RESOURCES.len() as u64) as usize;
        }
        self.favourite
    }

    async fn ask(&mut self) -> Result<(), String> {
        let ask = self.any_ask();
        let open = self.open(ask);
        self.close(open, true).await
    }

    /// Several viewers at once, some of whom come before the origin answers.
    async fn crowd(&mut self) -> Result<(), String> {
        let first = self.any_ask();
        let resource = first.resource;
        self.model.forget(resource);
        let before = self.origin.inner().log.len();
        self.origin.close_gate(resource, Gate::Head);
        let count = self.random.between(2, 7);
        let mut crowd = Vec::new();
        for _ in 0..count {
            let mut ask = first.clone();
            ask.lang = self
                .random
                .one_of(&[None, Some("en"), Some("EN"), Some("de")]);
            if self.random.chance(20) {
                ask = Ask {
                    resource,
                    ..self.any_ask()
                };
            }
            crowd.push(self.open(ask));
            if self.random.chance(50) {
                yield_now().await;
            }
        }
        self.arrive().await;
        self.origin.open_gate();
        self.close_all(crowd).await?;
        match self.origin.inner().sent_twice(before) {
            Some(asked) => Err(format!("fetched twice for one crowd: {asked}")),
            None => Ok(()),
        }
    }

    /// Something happens while the origin is in the middle of a body.
    async fn held_body(&mut self) -> Result<(), String> {
        let ask = self.any_ask();
        let resource = ask.resource;
        self.model.forget(resource);
        self.origin.close_gate(resource, Gate::Body);
        let mut crowd = vec![self.open(ask)];
        let first = &crowd[0];
        let is_fetched = || first.fetched.load(Ordering::SeqCst);
        self.origin
            .until(|inner| first.answer.is_finished() || (inner.is_held() && is_fetched()))
            .await;
        // Not while a request is on its way to the origin, or the head on its way back: that would be part of its Age.
        if self.random.chance(30) && is_fetched() {
            self.move_clock();
        }
        for _ in 0..self.random.between(1, 3) {
            match self.random.below(5) {
                0 => self.new_version(resource),
                1 => self.post(resource).await?,
                2 => self.leave_held(&mut crowd),
                _ => {
                    let ask = Ask {
                        resource,
                        ..self.any_ask()
                    };
                    crowd.push(self.open(ask));
                }
            }
            self.arrive().await;
        }
        self.origin.open_gate();
        self.close_all(crowd).await
    }

    /// One of those who wait goes away.
    fn leave_held(&mut self, crowd: &mut Vec<Open>) {
        if !crowd.is_empty() {
            let at = self.random.below(crowd.len() as u64) as usize;
            self.tell("  one leaves".to_owned());
            crowd.swap_remove(at).answer.abort();
        }
    }

    async fn arrive(&self) {
        for _ in 0..SETTLED {
            yield_now().await;
        }
    }

    async fn leave(&mut self) {
        let ask = self.any_ask();
        self.model.forget(ask.resource);
        let after = self.random.below(RESOURCES[ask.resource].size as u64) as usize;
        self.tell(format!("leaves after {after} bytes: {}", shown(&ask)));
        viewer::leave(self.host.address(), ask, after).await;
    }

    fn move_clock(&mut self) {
        let by = self.random.weighted(&[
            (30, 300),
            (30, 1000),
            (30, 4000),
            (20, 15_000),
            (10, 60_000),
            (3, 700_000),
        ]);
        let now = self.clock.advance(by);
        self.tell(format!(
            "clock moves by {by} ms to {}",
            now.map_or(0, |now| now.0)
        ));
    }

    fn new_version(&mut self, resource: usize) {
        let version = {
            let state = &mut self.origin.inner().states[resource];
            state.version += 1;
            state.version
        };
        self.tell(format!(
            "{} has version {version}",
            RESOURCES[resource].path
        ));
    }

    fn new_state(&mut self) {
        let resource = self.any_resource();
        let mut state = self.origin.inner().states[resource];
        if RESOURCES[resource].is_steady {
            state.change_steadily(&mut self.random);
        } else {
            state.change(&mut self.random);
        }
        self.origin.inner().states[resource] = state;
        self.tell(format!(
            "{} answers {:?} {:?}, age {}, closes {}, {}",
            RESOURCES[resource].path,
            state.mode,
            state.framing,
            state.age,
            state.closes,
            state.said.field()
        ));
    }

    /// An unsafe request: what was stored is invalid once its answer is there (RFC 9111, section 4.4).
    async fn post(&mut self, resource: usize) -> Result<(), String> {
        let mut ask = Ask::get(resource);
        ask.method = "POST";
        let open = self.open(ask);
        let before = open.sent_before;
        let succeeds = self.origin.is_up()
            && matches!(
                self.origin.inner().states[resource].mode,
                Mode::Good | Mode::Truncates
            );
        self.close(open, false).await?;
        if succeeds {
            self.model.invalidate(resource, before);
        }
        Ok(())
    }

    async fn up_or_down(&mut self) {
        if self.origin.is_up() {
            self.tell("origin goes down".to_owned());
            self.origin.down().await;
            self.down_at = Some(self.origin.inner().log.len());
        } else {
            self.tell("origin comes up".to_owned());
            self.origin.up();
        }
    }

    fn any_ask(&mut self) -> Ask {
        let resource = self.any_resource();
        let random = &mut self.random;
        let mut ask = Ask::get(resource);
        ask.lang = random.one_of(&[None, Some("en"), Some("EN"), Some("de")]);
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
    fn open(&mut self, ask: Ask) -> Open {
        self.tell(format!("  asks {}", shown(&ask)));
        let down_before = !self.origin.is_up();
        let fetched = Arc::<AtomicBool>::default();
        let inner = self.origin.inner();
        Open {
            began: self.clock.now().0,
            sent_before: inner.log.len(),
            floor: self.model.floor(ask.resource),
            arrived_before: inner.arrived[ask.resource],
            failed_before: inner.failed[ask.resource],
            down_before,
            was_down: self.down_at == Some(inner.log.len()),
            answer: tokio::spawn(viewer::ask(
                self.host.address(),
                ask.clone(),
                fetched.clone(),
            )),
            fetched,
            ask,
        }
    }

    async fn close_all(&mut self, crowd: Vec<Open>) -> Result<(), String> {
        for open in crowd {
            self.close(open, false).await?;
        }
        Ok(())
    }

    /// Takes an answer and judges it.
    async fn close(&mut self, open: Open, is_alone: bool) -> Result<(), String> {
        let answer = open.answer.await.map_err(|error| error.to_string())??;
        let ended = self.clock.now().0;
        if is_alone {
            self.settle_down().await?;
        }
        self.tell(format!("    {}", told(&answer)));
        let inner = self.origin.inner();
        let resource = open.ask.resource;
        let sent_since = inner.log.iter().skip(open.sent_before);
        let trouble = Trouble {
            was_down: open.was_down,
            is_disconnected: open.down_before || inner.failed[resource] > open.failed_before,
            is_error: sent_since
                .clone()
                .any(|sent| sent.resource == resource && sent.status >= 500),
        };
        let asked = Asked {
            reached_origin: is_alone.then(|| inner.arrived[resource] - open.arrived_before),
            may_break_off: sent_since
                .clone()
                .any(|sent| sent.resource == resource && sent.is_truncated),
            ask: open.ask,
            answer,
            began: open.began,
            ended,
            sent_before: open.sent_before,
            floor: open.floor,
            trouble,
        };
        self.model.judge(&inner.log, &asked)
    }

    /// Waits until everything that was begun has ended.
    async fn settle_down(&mut self) -> Result<(), String> {
        if !self.host.is_idle().await {
            return Err("a fetch goes on and on".to_owned());
        }
        if !self.origin.until(|inner| inner.under_way() == 0).await {
            return Err("a request to the origin goes on and on".to_owned());
        }
        match self.origin.inner().crowds.first() {
            Some(crowd) => Err(crowd.clone()),
            None => Ok(()),
        }
    }
}

fn shown(ask: &Ask) -> String {
    let mut text = format!("{} {}", ask.method, RESOURCES[ask.resource].path);
    let fields = [
        ("accept-language", ask.lang),
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
    format!(
        "{} sent {}, version {}, age {}, {} bytes, complete: {}, {}",
        answer.status,
        field("x-sent"),
        field("x-version"),
        field("age"),
        answer.body.len(),
        answer.is_complete,
        field("cache-status")
    )
}
