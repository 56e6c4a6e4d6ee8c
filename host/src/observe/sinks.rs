//! Sinks of access records: which there are for a distribution, and the one that writes access lines into the log.

use super::access::{HookRecord, Messages, Record};
use http::header::{REFERER, USER_AGENT};
use http::{HeaderName, HeaderValue, Version};
use selvedge_caching::cache_status::CacheStatus;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

/// Takes access records.
pub trait Sink: Send + Sync {
    /// Takes a finished record. Must not block.
    fn record(&self, record: &Record);
}

/// Several sinks.
pub type List = Arc<[Arc<dyn Sink>]>;

/// The sinks of all distributions. A reload replaces them as a whole; a record goes to those in force when it is finished.
pub struct Sinks {
    /// Those of distributions that say nothing themselves, and of requests without a distribution.
    default: List,
    /// Those of distributions that differ, by id.
    of_distribution: HashMap<String, List>,
}

impl Sinks {
    /// These sinks for all requests.
    pub fn all(sinks: impl IntoIterator<Item = Arc<dyn Sink>>) -> Sinks {
        Sinks {
            default: sinks.into_iter().collect(),
            of_distribution: HashMap::new(),
        }
    }

    /// No sink at all.
    pub fn none() -> Sinks {
        Sinks::all([])
    }

    /// Access lines in the log if `default`, but for the distributions that differ.
    pub fn access_lines<'a>(
        default: bool,
        distributions: impl IntoIterator<Item = (&'a str, bool)>,
    ) -> Sinks {
        let list = |is_on: bool| -> List {
            let log: Option<Arc<dyn Sink>> = if is_on { Some(Arc::new(Log)) } else { None };
            log.into_iter().collect()
        };
        let (on, off) = (list(true), list(false));
        let chosen = |is_on| if is_on { on.clone() } else { off.clone() };
        let distributions = distributions.into_iter();
        let differing = distributions.filter(|(_, own)| *own != default);
        Sinks {
            default: chosen(default),
            of_distribution: differing
                .map(|(id, own)| (id.to_owned(), chosen(own)))
                .collect(),
        }
    }

    /// Returns true if no request has a sink.
    pub fn is_empty(&self) -> bool {
        let mut others = self.of_distribution.values();
        self.default.is_empty() && others.all(|list| list.is_empty())
    }

    /// Gives a finished record to the sinks of its distribution.
    pub fn record(&self, record: &Record) {
        let own = record.distribution.as_deref();
        let own = own.and_then(|distribution| self.of_distribution.get(distribution));
        for sink in own.unwrap_or(&self.default).iter() {
            sink.record(record);
        }
    }
}

/// Access lines in the log, target `access`.
pub struct Log;

impl Sink for Log {
    fn record(&self, record: &Record) {
        let messages = record.messages.as_deref();
        let first_byte = messages.and_then(|messages| messages.first_byte);
        let content_type = messages.and_then(|messages| messages.content_type.as_ref());
        tracing::info!(
            target: "access",
            request_id = %record.request_id,
            distribution = record.distribution.as_deref().unwrap_or("-"),
            viewer = %record.viewer,
            protocol = messages.map_or("-", |messages| protocol(messages.version)),
            method = %record.method,
            host = record.host(),
            path = record.target(),
            referer = &*field(messages, &REFERER),
            user_agent = &*field(messages, &USER_AGENT),
            received_bytes = messages.map_or(0, Messages::received_bytes),
            status = record.status_number(),
            content_type = &*text(content_type),
            cache_status = record.cache.as_ref().map(CacheStatus::parameters).as_deref().unwrap_or("-"),
            reason = record.reason.unwrap_or("-"),
            hooks = hook_words(&record.hooks),
            origin = record.origin.as_deref().unwrap_or("-"),
            bytes = record.sent,
            aborted = record.aborted,
            first_byte_us = first_byte.unwrap_or_default().as_micros() as u64,
            duration_us = record.received.elapsed().as_micros() as u64,
        );
    }
}

/// The longest field value in an access line, in characters; the rest is left out.
const MAX_FIELD: usize = 512;

/// A field of the request as text; `-` without it.
fn field<'a>(messages: Option<&'a Messages>, name: &HeaderName) -> Cow<'a, str> {
    text(messages.and_then(|messages| messages.field(name)))
}

/// A field's value as text of at most [`MAX_FIELD`] characters; `-` without one.
fn text(value: Option<&HeaderValue>) -> Cow<'_, str> {
    let Some(value) = value else {
        return Cow::Borrowed("-");
    };
    let text = String::from_utf8_lossy(value.as_bytes());
    match text.char_indices().nth(MAX_FIELD) {
        Some((end, _)) => Cow::Owned(text.get(..end).unwrap_or_default().to_owned()),
        None => text,
    }
}

/// The name of an HTTP version, as CloudFront's logs have it.
fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_11 => "HTTP/1.1",
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_3 => "HTTP/3.0",
        _ => "-",
    }
}

/// The hooks as one text, for instance `cache-key(device) 31us extend`, or `cache-key(device) remembered extend`.
pub fn hook_words(hooks: &[HookRecord]) -> String {
    let words: Vec<String> = hooks
        .iter()
        .map(|call| {
            let outcome = call.words();
            let (hook, plugin) = (call.hook.as_str(), &call.plugin);
            if call.remembered {
                format!("{hook}({plugin}) remembered {outcome}")
            } else {
                format!("{hook}({plugin}) {}us {outcome}", call.elapsed.as_micros())
            }
        })
        .collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distributions_that_differ_have_sinks_of_their_own() {
        let sinks = Sinks::access_lines(true, [("loud", true), ("quiet", false)]);
        assert!(!sinks.is_empty());
        assert_eq!(sinks.default.len(), 1);
        assert_eq!(sinks.of_distribution.len(), 1, "only what differs is kept");
        assert!(sinks.of_distribution["quiet"].is_empty());
    }

    #[test]
    fn without_any_sink_no_request_keeps_its_messages() {
        assert!(Sinks::none().is_empty());
        assert!(Sinks::access_lines(false, [("main", false)]).is_empty());
        assert!(!Sinks::access_lines(false, [("main", true)]).is_empty());
    }

    #[test]
    fn long_fields_are_cut_between_characters_and_bytes_that_are_no_text_are_shown() {
        let value = |bytes: &[u8]| HeaderValue::from_bytes(bytes).unwrap();
        assert_eq!(text(None), "-");
        assert_eq!(text(Some(&value(b"caf\xe9"))), "caf\u{fffd}");
        let long = "\u{e9}".repeat(MAX_FIELD + 1);
        let cut = text(Some(&value(long.as_bytes()))).into_owned();
        assert_eq!(cut.chars().count(), MAX_FIELD);
    }
}
