//! The shadow model: what the origin sent and what the host may make of it. Judges every answer.

use crate::checks::{Verdict, cache_status, check, content, has_head_since, may_refresh, reuse};
use crate::content::{MAX_OBJECT, Policy, RESOURCES};
use crate::origin::Exchange;
use crate::outdated::{Invalidation, Outdated};
use crate::parts;
use crate::terms::Trouble;
use crate::viewer::{Answer, Ask};
use std::collections::HashMap;

/// An answered request with what was going on around it.
pub(crate) struct Asked {
    pub(crate) ask: Ask,
    pub(crate) answer: Answer,
    /// HTTP time when it was asked, and when it was answered.
    pub(crate) began: u64,
    pub(crate) ended: u64,
    /// How much the origin had sent before.
    pub(crate) sent_before: usize,
    /// How many invalidations had been made before.
    pub(crate) outdated_before: usize,
    /// The origin's failure meanwhile.
    pub(crate) trouble: Trouble,
    /// True if nobody else asked meanwhile; then how many requests reached the origin.
    pub(crate) reached_origin: Option<u64>,
    /// True if the origin broke off what it was sending.
    pub(crate) may_break_off: bool,
}

/// A response known to be stored: language and coding of a resource.
type Place = (usize, String, bool);

#[derive(Default)]
pub(crate) struct Model {
    /// The newest stored response, by its entry in the log. What is not sure is not here.
    kept: HashMap<Place, usize>,
    /// The invalidations so far.
    outdated: Outdated,
    /// Responses sent before this entry of the log may have been damaged on disk; 0 if none was.
    damaged_before: usize,
    /// The greatest Age that was sent of each entry, with the time.
    ages: HashMap<usize, (u64, u64)>,
    /// The viewers that got what only one viewer may see.
    only_viewers: HashMap<usize, usize>,
    /// How often the model knew that a stored response had to be used: so that it does not prove nothing.
    pub(crate) sure: u64,
}

impl Model {
    pub(crate) fn invalidations(&self) -> usize {
        self.outdated.count()
    }

    /// Notes an invalidation: what it concerns may not be used any more, or only as a stale response.
    pub(crate) fn invalidate(&mut self, log: &[Exchange], invalidation: Invalidation) {
        self.kept.retain(|_, sent| {
            invalidation.soft_at.is_some() || !invalidation.concerns(&log[*sent])
        });
        self.outdated.add(invalidation);
    }

    /// Notes that what is on disk has been damaged.
    pub(crate) fn damage(&mut self, sent: usize) {
        self.kept.clear();
        self.damaged_before = sent;
    }

    /// Returns true if what is sent may have been on the disk when that was damaged: also where it was confirmed or completed since.
    fn may_be_damaged(&self, sent: usize, exchange: &Exchange) -> bool {
        self.damaged_before > 0 && (sent < self.damaged_before || exchange.status != 200)
    }

    /// The host has been restarted. A disk that has lost files may have taken no new ones for a moment: those were in memory only.
    pub(crate) fn restart(&mut self) {
        if self.damaged_before > 0 {
            self.kept.clear();
        }
    }

    /// Forgets what is stored of this resource.
    pub(crate) fn forget(&mut self, resource: usize) {
        self.kept.retain(|(kept, _, _), _| *kept != resource);
    }

    /// Judges an answer, and learns from it.
    pub(crate) fn judge(&mut self, log: &[Exchange], asked: &Asked) -> Verdict {
        let Some(sent) = asked.answer.sent() else {
            return self.own(log, asked);
        };
        let exchange = log.get(sent).ok_or("X-Sent names nothing that was sent")?;
        content(sent, exchange, asked, self.may_be_damaged(sent, exchange))?;
        if asked.ask.method == "POST" {
            return check(sent >= asked.sent_before, || {
                "a stored answer to POST".to_owned()
            });
        }
        let exchange = &self.outdated.left_of(exchange, asked.outdated_before)?;
        reuse(sent, exchange, asked)?;
        self.age(sent, exchange, asked)?;
        self.privacy(sent, exchange, asked)?;
        // An invalidation in the meantime, or an answer to HEAD, may have ended its freshness (RFC 9111, section 4.3.5).
        let was_told = self.outdated.count() > asked.outdated_before;
        let may_be_outdated = was_told || has_head_since(log, sent);
        cache_status(sent, exchange, asked, may_be_outdated)?;
        self.duty(log, sent, asked)?;
        self.learn(sent, exchange, asked);
        Ok(())
    }

    /// An answer that the host made itself.
    fn own(&mut self, log: &[Exchange], asked: &Asked) -> Verdict {
        let (ask, answer) = (&asked.ask, &asked.answer);
        let detail = answer.said("detail").unwrap_or_default().trim_matches('"');
        match answer.status {
            0 => check(asked.may_break_off || self.damaged_before > 0, || {
                "no response, although the origin did not break off".to_owned()
            }),
            504 if detail == "only-if-cached" => {
                let asked_for = RESOURCES[ask.resource].policy == Policy::Honor
                    && ask.cache_control == Some("only-if-cached");
                check(asked_for, || {
                    "504 for only-if-cached, which nobody asked for".to_owned()
                })?;
                let fresh = self
                    .known(log, ask)
                    .filter(|(_, exchange)| exchange.is_fresh(asked.began));
                check(fresh.is_none(), || {
                    "a fresh response is stored, and only-if-cached got 504".to_owned()
                })
            }
            status @ (502 | 504) => {
                check(asked.trouble.is_disconnected, || {
                    format!("{status} although the origin answered")
                })?;
                self.duty_to_use_stale(log, None, asked)
            }
            416 => {
                if !answer.says("hit") || may_refresh(answer) {
                    self.kept.remove(&place(ask));
                }
                let size = RESOURCES[ask.resource].size as u64;
                let first = ask.range.as_deref().and_then(parts::first_position);
                check(first.is_some_and(|first| first >= size), || {
                    "416 for bytes that exist".to_owned()
                })
            }
            status => Err(format!("an answer of the host itself with status {status}")),
        }
    }

