//! Distributions: one file each. What viewers reach under some host names, from which origins, by which
//! behaviors.

use std::collections::BTreeMap;
use std::path::Path;

use super::behavior::{self, Behavior, Names};
use super::names::{self, Alias, HostName};
use super::origin::{self, Origin, Protocol};
use super::path;
use super::pattern::PathPattern;
use super::plugin::{self, PluginEntry};
use super::printable::printable;
use super::report::{Problem, Problems};
use super::scalar::{boolean, size, string, text};
use super::server::Server;
use super::source::{At, Placed};
use super::walk::{self, Table, Value, distinct, placed, table, tables};

/// One distribution, resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    /// `id`: the name of the distribution in commands, logs and metrics: 1 to 64 letters, digits, `-`, `_`,
    /// `.`. Required; unique among all files. The assigned domain name is made from it.
    pub id: Placed<String>,
    /// The assigned domain name, under which the distribution always answers. See [`super::assigned`].
    pub domain: String,
    /// `aliases`: further host names, at most 100, in lower case; `*` may stand for the leftmost label. Each
    /// belongs to one distribution only. Default: none.
    pub aliases: Vec<Placed<Alias>>,
    /// `enabled`: a disabled distribution answers 403. Default `true`.
    pub enabled: bool,
    /// `comment`: for people. Default: empty.
    pub comment: String,
    /// `default_root_object`: what `/` means, for instance `"index.html"`; up to 255 characters, no leading
    /// `/`. Default: nothing special.
    pub default_root_object: Option<String>,
    /// `tag_header`: the field of origin responses that carries cache tags; here in every behavior's policy
    /// too. Default: no tags from origins.
    pub tag_header: Option<http::HeaderName>,
    /// `kv_size`: how much key-value data it may have, in bytes, 1 KiB to 256 MiB. Default 16 MiB. All of it is held in
    /// memory.
    pub kv_size: u64,
    /// `access_log`: one log line per request. Default: as the server file says.
    pub access_log: Option<bool>,
    /// `allowed_hosts`: the hosts that origin-selection hooks may name beside the origins, at most 100; `*` may stand for the
    /// leftmost label. Default: none.
    pub allowed_hosts: Vec<Placed<Alias>>,
    /// `[[origins]]`: at least one.
    pub origins: Vec<Origin>,
    /// `[[behaviors]]` in their order, and then the `[default_behavior]`. Never empty.
    pub behaviors: Vec<Behavior>,
    /// `[[plugins]]`. Default: none.
    pub plugins: Vec<PluginEntry>,
    /// The file as a whole.
    pub at: At,
}

impl Distribution {
    /// The behavior for a path (beginning with `/`, without query): the first whose pattern matches the
    /// path's normal form (RFC 3986 section 6.2.2, doubled slashes merged), else the default one. A path in
    /// normal form costs no allocation.
    pub fn behavior_for(&self, path: &str) -> &Behavior {
        self.behaviors_in_question(&path::normalise(path))
    }

    /// All its host names: the aliases, and the assigned one if `assigned`.
    pub fn names(&self, assigned: bool) -> impl Iterator<Item = HostName<'_>> {
        let domain = assigned.then(|| HostName::exact(&self.domain));
        let aliases = self.aliases.iter();
        domain
            .into_iter()
            .chain(aliases.map(|alias| HostName::of(&alias.value)))
    }

    fn behaviors_in_question(&self, path: &str) -> &Behavior {
        let mut behaviors = self.behaviors.iter();
        let matching = behaviors.find(|behavior| behavior.pattern.matches(path));
        matching
            .or(self.behaviors.last())
            .expect("reading a distribution always adds its default behavior")
    }

    /// Tells every behavior what depends on the distribution: the field of tags, and what of the target URI its origins get.
    fn settled(mut self) -> Distribution {
        for behavior in &mut self.behaviors {
            behavior.policy.tag_field.clone_from(&self.tag_header);
            // A plugin may choose another origin than the behavior's.
            let matches_viewer = self.origins.iter().enumerate().any(|(index, origin)| {
                origin.protocol == Protocol::MatchViewer
                    && (index == behavior.origin || !behavior.plugins.is_empty())
            });
            behavior.key.settle(&behavior.forward, matches_viewer);
        }
        self
    }

    /// The files that it names without reading them: plugins, certificates and secrets.
    pub fn named_files(&self) -> impl Iterator<Item = &Path> {
        let plugins = self.plugins.iter().flat_map(PluginEntry::named_files);
        let origins = self.origins.iter();
        let certificates =
            origins.filter_map(|origin| Some(origin.ca_file.as_ref()?.value.as_path()));
        plugins.chain(certificates)
    }

    /// The origin of that id.
    pub fn origin(&self, id: &str) -> Option<&Origin> {
        self.origins.iter().find(|origin| *origin.id == id)
    }
}

