//! The events of a step, chosen by the random numbers, and the checks around them.

use crate::content::RESOURCES;
use crate::host::Host;
use crate::model::Model;
use crate::origin::Origin;
use crate::outdated::{Invalidation, What};
use crate::random::Random;
use crate::state::{Mode, State};
use crate::viewer::{self, Ask};
use selvedge::observe::clock::Clock;
use selvedge::pipeline::insight::Invalidate;
use std::sync::Arc;
use std::time::Duration;

/// Longer than the host waits for an origin.
const ORIGINS_TIME: Duration = Duration::from_secs(31);

#[derive(Clone, Copy, Debug)]
enum Action {
    Ask,
    Crowd,
    HeldBody,
    Hang,
    Leave,
    MoveClock,
    NewVersion,
    NewState,
    Post,
    Invalidate,
    UpOrDown,
    Damage,
    Restart,
}

const ACTIONS: [(u64, Action); 13] = [
    (60, Action::Ask),
    (14, Action::Crowd),
    (8, Action::HeldBody),
    (3, Action::Hang),
    (4, Action::Leave),
    (12, Action::MoveClock),
    (8, Action::NewVersion),
    (8, Action::NewState),
    (4, Action::Post),
    (5, Action::Invalidate),
    (2, Action::UpOrDown),
    (1, Action::Damage),
    (1, Action::Restart),
];

/// One run: a host, its origin, and the model of both.
pub(crate) struct World {
    pub(crate) random: Random,
    pub(crate) clock: Arc<Clock>,
    pub(crate) origin: Origin,
    pub(crate) host: Host,
    /// How much the origin had sent when it was out of reach the last time.
    pub(crate) unreachable_at: Option<usize>,
    /// How things stood when the step began. Nothing was under way then.
    pub(crate) before: Before,
    /// True if somebody has left, whose request the host may not have seen yet.
    pub(crate) has_left: bool,
    /// True if the runtime's own clock can be moved, which takes a runtime of one thread.
    can_move_timers: bool,
    pub(crate) model: Model,
    /// The resource that most is about at the moment.
    favourite: usize,
    /// The events so far, the latest last.
    pub(crate) story: Vec<String>,
}

/// The origin at the beginning of a step.
#[derive(Clone, Debug, Default)]
pub(crate) struct Before {
    pub(crate) sent: usize,
    pub(crate) failed: Vec<u64>,
    pub(crate) is_down: bool,
}

impl World {
    pub(crate) async fn new(seed: u64, can_move_timers: bool) -> World {
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
            unreachable_at: None,
            before: Before::default(),
            has_left: false,
            can_move_timers,
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
        self.before = {
            let mut inner = self.origin.inner();
            inner.is_disturbed = false;
            Before {
                sent: inner.log.len(),
                failed: inner.failed.clone(),
                is_down: !self.origin.is_up(),
            }
        };
        match self.random.weighted(&ACTIONS) {
            Action::Ask => self.ask().await?,
            Action::Crowd => self.crowd().await?,
            Action::HeldBody => self.held_body().await?,
            Action::Hang if self.can_move_timers => self.hang().await?,
            Action::Hang => {}
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
            Action::Invalidate => {
                let resource = self.any_resource();
                self.invalidate(resource).await;
            }
            Action::UpOrDown => self.up_or_down().await,
            Action::Damage => self.damage().await,
            Action::Restart => {
                self.tell("restart".to_owned());
                self.host.restart().await;
                self.model.restart();
            }
        }
        self.settle_down().await
    }

    pub(crate) fn tell(&mut self, event: String) {
        self.story.push(event);
    }

    /// Often the same as before: only what is asked for again can be used again.
    pub(crate) fn any_resource(&mut self) -> usize {
        if self.random.chance(35) {
            self.favourite = self.random.below(RESOURCES.len() as u64) as usize;
        }
        self.favourite
    }

