//! Lets requests with a valid JSON Web Token through, and no others.
//!
//! Runs at `viewer-request`, so before the cache is asked: stored responses are for those alone that may see them. The
//! algorithm is the configuration's, and tokens never show in logs or answers.

mod answer;
mod claims;
mod keys;
mod rules;
mod settings;
mod token;

use std::cell::RefCell;
use std::time::SystemTime;

use selvedge_sdk::prelude::*;

use claims::Refused;
use rules::Rules;
use settings::Settings;
use token::Claims;

thread_local! {
    static RULES: RefCell<Option<Rules>> = const { RefCell::new(None) };
}

#[init]
fn init(settings: Settings) -> Result<()> {
    let rules = Rules::new(settings)?;
    RULES.set(Some(rules));
    Ok(())
}

#[viewer_request]
fn on_viewer_request(request: &Request) -> Result<ViewerRequestDecision> {
    RULES.with_borrow(|rules| {
        let rules = rules.as_ref().ok_or("the plugin was not initialised")?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.map_err(|_| "the clock is before 1970")?.as_secs();
        Ok(decide(request, rules, now))
    })
}

/// Decides about a request at this time.
fn decide(request: &Request, rules: &Rules, now: u64) -> ViewerRequestDecision {
    let Some(token) = token_of(request, rules) else {
        if rules.optional {
            return edits(request, rules, &Claims::new()).into();
        }
        metrics::count("no_token", 1);
        return answer::no_token(&rules.realm).into();
    };
    let verified = token::verified(&token, rules.algorithm, &rules.keys)
        .map_err(Refused::Invalid)
        .and_then(|claims| claims::check(&claims, rules, now).map(|()| claims));
    match verified {
        Ok(claims) => edits(request, rules, &claims).into(),
        Err(why) => {
            metrics::count("refused", 1);
            answer::refused(&rules.realm, &why).into()
        }
    }
}

/// The token: of Authorization where it has the scheme Bearer, else of the cookie.
fn token_of(request: &Request, rules: &Rules) -> Option<Vec<u8>> {
    let bearer = rules.authorization.then(|| bearer(request)).flatten();
    bearer.or_else(|| {
        let value = request.cookie(rules.cookie.as_deref()?)?;
        (!value.is_empty()).then_some(value)
    })
}

fn bearer(request: &Request) -> Option<Vec<u8>> {
    let value = request.field("Authorization")?;
    let (scheme, token) = value.split_at_checked(b"Bearer ".len())?;
    scheme
        .eq_ignore_ascii_case(b"Bearer ")
        .then(|| token.trim_ascii().to_vec())
}

/// Claims for the origin, in place of whatever the viewer sent under their fields; and the token taken out if asked.
fn edits(request: &Request, rules: &Rules, claims: &Claims) -> RequestEdits {
    let mut edits = RequestEdits::new();
    for (claim, field) in &rules.claim_fields {
        edits = match claims.get(claim).and_then(claims::as_field) {
            Some(value) => edits.set(field, value),
            None => edits.remove(field),
        };
    }
    if !rules.strip {
        return edits;
    }
    if rules.authorization && bearer(request).is_some() {
        edits = edits.remove("Authorization");
    }
    match rules.cookie.as_deref() {
        Some(name) if request.cookie(name).is_some() => without_cookie(request, edits, name),
        _ => edits,
    }
}

/// Takes a cookie out, however often it stands there, and leaves the others as they are.
fn without_cookie(request: &Request, edits: RequestEdits, name: &str) -> RequestEdits {
    let named = |pair: &[u8]| {
        pair.strip_prefix(name.as_bytes())
            .is_some_and(|rest| rest.trim_ascii_start().starts_with(b"="))
    };
    let lines = request.field_values("Cookie");
    let pairs = lines
        .iter()
        .flat_map(|line| line.split(|byte| *byte == b';'));
    let kept: Vec<&[u8]> = pairs
        .map(<[u8]>::trim_ascii)
        .filter(|pair| !pair.is_empty() && !named(pair))
        .collect();
    if kept.is_empty() {
        edits.remove("Cookie")
    } else {
        edits.set("Cookie", kept.join(&b"; "[..]))
    }
}

#[cfg(test)]
mod tests;
