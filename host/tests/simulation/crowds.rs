//! Several viewers at once, and what happens while the origin is in the middle of an answer.

use crate::asking::Open;
use crate::content::RESOURCES;
use crate::origin::Gate;
use crate::viewer::Ask;
use crate::world::World;
use std::sync::atomic::Ordering;
use tokio::task::yield_now;

/// Turns of the runtime in which much of what was sent arrives. No verdict depends on it.
const SOME_TURNS: usize = 50;

impl World {
    /// Several viewers at once, some of whom come before the origin answers.
    pub(crate) async fn crowd(&mut self) -> Result<(), String> {
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
                ask.device = Some("desk");
            }
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
        // By what variants differ is known once something is stored: a part that comes first divides those who want the whole.
        if RESOURCES[resource].varies && crowd.iter().any(|open| open.ask.range.is_some()) {
            self.origin.inner().is_disturbed = true;
        }
        self.arrive().await;
        self.origin.open_gate();
        self.close_all(crowd).await?;
        let inner = self.origin.inner();
        match inner.sent_twice(before) {
            Some(asked) if !inner.is_disturbed => {
                Err(format!("fetched twice for one crowd: {asked}"))
            }
            _ => Ok(()),
        }
    }

    /// Something happens while the origin is in the middle of a body.
    pub(crate) async fn held_body(&mut self) -> Result<(), String> {
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
            match self.random.below(7) {
                0 => self.new_version(resource),
                1 => self.post(resource).await?,
                2 => self.leave_held(&mut crowd).await,
                3 => self.invalidate(resource).await,
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
    async fn leave_held(&mut self, crowd: &mut Vec<Open>) {
        if crowd.is_empty() {
            return;
        }
        let at = self.random.below(crowd.len() as u64) as usize;
        // What passes the cache by ends with its viewer, wherever it is.
        if crowd[at].ask.passes_by() {
            return;
        }
        self.tell("  one leaves".to_owned());
        self.has_left = true;
        let left = crowd.swap_remove(at).answer;
        left.abort();
        let _ = left.await;
    }

    /// The origin says nothing more, before its answer or in the middle of it. Nobody waits longer than the host's patience
    /// with the origin, and nobody waits for that twice.
    pub(crate) async fn hang(&mut self) -> Result<(), String> {
        let ask = self.any_ask();
        let resource = ask.resource;
        let gate = self.random.one_of(&[Gate::Head, Gate::Head, Gate::Body]);
        {
            let mut inner = self.origin.inner();
            inner.is_disturbed = true;
            inner.hangs = Some((resource, gate));
        }
        self.tell(format!("the origin hangs at the {gate:?}"));
        let is_alone = self.random.chance(60);
        let mut crowd = vec![self.open(ask.clone())];
        if !is_alone {
            self.model.forget(resource);
            for _ in 0..self.random.between(1, 4) {
                crowd.push(self.open(ask.clone()));
            }
        }
        let patience = self.until_answered(&crowd).await;
        for open in crowd {
            self.close(open, is_alone).await?;
        }
        let sent = self.origin.inner().log.len();
        if patience > 0 {
            self.unreachable_at = Some(sent);
        }
        if is_alone && patience > 0 && gate == Gate::Head && sent == self.before.sent {
            self.ask_again(resource).await?;
        }
        self.origin.inner().hangs = None;
        Ok(())
    }

    /// Checks that a stale response which may be used while the origin can't be reached is used at once.
    async fn ask_again(&mut self, resource: usize) -> Result<(), String> {
        let ask = Ask::get(resource);
        let now = self.clock.now().0;
        let is_covered = self
            .model
            .covers_failure(&self.origin.inner().log, &ask, now);
        let crowd = [self.open(ask)];
        let patience = self.until_answered(&crowd).await;
        for open in crowd {
            self.close(open, true).await?;
        }
        match is_covered && patience > 0 {
            true => Err("waited for an origin that is known to hang".to_owned()),
            false => Ok(()),
        }
    }

    /// Waits until all are answered; how often the host's patience had to end for that.
    async fn until_answered(&mut self, crowd: &[Open]) -> u32 {
        let mut patience = 0;
        loop {
            for _ in 0..SOME_TURNS {
                yield_now().await;
            }
            if crowd.iter().all(|open| open.answer.is_finished()) {
                return patience;
            }
            if self.origin.inner().hanging > 0 {
                self.move_timers().await;
                patience += 1;
            } else {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        }
    }

    async fn arrive(&self) {
        for _ in 0..SOME_TURNS {
            yield_now().await;
        }
    }

    async fn close_all(&mut self, crowd: Vec<Open>) -> Result<(), String> {
        for open in crowd {
            self.close(open, false).await?;
        }
        Ok(())
    }
}
