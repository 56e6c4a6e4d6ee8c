//! One spelling for queries that mean the same.
//!
//! Two hooks share the work. `cache-key` declares which parameters count, and the host sorts them: that needs no reading, so
//! the host remembers it once for all requests. `viewer-request` rewrites the query where declaring does not reach: empty
//! values, upper case in names, percent-encoding. It rewrites for everything that follows, the origin included, so that an
//! answer can't depend on a spelling that is not in its key.

mod query;
mod settings;

use std::cell::RefCell;
use std::rc::Rc;

use selvedge_sdk::prelude::*;
use settings::{Config, Names, Settings};

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

/// Rewrites the query to its normal form, if it has another one.
#[viewer_request]
fn on_viewer_request(request: &Request) -> Result<ViewerRequestDecision> {
    let Some(sent) = request.query() else {
        return Ok(ViewerRequestDecision::Next);
    };
    let normal = query::normal(&sent, &settings());
    if normal == sent {
        return Ok(ViewerRequestDecision::Next);
    }
    Ok(RequestEdits::new().query(normal).into())
}

/// Declares which parameters are in the key, in the order of their names.
#[cache_key]
fn key(_request: &Request) -> Result<KeyDecision> {
    let settings = settings();
    if !settings.sort {
        // A part for the query would be sorted. The rewritten query has nothing in it that does not count.
        return Ok(KeyDecision::Policy);
    }
    let part = match &settings.names {
        Names::Only(names) => KeyPart::query_only(names.clone()),
        Names::Except(names) => KeyPart::query_except(names.clone()),
    };
    Ok(KeyDecision::extend([part]))
}

#[cfg(test)]
mod tests;
