//! The shadow model: what the origin sent and what the host may make of it. Judges every answer.

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
    /// What went wrong at the origin meanwhile.
    pub(crate) trouble: Trouble,
    /// Whether nobody else asked meanwhile; then how many requests reached the origin.
    pub(crate) reached_origin: Option<u64>,
    /// Whether the origin broke off what it was sending.
    pub(crate) may_break_off: bool,
}

/// What is known to be stored: language and coding of a resource.
type Place = (usize, String, bool);

#[derive(Default)]
pub(crate) struct Model {
    /// The newest stored response, by its entry in the log. What is not sure is not here.
    kept: HashMap<Place, usize>,
    /// What has been invalidated.
    outdated: Outdated,
    /// The greatest Age that was sent of each entry, with the time.
    ages: HashMap<usize, (u64, u64)>,
    /// Who got what only one viewer may see.
    only_viewers: HashMap<usize, usize>,
    /// How often the model knew that a stored response had to be used: so that it does not prove nothing.
    pub(crate) sure: u64,
}

type Verdict = Result<(), String>;

fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(otherwise()) }
}

impl Model {
    pub(crate) fn invalidations(&self) -> usize {
        self.outdated.count()
    }

    /// What this concerns may not be used any more, or only as a stale response.
    pub(crate) fn invalidate(&mut self, log: &[Exchange], invalidation: Invalidation) {
        self.kept.retain(|_, sent| {
            invalidation.soft_at.is_some() || !invalidation.concerns(&log[*sent])
        });
        self.outdated.add(invalidation);
    }

    /// The host has been restarted.
    pub(crate) fn restart(&mut self) {
        self.outdated.restart();
    }

    /// What is stored of this resource is not known any more.
    pub(crate) fn forget(&mut self, resource: usize) {
        self.kept.retain(|(kept, _, _), _| *kept != resource);
    }

    /// Judges an answer, and learns from it.
    pub(crate) fn judge(&mut self, log: &[Exchange], asked: &Asked) -> Verdict {
        let Some(sent) = asked.answer.sent() else {
            return self.own(log, asked);
        };
        let exchange = log.get(sent).ok_or("X-Sent names nothing that was sent")?;
        content(sent, exchange, asked)?;
        if asked.ask.method == "POST" {
            return check(sent >= asked.sent_before, || {
                "a stored answer to POST".to_owned()
            });
        }
        let exchange = &self.outdated.left_of(exchange, asked.outdated_before)?;
        reuse(sent, exchange, asked)?;
        self.age(sent, exchange, asked)?;
        self.privacy(sent, exchange, asked)?;
        cache_status(log, sent, exchange, asked)?;
        self.duty(log, sent, asked)?;
        self.learn(sent, exchange, asked);
        Ok(())
    }

