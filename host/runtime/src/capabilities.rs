//! Capabilities of a plugin beyond its decisions: the key-value store, requests to backends, stored values, metrics, secrets.
//!
//! The pipeline implements these traits, one value of each for one plugin of one distribution, and gives them with the
//! plugin's [`PluginSpec`](crate::PluginSpec). A plugin that imports one that it was not given is refused when it is loaded.
//!
//! Everything here is asked from inside of a hook call. What takes time is answered [`Later`](Answer::Later): the guest
//! waits, the worker thread does not. Waiting costs wall time (`limits.wall`) and no CPU time.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::facts::RequestFacts;
pub use crate::on_demand::{Answer, BodyRefusal, Geo, ReadBody, Waiting};

/// The longest key of the key-value store, in bytes. A guest that asks for a longer one is told so; nothing is asked.
pub const KV_KEY_BYTES: usize = 512;

/// One of the interfaces that a plugin imports only if it is given to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Capability {
    /// `kv`
    Kv,
    /// `fetch`
    Fetch,
    /// `cache`
    Cache,
    /// `metrics`
    Metrics,
    /// `secrets`
    Secrets,
}

impl Capability {
    /// All of them.
    pub const ALL: [Capability; 5] = [
        Capability::Kv,
        Capability::Fetch,
        Capability::Cache,
        Capability::Metrics,
        Capability::Secrets,
    ];

    /// The name of the interface in the contract: `kv`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Capability::Kv => "kv",
            Capability::Fetch => "fetch",
            Capability::Cache => "cache",
            Capability::Metrics => "metrics",
            Capability::Secrets => "secrets",
        }
    }

    /// Why a plugin may be without, for messages.
    pub(crate) const fn why_not(self) -> &'static str {
        match self {
            Capability::Kv => "this host keeps no key-value store for it",
            Capability::Fetch => "this host lets it ask no backends",
            Capability::Cache => "this host stores no values for it",
            Capability::Metrics => "this host keeps no metrics for it",
            Capability::Secrets => "this host keeps no secrets for it",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Capabilities of one plugin; `None` for those that it does not have.
#[derive(Clone, Default)]
pub struct Capabilities {
    /// The distribution's key-value store.
    pub kv: Option<Arc<dyn Kv>>,
    /// The backends that the configuration names.
    pub fetch: Option<Arc<dyn Fetch>>,
    /// The distribution's own stored values.
    pub cache: Option<Arc<dyn Cache>>,
    /// The plugin's metrics.
    pub metrics: Option<Arc<dyn Metrics>>,
    /// The plugin's secrets.
    pub secrets: Option<Arc<dyn Secrets>>,
}

impl Capabilities {
    /// Returns true if the plugin has this one.
    pub fn has(&self, capability: Capability) -> bool {
        match capability {
            Capability::Kv => self.kv.is_some(),
            Capability::Fetch => self.fetch.is_some(),
            Capability::Cache => self.cache.is_some(),
            Capability::Metrics => self.metrics.is_some(),
            Capability::Secrets => self.secrets.is_some(),
        }
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given = Capability::ALL
            .into_iter()
            .filter(|capability| self.has(*capability));
        f.debug_set().entries(given).finish()
    }
}

/// The interface `kv`: the distribution's key-value store, for reading.
pub trait Kv: Send + Sync {
    /// The value of a key of at most [`KV_KEY_BYTES`] bytes; `None` where there is none. An `Err` is words for the guest.
    fn get(&self, key: &str) -> Answer<Result<Option<Bytes>, String>>;
}

/// The interface `fetch`: requests to the backends that the configuration names.
pub trait Fetch: Send + Sync {
    /// Starts a request, which goes on whether or not the answer is waited for, until the answer is dropped: a plugin
    /// starts several and then waits for each. The request has been checked: its URI is a path with a query perhaps, and
    /// none of its fields belongs to the host. Timeout, size and addresses are for the implementation to bound.
    ///
    /// `facts` are those of the request that is being served, in its state at the hook; `None` in `init`.
    ///
    /// # Errors
    ///
    /// [`FetchError`], where it is clear at once that there will be no answer.
    fn start(
        &self,
        facts: Option<&Arc<RequestFacts>>,
        backend: &str,
        request: http::Request<Bytes>,
    ) -> Result<Waiting<Result<http::Response<Bytes>, FetchError>>, FetchError>;
}

/// Why there is no answer of a backend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The configuration names no such backend.
    #[error("the configuration names no such backend")]
    UnknownBackend,
    /// The backend's address may not be asked.
    #[error("the address of this backend may not be asked")]
    Denied,
    /// It took longer than its time.
    #[error("the backend did not answer in time")]
    TimedOut,
    /// The answer is larger than its limit.
    #[error("the backend's answer is too large")]
    TooLarge,
    /// Anything else, in words.
    #[error("{0}")]
    Failed(String),
}

/// The interface `cache`: values that the distribution's plugins store for a time. Nothing of it is durable.
pub trait Cache: Send + Sync {
    /// A stored value that is still fresh. An `Err` is words for the guest.
    fn get(&self, key: &[u8]) -> Answer<Result<Option<Bytes>, String>>;

    /// Stores a value for `lifetime` seconds. An `Err` is words for the guest.
    fn put(
        &self,
        key: Vec<u8>,
        value: Bytes,
        lifetime: u64,
        tags: Vec<String>,
    ) -> Answer<Result<(), String>>;

    /// As [`Cache::put`], but only if the stored value is `expected`, or nothing is stored where that is `None`; `false` if
    /// it is another. Nobody else's `put` comes between comparing and putting. An `Err` is words for the guest.
    fn put_if(
        &self,
        key: Vec<u8>,
        expected: Option<Bytes>,
        value: Bytes,
        lifetime: u64,
        tags: Vec<String>,
    ) -> Answer<Result<bool, String>>;

    /// Invalidates everything of the distribution that carries the tag, stored responses included. An `Err` is words for
    /// the guest.
    fn invalidate(&self, tag: &str) -> Answer<Result<(), String>>;
}

/// The interface `metrics`: the plugin's own metrics among those of the host. Names have been checked: a small letter, then
/// small letters, digits and `_`, at most 64 in all; observed values are finite.
pub trait Metrics: Send + Sync {
    /// Adds to a counter.
    ///
    /// # Errors
    ///
    /// Why it was not taken (too many names, for instance), for the plugin's log.
    fn count(&self, name: &str, by: u64) -> Result<(), String>;

    /// Observes a value for a histogram.
    ///
    /// # Errors
    ///
    /// As for [`Metrics::count`].
    fn observe(&self, name: &str, value: f64) -> Result<(), String>;
}

/// The interface `secrets`: values that are never printed.
pub trait Secrets: Send + Sync {
    /// The secret of this name; `None` where this plugin has none of it.
    fn get(&self, name: &str) -> Option<Bytes>;

    /// All of them: what the plugin says is searched for them.
    fn all(&self) -> Vec<Bytes>;
}
