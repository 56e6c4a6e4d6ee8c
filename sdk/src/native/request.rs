//! A request for native tests.

use super::fields::Fields;
use crate::{HttpVersion, Scheme};

/// The request as the plugin before this one in the chain left it.
///
/// On WebAssembly this reads what the host holds, one call for each reader; natively it is what
/// [`Request::builder`] made.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    scheme: Scheme,
    host: String,
    path: String,
    query: Option<String>,
    fields: Fields,
    body: Vec<u8>,
    viewer_address: String,
    viewer_port: u16,
    http_version: HttpVersion,
    geo: Vec<(String, String)>,
    request_id: String,
    distribution: String,
    edge: String,
    origin: Option<String>,
    cache_status: Option<String>,
    cache_age: Option<u64>,
    cache_key: Option<String>,
    elapsed: u64,
}

/// Builds a [`Request`] for native tests; absent on WebAssembly.
#[derive(Clone, Debug)]
#[must_use = "`build` makes the request"]
pub struct RequestBuilder(Request);

impl Request {
    /// Begins a request for a URL, or for a path and query that start with `/` on `https://www.example.com`.
    ///
    /// # Panics
    ///
    /// When the URL begins neither with `http://`, `https://` nor `/`: a test that says it has a mistake in it.
    pub fn builder(method: &str, url: &str) -> RequestBuilder {
        let (scheme, rest) = if let Some(rest) = url.strip_prefix("https://") {
            (Scheme::Https, rest)
        } else if let Some(rest) = url.strip_prefix("http://") {
            (Scheme::Http, rest)
        } else if url.starts_with('/') {
            (Scheme::Https, url)
        } else {
            panic!("Request::builder: {url:?} begins neither with http://, https:// nor /")
        };
        let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        RequestBuilder(Request {
            method: method.to_owned(),
            scheme,
            host: host_of(if authority.is_empty() {
                "www.example.com"
            } else {
                authority
            }),
            path: if path.is_empty() { "/" } else { path }.to_owned(),
            query,
            fields: Fields::default(),
            body: Vec::new(),
            viewer_address: "192.0.2.1".to_owned(),
            viewer_port: 50000,
            http_version: HttpVersion::Http11,
            geo: Vec::new(),
            request_id: "test".to_owned(),
            distribution: "test".to_owned(),
            edge: "test".to_owned(),
            origin: None,
            cache_status: None,
            cache_age: None,
            cache_key: None,
            elapsed: 0,
        })
    }

    /// The method, for instance `GET`.
    pub fn method(&self) -> String {
        self.method.clone()
    }

    /// The scheme by which the viewer reached the edge.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host, lower case, without a port.
    pub fn host(&self) -> String {
        self.host.clone()
    }

    /// The path, percent-encoded, as received or as rewritten.
    pub fn path(&self) -> String {
        self.path.clone()
    }

    /// The query without `?`; `None` when there is none.
    pub fn query(&self) -> Option<String> {
        self.query.clone()
    }

