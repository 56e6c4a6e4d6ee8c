//! A bounded number of variants of an image: by the formats that a browser accepts, and by the width and pixel density that
//! its client hints tell, in steps.
//!
//! `cache-key` puts the variant into the key, so that thousands of spellings of Accept share a few stored images;
//! `origin-request` tells the origin which one to make. Both choose by the same fields in the same way. `origin-response` takes out
//! of Vary what the key stands for, and `viewer-response` tells browsers and caches on the way what the choice depends on.

mod origin;
mod rules;
mod variant;
mod vary;

use std::cell::RefCell;

use selvedge_sdk::prelude::*;

use rules::{Rules, Settings};
use variant::Variant;

thread_local! {
    static RULES: RefCell<Option<Rules>> = const { RefCell::new(None) };
}

#[init]
fn init(settings: Settings) -> Result<()> {
    RULES.set(Some(Rules::new(settings)?));
    Ok(())
}

#[cache_key]
fn key(request: &Request) -> Result<KeyDecision> {
    with_rules(|rules| {
        if !rules.concerns(request) {
            return Ok(KeyDecision::Policy);
        }
        let variant = Variant::of(request, rules);
        Ok(KeyDecision::extend([KeyPart::literal(variant.in_key())]))
    })
}

#[origin_request]
fn on_origin_request(request: &Request) -> Result<OriginRequestDecision> {
    with_rules(|rules| {
        if !rules.concerns(request) {
            return Ok(OriginRequestDecision::Next);
        }
        let variant = Variant::of(request, rules);
        agrees(&variant, request)?;
        Ok(origin::ask(&variant, request, rules).into())
    })
}

#[origin_response]
fn on_origin_response(request: &Request, response: &Response) -> Result<OriginResponseDecision> {
    with_rules(|rules| {
        let edits = is_variant(request).then(|| vary::for_the_store(response, rules));
        Ok(edits
            .flatten()
            .map_or(OriginResponseDecision::Next, Into::into))
    })
}

#[viewer_response]
fn on_viewer_response(request: &Request, response: &Response) -> Result<ViewerResponseDecision> {
    with_rules(|rules| {
        let edits = is_variant(request).then(|| vary::for_viewers(response, rules));
        Ok(edits
            .flatten()
            .map_or(ViewerResponseDecision::Next, Into::into))
    })
}

/// Returns true if the key says which variant of an image this is.
fn is_variant(request: &Request) -> bool {
    request
        .cache_key()
        .is_some_and(|key| key.contains(" literal=image:"))
}

/// An origin's answer must not be stored as a variant that it is not. The two differ where the origin does not get to see
/// what the viewer sent, or the other hook does not run.
fn agrees(variant: &Variant, request: &Request) -> Result<()> {
    let Some(key) = request.cache_key() else {
        return Ok(()); // Nothing is stored.
    };
    let wanted = format!("literal={}", variant.in_key());
    if key.split(' ').any(|word| word == wanted) {
        return Ok(());
    }
    Err(format!(
        "the cache key does not have `{wanted}`, which is what goes to the origin: let Accept and the client hints through by \
         `forward`, and let the hook `cache-key` of this plugin run"
    )
    .into())
}

fn with_rules<T>(decide: impl FnOnce(&Rules) -> Result<T>) -> Result<T> {
    RULES.with_borrow(|rules| match rules {
        Some(rules) => decide(rules),
        None => Err("the plugin was not initialised".into()),
    })
}

#[cfg(test)]
mod tests;
