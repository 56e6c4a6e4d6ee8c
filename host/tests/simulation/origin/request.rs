//! Requests at the origin, and how many of them at the same time.

use super::Shared;
use crate::content::RESOURCES;
use crate::message::Fields;
use crate::parts;
use std::sync::Arc;

pub(super) struct Request {
    pub(super) method: String,
    pub(super) resource: usize,
    pub(super) fields: Fields,
}

impl Request {
    /// The language in which it is answered, and for which device.
    pub(super) fn lang(&self) -> String {
        let resource = &RESOURCES[self.resource];
        let (lang, device) = (
            self.fields.get("accept-language"),
            self.fields.get("x-device"),
        );
        resource.variant(lang, device)
    }

    /// All that its response may depend on.
    pub(super) fn key(&self) -> String {
        let mut key = format!(
            "{} {} {}",
            self.method,
            RESOURCES[self.resource].path,
            self.lang()
        );
        for name in [
            "range",
            "if-range",
            "if-none-match",
            "if-modified-since",
            "accept-encoding",
        ] {
            if let Some(value) = self.fields.get(name) {
                key += &format!(" {name}={value}");
            }
        }
        key
    }
}

/// A request under way, counted until it is dropped or answered.
pub(super) struct InFlight {
    shared: Arc<Shared>,
    /// Its number among all requests, in the order of their arrival.
    pub(super) arrival: u64,
    key: Option<String>,
}

impl InFlight {
    pub(super) fn new(shared: &Arc<Shared>, request: &Request) -> InFlight {
        let resource = request.resource;
        let mut inner = shared.lock();
        inner.arrived[resource] += 1;
        inner.arrivals += 1;
        let arrival = inner.arrivals;
        let key = request.key();
        let count = inner.in_flight.entry(key.clone()).or_default();
        *count += 1;
        // Nobody can share what is not stored: a response to HEAD, and a 416.
        let is_unsatisfiable = request.fields.get("range").and_then(parts::first_position)
            >= Some(RESOURCES[resource].size as u64);
        let count = *count;
        if count > 1
            && !inner.is_disturbed
            && RESOURCES[resource].is_steady
            && request.method == "GET"
            && !is_unsatisfiable
        {
            let crowd = format!("{count} fetches at once: {key}");
            inner.crowds.push(crowd);
        }
        drop(inner);
        shared.changed.send_replace(());
        InFlight {
            shared: shared.clone(),
            arrival,
            key: Some(key),
        }
    }

    pub(super) fn end(&mut self) {
        if let Some(key) = self.key.take() {
            if let Some(count) = self.shared.lock().in_flight.get_mut(&key) {
                *count -= 1;
            }
            self.shared.changed.send_replace(());
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.end();
    }
}
