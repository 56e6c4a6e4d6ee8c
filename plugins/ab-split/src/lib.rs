//! Experiments: viewers are assigned to groups, and each group has variants of its own and, if it likes, an origin of its own.
//!
//! The assignment is made once for each request, at `viewer-request`, from the viewer's cookie or anew. It goes on as a field of
//! the request, in place of whatever the viewer sent under that name, and everything after reads it there:
//!
//! - `cache-key` names the field, so a first request without a cookie is stored under the group that it was assigned to, and
//!   the origin sees the group;
//! - `origin-selection` takes the group's origin;
//! - `viewer-response` sets the cookie, for this viewer only: what it does is never stored. Responses to viewers who take part
//!   are `private` for other caches, which know nothing of groups.

mod assignment;
mod cache_control;
mod cookie;
mod settings;

use std::cell::RefCell;
use std::rc::Rc;

use selvedge_sdk::prelude::*;
use settings::{Config, Settings};

/// Fields by which an origin tells shared caches other than browsers something.
const FOR_SHARED_CACHES: [&str; 2] = ["CDN-Cache-Control", "Surrogate-Control"];

thread_local! {
    static SETTINGS: RefCell<Rc<Settings>> = RefCell::default();
}

#[init]
fn read_configuration(config: Config) -> Result<()> {
    let settings = Settings::new(config)?;
    SETTINGS.set(Rc::new(settings));
    Ok(())
}

fn settings() -> Rc<Settings> {
    SETTINGS.with_borrow(Rc::clone)
}

/// Assigns the viewer, and writes the groups into the request.
#[viewer_request]
fn on_viewer_request(request: &Request) -> Result<ViewerRequestDecision> {
    let settings = settings();
    let groups = assignment::make(request, &settings);
    if !groups.is_empty() {
        let field = RequestEdits::new().set(&settings.field, groups);
        return Ok(field.into());
    }
    // Nobody takes part by claiming to.
    Ok(match request.field(&settings.field) {
        Some(_) => RequestEdits::new().remove(&settings.field).into(),
        None => ViewerRequestDecision::Next,
    })
}

/// Each combination of groups has a key of its own.
#[cache_key]
fn key(_request: &Request) -> Result<KeyDecision> {
    let field = KeyPart::field(&settings().field);
    Ok(KeyDecision::extend([field]))
}

/// The origin of the first group that has one.
#[origin_selection]
fn origin(request: &Request) -> Result<OriginDecision> {
    let settings = settings();
    let groups = assignment::read(request, &settings);
    let mut origins = groups.iter().filter_map(|part| part.group.origin.as_ref());
    Ok(match origins.next() {
        Some(id) => OriginDecision::origin(id),
        None => OriginDecision::Policy,
    })
}

/// Sets the cookies that the viewer does not have, and keeps other caches from sharing the response.
#[viewer_response]
fn on_viewer_response(request: &Request, response: &Response) -> Result<ViewerResponseDecision> {
    let settings = settings();
    let groups = assignment::read(request, &settings);
    if groups.is_empty() {
        return Ok(ViewerResponseDecision::Next);
    }
    let mut edits = ResponseEdits::new();
    let secure = request.scheme() == Scheme::Https;
    for part in &groups {
        let name = &part.experiment.cookie;
        if request.cookie_text(name).as_deref() != Some(part.group.name.as_str()) {
            let cookie = cookie::set(name, &part.group.name, settings.cookie_days, secure);
            edits = edits.append("Set-Cookie", cookie);
        }
    }
    if settings.private {
        edits = private(response, edits);
    }
    Ok(edits.into())
}

fn private(response: &Response, mut edits: ResponseEdits) -> ResponseEdits {
    let said = response.field_text("Cache-Control").unwrap_or_default();
    edits = edits.set("Cache-Control", cache_control::private(&said));
    for name in FOR_SHARED_CACHES {
        if response.field(name).is_some() {
            edits = edits.remove(name);
        }
    }
    edits
}

#[cfg(test)]
mod tests;
