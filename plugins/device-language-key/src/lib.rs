//! A cache key by device class and by the viewer's language.
//!
//! User-Agent and Accept-Language have thousands of spellings, so neither belongs in a key. This plugin puts in their place
//! what they mean: one of a few device classes, and one of the languages that the site has.
//!
//! By itself the `cache-key` hook does all, and what it decides the host can remember. With `to_origin` the origin has to see
//! the same classes that are in the key. Then `viewer-request` writes them into fields, in place of whatever the viewer sent,
//! and the key names these fields: what a key names goes to the origin, so both are the same by construction. Computing them
//! again on the way to the origin would not do: there the viewer's own fields may have been left out.

mod device;
mod language;
mod settings;

use std::cell::RefCell;
use std::rc::Rc;

use device::Device;
use selvedge_sdk::prelude::*;
use settings::{Config, Settings};

/// How much of User-Agent and Accept-Language is looked at: real ones are shorter.
const LOOKED_AT: usize = 1024;

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

/// Writes the classes into fields, where the origin is to see them.
#[viewer_request]
fn on_viewer_request(request: &Request) -> Result<ViewerRequestDecision> {
    let settings = settings();
    if !settings.to_origin {
        return Ok(ViewerRequestDecision::Next);
    }
    let mut edits = RequestEdits::new();
    if settings.tells_devices_apart() {
        edits = edits.set(&settings.device_field, device(request, &settings).as_str());
    }
    if settings.tells_languages_apart() {
        edits = edits.set(&settings.language_field, language(request, &settings));
    }
    Ok(edits.into())
}

/// Puts the classes into the key.
#[cache_key]
fn key(request: &Request) -> Result<KeyDecision> {
    let settings = settings();
    let mut parts = Vec::new();
    if settings.tells_devices_apart() {
        parts.push(match settings.to_origin {
            true => written(request, &settings.device_field, |value| {
                settings.has_device(value)
            })?,
            false => KeyPart::literal(format!("device={}", device(request, &settings))),
        });
    }
    if settings.tells_languages_apart() {
        parts.push(match settings.to_origin {
            true => written(request, &settings.language_field, |value| {
                settings.has_language(value)
            })?,
            false => KeyPart::literal(format!("language={}", language(request, &settings))),
        });
    }
    Ok(KeyDecision::Extend(parts))
}

/// The field of the key that `viewer-request` has written. Where that hook was switched off, the value is the viewer's: it
/// may be anything, and each one would be a variant.
fn written(request: &Request, field: &str, known: impl Fn(&str) -> bool) -> Result<KeyPart> {
    match request.field_text(field) {
        Some(value) if known(&value) => Ok(KeyPart::field(field)),
        _ => {
            let message = format!(
                "{field} holds no class of this plugin's: with `to_origin = true` its `hooks` must \
                 include viewer-request, and no later plugin may change {field} there"
            );
            Err(Error::Message(message))
        }
    }
}

fn device(request: &Request, settings: &Settings) -> Device {
    let agent = shortened(request.field("User-Agent")).to_ascii_lowercase();
    let hint = request.field("Sec-CH-UA-Mobile");
    device::classify(&agent, hint.as_deref(), &settings.devices)
}

fn language<'s>(request: &Request, settings: &'s Settings) -> &'s str {
    let accepted = shortened(request.field("Accept-Language"));
    language::best(&accepted, &settings.languages, &settings.default_language)
}

fn shortened(value: Option<Vec<u8>>) -> String {
    let mut value = value.unwrap_or_default();
    value.truncate(LOOKED_AT);
    String::from_utf8_lossy(&value).into_owned()
}

#[cfg(test)]
mod tests;
