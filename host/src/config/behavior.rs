//! Behaviors: what happens to the requests of one path pattern.

use std::collections::BTreeSet;

use http::Method;
use http::header::HOST;
use selvedge_caching::Policy;

use super::managed;
use super::pattern::PathPattern;
use super::policy::{self, CachePolicy, ForwardPolicy, KeyPolicy};
use super::printable::{printable, quoted};
use super::report::{Problem, Problems};
use super::scalar::{one_of, string, text};
use super::source::{At, Placed};
use super::suggest::closest;
use super::walk::{Kind, Table, Value, distinct, kind, list, placed, table};

/// The `[default_behavior]` or one of the `[[behaviors]]` of a distribution, resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct Behavior {
    /// `path`: which paths; required, except in the default behavior, which takes what no other takes.
    pub pattern: PathPattern,
    /// `origin`: the id of the origin; here its index in [`super::Distribution::origins`]. Required.
    pub origin: usize,
    /// `viewer_protocol`: whether plain HTTP is served. Default `"allow-all"`.
    pub viewer_protocol: ViewerProtocol,
    /// `allowed_methods`: one of CloudFront's three sets, or `"any"` for every method but CONNECT, unknown ones included.
    /// Default `["GET", "HEAD"]`.
    pub allowed_methods: AllowedMethods,
    /// `cached_methods`: `["GET", "HEAD"]` or `["GET", "HEAD", "OPTIONS"]`, all of them allowed ones. Default
    /// `["GET", "HEAD"]`.
    pub cached_methods: CachedMethods,
    /// `cache` (a table) or `cache_policy` (a managed policy's name): lifetimes.
    pub policy: Policy,
    /// The cache key's parts, from `cache` or `cache_policy` too.
    pub key: KeyPolicy,
    /// `forward` (a table) or `origin_request_policy` (a managed policy's name): what the origin is
    /// sent beside the key.
    pub forward: ForwardPolicy,
    /// `plugins`: names of plugins, in the order in which they run; here indices into
    /// [`super::Distribution::plugins`]. Default: none.
    pub plugins: Vec<usize>,
    /// `range_slices`: fetch and store large objects in slices of this size, 64 KiB to 64 MiB. Default:
    /// whole.
    pub range_slices: Option<u64>,
    /// The behavior's position in its file.
    pub at: At,
}

/// Schemes that viewers may use.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub enum ViewerProtocol {
    /// HTTP and HTTPS.
    #[default]
    AllowAll,
}

/// The methods that a behavior answers; others get 403.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub enum AllowedMethods {
    /// GET and HEAD.
    #[default]
    GetHead,
    /// GET, HEAD and OPTIONS.
    GetHeadOptions,
    /// GET, HEAD, OPTIONS, PUT, POST, PATCH and DELETE.
    All,
    /// Every method that there is or will be, CONNECT apart.
    Any,
}

impl AllowedMethods {
    /// The methods by name.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            AllowedMethods::GetHead => &["GET", "HEAD"],
            AllowedMethods::GetHeadOptions => &["GET", "HEAD", "OPTIONS"],
            AllowedMethods::All => &["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"],
            AllowedMethods::Any => &["any"],
        }
    }

    /// Returns true if the method is among them.
    pub fn contains(self, method: &Method) -> bool {
        match self {
            AllowedMethods::Any => method != Method::CONNECT,
            listed => listed.names().contains(&method.as_str()),
        }
    }
}

/// The methods whose responses are stored.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub enum CachedMethods {
    /// GET and HEAD.
    #[default]
    GetHead,
    /// GET, HEAD and OPTIONS; OPTIONS is keyed apart.
    GetHeadOptions,
}

impl CachedMethods {
    /// Returns true if the method is among them.
    pub fn contains(self, method: &Method) -> bool {
        let options = self == CachedMethods::GetHeadOptions && method == Method::OPTIONS;
        options || matches!(*method, Method::GET | Method::HEAD)
    }
}

/// A behavior as typed, with names that are not looked up yet.
pub(super) struct Typed {
    pub(super) pattern: Placed<PathPattern>,
    origin: Placed<String>,
    plugins: Vec<Placed<String>>,
    /// The keys that name nothing.
    behavior: Behavior,
}

