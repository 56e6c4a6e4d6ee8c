//! One record for each request: the source of its access line, its metrics and its line in `selvedge dev`.

use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version};
use selvedge_caching::cache_status::CacheStatus;
use selvedge_runtime::{Hook, Masks, RequestFacts, RequestId};
use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A request and its response, complete once the response has been sent or given up.
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
    /// The target as the viewer sent it; `None` if it could not be read.
    pub asked: Option<Uri>,
    /// The distribution's id; `None` where no distribution was found.
    pub distribution: Option<Arc<str>>,
    /// The status that was sent; `None` if the viewer left before there was one.
    pub status: Option<StatusCode>,
    /// The part of the cache; `None` if the request did not reach it.
    pub cache: Option<CacheStatus>,
    /// A word for the refusal or failure behind the status, where there was one.
    pub reason: Option<&'static str>,
    /// The hooks that ran for this request, in order.
    pub hooks: Vec<HookRecord>,
    /// The origin that was asked.
    pub origin: Option<String>,
    /// Body bytes that were sent.
    pub sent: u64,
    /// True if the body ended before its time.
    pub aborted: bool,
    /// The messages themselves; `None` if no sink wants records, so that a request costs nothing for them.
    pub messages: Option<Box<Messages>>,
}

/// The parts of request and response that only logs look at.
#[derive(Debug)]
pub struct Messages {
    /// The HTTP version that the viewer speaks.
    pub version: Version,
    /// The request's fields.
    pub fields: RequestFields,
    /// Bytes of the request's body that have arrived; `None` if it has no body.
    pub body_received: Option<Arc<AtomicU64>>,
    /// The time from the request's head to the response's head, which is ready to be sent then.
    pub first_byte: Option<Duration>,
    /// Content-Type of the response.
    pub content_type: Option<HeaderValue>,
}

/// A request's fields: its own, or those of the facts that the pipeline made of them (without fields of the connection).
#[derive(Debug)]
pub enum RequestFields {
    /// Those of a request that was refused early.
    Own(HeaderMap),
    /// Those of a request that found its distribution.
    Facts(Arc<RequestFacts>),
}

impl Messages {
    /// Those of a request of which nothing more is known yet.
    pub fn new(version: Version) -> Messages {
        Messages {
            version,
            fields: RequestFields::Own(HeaderMap::new()),
            body_received: None,
            first_byte: None,
            content_type: None,
        }
    }

    /// The first value of a field of the request.
    pub fn field(&self, name: &HeaderName) -> Option<&HeaderValue> {
        match &self.fields {
            RequestFields::Own(fields) => fields.get(name),
            RequestFields::Facts(facts) => facts.fields.get(name),
        }
    }

    /// Bytes of the request's body that have arrived.
    pub fn received_bytes(&self) -> u64 {
        let received = self.body_received.as_ref();
        received.map_or(0, |bytes| bytes.load(Ordering::Relaxed))
    }
}

impl Record {
    /// The status as logs and metrics say it: 0 where none was sent.
    pub fn status_number(&self) -> u16 {
        self.status.map_or(0, |status| status.as_u16())
    }

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
    /// True if the decision was remembered, and the plugin not called.
    pub remembered: bool,
    /// The decision in a few words, or the error.
    pub outcome: Result<Decided, String>,
    /// True if it decided something: `policy` and `next` decide nothing, and neither do errors.
    pub decides: bool,
    /// Of several plugins at this hook, the one whose decision counts in place of this one.
    pub overruled_by: Option<Arc<str>>,
    /// Makes the plugin's secrets unreadable in what it decided.
    pub masks: Masks,
}

/// A decision in a few words, made when they are shown.
#[derive(Clone, Debug)]
pub enum Decided {
    /// These words.
    Words(Cow<'static, str>),
    /// Those of the decision itself.
    Decision(Arc<dyn Words>),
}

/// A decision that can be shown in a few words.
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
