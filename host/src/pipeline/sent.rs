//! Sent: what of a viewer's request its origin gets, as the policies say it.
//!
//! One place decides it for two users: the request that goes out is made by it, and Vary is judged by it, which is about the
//! request that the origin answered (RFC 9111, section 4.1). A look-up therefore needs no request made to find out by which
//! variant its origin would answer. What plugins change afterwards is added where a response is stored (`nominated`).

use super::cookies;
use super::exchange::{CacheKey, CookiePart, Job, KeyParts, QueryPart, Received, SELECTING};
use super::receive::CDN_LOOP;
use super::target_host::normal_host;
use crate::config::{ForwardPolicy, NameSet, X_FORWARDED_PROTO, is_method_override};
use crate::distribution::Behavior;
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE,
    COOKIE, EXPECT, HOST, PRAGMA, VIA,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use selvedge_caching::SentFields;
use selvedge_runtime::RequestFacts;
use std::borrow::Cow;

pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Fields that the edge makes anew for its origins, or that end here.
const NEVER: [HeaderName; 5] = [
    EXPECT,
    HOST,
    COOKIE,
    X_FORWARDED_PROTO,
    HeaderName::from_static("x-real-ip"),
];

/// Fields that reach the origin whatever the policies list: the edge adds itself to them, or keeps responses apart by them
/// (RFC 9111, section 3.5).
const ALWAYS: [HeaderName; 4] = [AUTHORIZATION, X_FORWARDED_FOR, VIA, CDN_LOOP];

/// Fields of content: they reach the origin with it.
const OF_CONTENT: [HeaderName; 2] = [CONTENT_TYPE, CONTENT_ENCODING];

/// A request and what decides about it.
#[derive(Clone, Copy)]
pub(crate) struct Sent<'a> {
    facts: &'a RequestFacts,
    parts: &'a KeyParts,
    behavior: &'a Behavior,
    /// A response may be stored: only then may nothing go out that is neither in the key nor named by Vary.
    may_store: bool,
}