    /// An answer that the host made itself.
    fn own(&mut self, log: &[Exchange], asked: &Asked) -> Verdict {
        let (ask, answer) = (&asked.ask, &asked.answer);
        let detail = answer.said("detail").unwrap_or_default().trim_matches('"');
        match answer.status {
            0 => check(asked.may_break_off, || {
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

    /// What may not be stored is for the one whose request it answers.
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

    /// What is stored and usable has to be used.
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
            if ask.is_plain() && answer.status != 206 {
                self.kept.insert(place, sent);
            }
        } else if ask.method != "GET" || ask.range.is_some() {
            self.kept.remove(&place);
        } else if answer.says("stored") && sent >= asked.sent_before {
            let size = RESOURCES[ask.resource]
                .body(&ask.lang(), exchange.version)
                .len();
            let is_whole = answer.is_complete && !exchange.is_truncated;
            if is_whole && size <= MAX_OBJECT && exchange.may_be_shared() {
                self.kept.insert(place, sent);
            } else {
                self.kept.remove(&place);
            }
        }
    }

    /// What is surely stored for such a request, and what invalidations leave of it.
    fn known(&self, log: &[Exchange], ask: &Ask) -> Option<(usize, Exchange)> {
        let sent = *self.kept.get(&place(ask))?;
        let left = self.outdated.left_of(&log[sent], self.outdated.count());
        Some((sent, left.ok()?))
    }

    /// Whether a stored response surely has to answer this while the origin can't be reached.
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

/// Whether a fetch in the background goes with this answer.
fn may_refresh(answer: &Answer) -> bool {
    let detail = answer.said("detail").unwrap_or_default();
    detail.contains("stale-while-revalidate") || detail.contains("origin-unreachable")
}

/// The bytes are the origin's, of the version that the fields name.
fn content(sent: usize, exchange: &Exchange, asked: &Asked) -> Verdict {
    let (ask, answer) = (&asked.ask, &asked.answer);
    let resource = &RESOURCES[ask.resource];
    check(exchange.resource == ask.resource, || {
        "another resource's response".to_owned()
    })?;
    if ask.method == "POST" {
        return Ok(());
    }
    check(exchange.lang == ask.lang(), || {
        format!("in {} instead of {}", exchange.lang, ask.lang())
    })?;
    if !matches!(exchange.status, 200 | 206 | 304) {
        check(answer.status == exchange.status, || {
            format!("{} instead of {}", answer.status, exchange.status)
        })?;
        let is_its_text = exchange.status == 416
            || answer.body == format!("error {} of {sent}", exchange.status).as_bytes();
        return check(
            ask.method == "HEAD" || !answer.is_complete || is_its_text,
            || "the text of another error".to_owned(),
        );
    }
    let etag = resource.etag(&exchange.lang, exchange.version);
    check(answer.fields.get("etag") == etag.as_deref(), || {
        "ETag of another version".to_owned()
    })?;
    let may_break_off = exchange.is_truncated || asked.may_break_off;
    check(answer.is_complete || may_break_off, || {
        "broke off, although the origin did not".to_owned()
    })?;
    let whole = resource.body(&exchange.lang, exchange.version);
    match answer.status {
        200 if ask.method == "HEAD" => {
            let length = answer.fields.number("content-length");
            check(
                length.is_none_or(|length| length == whole.len() as u64),
                || "Content-Length of another version".to_owned(),
            )
        }
        200 if answer.is_complete => check(answer.body == whole, || {
            format!(
                "{} wrong bytes, {} are right",
                answer.body.len(),
                whole.len()
            )
        }),
        200 => check(whole.starts_with(&answer.body), || {
            "wrong bytes before it broke off".to_owned()
        }),
        206 => parts::check(answer, &whole),
        304 => check(
            ask.if_none_match.as_deref().is_some_and(|asked| {
                etag.is_some_and(|etag| asked.contains(etag.trim_start_matches("W/")))
            }),
            || "304 for what the viewer does not have".to_owned(),
        ),
        status => Err(format!("status {status} for content")),
    }
}

/// Nothing stale beyond what is allowed (RFC 9111, section 4).
fn reuse(sent: usize, exchange: &Exchange, asked: &Asked) -> Verdict {
    if sent >= asked.sent_before {
        return Ok(());
    }
    let now = asked.began;
    let honors = RESOURCES[asked.ask.resource].policy == Policy::Honor;
    let wishes = asked.ask.cache_control.filter(|_| honors);
    if matches!(wishes, Some("no-cache" | "no-store"))
        || (wishes == Some("max-age=0") && exchange.age(now) > 0)
    {
        return Err("a stored response against the request's directives".to_owned());
    }
    let usable = exchange.is_fresh(now)
        || exchange.is_usable_while_refreshed(now)
        || exchange.is_usable_despite(asked.trouble, now)
        || (wishes == Some("max-stale=100") && exchange.is_stale_by_at_most(100, now));
    check(usable, || {
        format!(
            "stale beyond what is allowed: ttl {}, {:?}, {:?}",
            exchange.ttl(now),
            exchange.state.said,
            asked.trouble
        )
    })?;
    check(!exchange.is_truncated || !asked.answer.says("hit"), || {
        "a hit with what broke off".to_owned()
    })
}

/// RFC 9211: says what happened.
fn cache_status(log: &[Exchange], sent: usize, exchange: &Exchange, asked: &Asked) -> Verdict {
    let answer = &asked.answer;
    let (hit, fwd) = (answer.says("hit"), answer.said("fwd"));
    check(hit != fwd.is_some(), || {
        "Cache-Status has not one of hit and fwd".to_owned()
    })?;
    check(
        !hit || sent < asked.sent_before || asked.reached_origin.is_none(),
        || "a hit with what came just now".to_owned(),
    )?;
    let ttl = answer.said("ttl").and_then(|ttl| ttl.parse::<i64>().ok());
    if hit && asked.began == asked.ended {
        let expected = exchange.ttl(asked.ended);
        // An answer to HEAD may have shown that what is stored is out of date (RFC 9111, section 4.3.5).
        let may_be_outdated = log
            .iter()
            .skip(sent)
            .any(|later| later.resource == exchange.resource && later.asked.starts_with("HEAD"));
        let is_right =
            ttl.is_some_and(|ttl| ttl == expected || (may_be_outdated && ttl < expected));
        check(is_right, || format!("ttl is {ttl:?}, not {expected}"))?;
    }
    let Some(reached) = asked.reached_origin else {
        return Ok(());
    };
    let is_sliced = RESOURCES[exchange.resource].policy == Policy::Sliced;
    check(
        !hit || may_refresh(answer) || is_sliced || reached == 0,
        || "a hit, but the origin was asked".to_owned(),
    )?;
    check(hit || reached > 0 || asked.trouble.is_disconnected, || {
        "fwd, but the origin was not asked".to_owned()
    })?;
    let fwd_status = answer
        .said("fwd-status")
        .and_then(|status| status.parse::<u16>().ok());
    let is_new = sent >= asked.sent_before;
    check(
        hit || !is_new || fwd_status == Some(exchange.status),
        || {
            format!(
                "fwd-status is {fwd_status:?}, the origin sent {}",
                exchange.status
            )
        },
    )
}