    /// RFC 9111, sections 4.2.3 and 5.1.
    fn age(&mut self, sent: usize, exchange: &Exchange, asked: &Asked) -> Verdict {
        let Some(age) = asked.answer.fields.number("age") else {
            let is_first_hand = sent >= asked.sent_before && exchange.state.age == 0;
            return check(is_first_hand, || "no Age, although stored".to_owned());
        };
        let (least, most) = (
            exchange.age(asked.began.max(exchange.at)),
            exchange.age(asked.ended),
        );
        check((least..=most).contains(&age), || {
            format!("Age is {age}, not {least} to {most}")
        })?;
        let (before, then) = self.ages.get(&sent).copied().unwrap_or_default();
        check(age >= before || asked.began < then, || {
            format!("Age has fallen from {before} to {age}")
        })?;
        if age >= before {
            self.ages.insert(sent, (age, asked.ended));
        }
        Ok(())
    }

    /// Checks that a response that may not be stored goes only to the viewer whose request it answers.
    fn privacy(&mut self, sent: usize, exchange: &Exchange, asked: &Asked) -> Verdict {
        if exchange.may_be_shared() || asked.ask.method != "GET" {
            return Ok(());
        }
        let viewers = self.only_viewers.entry(sent).or_default();
        *viewers += 1;
        check(*viewers == 1, || {
            "a second viewer of a private response".to_owned()
        })
    }

    /// Checks that a stored, usable response is used.
    fn duty(&mut self, log: &[Exchange], sent: usize, asked: &Asked) -> Verdict {
        let Some((kept, exchange)) = self
            .known(log, &asked.ask)
            .filter(|_| asked.reached_origin.is_some())
        else {
            return Ok(());
        };
        let now = asked.began;
        if asked.ask.cache_control.is_none()
            && (exchange.is_fresh(now) || exchange.is_usable_while_refreshed(now))
        {
            self.sure += 1;
            return check(asked.answer.says("hit") && sent == kept, || {
                format!("response {kept} is stored and fresh, but it was not used")
            });
        }
        self.duty_to_use_stale(log, Some(sent), asked)
    }

    fn duty_to_use_stale(
        &mut self,
        log: &[Exchange],
        sent: Option<usize>,
        asked: &Asked,
    ) -> Verdict {
        let Some((kept, exchange)) = self
            .known(log, &asked.ask)
            .filter(|_| asked.reached_origin.is_some())
        else {
            return Ok(());
        };
        // It may be taken to be down still; it need not.
        let trouble = Trouble {
            was_down: false,
            ..asked.trouble
        };
        let failed = sent.is_none_or(|sent| sent >= asked.sent_before && log[sent].status >= 500);
        if !failed
            || asked.ask.cache_control.is_some()
            || !exchange.is_usable_despite(trouble, asked.began)
        {
            return Ok(());
        }
        self.sure += 1;
        Err(format!(
            "response {kept} is stored and usable as the origin failed, but it was not used"
        ))
    }

    fn learn(&mut self, sent: usize, exchange: &Exchange, asked: &Asked) {
        let (ask, answer) = (&asked.ask, &asked.answer);
        let place = place(ask);
        // A response in slices is many stored ones.
        let is_sliced = RESOURCES[ask.resource].policy == Policy::Sliced;
        if asked.reached_origin.is_none() || may_refresh(answer) || is_sliced {
            self.forget(ask.resource);
        } else if answer.says("hit") {
            // Of a stored part it is not known what else it answers.
            if ask.is_plain() && answer.status != 206 && !self.may_be_damaged(sent, exchange) {
                self.kept.insert(place, sent);
            }
        } else if ask.method != "GET" || ask.range.is_some() {
            self.kept.remove(&place);
        } else if answer.says("stored") && sent >= asked.sent_before {
            let size = RESOURCES[ask.resource]
                .body(&ask.lang(), exchange.version)
                .len();
            // A 304 is complete although what is stored for it may break off.
            let is_whole = answer.is_complete
                && !exchange.is_truncated
                && !self.may_be_damaged(sent, exchange);
            if is_whole && size <= MAX_OBJECT && exchange.may_be_shared() {
                self.kept.insert(place, sent);
            } else {
                self.kept.remove(&place);
            }
        }
    }

    /// The response surely stored for such a request, and what invalidations leave of it.
    fn known(&self, log: &[Exchange], ask: &Ask) -> Option<(usize, Exchange)> {
        let sent = *self.kept.get(&place(ask))?;
        let left = self.outdated.left_of(&log[sent], self.outdated.count());
        Some((sent, left.ok()?))
    }

    /// Returns true if a stored response surely has to answer this while the origin can't be reached.
    pub(crate) fn covers_failure(&self, log: &[Exchange], ask: &Ask, now: u64) -> bool {
        let trouble = Trouble {
            is_disconnected: true,
            ..Trouble::default()
        };
        self.known(log, ask)
            .is_some_and(|(_, exchange)| exchange.is_usable_despite(trouble, now))
    }
}

fn place(ask: &Ask) -> Place {
    let is_coded = RESOURCES[ask.resource].policy == Policy::Coded;
    (ask.resource, ask.lang(), is_coded && ask.accepts_gzip)
}