    /// All parameters of the query in order, percent-decoded, `+` read as a space.
    pub fn query_params(&self) -> Vec<(String, String)> {
        let query = self.query.as_deref().unwrap_or_default();
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        pairs
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decode(name), decode(value))
            })
            .collect()
    }

    /// The first value of this parameter, decoded as in [`query_params`](Request::query_params).
    pub fn query_param(&self, name: &str) -> Option<String> {
        let mut params = self.query_params().into_iter();
        params
            .find(|(other, _)| other == name)
            .map(|(_, value)| value)
    }

    /// The value of a field; several lines come joined by `, `, those of Cookie by `; `.
    pub fn field(&self, name: &str) -> Option<Vec<u8>> {
        self.fields.joined(name)
    }

    /// The lines of a field, one by one.
    pub fn field_values(&self, name: &str) -> Vec<Vec<u8>> {
        self.fields.values(name)
    }

    /// The names that occur, lower case, each once, in the order of their first line.
    pub fn field_names(&self) -> Vec<String> {
        self.fields.names()
    }

    /// The first cookie of this name, as sent.
    pub fn cookie(&self, name: &str) -> Option<Vec<u8>> {
        let lines = self.fields.values("cookie");
        let mut pairs = lines
            .iter()
            .flat_map(|line| line.split(|byte| *byte == b';'));
        pairs.find_map(|pair| {
            let equals = pair.iter().position(|byte| *byte == b'=')?;
            let (key, value) = pair.split_at(equals);
            let value = value.get(1..).unwrap_or_default();
            (key.trim_ascii() == name.as_bytes()).then(|| value.trim_ascii().to_vec())
        })
    }

    /// The body, at hooks that may read it.
    ///
    /// # Errors
    ///
    /// When it is larger than `max` bytes or than the host's limit, or when the hook may not read it.
    pub fn body(&self, max: u32) -> core::result::Result<Vec<u8>, String> {
        match u32::try_from(self.body.len()) {
            Ok(length) if length <= max => Ok(self.body.clone()),
            _ => Err(format!("the request's body has more than {max} bytes")),
        }
    }

    /// The viewer's IP address as text.
    pub fn viewer_address(&self) -> String {
        self.viewer_address.clone()
    }

    /// The viewer's port.
    pub fn viewer_port(&self) -> u16 {
        self.viewer_port
    }

    /// The version of HTTP that the viewer speaks.
    pub fn http_version(&self) -> HttpVersion {
        self.http_version
    }

    /// For instance `TLSv1.3`; `None` without TLS.
    pub fn tls_version(&self) -> Option<String> {
        (self.scheme == Scheme::Https).then(|| "TLSv1.3".to_owned())
    }

    /// For instance `TLS_AES_128_GCM_SHA256`; `None` without TLS.
    pub fn tls_cipher(&self) -> Option<String> {
        (self.scheme == Scheme::Https).then(|| "TLS_AES_128_GCM_SHA256".to_owned())
    }

    /// A geographic fact by name, for instance `country`; `None` where no database knows it.
    pub fn geo(&self, name: &str) -> Option<String> {
        let fact = self.geo.iter().find(|(other, _)| other == name)?;
        Some(fact.1.clone())
    }

    /// Unique for each request; also in the log.
    pub fn request_id(&self) -> String {
        self.request_id.clone()
    }

    /// The id of the distribution that serves this request.
    pub fn distribution(&self) -> String {
        self.distribution.clone()
    }

    /// The name of this edge from the server's configuration.
    pub fn edge(&self) -> String {
        self.edge.clone()
    }

    /// The origin that was chosen, at hooks that run after the choice.
    pub fn origin(&self) -> Option<String> {
        self.origin.clone()
    }

    /// The cache status so far (RFC 9211), for instance `hit`; `None` before the look-up.
    pub fn cache_status(&self) -> Option<String> {
        self.cache_status.clone()
    }

    /// The current age in seconds of the stored response that is used; `None` where there is none.
    pub fn cache_age(&self) -> Option<u64> {
        self.cache_age
    }

    /// The cache key as text; `None` before it is made.
    pub fn cache_key(&self) -> Option<String> {
        self.cache_key.clone()
    }

    /// Microseconds since the request was received.
    pub fn elapsed(&self) -> u64 {
        self.elapsed
    }
}

impl RequestBuilder {
    /// Adds a field line.
    pub fn field(mut self, name: &str, value: impl AsRef<[u8]>) -> RequestBuilder {
        self.0.fields.append(name, value);
        self
    }

    /// Adds a cookie to the `Cookie` field.
    pub fn cookie(mut self, name: &str, value: &str) -> RequestBuilder {
        self.0
            .fields
            .extend_line("cookie", "; ", format!("{name}={value}").as_bytes());
        self
    }

    /// The body; empty where this is not said.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> RequestBuilder {
        self.0.body = body.into();
        self
    }

    /// The viewer's IP address; `192.0.2.1` where this is not said.
    pub fn viewer_address(mut self, address: &str) -> RequestBuilder {
        let canonical = address.parse::<std::net::IpAddr>();
        self.0.viewer_address = canonical.map_or_else(
            |_| address.to_owned(),
            |address| address.to_canonical().to_string(),
        );
        self
    }

    /// The version of HTTP; 1.1 where this is not said.
    pub fn http_version(mut self, version: HttpVersion) -> RequestBuilder {
        self.0.http_version = version;
        self
    }

    /// A geographic fact.
    pub fn geo(mut self, name: &str, value: &str) -> RequestBuilder {
        self.0.geo.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The viewer's port; 50000 where this is not said.
    pub fn viewer_port(mut self, port: u16) -> RequestBuilder {
        self.0.viewer_port = port;
        self
    }

    /// The request's id; `test` where this is not said.
    pub fn request_id(mut self, id: &str) -> RequestBuilder {
        self.0.request_id = id.to_owned();
        self
    }

    /// The name of the edge; `test` where this is not said.
    pub fn edge(mut self, name: &str) -> RequestBuilder {
        self.0.edge = name.to_owned();
        self
    }

    /// The cache status; none where this is not said.
    pub fn cache_status(mut self, status: &str) -> RequestBuilder {
        self.0.cache_status = Some(status.to_owned());
        self
    }

    /// The age in seconds of the stored response in use; none where this is not said.
    pub fn cache_age(mut self, seconds: u64) -> RequestBuilder {
        self.0.cache_age = Some(seconds);
        self
    }

    /// The cache key as text; none where this is not said.
    pub fn cache_key(mut self, key: &str) -> RequestBuilder {
        self.0.cache_key = Some(key.to_owned());
        self
    }

    /// Time since the request was received; none where this is not said.
    pub fn elapsed(mut self, time: std::time::Duration) -> RequestBuilder {
        self.0.elapsed = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self
    }

    /// The id of the distribution; `test` where this is not said.
    pub fn distribution(mut self, id: &str) -> RequestBuilder {
        self.0.distribution = id.to_owned();
        self
    }

    /// The origin that was chosen; none where this is not said.
    pub fn origin(mut self, id: &str) -> RequestBuilder {
        self.0.origin = Some(id.to_owned());
        self
    }

    /// The request.
    pub fn build(self) -> Request {
        self.0
    }
}

