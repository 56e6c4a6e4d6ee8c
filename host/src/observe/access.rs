//! One record for each request: what the access line, the metrics and `selvedge dev` say of it.

use http::uri::{Authority, PathAndQuery};
use http::{Method, StatusCode, Uri};
use selvedge_caching::cache_status::CacheStatus;
use selvedge_runtime::{Hook, Masks, RequestId};
use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What is known of a request once its response has been sent or given up.
#[derive(Debug)]
pub struct Record {
    /// When the request was received.
    pub received: Instant,
    /// Unique for each request.
    pub request_id: RequestId,
    /// The viewer's address.
    pub viewer: SocketAddr,
    /// The request's method.
    pub method: Method,
    /// The host that was asked for, as the viewer wrote it; `None` where the request names none.
    pub host: Option<Authority>,
    /// What was asked for, as the viewer sent it; `None` where that could not be read.
    pub asked: Option<Uri>,
    /// The distribution's id; `None` where no distribution was found.
    pub distribution: Option<Arc<str>>,
    /// The status that was sent.
    pub status: StatusCode,
    /// What the cache did; `None` where the request did not reach it.
    pub cache: Option<CacheStatus>,
    /// A word for the refusal or failure behind the status, where there was one.
    pub reason: Option<&'static str>,
    /// The hooks that ran for this request, in order.
    pub hooks: Vec<HookRecord>,
    /// The origin that was asked.
    pub origin: Option<String>,
    /// Body bytes that were sent.
    pub sent: u64,
    /// Whether the body ended before its time.
    pub aborted: bool,
}

impl Record {
    /// The host that was asked for, in lower case; empty where the request names none.
    pub fn host(&self) -> String {
        let host = self.host.as_ref().map(Authority::host);
        host.unwrap_or_default().to_ascii_lowercase()
    }

    /// Path and query as the viewer sent them; empty where they could not be read.
    pub fn target(&self) -> String {
        let whole = |uri: &Uri| {
            let target = uri.path_and_query().map(PathAndQuery::to_string);
            target.unwrap_or_else(|| uri.to_string())
        };
        self.asked.as_ref().map_or_else(String::new, whole)
    }
}

/// One call of a hook.
#[derive(Clone, Debug)]
pub struct HookRecord {
    /// The plugin's name.
    pub plugin: Arc<str>,
    /// Which hook.
    pub hook: Hook,
    /// How long the call took; zero where the plugin was not called.
    pub elapsed: Duration,
    /// Whether the decision was remembered, and the plugin not called.
    pub remembered: bool,
    /// The decision in a few words, or the error.
    pub outcome: Result<Decided, String>,
    /// Whether it is a decision: `policy` and `next` are none, and errors are none.
    pub decides: bool,
    /// Of several plugins at this hook, the one whose decision counts in place of this one.
    pub overruled_by: Option<Arc<str>>,
    /// Makes the plugin's secrets unreadable in what it decided.
    pub masks: Masks,
}

/// A decision in a few words, which are made when somebody wants to see them.
#[derive(Clone, Debug)]
pub enum Decided {
    /// These words.
    Words(Cow<'static, str>),
    /// Those of the decision itself.
    Decision(Arc<dyn Words>),
}

/// What can say itself in a few words.
pub trait Words: Send + Sync + fmt::Debug {
    /// The words, as they may be shown: bounded, without control characters, and without what `masks` knows.
    fn words(&self, masks: &Masks) -> Cow<'static, str>;
}

impl HookRecord {
    /// The decision or the error, and whether another plugin's decision counts in its place.
    pub fn words(&self) -> String {
        let mut words = match &self.outcome {
            Ok(Decided::Words(words)) => words.to_string(),
            Ok(Decided::Decision(decision)) => decision.words(&self.masks).into_owned(),
            Err(error) => format!("error: {error}"),
        };
        if let Some(other) = &self.overruled_by {
            words.push_str(&format!(" (overruled by {other})"));
        }
        words
    }
}

/// Where records go.
pub trait Sink: Send + Sync {
    /// Takes a finished record. Must not block.
    fn record(&self, record: &Record);
}

/// Nowhere: `access_log = false`.
pub struct Off;

impl Sink for Off {
    fn record(&self, _: &Record) {}
}

/// Into the log, target `access`.
pub struct Log;

impl Sink for Log {
    fn record(&self, record: &Record) {
        tracing::info!(
            target: "access",
            request_id = %record.request_id,
            distribution = record.distribution.as_deref().unwrap_or("-"),
            viewer = %record.viewer,
            method = %record.method,
            host = record.host(),
            path = record.target(),
            status = record.status.as_u16(),
            cache_status = record.cache.as_ref().map(CacheStatus::parameters).as_deref().unwrap_or("-"),
            reason = record.reason.unwrap_or("-"),
            hooks = hook_words(&record.hooks),
            origin = record.origin.as_deref().unwrap_or("-"),
            bytes = record.sent,
            aborted = record.aborted,
            duration_us = record.received.elapsed().as_micros() as u64,
        );
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
