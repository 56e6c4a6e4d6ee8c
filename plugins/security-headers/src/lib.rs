//! Security fields on every response that leaves, and CORS.
//!
//! The fields are put on at `viewer-response`, after the cache: stored responses stay as the origin made them and serve every
//! site that may read them. Preflights are answered at `viewer-request`, without cache and origin.

mod cors;
mod fields;
mod names;
mod settings;

use std::cell::RefCell;

use selvedge_sdk::prelude::*;

use cors::Cors;
use fields::Fields;
use settings::Settings;

/// The rules that the hooks follow.
struct Rules {
    fields: Fields,
    cors: Option<Cors>,
}

thread_local! {
    static RULES: RefCell<Option<Rules>> = const { RefCell::new(None) };
}

#[init]
fn init(settings: Settings) -> Result<()> {
    let fields = Fields::new(&settings)?;
    let cors = settings.cors.map(Cors::new).transpose()?;
    RULES.set(Some(Rules { fields, cors }));
    Ok(())
}

#[viewer_request]
fn on_viewer_request(request: &Request) -> Result<ViewerRequestDecision> {
    with_rules(|rules| {
        let cors = rules.cors.as_ref();
        let answer = cors.and_then(|cors| cors.preflight(request));
        answer.map_or(ViewerRequestDecision::Next, Into::into)
    })
}

#[viewer_response]
fn on_viewer_response(request: &Request, response: &Response) -> Result<ViewerResponseDecision> {
    with_rules(|rules| {
        let edits = rules.fields.edits(request, response);
        match &rules.cors {
            Some(cors) => cors.edits(request, response, edits).into(),
            None => edits.into(),
        }
    })
}

fn with_rules<T>(decide: impl FnOnce(&Rules) -> T) -> Result<T> {
    RULES.with_borrow(|rules| match rules {
        Some(rules) => Ok(decide(rules)),
        None => Err("the plugin was not initialised".into()),
    })
}

#[cfg(test)]
mod tests;