    pub(crate) fn move_clock(&mut self) {
        self.origin.inner().is_disturbed = true;
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

    pub(crate) fn new_version(&mut self, resource: usize) {
        let version = {
            let mut inner = self.origin.inner();
            inner.is_disturbed = true;
            let state = &mut inner.states[resource];
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
            "{} answers {:?} {:?}, age {}, closes {}, {}, plugin {:?}",
            RESOURCES[resource].path,
            state.mode,
            state.framing,
            state.age,
            state.closes,
            state.said.field(),
            state.hook
        ));
    }

    /// An unsafe request: what was stored is invalid once its answer is there (RFC 9111, section 4.4).
    pub(crate) async fn post(&mut self, resource: usize) -> Result<(), String> {
        let mut ask = Ask::get(resource);
        ask.method = "POST";
        let (before, succeeds) = {
            let mut inner = self.origin.inner();
            inner.is_disturbed = true;
            let mode = inner.states[resource].mode;
            (inner.arrivals, matches!(mode, Mode::Good | Mode::Truncates))
        };
        let open = self.open(ask);
        self.close(open, false).await?;
        if succeeds && self.origin.is_up() {
            let posted = Invalidation {
                what: What::Resource(resource),
                before,
                soft_at: None,
            };
            self.model.invalidate(&self.origin.inner().log, posted);
        }
        Ok(())
    }

    /// Does what `selvedge invalidate` does, by path, prefix or tag: in force for every request after it.
    pub(crate) async fn invalidate(&mut self, resource: usize) {
        let path = RESOURCES[resource].path;
        let version = self.origin.inner().states[resource].version;
        let what = match self.random.below(10) {
            0..=3 => What::Resource(resource),
            4..=5 => {
                let length = self.random.between(1, path.len() as u64) as usize;
                What::Under(path[..length].to_owned())
            }
            _ => {
                let known = version.saturating_sub(self.random.below(2));
                What::Tag(self.random.one_of(&RESOURCES[resource].tags(known)))
            }
        };
        let mut asked = Invalidate {
            distribution: "simulation".to_owned(),
            soft: self.random.chance(40),
            ..Invalidate::default()
        };
        match &what {
            What::Resource(_) => asked.paths.push(path.to_owned()),
            What::Under(prefix) => asked.paths.push(format!("{prefix}*")),
            What::Tag(tag) => asked.tags.push(tag.clone()),
        }
        let before = {
            let mut inner = self.origin.inner();
            inner.is_disturbed = true;
            inner.arrivals
        };
        self.host.invalidate(&asked).await;
        let invalidation = Invalidation {
            what,
            before,
            soft_at: asked.soft.then(|| self.clock.now().0),
        };
        self.tell(format!("  {invalidation:?}"));
        self.model
            .invalidate(&self.origin.inner().log, invalidation);
    }

    async fn up_or_down(&mut self) {
        if self.origin.is_up() {
            self.tell("origin goes down".to_owned());
            self.origin.down().await;
            self.unreachable_at = Some(self.origin.inner().log.len());
        } else {
            self.tell("origin comes up".to_owned());
            self.origin.up();
        }
    }

    /// Waits until everything that was begun has ended.
    pub(crate) async fn settle_down(&mut self) -> Result<(), String> {
        if std::mem::take(&mut self.has_left) {
            viewer::fence(self.host.address()).await;
        }
        for _ in 0..10_000 {
            let (under_way, hanging) = {
                let inner = self.origin.inner();
                (inner.under_way(), inner.hanging)
            };
            if under_way == 0 && self.host.is_idle() {
                return match self.origin.inner().crowds.first() {
                    Some(crowd) => Err(crowd.clone()),
                    None => Ok(()),
                };
            }
            if hanging > 0 {
                self.move_timers().await;
                self.unreachable_at = Some(self.origin.inner().log.len());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Err("something goes on and on: a fetch, or a request to the origin".to_owned())
    }

    /// Lets the host's patience with the origin end at once.
    pub(crate) async fn move_timers(&self) {
        if self.can_move_timers {
            tokio::time::pause();
            tokio::time::advance(ORIGINS_TIME).await;
            tokio::time::resume();
        }
    }
}
