//! Cache policies and origin request policies: lifetimes of responses, parts of the cache key, and parts of a request that
//! the origin is sent beside it.
//!
//! Parts of the key are always sent to the origin too: an answer may depend only on what it is stored under.
//! `forward` adds what the origin may see without it being in the key.

use std::time::Duration;

use http::HeaderName;
use http::header::HOST;
use selvedge_caching::{Compatibility, ErrorMinimum, Policy};

use super::printable::printable;
use super::report::Problem;
use super::scalar::{boolean, integer, one_of, seconds, size};
use super::sets::{FieldSet, NameSet, field_set, is_acted_upon, key_fields, name_set};
use super::source::{At, Placed};
use super::units::show_duration;
use super::walk::{Table, Value, distinct, entries};

/// A hundred years, CloudFront's upper bound of a lifetime, in seconds.
const MAX_LIFETIME: u64 = 100 * 31_557_600;

/// Parts of a request that are in the cache key, besides the distribution and the path.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeyPolicy {
    /// `query`: query parameters. Default `"all"`, since they are part of the target URI (RFC 9111, section 2).
    pub query: NameSet,
    /// `headers`: fields, at most 25. Default: none.
    pub fields: Vec<HeaderName>,
    /// `cookies`: cookies. Default `"none"`.
    pub cookies: NameSet,
    /// `accept_encoding`: codings that are worth a variant of their own: `"gzip"`, `"br"`. What the viewer
    /// offers of these is in the key, and nothing else of Accept-Encoding. Default: none.
    pub accept_encoding: Vec<Coding>,
    /// The viewer's Host is in the key, since the origin gets it: `headers` or `forward` names it. Never among `fields`.
    pub host: bool,
    /// The viewer's scheme is in the key, since the origin gets it as X-Forwarded-Proto or is spoken to by it
    /// (`match-viewer`). X-Forwarded-Proto is never among `fields`.
    pub scheme: bool,
}

impl KeyPolicy {
    /// Takes in what the origin gets of the target URI beside path and query: what separates responses at the origin
    /// separates them here.
    pub(super) fn settle(&mut self, forward: &ForwardPolicy, matches_viewer: bool) {
        let named = |name| self.fields.contains(name);
        self.host = named(&HOST) || forward.has_host();
        self.scheme = named(&X_FORWARDED_PROTO) || forward.has_scheme() || matches_viewer;
        self.fields
            .retain(|name| *name != HOST && *name != X_FORWARDED_PROTO);
    }
}

/// Parts of a request that the origin gets although they are not in the cache key. An origin whose responses depend on one of these fields
/// says so by Vary; one that sends no Vary should not get the field.
///
/// `None` is a key that the file leaves out. Where a response may be stored, it means little; where nothing is stored, it
/// means everything, so that APIs work without configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ForwardPolicy {
    /// `query`: query parameters. Left out: none, or all.
    pub query: Option<NameSet>,
    /// `headers`: fields: a list, or as for `query` (`"all"`: every end-to-end field of the viewer,
    /// Host included). Left out: [`FieldSet::Usual`], or every end-to-end field but Host.
    pub fields: Option<FieldSet>,
    /// `cookies`: cookies. Left out: none (a response for one visitor would be stored for all), or all.
    pub cookies: Option<NameSet>,
}

impl ForwardPolicy {
    /// Returns the query parameters that go out beside the key.
    pub fn query(&self, may_store: bool) -> &NameSet {
        said(self.query.as_ref(), may_store)
    }

    /// Returns the cookies that go out beside the key.
    pub fn cookies(&self, may_store: bool) -> &NameSet {
        said(self.cookies.as_ref(), may_store)
    }

    /// Returns the fields that go out beside the key. Host and X-Forwarded-Proto are not chosen by it: the key says
    /// whether they go out.
    pub fn fields(&self, may_store: bool) -> &FieldSet {
        match (&self.fields, may_store) {
            (Some(fields), _) => fields,
            (None, true) => &FieldSet::Usual,
            (None, false) => &FieldSet::All,
        }
    }

    /// Returns true if the file says nothing about fields.
    pub fn leaves_fields_open(&self) -> bool {
        self.fields.is_none()
    }

    /// Returns true if the file names this field.
    pub fn names(&self, name: &HeaderName) -> bool {
        matches!(&self.fields, Some(FieldSet::Only(names)) if names.contains(name))
    }

    /// Returns true if the origin gets the viewer's Host.
    pub(super) fn has_host(&self) -> bool {
        self.fields.as_ref().is_some_and(|set| set.contains(&HOST))
    }

    /// Returns true if the origin gets X-Forwarded-Proto.
    fn has_scheme(&self) -> bool {
        let fields = self.fields.as_ref();
        fields.is_none_or(|set| set.contains(&X_FORWARDED_PROTO))
    }
}