/// Reads a whole distribution file of this server.
pub(super) fn document(
    file: &walk::File<'_>,
    raw: &toml::de::DeTable<'_>,
    server: &Server,
) -> Distribution {
    walk::document(file, "the distribution", raw, |t| read(t, server))
}

fn read(t: &Table<'_>, server: &Server) -> Distribution {
    let problems = t.file.problems;
    let origins = t.required("origins", "[[origins]]", at_least_one_origin);
    let plugins = t.optional("plugins", tables("a plugin", |t| plugin::read(t, server)));
    let plugins_unread = plugins.is_none() && t.place("plugins").is_some();
    let plugins = plugins.unwrap_or_default();
    let mut behaviors = t.or(
        "behaviors",
        Vec::new(),
        tables("a behavior", behavior::read),
    );
    let default = t.required("default_behavior", "[default_behavior]", |v| {
        table("the default behavior", behavior::read_default)(v).map(Some)
    });
    unique(problems, "origin", origins.iter().map(|origin| &origin.id));
    unique(
        problems,
        "plugin",
        plugins.iter().map(|plugin| &plugin.name),
    );
    check_patterns(problems, behaviors.iter().map(|behavior| &behavior.pattern));
    behaviors.extend(default);
    warn_of_idle_plugins(problems, &plugins, &behaviors);
    let unread = |unread: bool| unread.then_some("");
    let names = Names {
        origins: origins
            .iter()
            .map(|origin| origin.id.as_str())
            .chain(unread(origins.is_empty()))
            .collect(),
        plugins: plugins
            .iter()
            .map(|plugin| plugin.name.as_str())
            .chain(unread(plugins_unread))
            .collect(),
    };
    let resolve = |behavior: behavior::Typed| behavior.resolve(&names, problems);
    let behaviors = behaviors.into_iter().map(resolve).collect();
    let id = t.required("id", "id = \"shop\"", placed(text(names::identifier)));
    Distribution {
        origins,
        behaviors,
        plugins,
        ..read_rest(t, server, id)
    }
    .settled()
}

/// Reads what a scenario says of its distribution: all but its origins, behaviors and plugins.
pub(super) fn read_for_scenario(
    t: &Table<'_>,
    server: &Server,
    parts: (Vec<Origin>, Behavior, PluginEntry),
) -> Distribution {
    let unnamed = Placed {
        value: "test".to_owned(),
        at: t.at,
    };
    let id = t.or("id", unnamed, placed(text(names::identifier)));
    let (origins, behavior, plugin) = parts;
    let mut distribution = Distribution {
        origins,
        behaviors: vec![behavior],
        plugins: vec![plugin],
        ..read_rest(t, server, id)
    }
    .settled();
    if t.place("aliases").is_none() {
        distribution.aliases.push(Placed {
            value: Alias::Exact("www.example.com".to_owned()),
            at: t.at,
        });
    }
    distribution
}

fn read_rest(t: &Table<'_>, server: &Server, id: Placed<String>) -> Distribution {
    Distribution {
        domain: names::assigned(&id, &server.domain_suffix),
        id,
        aliases: t.or("aliases", Vec::new(), distinct(100, text(names::alias))),
        access_log: t.optional("access_log", boolean),
        enabled: t.or("enabled", true, boolean),
        comment: t.or("comment", String::new(), string),
        default_root_object: t.optional("default_root_object", text(root_object)),
        tag_header: t.optional("tag_header", tag_header),
        allowed_hosts: t.or(
            "allowed_hosts",
            Vec::new(),
            distinct(100, text(names::alias)),
        ),
        kv_size: t.or("kv_size", 16 << 20, size((1 << 10)..=(256 << 20))),
        origins: Vec::new(),
        behaviors: Vec::new(),
        plugins: Vec::new(),
        at: t.at,
    }
}