impl<'a> Sent<'a> {
    /// The request that the origin would get for a request with this key.
    pub(crate) fn of(received: &'a Received, key: &'a CacheKey) -> Sent<'a> {
        Sent {
            facts: &received.facts,
            parts: &key.parts,
            behavior: &received.behavior,
            may_store: received.behavior.may_store(),
        }
    }

    /// The request that the origin gets for this fetch.
    pub(crate) fn for_job(job: &'a Job) -> Sent<'a> {
        Sent {
            facts: &job.facts,
            parts: &job.parts,
            behavior: &job.behavior,
            may_store: job.key.is_some() && job.behavior.may_store(),
        }
    }

    /// Returns true if this request, which passes the cache, goes out with nothing that a GET whose response is stored would
    /// leave behind.
    pub(crate) fn is_as_for_get(&self) -> bool {
        let mut facts = self.facts.clone();
        facts.method = Method::GET;
        let for_get = Sent {
            facts: &facts,
            may_store: true,
            ..*self
        };
        let (mut sent, expected) = (self.fields(), for_get.fields());
        for name in OF_CONTENT.into_iter().chain([CONTENT_LENGTH]) {
            sent.remove(name);
        }
        let is_whole_query = *for_get.query() == NameSet::All
            || self.facts.query.is_none()
            || matches!(self.parts.query, QueryPart::Policy(NameSet::All));
        sent.iter().all(|(name, value)| {
            let mut expected = expected.get_all(name).iter();
            expected.any(|expected| expected == value)
        }) && (is_whole_query || self.query() == for_get.query())
    }

    fn forward(&self) -> &'a ForwardPolicy {
        &self.behavior.settings().forward
    }

    /// Returns true if every end-to-end field goes out as it came.
    fn is_open(&self) -> bool {
        !self.may_store && self.forward().leaves_fields_open()
    }

    /// Returns true if the viewer's lines of this field go out.
    fn has(&self, name: &HeaderName) -> bool {
        if NEVER.contains(name) || SELECTING.contains(name) {
            return false;
        }
        if ALWAYS.contains(name) || self.parts.fields.contains(name) {
            return true;
        }
        if is_method_override(name) {
            return self.forward().names(name);
        }
        if *name == CACHE_CONTROL || *name == PRAGMA {
            // What does not count here must not decide what others get, `only-if-cached` for instance.
            let counts = self.behavior.policy().honor_viewer_cache_control;
            return counts || self.forward().fields(self.may_store).contains(name);
        }
        if OF_CONTENT.contains(name) && !matches!(self.facts.method, Method::GET | Method::HEAD) {
            return true;
        }
        self.forward().fields(self.may_store).contains(name)
            || (self.forward().leaves_fields_open() && self.parts.made.contains(name))
    }

    /// The viewer's fields that go out, with Cookie and Accept-Encoding as the policies make them, without those of
    /// conditions and ranges.
    pub(crate) fn fields(&self) -> HeaderMap {
        let viewers = &self.facts.fields;
        let mut fields = HeaderMap::with_capacity(viewers.keys_len() + 8);
        for name in viewers.keys().filter(|name| self.has(name)) {
            for value in viewers.get_all(name) {
                fields.append(name.clone(), value.clone());
            }
        }
        if let Some(codings) = self.codings()
            && let Ok(codings) = HeaderValue::from_str(codings)
        {
            fields.insert(ACCEPT_ENCODING, codings);
        }
        if let Some(cookies) = self.cookies()
            && let Ok(cookies) = HeaderValue::from_bytes(&cookies)
        {
            fields.insert(COOKIE, cookies);
        }
        fields
    }

    /// Accept-Encoding where the key tells codings apart: nothing else of it may decide.
    fn codings(&self) -> Option<&'a str> {
        match self.parts.accept_encoding.as_deref() {
            // Whatever viewers take: no plugin can decode.
            _ if self.behavior.asks_for_identity() => Some("identity"),
            _ if self.is_open() => None,
            Some("") => Some("identity"),
            codings => codings,
        }
    }

    /// The parameters of the query that go out beside those of the key.
    pub(crate) fn query(&self) -> &'a NameSet {
        self.forward().query(self.may_store)
    }

    /// The cookies in the key and those that are forwarded beside it.
    fn cookies(&self) -> Option<Cow<'a, [u8]>> {
        let forward = self.forward().cookies(self.may_store);
        let keyed = &self.parts.cookies;
        let is_all = |part: &CookiePart| matches!(part, CookiePart::Policy(NameSet::All));
        if *forward == NameSet::All || keyed.iter().any(is_all) {
            return cookies::all(&self.facts.fields);
        }
        let is_none = |part: &CookiePart| matches!(part, CookiePart::Policy(NameSet::None));
        if *forward == NameSet::None && keyed.iter().all(is_none) {
            return None;
        }
        let is_chosen = |name: &[u8]| {
            forward.contains(name)
                || keyed.iter().any(|part| match part {
                    CookiePart::Policy(set) => set.contains(name),
                    CookiePart::Named(named) => named.as_bytes() == name,
                })
        };
        cookies::chosen(&self.facts.fields, is_chosen).map(Cow::Owned)
    }

    /// The viewer's Host where the origin gets it.
    pub(crate) fn host(&self) -> Option<HeaderValue> {
        let host =
            normal_host(&self.facts.fields, self.facts.scheme).filter(|_| self.parts.host)?;
        let field = self.facts.fields.get(HOST)?;
        match host.as_ref() == field.as_bytes() {
            true => Some(field.clone()),
            false => HeaderValue::from_bytes(&host).ok(),
        }
    }

    /// X-Forwarded-Proto where the origin gets it.
    pub(crate) fn scheme(&self) -> Option<HeaderValue> {
        self.parts
            .scheme
            .then(|| HeaderValue::from_static(self.facts.scheme.as_str()))
    }

    /// X-Forwarded-For: what the viewer sent, and the viewer's own address.
    pub(crate) fn forwarded_for(&self) -> Vec<u8> {
        let mut chain = Vec::new();
        for line in self.facts.fields.get_all(&X_FORWARDED_FOR) {
            chain.extend_from_slice(line.as_bytes());
            chain.extend_from_slice(b", ");
        }
        chain.extend_from_slice(self.facts.viewer.ip().to_string().as_bytes());
        chain
    }

    /// The parts of Via that differ: the viewer's lines and its version. The edge's own name is the same for all.
    fn via(&self) -> Vec<u8> {
        let mut chain = Vec::new();
        for line in self.facts.fields.get_all(VIA) {
            chain.extend_from_slice(line.as_bytes());
            chain.extend_from_slice(b", ");
        }
        chain.extend_from_slice(format!("{:?}", self.facts.version).as_bytes());
        chain
    }

    /// Returns true if the origin gets a value of its configuration in place of the viewer's, whichever origin it is.
    fn is_configured(&self, name: &HeaderName) -> bool {
        // A plugin may choose another origin.
        let fields = &self.behavior.origin().settings().fields;
        self.behavior.settings().plugins.is_empty()
            && fields.iter().any(|(configured, _)| configured == name)
    }
}

impl SentFields for Sent<'_> {
    /// The field in the form that Vary compares. What is the same for all requests of a key is as good as absent.
    fn normal_form(&self, name: &HeaderName) -> Option<Cow<'_, [u8]>> {
        let viewers = &self.facts.fields;
        if self.is_configured(name) {
            return None;
        }
        match *name {
            ACCEPT_ENCODING => match self.codings() {
                Some(codings) => Some(Cow::Borrowed(codings.as_bytes())),
                None if self.has(name) => selvedge_caching::normal_form(name, viewers),
                None => None,
            },
            COOKIE => self.cookies(),
            VIA => Some(Cow::Owned(self.via())),
            _ if *name == X_FORWARDED_FOR => Some(Cow::Owned(self.forwarded_for())),
            // What an origin is sent of these depends on what is stored: what the viewer wants decides.
            _ if SELECTING.contains(name) => selvedge_caching::normal_form(name, viewers),
            // Host and X-Forwarded-Proto are in the key where they go out.
            _ if self.has(name) => selvedge_caching::normal_form(name, viewers),
            _ => None,
        }
    }
}
