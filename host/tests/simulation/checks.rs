//! Checks of an answer by itself: its bytes, its freshness, and what it says of itself.

use crate::content::{Policy, RESOURCES};
use crate::model::Asked;
use crate::origin::Exchange;
use crate::parts;
use crate::viewer::Answer;

pub(crate) type Verdict = Result<(), String>;

/// `otherwise` says what is wrong.
pub(crate) fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(otherwise()) }
}

/// Returns true if a fetch in the background goes with this answer.
pub(crate) fn may_refresh(answer: &Answer) -> bool {
    let detail = answer.said("detail").unwrap_or_default();
    detail.contains("stale-while-revalidate") || detail.contains("origin-unreachable")
}

/// The bytes are the origin's, of the version that the fields name.
pub(crate) fn content(
    sent: usize,
    exchange: &Exchange,
    asked: &Asked,
    is_damaged: bool,
) -> Verdict {
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
    let may_break_off = exchange.is_truncated || asked.may_break_off || is_damaged;
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
pub(crate) fn reuse(sent: usize, exchange: &Exchange, asked: &Asked) -> Verdict {
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

/// Returns true if the origin has answered HEAD for the same resource later.
pub(crate) fn has_head_since(log: &[Exchange], sent: usize) -> bool {
    let resource = log[sent].resource;
    let mut later = log.iter().skip(sent + 1);
    later.any(|later| later.resource == resource && later.asked.starts_with("HEAD"))
}

/// RFC 9211: says what happened.
pub(crate) fn cache_status(
    sent: usize,
    exchange: &Exchange,
    asked: &Asked,
    may_be_outdated: bool,
) -> Verdict {
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
