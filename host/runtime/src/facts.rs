//! Facts that hooks may read, and the record of their reads.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use http::{HeaderMap, HeaderName, Method, StatusCode};

use crate::on_demand::{Geo, ReadBody};

/// The scheme of a request or of an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `http`
    Http,
    /// `https`
    Https,
}

impl Scheme {
    /// `http` or `https`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }
}

/// The number of a request: unique in its host, and unlikely to be that of another request of a restarted one. It is
/// shown as 16 hexadecimal digits; one that is not shown costs no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(pub u64);

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Parameters that TLS agreed on with the viewer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFacts {
    /// For instance `TLSv1.3`.
    pub version: String,
    /// For instance `TLS_AES_128_GCM_SHA256`.
    pub cipher: String,
}

/// The request as hooks see it. Built once by the pipeline for each state of the request, shared, never copied.
#[derive(Clone)]
pub struct RequestFacts {
    /// The method.
    pub method: Method,
    /// The scheme that the viewer used.
    pub scheme: Scheme,
    /// The host, lower case, without a port.
    pub host: String,
    /// The path, percent-encoded, starting with `/`.
    pub path: String,
    /// The query without `?`.
    pub query: Option<String>,
    /// The request's fields.
    pub fields: HeaderMap,
    /// The body, at hooks that may read it (viewer-request and origin-request); `None` elsewhere. A request without a
    /// body has an empty one.
    pub body: Option<Arc<dyn ReadBody>>,
    /// Address of the viewer's connection.
    pub viewer: SocketAddr,
    /// The HTTP version that the viewer speaks.
    pub version: http::Version,
    /// `None` without TLS.
    pub tls: Option<Arc<TlsFacts>>,
    /// Source of geographic facts of the viewer's address; `None` where no database is configured.
    pub geo: Option<Arc<dyn Geo>>,
    /// Unique for each request; also in the log.
    pub request_id: RequestId,
    /// The id of the distribution.
    pub distribution: Arc<str>,
    /// The name of this edge.
    pub edge: Arc<str>,
    /// When the request was received.
    pub received: Instant,
    /// The id of the origin that was chosen, after the choice.
    pub origin: Option<String>,
    /// The cache status so far, after the look-up: `hit`.
    pub cache_status: Option<&'static str>,
    /// The current age of the stored response in use, in seconds.
    pub cache_age: Option<u64>,
    /// The cache key as text, once it is made.
    pub cache_key: Option<String>,
}

impl RequestFacts {
    /// A geographic fact of the viewer's address, looked up now.
    pub(crate) fn geo(&self, name: &str) -> Option<Cow<'_, str>> {
        let geo = self.geo.as_ref()?;
        geo.fact(self.viewer.ip().to_canonical(), name)
    }

    /// The first value of a parameter of the query, decoded.
    pub(crate) fn query_param(&self, name: &str) -> Option<Cow<'_, str>> {
        let query = self.query.as_deref()?;
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The value of the first cookie of this name.
    pub(crate) fn cookie(&self, name: &str) -> Option<&[u8]> {
        let lines = self.fields.get_all(http::header::COOKIE).iter();
        let mut pairs = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
        pairs.find_map(|pair| cookie_value(pair, name))
    }
}

/// The value if this is the cookie of that name (RFC 6265, section 4.2).
fn cookie_value<'a>(pair: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let pair = pair.trim_ascii();
    let equals = pair.iter().position(|byte| *byte == b'=')?;
    let (key, value) = pair.split_at(equals);
    (key.trim_ascii_end() == name.as_bytes())
        .then(|| value.get(1..).unwrap_or_default().trim_ascii_start())
}

impl std::fmt::Debug for RequestFacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestFacts")
            .field("method", &self.method)
            .field("host", &self.host)
            .field("path", &self.path)
            .field("query", &self.query)
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}

/// The response as hooks see it.
#[derive(Debug, Clone)]
pub struct ResponseFacts {
    /// The status code.
    pub status: StatusCode,
    /// The response's fields.
    pub fields: HeaderMap,
    /// The id of the origin that answered; `None` for a synthetic response.
    pub origin: Option<String>,
}

/// One thing that a hook read or used. Cheap to copy: remembered decisions come with what they were based on. A decision depends on these, on the plugin's configuration, and on what its
/// instance remembers. [`Read::is_of_message`] tells what is the same for an equal request from what is not.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Read {
    /// The method.
    Method,
    /// The scheme.
    Scheme,
    /// The host.
    Host,
    /// The path.
    Path,
    /// The query as a whole.
    Query,
    /// One parameter of the query, by its decoded name.
    QueryParam(Arc<str>),
    /// One field of the request, present or not.
    Field(HeaderName),
    /// Which fields the request has.
    FieldNames,
    /// One cookie, by its name, present or not.
    Cookie(Arc<str>),
    /// The body of the request.
    Body,
    /// The viewer's address.
    ViewerAddress,
    /// The viewer's port.
    ViewerPort,
    /// The HTTP version.
    HttpVersion,
    /// The TLS version.
    TlsVersion,
    /// The TLS cipher suite.
    TlsCipher,
    /// A geographic fact, by its name.
    Geo(Arc<str>),
    /// The request id.
    RequestId,
    /// The distribution's id.
    Distribution,
    /// The name of the edge.
    Edge,
    /// The origin that was chosen.
    Origin,
    /// The cache status.
    CacheStatus,
    /// The age of the stored response.
    CacheAge,
    /// The cache key.
    CacheKey,
    /// The time since the request was received.
    Elapsed,
    /// The status code of the response.
    ResponseStatus,
    /// One field of the response, present or not.
    ResponseField(HeaderName),
    /// Which fields the response has.
    ResponseFieldNames,
    /// The origin that answered.
    ResponseOrigin,
    /// A clock of WASI.
    Clock,
    /// Random numbers of WASI. Rust's `HashMap` reads them when the first one is made.
    Random,
    /// A value of the key-value store.
    Kv,
    /// A request to a backend was started.
    Fetch,
    /// The stored values: read, written or invalidated.
    Cache,
    /// A metric was counted or observed: nothing read, but leaving the call out would leave it out too.
    Metrics,
    /// A secret.
    Secret,
    /// A line was logged or printed: as with [`Read::Metrics`].
    Log,
}

impl Read {
    /// Returns true if an equal request (and response) gives the same again, so that a decision based on it can be remembered under
    /// what was read. Not so for clocks, random numbers, bodies, and everything that comes from or goes to the outside.
    pub fn is_of_message(&self) -> bool {
        !matches!(
            self,
            Read::Body
                | Read::Elapsed
                | Read::RequestId
                | Read::Clock
                | Read::Random
                | Read::Kv
                | Read::Fetch
                | Read::Cache
                | Read::Metrics
                | Read::Secret
                | Read::Log
        )
    }
}
