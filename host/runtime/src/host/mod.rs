//! What guests may import: one file per interface. Everything that a guest learns about a request comes through
//! [`State::read`], which counts the call and records what was read.

mod cache;
mod config;
mod fetch;
mod kv;
mod log;
mod metrics;
mod request;
mod response;
mod secrets;
mod wasi;

use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use wasmtime::Engine;
use wasmtime::component::{HasSelf, Linker};

use crate::bindings::imported;
use crate::facts::{Read, RequestFacts, ResponseFacts};
use crate::instance::State;

#[allow(unreachable_pub, reason = "the generated bindings re-export it")]
pub use fetch::{Fetched, Pending};
pub(crate) use log::{GuestLog, SharedLog};
pub(crate) use request::{cookie, query_param};
pub(crate) use wasi::MAX_RESOURCES as MAX_WASI_RESOURCES;

/// The package and version of the contract.
pub(crate) const CONTRACT: &str = "selvedge:edge@0.1";

/// The interfaces of the contract that guests may import, by name.
pub(crate) const OFFERED: [&str; 8] = [
    "types", "config", "log", "kv", "fetch", "cache", "metrics", "secrets",
];

/// What a guest is told that asks while it is being initialised for what only a request may ask for.
const NOT_IN_INIT: &str = "this cannot be asked for in `init`, where there is no request";

pub(crate) use wasi::OFFERED as OFFERED_WASI;

/// Everything that guests may import.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    imported::types::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    imported::config::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    imported::log::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    imported::kv::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    imported::fetch::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    imported::cache::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    imported::metrics::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    imported::secrets::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    wasi::add_to_linker(&mut linker)?;
    Ok(linker)
}

impl imported::types::Host for State {}

impl State {
    /// The one way to what a request holds. `passed` is the size of what the guest gave to the call.
    fn read(&mut self, what: Read, passed: usize) -> wasmtime::Result<Arc<RequestFacts>> {
        self.usage.call(passed, &self.plugin.limits)?;
        self.note(what);
        // A guest has no handle outside of a hook, so it cannot get here without a request.
        self.request
            .clone()
            .ok_or_else(|| wasmtime::Error::msg("there is no request"))
    }

    /// As [`State::read`], for the response.
    fn read_response(&mut self, what: Read, passed: usize) -> wasmtime::Result<Arc<ResponseFacts>> {
        self.usage.call(passed, &self.plugin.limits)?;
        self.note(what);
        self.response
            .clone()
            .ok_or_else(|| wasmtime::Error::msg("there is no response"))
    }

    /// The one way to what the pipeline implements: counts the call and records the use.
    fn use_capability(&mut self, what: Read, passed: usize) -> wasmtime::Result<()> {
        self.usage.call(passed, &self.plugin.limits)?;
        self.note(what);
        Ok(())
    }

    /// Whether the guest is being initialised: there is no request.
    fn in_init(&self) -> bool {
        self.request.is_none()
    }

    /// Counts a call that reads nothing.
    fn count(&mut self, passed: usize) -> wasmtime::Result<()> {
        Ok(self.usage.call(passed, &self.plugin.limits)?)
    }
}

/// The field name that a guest means. `None` for what cannot be a field's name, and so never occurs.
fn field_name(name: &str) -> Option<HeaderName> {
    HeaderName::from_bytes(name.as_bytes()).ok()
}

/// The lines of a field as one value (RFC 9110, section 5.3). Cookies are joined by `; ` (RFC 9113, section 8.2.3).
fn joined(fields: &HeaderMap, name: &HeaderName) -> Option<Vec<u8>> {
    let mut lines = fields.get_all(name).iter();
    let mut value = lines.next()?.as_bytes().to_vec();
    let separator: &[u8] = if name == http::header::COOKIE {
        b"; "
    } else {
        b", "
    };
    for line in lines {
        value.extend_from_slice(separator);
        value.extend_from_slice(line.as_bytes());
    }
    Some(value)
}

fn lines(fields: &HeaderMap, name: &HeaderName) -> Vec<Vec<u8>> {
    fields
        .get_all(name)
        .iter()
        .map(|line| line.as_bytes().to_vec())
        .collect()
}

fn field_names(fields: &HeaderMap) -> Vec<String> {
    fields.keys().map(|name| name.as_str().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::joined;
    use http::{HeaderMap, HeaderName, HeaderValue};

    #[test]
    fn lines_are_joined_as_in_native_tests_of_plugins() {
        for (name, expected) in [("cookie", "a=1; b=2"), ("accept", "a=1, b=2")] {
            let mut fields = HeaderMap::new();
            let header = HeaderName::from_static(name);
            for line in ["a=1", "b=2"] {
                fields.append(&header, HeaderValue::from_static(line));
            }
            let native = selvedge_sdk::Request::builder("GET", "/")
                .field(name, "a=1")
                .field(name, "b=2")
                .build();
            assert_eq!(
                joined(&fields, &header).as_deref(),
                Some(expected.as_bytes())
            );
            assert_eq!(native.field(name).as_deref(), Some(expected.as_bytes()));
        }
    }
}
