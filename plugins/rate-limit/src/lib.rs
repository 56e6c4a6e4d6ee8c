//! Answers 429 to viewers that ask more often than they may.
//!
//! Runs at `viewer-request`, so hits count as well. Each viewer has a bucket of tokens in the distribution's plugin cache, which
//! all instances share: what is counted in one request is known to the others, in whatever instance they run, at the
//! same time too.

mod addresses;
mod bucket;
mod rules;

use std::cell::RefCell;
use std::time::SystemTime;

use selvedge_sdk::prelude::*;

use bucket::Nanos;
use rules::{Rules, Settings};

thread_local! {
    static RULES: RefCell<Option<Rules>> = const { RefCell::new(None) };
}

#[init]
fn init(settings: Settings) -> Result<()> {
    RULES.set(Some(Rules::new(settings)?));
    Ok(())
}

#[viewer_request]
fn on_viewer_request(request: &Request) -> Result<ViewerRequestDecision> {
    RULES.with_borrow(|rules| {
        let rules = rules.as_ref().ok_or("the plugin was not initialised")?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.map_err(|_| "the clock is before 1970")?;
        // Some 584 years fit.
        let now = u64::try_from(now.as_nanos()).map_err(|_| "the clock is too far ahead")?;
        decide(request, rules, now)
    })
}

/// Decides about a request at this time. It costs a token, if there is one.
fn decide(request: &Request, rules: &Rules, now: Nanos) -> Result<ViewerRequestDecision> {
    let Some(key) = rules.bucket_of(request)? else {
        return Ok(ViewerRequestDecision::Next);
    };
    let taken = rules.bucket.take_stored(
        now,
        || cache::get(&key),
        |expected, state| {
            let lifetime = Duration::from_secs(bucket::seconds(state - now) + 1);
            cache::put_if(&key, expected, state.to_be_bytes(), lifetime, [""; 0])
        },
    );
    let Err(wait) = taken? else {
        return Ok(ViewerRequestDecision::Next);
    };
    metrics::count("limited", 1);
    if rules.observe_only {
        return Ok(ViewerRequestDecision::Next);
    }
    Ok(too_many(wait).into())
}

/// The answer to a request too many (RFC 6585, section 4).
fn too_many(wait: Nanos) -> SyntheticResponse {
    let seconds = bucket::seconds(wait).max(1);
    SyntheticResponse::new(429)
        .field("Retry-After", seconds.to_string())
        .field("Cache-Control", "no-store")
        .text(format!("too many requests; try again in {seconds} s\n"))
}

#[cfg(test)]
mod tests;