fn said(set: Option<&NameSet>, may_store: bool) -> &NameSet {
    match (set, may_store) {
        (Some(set), _) => set,
        (None, true) => &NameSet::None,
        (None, false) => &NameSet::All,
    }
}

/// The field by which proxies tell the scheme of the viewer's request.
pub const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// A content coding that the cache key can tell apart.
#[derive(Copy, Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Coding {
    /// `br`
    Brotli,
    /// `gzip`
    Gzip,
}

impl Coding {
    /// The coding's name in Accept-Encoding.
    pub fn as_str(&self) -> &'static str {
        match self {
            Coding::Brotli => "br",
            Coding::Gzip => "gzip",
        }
    }
}

impl std::fmt::Display for Coding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

const CODINGS: [(&str, Coding); 2] = [("br", Coding::Brotli), ("gzip", Coding::Gzip)];

/// Lifetimes and key, resolved.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CachePolicy {
    pub(super) policy: Policy,
    pub(super) key: KeyPolicy,
}

impl CachePolicy {
    /// Returns true if responses may be stored without a ttl hook.
    pub(super) fn may_store(&self) -> bool {
        self.policy.max_ttl > 0
    }
}

impl Default for CachePolicy {
    fn default() -> CachePolicy {
        CachePolicy {
            policy: Policy::default(),
            key: KeyPolicy {
                query: NameSet::All,
                ..KeyPolicy::default()
            },
        }
    }
}

const COMPATIBILITY: [(&str, Compatibility); 2] = [
    ("selvedge", Compatibility::Selvedge),
    ("cloudfront", Compatibility::Cloudfront),
];

/// Reads the table `cache` of a behavior.
///
/// - `min_ttl`, `default_ttl`, `max_ttl`: bounds of the freshness lifetime, and the lifetime of a response
///   that says nothing; durations of whole seconds up to 100 years, in this order. Defaults 0, 24 h and
///   365 d; one that is left out gives way to those that are there.
/// - `error_min_ttl`: the shortest lifetime of an error response, or a table of them by status. Default 10 s.
/// - `honor_viewer_cache_control`: whether Cache-Control and Pragma of a viewer count (RFC 9111 section
///   5.2.1). Default `false`.
/// - `max_variants`: how many variants one key may have, 1 to 1000. Default 64.
/// - `max_tags`: how many tags one stored response may have, 0 to 1000. Default 128.
/// - `max_key_bytes`: how long a cache key may be, 64 B to 1 MiB. Default 32 KiB.
/// - `max_field_bytes`: how large the fields of a stored response may be, 1 KiB to 1 MiB. Default 32 KiB.
/// - `compatibility`: `"selvedge"` or `"cloudfront"`, for rules where CloudFront leaves RFC 9111. Default
///   `"selvedge"`.
/// - `query`, `headers`, `cookies`, `accept_encoding`: see [`KeyPolicy`].
pub(super) fn read_cache(t: &Table<'_>) -> CachePolicy {
    let default = Policy::default();
    let lifetime = |key| t.optional(key, seconds(0..=MAX_LIFETIME));
    let typed = [
        ("min_ttl", lifetime("min_ttl")),
        ("default_ttl", lifetime("default_ttl")),
        ("max_ttl", lifetime("max_ttl")),
    ];
    check_order(t, &typed);
    let [(_, min), (_, usual), (_, max)] = typed;
    let bound = max.unwrap_or(u64::MAX);
    let min_ttl = min
        .unwrap_or(default.min_ttl)
        .min(usual.unwrap_or(bound))
        .min(bound);
    let default_ttl = usual.unwrap_or(default.default_ttl.max(min_ttl)).min(bound);
    CachePolicy {
        policy: Policy {
            min_ttl,
            default_ttl,
            max_ttl: max.unwrap_or(default.max_ttl.max(default_ttl)),
            error_min_ttl: t.or("error_min_ttl", default.error_min_ttl, error_minimum),
            honor_viewer_cache_control: t.or(
                "honor_viewer_cache_control",
                default.honor_viewer_cache_control,
                boolean,
            ),
            max_variants: t.or("max_variants", default.max_variants, integer(1..=1000)),
            max_tags: t.or("max_tags", default.max_tags, integer(0..=1000)),
            max_key_bytes: t.or("max_key_bytes", default.max_key_bytes, size(64..=(1 << 20))),
            max_field_bytes: t.or(
                "max_field_bytes",
                default.max_field_bytes,
                size((1 << 10)..=(1 << 20)),
            ),
            compatibility: t.or(
                "compatibility",
                default.compatibility,
                one_of(&COMPATIBILITY),
            ),
            ..default
        },
        key: KeyPolicy {
            query: t.or("query", NameSet::All, name_set),
            fields: t.or("headers", Vec::new(), key_fields),
            cookies: t.or("cookies", NameSet::None, name_set),
            accept_encoding: t.or("accept_encoding", Vec::new(), codings),
            ..KeyPolicy::default()
        },
    }
}

