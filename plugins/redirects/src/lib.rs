//! Redirects and rewrites from key-value data.
//!
//! The data is the operator's list of moved addresses: `selvedge kv` edits it while the host runs, without a reload. An entry
//! for the path itself comes first, then the entry with the longest beginning of it: `/docs/v1/*` before `/docs/*`. A redirect
//! is answered at once, for this viewer; a rewrite goes on under another path, which is what the key, the later hooks and the
//! origin see.

mod entry;
mod look_up;
mod settings;
mod target;

use std::cell::RefCell;
use std::rc::Rc;

use entry::Action;
use look_up::Found;
use selvedge_sdk::prelude::*;
use settings::{Config, Settings};

thread_local! {
    static SETTINGS: RefCell<Rc<Settings>> = RefCell::default();
}

#[init]
fn read_configuration(config: Config) -> Result<()> {
    let settings = Settings::new(config)?;
    SETTINGS.set(Rc::new(settings));
    Ok(())
}

#[viewer_request]
fn on_viewer_request(request: &Request) -> Result<ViewerRequestDecision> {
    let settings = SETTINGS.with_borrow(Rc::clone);
    let path = request.path();
    match look_up::find(request, &path, &settings)? {
        Some(found) => decide(request, &path, &found, &settings)
            .map_err(|error| Error::Message(format!("the entry {:?}: {error}", found.key))),
        None => Ok(ViewerRequestDecision::Next),
    }
}

fn decide(
    request: &Request,
    path: &str,
    found: &Found,
    settings: &Settings,
) -> Result<ViewerRequestDecision> {
    let entry = entry::read(&found.value, settings)?;
    let query = request.query().filter(|_| entry.keep_query);
    match entry.action {
        Action::Gone => {
            metrics::count("gone", 1);
            Ok(SyntheticResponse::new(410).text("Gone\n").into())
        }
        Action::Redirect(status, target) => {
            let location = target.with(found.rest.as_deref(), query.as_deref())?;
            if location == own(request, path) {
                return Err("it leads to itself".into());
            }
            metrics::count("redirected", 1);
            let mut response = SyntheticResponse::redirect(status, location);
            if let Some(seconds) = settings.max_age_seconds {
                response = response.field("Cache-Control", format!("max-age={seconds}"));
            }
            Ok(response.into())
        }
        Action::Rewrite(target) => {
            let rewritten = target.with(found.rest.as_deref(), query.as_deref())?;
            metrics::count("rewritten", 1);
            let (path, query) = rewritten.split_once('?').unwrap_or((&rewritten, ""));
            Ok(RequestEdits::new().path(path).query(query).into())
        }
    }
}

/// The request's own path and query.
fn own(request: &Request, path: &str) -> String {
    match request.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    }
}

#[cfg(test)]
mod tests;
