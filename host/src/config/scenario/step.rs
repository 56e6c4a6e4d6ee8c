//! The steps of a scenario: time that passes, a request, and what is expected of it.

use super::super::printable::printable;
use super::super::report::Problem;
use super::super::scalar::{duration, integer, one_of, seconds, string, text};
use super::super::source::{At, Placed};
use super::super::suggest::closest;
use super::super::walk::{Kind, Table, Value, kind, list, placed, table};
use super::fields::{self, FieldLines};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, Uri};
use selvedge_runtime::HookError;
use std::time::Duration;

/// No clock is moved further, and no freshness is longer: a hundred years.
const MAX_SECONDS: u64 = 36_525 * 86_400;

/// One of the `[[steps]]`.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its position in the file.
    pub at: At,
    /// `advance`: how far the clock is moved, before the request if there is one. Default: not at all.
    pub advance: Option<Duration>,
    /// `get = PATH`, or `method` and `path`; with `fields` and `body`.
    pub ask: Option<Ask>,
    /// `expect`: what has to come of it.
    pub expect: Expect,
}

/// A viewer's request.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub target: Uri,
    /// The fields.
    pub fields: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Expectations of a step. Anything that it does not name may have any value. A plugin's error is expected only by its word, or with a status
/// of 500 and more.
#[derive(Clone, Debug, Default)]
pub struct Expect {
    /// `status`.
    pub status: Option<Placed<u16>>,
    /// `cache`: what the cache did.
    pub cache: Option<Placed<Cached>>,
    /// `origin`: which were asked, a name or a list of names in their order; or `"none"`.
    pub origin: Option<Placed<Vec<Placed<String>>>>,
    /// `ttl`: the freshness that is left, as Cache-Status says it, in seconds.
    pub ttl: Option<Placed<u64>>,
    /// `key`: what the cache key contains.
    pub key: Vec<Placed<String>>,
    /// `fields`: exactly these values.
    pub fields: Vec<FieldLines>,
    /// `no_fields`: fields that the response lacks.
    pub no_fields: Vec<Placed<HeaderName>>,
    /// `body`: exactly this.
    pub body: Option<Placed<String>>,
    /// `body_has`: contained in the body.
    pub body_has: Vec<Placed<String>>,
    /// `body_lacks`: not contained in the body.
    pub body_lacks: Vec<Placed<String>>,
    /// `plugin_error`: the word of a failed call.
    pub plugin_error: Option<Placed<String>>,
    /// `log`: contained in a line that the plugin logged.
    pub log: Vec<Placed<String>>,
    /// `at_origin`: what the origin that was asked last got.
    pub at_origin: Option<Placed<AtOrigin>>,
}

/// Expectations of what an origin gets. Anything that is not named may have any value.
#[derive(Clone, Debug, Default)]
pub struct AtOrigin {
    /// `method`.
    pub method: Option<Placed<String>>,
    /// `path`: exactly this; with a `?`, path and query.
    pub path: Option<Placed<String>>,
    /// `query`: exactly this, without the `?`; `""` for none.
    pub query: Option<Placed<String>>,
    /// `fields`: exactly these values.
    pub fields: Vec<FieldLines>,
    /// `no_fields`: fields that it does not get.
    pub no_fields: Vec<Placed<HeaderName>>,
    /// `body`: exactly this.
    pub body: Option<Placed<String>>,
}

/// The outcome at the cache, in the words of Cache-Status and in words that gather some of them.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Cached {
    /// Answered from what is stored and fresh.
    Hit,
    /// Nothing that is stored would do: `uri-miss`, `vary-miss`, `partial`, `request`.
    Miss,
    /// Past the cache: `bypass`, `method`.
    Pass,
    /// The stored response was stale, be it used, confirmed by the origin, or replaced.
    Stale,
    /// The cache was not asked.
    None,
    /// Exactly this word behind `fwd=`.
    Forwarded(&'static str),
}

const CACHED: [(&str, Cached); 11] = [
    ("hit", Cached::Hit),
    ("miss", Cached::Miss),
    ("pass", Cached::Pass),
    ("stale", Cached::Stale),
    ("none", Cached::None),
    ("uri-miss", Cached::Forwarded("uri-miss")),
    ("vary-miss", Cached::Forwarded("vary-miss")),
    ("partial", Cached::Forwarded("partial")),
    ("request", Cached::Forwarded("request")),
    ("bypass", Cached::Forwarded("bypass")),
    ("method", Cached::Forwarded("method")),
];

