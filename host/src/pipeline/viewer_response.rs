//! ViewerResponse: plugins may change what leaves for the viewer, whatever it is: a hit, a miss, an error of the host's own, or
//! what another plugin made. Nothing of it is stored.

use super::exchange::{Prepared, Received};
use super::hooks::Hooks;
use crate::observe::access::Record;
use http::StatusCode;
use http::header::AGE;
use selvedge_caching::cache_status::CacheStatus;
use selvedge_runtime::{
    Hook, OnError, RequestFacts, ResponseEdits, ResponseFacts, Transaction, ViewerResponseDecision,
};
use std::sync::Arc;

/// Asks each plugin with a viewer-response hook in order. `key` is the cache key as text.
pub(crate) async fn handle(
    received: &Received,
    key: Option<String>,
    mut prepared: Prepared,
    hooks: &mut Hooks,
    record: &Record,
) -> Prepared {
    let plugins = received.behavior.plugins_with(Hook::ViewerResponse);
    if prepared.status == StatusCode::SWITCHING_PROTOCOLS {
        return prepared;
    }
    // Instances are not held while an origin is waited for: this one is new.
    let mut transaction = Transaction::new();
    let request = Arc::new(facts(received, key, &prepared, record));
    for plugin in plugins {
        let response = Arc::new(ResponseFacts {
            status: prepared.status,
            fields: prepared.fields.clone(),
            origin: record.origin.clone(),
        });
        let called = transaction
            .viewer_response(plugin, &request, &response)
            .await;
        let refused = match hooks.note(plugin, called) {
            Ok(ViewerResponseDecision::Next) => continue,
            Ok(ViewerResponseDecision::Edit(edits)) => match edit(&mut prepared, &edits) {
                Ok(()) => continue,
                Err(why) => Some(why),
            },
            Ok(ViewerResponseDecision::Respond(response)) => {
                let mut made = Prepared::synthetic(&received.facts.method, response);
                made.cache = prepared.cache;
                made.close = prepared.close;
                prepared = made;
                continue;
            }
            Err(()) => None,
        };
        if let Some(why) = refused {
            hooks.refuse(plugin, Hook::ViewerResponse, &why);
        }
        if plugin.on_error() == OnError::Fail {
            let mut failed = Prepared::failed(hooks.failed(Hook::ViewerResponse).into());
            failed.cache = prepared.cache;
            return failed;
        }
    }
    prepared
}

/// The request, with what the cache made of it.
fn facts(
    received: &Received,
    key: Option<String>,
    prepared: &Prepared,
    record: &Record,
) -> RequestFacts {
    let mut facts = (*received.facts).clone();
    facts.body = None;
    facts.origin.clone_from(&record.origin);
    facts.cache_status = prepared.cache.as_ref().and_then(status_word);
    facts.cache_age = prepared
        .fields
        .get(AGE)
        .and_then(|age| age.to_str().ok()?.parse().ok());
    facts.cache_key = key;
    facts
}

/// `hit`, or the word of RFC 9211 why the request went on.
fn status_word(cache: &CacheStatus) -> Option<&'static str> {
    match cache.hit {
        true => Some("hit"),
        false => cache.fwd.map(|fwd| fwd.as_str()),
    }
}

fn edit(prepared: &mut Prepared, edits: &ResponseEdits) -> Result<(), String> {
    let (mut status, mut fields) = (prepared.status, prepared.fields.clone());
    edits
        .apply(&mut status, &mut fields)
        .map_err(|error| error.to_string())?;
    let is_part = |status| status == StatusCode::PARTIAL_CONTENT;
    if status != prepared.status && (is_part(status) || is_part(prepared.status)) {
        return Err("it changed the status from or to 206, which says what the body is".to_owned());
    }
    prepared.fields = fields;
    if status != prepared.status {
        prepared.restatus(status);
    }
    Ok(())
}