/// The host of an authority: lower case, without a port; the colons of an IPv6 address stay.
fn host_of(authority: &str) -> String {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    host.to_ascii_lowercase()
}

/// Percent-decodes a part of a query, `+` read as a space; what is no UTF-8 becomes U+FFFD.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let escaped = bytes
            .get(at + 1..at + 3)
            .filter(|_| *byte == b'%')
            .and_then(hex);
        decoded.push(escaped.unwrap_or(if *byte == b'+' { b' ' } else { *byte }));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// The value of two hexadecimal digits.
fn hex(digits: &[u8]) -> Option<u8> {
    let value = digits.iter().try_fold(0, |value, digit| {
        Some(value * 16 + char::from(*digit).to_digit(16)?)
    })?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart_as_the_host_does() {
        let request = Request::builder("GET", "http://WWW.Example.com:8080/a%20b?x=1#part").build();
        assert_eq!(request.scheme(), Scheme::Http);
        assert_eq!(request.host(), "www.example.com");
        assert_eq!(request.path(), "/a%20b");
        assert_eq!(request.query().as_deref(), Some("x=1"));
    }

    #[test]
    fn a_url_without_path_or_query_has_the_path_slash_and_no_query() {
        let request = Request::builder("GET", "https://[2001:db8::1]").build();
        assert_eq!(
            (request.host().as_str(), request.path().as_str()),
            ("[2001:db8::1]", "/")
        );
        assert_eq!(request.query(), None);
        assert_eq!(
            Request::builder("GET", "https://a.test?b")
                .build()
                .query()
                .as_deref(),
            Some("b")
        );
        assert_eq!(
            Request::builder("GET", "/p").build().host(),
            "www.example.com"
        );
    }

    #[test]
    fn parameters_are_decoded_and_keep_their_order() {
        let request = Request::builder("GET", "/?b=x+y&a=%C3%A9&&c&b=2&d=100%&e=%4").build();
        let params = request.query_params();
        let params: Vec<(&str, &str)> = params
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        assert_eq!(
            params,
            [
                ("b", "x y"),
                ("a", "\u{e9}"),
                ("c", ""),
                ("b", "2"),
                ("d", "100%"),
                ("e", "%4")
            ]
        );
        assert_eq!(request.query_param("b").as_deref(), Some("x y"));
        assert_eq!(request.query_param("z"), None);
    }

    #[test]
    fn several_lines_of_a_field_come_joined_and_one_by_one() {
        let request = Request::builder("GET", "/")
            .field("Accept", "a")
            .field("X", b"\xff")
            .field("accept", "b")
            .build();
        assert_eq!(request.field_text("ACCEPT").as_deref(), Some("a, b"));
        assert_eq!(request.field_values("accept"), [b"a", b"b"]);
        assert_eq!(request.field_names(), ["accept", "x"]);
        assert_eq!(request.field("x"), Some(vec![0xff]));
        assert_eq!(request.field_text("x").as_deref(), Some("\u{fffd}"));
    }

    #[test]
    fn several_lines_of_cookies_come_joined_as_cookies_are() {
        let request = Request::builder("GET", "/")
            .field("Cookie", "a=1")
            .field("cookie", "b=2; c=3")
            .build();
        assert_eq!(
            request.field_text("COOKIE").as_deref(),
            Some("a=1; b=2; c=3")
        );
        assert_eq!(request.cookie_text("c").as_deref(), Some("3"));
        assert_eq!(request.field_values("cookie").len(), 2);
    }

    #[test]
    fn the_first_cookie_of_a_name_counts() {
        let request = Request::builder("GET", "/")
            .cookie("canary", "1")
            .cookie("id", "a=b")
            .cookie("canary", "2")
            .build();
        assert_eq!(
            request.field_text("Cookie").as_deref(),
            Some("canary=1; id=a=b; canary=2")
        );
        assert_eq!(request.cookie_text("canary").as_deref(), Some("1"));
        assert_eq!(request.cookie_text("id").as_deref(), Some("a=b"));
        assert_eq!(request.cookie("can"), None);
    }

    #[test]
    fn a_body_larger_than_asked_for_is_an_error() {
        let request = Request::builder("POST", "/").body("12345").build();
        assert_eq!(request.body(5), Ok(b"12345".to_vec()));
        assert!(request.body(4).is_err());
    }
}