/// Reads one step.
pub(super) fn read(t: &Table<'_>) -> Step {
    let advance = t.optional("advance", advance);
    let ask = ask(t);
    if t.place("advance").is_none() && t.place("get").is_none() && t.place("path").is_none() {
        t.refuse(
            Problem::new("this step does nothing")
                .help("ask for something: get = \"/\"; or move the clock: advance = \"30 s\""),
        );
    }
    let asks = t.place("get").is_some() || t.place("path").is_some();
    if let (false, Some(at)) = (asks, t.place("expect")) {
        let problem = Problem::new("this step asks for nothing, so nothing can be expected of it");
        t.file
            .problems
            .add(problem.at(at).help("add, for instance: get = \"/\""));
    }
    Step {
        at: t.at,
        advance,
        ask,
        expect: t.or("expect", Expect::default(), table("`expect`", expect)),
    }
}

fn advance(value: &Value<'_>) -> Option<Duration> {
    duration(Duration::from_millis(1)..=Duration::from_secs(MAX_SECONDS))(value)
}

fn ask(t: &Table<'_>) -> Option<Ask> {
    t.exclusive("get", "method");
    t.exclusive("get", "path");
    let method = t.or("method", Method::GET, text(method));
    let fields = t.or("fields", HeaderMap::new(), fields::map);
    let body = t.or("body", String::new(), string);
    let get = t.optional("get", text(target));
    let target = get.or(t.optional("path", text(target)))?;
    Some(Ask {
        method,
        target,
        fields,
        body: body.into(),
    })
}

fn method(text: &str) -> Result<Method, Problem> {
    Method::from_bytes(text.as_bytes())
        .ok()
        .filter(|method| *method != Method::CONNECT)
        .ok_or_else(|| {
            Problem::new(format!("`{}` is no method", printable(text)))
                .help("for instance \"POST\"")
        })
}

fn target(text: &str) -> Result<Uri, Problem> {
    let read = text.starts_with('/').then(|| text.parse::<Uri>().ok());
    read.flatten().ok_or_else(|| {
        Problem::new(format!("`{}` can't be asked for", printable(text)))
            .allowed("a path that begins with `/`, and a query perhaps")
            .help(
                "for instance \"/page?id=1\"; another host goes into `fields`: { Host = \"...\" }",
            )
    })
}

fn expect(t: &Table<'_>) -> Expect {
    let some = |key, read: fn(&Value<'_>) -> Option<Vec<Placed<String>>>| t.or(key, vec![], read);
    Expect {
        status: t.optional("status", placed(integer(100..=599))),
        cache: t.optional("cache", placed(one_of(&CACHED))),
        origin: t.optional("origin", placed(texts)),
        ttl: t.optional("ttl", placed(seconds(0..=MAX_SECONDS))),
        key: some("key", texts),
        fields: t.or("fields", Vec::new(), fields::lines),
        no_fields: t.or("no_fields", Vec::new(), fields::names),
        body: t.optional("body", placed(string)),
        body_has: some("body_has", texts),
        body_lacks: some("body_lacks", texts),
        plugin_error: t.optional("plugin_error", placed(text(plugin_error))),
        log: some("log", texts),
        at_origin: t.optional("at_origin", placed(table("`at_origin`", at_origin))),
    }
}

fn at_origin(t: &Table<'_>) -> AtOrigin {
    AtOrigin {
        method: t.optional("method", placed(string)),
        path: t.optional("path", placed(string)),
        query: t.optional("query", placed(string)),
        fields: t.or("fields", Vec::new(), fields::lines),
        no_fields: t.or("no_fields", Vec::new(), fields::names),
        body: t.optional("body", placed(string)),
    }
}

/// A text, or a list of texts.
fn texts(value: &Value<'_>) -> Option<Vec<Placed<String>>> {
    match kind(value) {
        Kind::List => list(placed(string))(value),
        _ => Some(vec![placed(string)(value)?]),
    }
}

fn plugin_error(text: &str) -> Result<String, Problem> {
    let words = || HookError::KINDS.into_iter();
    if words().any(|word| word == text) {
        return Ok(text.to_owned());
    }
    let problem = Problem::new(format!(
        "no failure of a plugin is called `{}`",
        printable(text)
    ));
    let problem = problem.exists(words());
    Err(match closest(text, words()) {
        Some(near) => problem.help(format!("did you mean \"{near}\"?")),
        None => problem,
    })
}
