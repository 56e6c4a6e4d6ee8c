//! How long responses live, by rules: path, media type and status on one side; lifetime, windows of stale use, tags, or not
//! to store on the other. The first rule that fits decides.
//!
//! A `ttl` hook is the operator's word in place of the origin's, `Cache-Control: private` or not. A rule for `/shop/*` is
//! hardly meant for the one page in there that holds somebody's name, so by default a rule sets no lifetime for what the
//! origin wants kept apart: see [`said`].

mod rule;
mod said;
mod time;

use std::cell::RefCell;
use std::rc::Rc;

use rule::{Action, Config, Rule};
use said::Said;
use selvedge_sdk::prelude::*;

thread_local! {
    static RULES: RefCell<Rc<[Rule]>> = RefCell::default();
}

#[init]
fn read_configuration(config: Config) -> Result<()> {
    RULES.set(rule::all(config)?.into());
    Ok(())
}

#[ttl]
fn lifetime(request: &Request, response: &Response) -> Result<TtlDecision> {
    let rules = RULES.with_borrow(Rc::clone);
    let facts = Facts::new(request, response);
    let Some(rule) = rules.iter().find(|rule| fits(rule, &facts)) else {
        return Ok(TtlDecision::Policy);
    };
    Ok(match &rule.action {
        Action::DontStore => TtlDecision::DontStore,
        Action::Set(settings) if rule.private_too || !facts.is_kept_apart(request, response) => {
            settings.clone().into()
        }
        Action::Set(settings) => without_lifetime(settings),
    })
}

/// The facts that conditions look at.
struct Facts {
    path: String,
    /// The media type in lower case, without parameters; empty where there is none.
    kind: String,
    status: u16,
    said: Said,
}

impl Facts {
    fn new(request: &Request, response: &Response) -> Facts {
        let kind = response.field_text("Content-Type").unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        Facts {
            path: request.path(),
            kind: kind.to_ascii_lowercase(),
            status: response.status(),
            said: Said::by(response),
        }
    }

    /// True if the origin, or the request, says that a response is not for everybody.
    fn is_kept_apart(&self, request: &Request, response: &Response) -> bool {
        let authorized = request.field("Authorization").is_some();
        self.said.keeps_apart
            || response.field("Set-Cookie").is_some()
            || (authorized && !self.said.shares_authorized)
    }
}

fn fits(rule: &Rule, facts: &Facts) -> bool {
    rule.fits(&facts.path, &facts.kind, facts.status) && !(rule.if_silent && facts.said.lifetime)
}

/// Tags and windows of stale use do not make a response stored, so they hold in any case.
fn without_lifetime(settings: &TtlSettings) -> TtlDecision {
    let mut settings = settings.clone();
    settings.lifetime = None;
    settings.into()
}

#[cfg(test)]
mod tests;