/// Names that behaviors may refer to.
pub(super) struct Names<'a> {
    pub(super) origins: Vec<&'a str>,
    pub(super) plugins: Vec<&'a str>,
}

/// Reads one of the `[[behaviors]]`.
pub(super) fn read(t: &Table<'_>) -> Typed {
    read_with(
        t,
        t.required(
            "path",
            "path = \"/images/*\"",
            placed(text(PathPattern::new)),
        ),
    )
}

/// Reads the `[default_behavior]`.
pub(super) fn read_default(t: &Table<'_>) -> Typed {
    if let Some(at) = t.place("path") {
        let problem = Problem::new(
            "the default behavior takes no `path`: it has what no other behavior takes",
        )
        .at(at);
        t.file
            .problems
            .add(problem.help("remove it, or write this as one of the [[behaviors]]"));
    }
    read_with(
        t,
        Placed {
            value: PathPattern::default(),
            at: t.at,
        },
    )
}

/// Reads the only behavior of a scenario: the first origin, the first plugin, every path.
pub(super) fn read_only(t: &Table<'_>) -> Behavior {
    Behavior {
        plugins: vec![0],
        ..read_rest(t, PathPattern::default())
    }
}

fn read_with(t: &Table<'_>, pattern: Placed<PathPattern>) -> Typed {
    Typed {
        origin: t.required("origin", "origin = \"main\"", placed(string)),
        plugins: t.or("plugins", Vec::new(), distinct(64, string)),
        behavior: read_rest(t, pattern.value.clone()),
        pattern,
    }
}

/// Reads the keys that name nothing.
fn read_rest(t: &Table<'_>, pattern: PathPattern) -> Behavior {
    t.exclusive("cache", "cache_policy");
    t.exclusive("forward", "origin_request_policy");
    let cache = t.optional("cache", cache);
    let cache = t
        .optional("cache_policy", text(managed::cache))
        .or(cache)
        .unwrap_or_default();
    let forward = t.optional(
        "forward",
        table("the table `forward`", |t| policy::read_forward(t, &cache)),
    );
    let managed = t.optional("origin_request_policy", text(managed::forward));
    if let (Some(managed), Some(at)) = (&managed, t.place("origin_request_policy")) {
        warn_of_keyed_host(t, at, managed, &cache);
    }
    let forward = managed.or(forward);
    let CachePolicy { policy, key } = cache;
    let allowed_methods = t.or(
        "allowed_methods",
        AllowedMethods::default(),
        allowed_methods,
    );
    Behavior {
        pattern,
        origin: 0,
        viewer_protocol: t.or(
            "viewer_protocol",
            ViewerProtocol::default(),
            viewer_protocol,
        ),
        allowed_methods,
        cached_methods: t.or("cached_methods", CachedMethods::default(), |v| {
            cached_methods(v, allowed_methods)
        }),
        policy,
        key,
        forward: forward.unwrap_or_default(),
        plugins: Vec::new(),
        range_slices: t.optional("range_slices", policy::slice),
        at: t.at,
    }
}

/// Warns where the key is another than CloudFront's under the same names of policies.
fn warn_of_keyed_host(t: &Table<'_>, at: At, forward: &ForwardPolicy, cache: &CachePolicy) {
    if !cache.may_store() || !forward.has_host() || cache.key.fields.contains(&HOST) {
        return;
    }
    let problem = Problem::new(
        "this policy sends the viewer's Host to the origin, so the host is in the cache key too",
    );
    let problem = problem.at(at).warning().note(
        "CloudFront would not key it: there the first host's answer is stored for all hosts of the distribution",
    );
    t.file.problems.add(problem.help(
        "name it in the key to say that it is meant, `cache = { headers = [\"Host\"] }`, or choose \"AllViewerExceptHostHeader\"",
    ));
}

impl Typed {
    /// The names of the plugins that it runs.
    pub(super) fn plugin_names(&self) -> impl Iterator<Item = &str> {
        self.plugins.iter().map(|name| name.value.as_str())
    }

    /// Looks up what the behavior refers to.
    pub(super) fn resolve(self, names: &Names<'_>, problems: &Problems) -> Behavior {
        let origin = look_up(&self.origin, &names.origins, "origin", problems);
        let plugins = self.plugins.iter();
        let plugins = plugins
            .filter_map(|name| look_up(name, &names.plugins, "plugin", problems))
            .collect();
        Behavior {
            origin: origin.unwrap_or(0),
            plugins,
            ..self.behavior
        }
    }
}