/// Reads the table `forward` of a behavior with this cache policy; see [`ForwardPolicy`].
pub(super) fn read_forward(t: &Table<'_>, cache: &CachePolicy) -> ForwardPolicy {
    let forward = ForwardPolicy {
        query: t.optional("query", name_set),
        fields: t.optional("headers", field_set),
        cookies: t.optional("cookies", name_set),
    };
    if let (Some(FieldSet::Only(names)), Some(at)) = (&forward.fields, t.place("headers")) {
        warn_of_unkeyed(t, at, names, cache);
    }
    forward
}

/// Warns of fields that origins act upon and that are sent beside the key: the answer to one viewer is stored for all.
fn warn_of_unkeyed(t: &Table<'_>, at: At, names: &[HeaderName], cache: &CachePolicy) {
    if !cache.may_store() {
        return;
    }
    for name in names {
        if is_acted_upon(name) && !cache.key.fields.contains(name) {
            let problem = Problem::new(format!(
                "`{name}` is sent to the origin and is not in the cache key"
            ));
            let problem = problem.at(at).warning().note(
                "many origins act upon it without saying so by Vary: what one viewer sends then decides what others get",
            );
            t.file.problems.add(problem.help(format!(
                "add it to the key, `cache = {{ headers = [\"{name}\"] }}`, or remove it here"
            )));
        }
    }
}

/// The shortest lifetimes of error responses: one, or a table by status, in which `default` stands for the others.
fn error_minimum(value: &Value<'_>) -> Option<ErrorMinimum> {
    let lifetime = seconds(0..=MAX_LIFETIME);
    if !value.raw.is_table() {
        return lifetime(value).map(ErrorMinimum::of_default);
    }
    let mut minimum = Some(Policy::default().error_min_ttl);
    let (defaults, named): (Vec<_>, Vec<_>) = entries(value)?
        .into_iter()
        .partition(|(key, _)| key.value == "default");
    for (_, entry) in defaults {
        minimum = lifetime(&entry).map(ErrorMinimum::of_default);
    }
    for (key, entry) in named {
        let (status, seconds) = (error_status(&key, value), lifetime(&entry));
        minimum = minimum
            .zip(status.zip(seconds))
            .map(|(minimum, (status, seconds))| minimum.with(status, seconds));
    }
    minimum
}

/// The status code that a key names.
fn error_status(key: &Placed<String>, table: &Value<'_>) -> Option<u16> {
    let refuse = |problem: Problem| {
        table.file.problems.add(problem.at(key.at));
        None
    };
    match key.value.parse() {
        Ok(status @ (412 | 416)) => refuse(
            Problem::new(format!("a response with status {status} is never stored"))
                .help("remove it: it is about conditions or a range, which are not in the key"),
        ),
        Ok(status @ 400..=599) if key.value.len() == 3 => Some(status),
        _ => refuse(
            Problem::new(format!(
                "`{}` is not the status of an error",
                printable(&key.value)
            ))
            .help("write a status from 400 to 599, or `default` for the others"),
        ),
    }
}

fn codings(value: &Value<'_>) -> Option<Vec<Coding>> {
    let codings = distinct(2, one_of(&CODINGS))(value)?;
    let mut codings: Vec<Coding> = codings.into_iter().map(|coding| coding.value).collect();
    codings.sort_unstable();
    Some(codings)
}

/// Of the lifetimes that were typed, each must be at most the next.
fn check_order(t: &Table<'_>, typed: &[(&'static str, Option<u64>)]) {
    let there: Vec<(&'static str, u64)> = typed
        .iter()
        .filter_map(|(key, value)| Some((*key, (*value)?)))
        .collect();
    for pair in there.windows(2) {
        let [(less, low), (more, high)] = pair else {
            continue;
        };
        if low > high {
            let shown = |seconds: &u64| show_duration(Duration::from_secs(*seconds));
            let (low, high) = (shown(low), shown(high));
            let problem = Problem::new(format!("`{less}` ({low}) is more than `{more}` ({high})"));
            let problem = problem.at(t.place(less).unwrap_or(t.at));
            let problem =
                problem.related(t.place(more).unwrap_or(t.at), format!("`{more}` is here"));
            t.file
                .problems
                .add(problem.help("min_ttl <= default_ttl <= max_ttl must hold"));
        }
    }
}

/// How large the slices of `range_slices` may be: 64 KiB to 64 MiB. See [`super::Behavior::range_slices`].
pub(super) fn slice(value: &Value<'_>) -> Option<u64> {
    size((64 << 10)..=(64 << 20))(value)
}