fn at_least_one_origin(value: &Value<'_>) -> Option<Vec<Origin>> {
    let origins = tables("an origin", origin::read)(value)?;
    match origins.is_empty() {
        false => Some(origins),
        true => value.refuse(
            Problem::new("the distribution has no origin, so there is nothing to serve")
                .help("add a table: [[origins]] with `id` and `domain`"),
        ),
    }
}

/// No two of these may have the same name.
pub(super) fn unique<'a>(
    problems: &Problems,
    what: &str,
    names: impl Iterator<Item = &'a Placed<String>>,
) {
    let mut first: BTreeMap<&str, At> = BTreeMap::new();
    for name in names.filter(|name| name.is_typed()) {
        match first.get(name.as_str()) {
            None => _ = first.insert(name, name.at),
            Some(other) => problems.add(
                Problem::new(format!("there are two {what}s called `{name}`"))
                    .at(name.at)
                    .related(*other, "the first one")
                    .help("give one of them another name"),
            ),
        }
    }
}

/// A pattern that is there twice is an error; one behind a pattern that takes everything is a warning.
fn check_patterns<'a>(
    problems: &Problems,
    patterns: impl Iterator<Item = &'a Placed<PathPattern>>,
) {
    let mut first: BTreeMap<&str, At> = BTreeMap::new();
    let mut everything = None;
    for pattern in patterns.filter(|pattern| pattern.is_typed()) {
        if let Some(other) = first.insert(pattern.as_str(), pattern.at) {
            let problem = Problem::new(format!("two behaviors have the path pattern `{pattern}`"));
            let problem = problem.at(pattern.at).related(other, "the first one");
            problems.add(problem.help("remove one: the second could never be chosen"));
        } else if let Some(taker) = everything {
            let problem = Problem::new("this behavior is never chosen")
                .at(pattern.at)
                .warning();
            let problem = problem.related(taker, "this one takes every path");
            problems.add(problem.help("behaviors are tried in the order of the file: move it up"));
        }
        if pattern.is_everything() {
            everything = everything.or(Some(pattern.at));
        }
    }
}

fn warn_of_idle_plugins(
    problems: &Problems,
    plugins: &[PluginEntry],
    behaviors: &[behavior::Typed],
) {
    let used = |name: &str| {
        behaviors
            .iter()
            .any(|behavior| behavior.plugin_names().any(|used| used == name))
    };
    for plugin in plugins
        .iter()
        .filter(|plugin| plugin.name.is_typed() && !used(&plugin.name))
    {
        let problem = Problem::new(format!("no behavior runs the plugin `{}`", plugin.name))
            .at(plugin.name.at);
        problems.add(problem.warning().help(format!(
            "add it to a behavior: plugins = [\"{}\"]",
            plugin.name
        )));
    }
}

fn root_object(text: &str) -> Result<String, Problem> {
    let problem = || {
        Problem::new(format!(
            "`{}` cannot be the default root object",
            printable(text)
        ))
    };
    if text.starts_with('/') && text.len() > 1 {
        let bare = text.trim_start_matches('/');
        return Err(problem()
            .note("it begins with `/`")
            .help(format!("write \"{}\"", printable(bare))));
    }
    let graphic = text
        .chars()
        .all(|c| c.is_ascii_graphic() && !matches!(c, '?' | '#'));
    match (1..=255).contains(&text.len()) && graphic && text != "/" {
        true => Ok(text.to_owned()),
        false => Err(problem()
            .allowed("the path of an object, 1 to 255 ASCII characters, without query")
            .help("for instance \"index.html\"")),
    }
}

fn tag_header(value: &Value<'_>) -> Option<http::HeaderName> {
    let name = string(value)?;
    match http::HeaderName::from_bytes(name.as_bytes()) {
        Ok(name) => Some(name),
        Err(_) => value.refuse(
            Problem::new(format!(
                "`{}` cannot be the name of a field",
                printable(&name)
            ))
            .help("for instance \"Cache-Tag\" or \"Surrogate-Key\""),
        ),
    }
}