fn cache(value: &Value<'_>) -> Option<CachePolicy> {
    match kind(value) {
        Kind::Text(name) => value.refuse(Problem::new("`cache` takes a table, not a name").help(
            format!(
                "a managed policy goes by another key: cache_policy = \"{}\"",
                printable(name)
            ),
        )),
        _ => table("the table `cache`", policy::read_cache)(value),
    }
}

/// The index of a name. A name that stands for one that could not be read matches nothing and hides nothing:
/// while there is one among the known, unknown names are not reported.
fn look_up(
    name: &Placed<String>,
    known: &[&str],
    what: &str,
    problems: &Problems,
) -> Option<usize> {
    let found = known.iter().position(|known| *known == name.value);
    if found.is_none() && name.is_typed() && !known.contains(&"") {
        let problem = Problem::new(format!(
            "there is no {what} `{}` in this distribution",
            printable(name)
        ));
        let problem = problem.at(name.at).exists(known);
        problems.add(match closest(name, known.iter().copied()) {
            Some(near) => problem.help(format!("did you mean \"{near}\"?")),
            None => problem.help(format!("add a [[{what}s]] table for it")),
        });
    }
    found
}

const METHODS: [(&str, &str); 7] = [
    ("GET", "GET"),
    ("HEAD", "HEAD"),
    ("OPTIONS", "OPTIONS"),
    ("PUT", "PUT"),
    ("POST", "POST"),
    ("PATCH", "PATCH"),
    ("DELETE", "DELETE"),
];

fn allowed_methods(value: &Value<'_>) -> Option<AllowedMethods> {
    if let Kind::Text("any") = kind(value) {
        return Some(AllowedMethods::Any);
    }
    let sets = [
        AllowedMethods::GetHead,
        AllowedMethods::GetHeadOptions,
        AllowedMethods::All,
    ];
    method_set(value, &sets)
}

fn cached_methods(value: &Value<'_>, allowed: AllowedMethods) -> Option<CachedMethods> {
    let sets = [AllowedMethods::GetHead, AllowedMethods::GetHeadOptions];
    match (method_set(value, &sets)?, allowed) {
        (AllowedMethods::GetHead, _) => Some(CachedMethods::GetHead),
        (_, AllowedMethods::GetHead) => value.refuse(
            Problem::new("`cached_methods` has OPTIONS, which `allowed_methods` does not allow")
                .help("add \"OPTIONS\" to `allowed_methods`, or remove it here"),
        ),
        _ => Some(CachedMethods::GetHeadOptions),
    }
}

/// Reads a list of methods that must be one of the sets, in any order.
fn method_set(value: &Value<'_>, sets: &[AllowedMethods]) -> Option<AllowedMethods> {
    let typed = list(one_of(&METHODS))(value)?;
    let typed: BTreeSet<&str> = typed.into_iter().collect();
    let same =
        |set: &&AllowedMethods| set.names().iter().copied().collect::<BTreeSet<_>>() == typed;
    if let Some(set) = sets.iter().find(same) {
        return Some(*set);
    }
    let shown = |set: &AllowedMethods| format!("[{}]", quoted(set.names()).replace('`', "\""));
    let problem = Problem::new(format!(
        "`{}` is none of CloudFront's sets of methods",
        value.key
    ));
    value.refuse(problem.allowed(sets.iter().map(shown).collect::<Vec<_>>().join(" or ")))
}

fn viewer_protocol(value: &Value<'_>) -> Option<ViewerProtocol> {
    const WORDS: [(&str, Option<ViewerProtocol>); 3] = [
        ("allow-all", Some(ViewerProtocol::AllowAll)),
        ("https-only", None),
        ("redirect-to-https", None),
    ];
    match one_of(&WORDS)(value)? {
        Some(protocol) => Some(protocol),
        None => value.refuse(
            Problem::new(
                "this version has no TLS for viewers, so no viewer could reach the behavior by HTTPS",
            )
            .allowed("\"allow-all\"")
            .help("leave `viewer_protocol` out, and put what terminates TLS in front"),
        ),
    }
}
