//! The configuration: the experiments, their groups, and how viewers are told apart.

use selvedge_sdk::edits::{Hook, may_change};
use selvedge_sdk::pattern::Pattern;
use selvedge_sdk::{Error, Result};
use serde::Deserialize;

/// Each experiment multiplies the variants of a page.
const MAX_EXPERIMENTS: usize = 16;
const MAX_GROUPS: usize = 16;
const MAX_WEIGHT: u32 = 1_000_000;
/// Browsers keep no cookie longer.
const MAX_DAYS: u32 = 400;

/// The plugin's table as it is typed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    experiments: Vec<ExperimentConfig>,
    field: Option<String>,
    cookie_days: Option<u32>,
    private: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExperimentConfig {
    name: String,
    groups: Vec<GroupConfig>,
    paths: Option<Vec<String>>,
    by: Option<String>,
    cookie: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupConfig {
    name: String,
    weight: u32,
    origin: Option<String>,
}

/// The settings, checked.
#[derive(Default)]
pub(crate) struct Settings {
    pub(crate) experiments: Vec<Experiment>,
    pub(crate) field: String,
    pub(crate) cookie_days: u32,
    pub(crate) private: bool,
}

pub(crate) struct Experiment {
    pub(crate) name: String,
    pub(crate) cookie: String,
    pub(crate) by: By,
    paths: Vec<Pattern>,
    groups: Vec<Group>,
    /// The sum of the weights; at least 1.
    weight: u64,
}

pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) origin: Option<String>,
    weight: u32,
}

/// By what viewers without the cookie are assigned.
pub(crate) enum By {
    Random,
    Address,
    Cookie(String),
    Field(String),
}

impl Experiment {
    pub(crate) fn concerns(&self, path: &str) -> bool {
        self.paths.iter().any(|pattern| pattern.matches(path))
    }

    pub(crate) fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.name == name)
    }

    /// The group at a place that is any number: each gets as many places as its weight says.
    pub(crate) fn at(&self, place: u64) -> &Group {
        let mut place = place % self.weight;
        for group in &self.groups {
            match place.checked_sub(u64::from(group.weight)) {
                Some(rest) => place = rest,
                None => return group,
            }
        }
        // The place is below the sum of the weights, so a group was found; and there is at least one.
        &self.groups[0]
    }
}

impl Settings {
    pub(crate) fn new(config: Config) -> Result<Settings> {
        let count = config.experiments.len();
        if !(1..=MAX_EXPERIMENTS).contains(&count) {
            let message =
                format!("`experiments` has {count} entries; it takes 1 to {MAX_EXPERIMENTS}");
            return Err(Error::Message(message));
        }
        let mut experiments: Vec<Experiment> = Vec::with_capacity(count);
        for typed in config.experiments {
            let experiment = experiment(typed)?;
            for other in &experiments {
                if other.name == experiment.name {
                    let message = format!("there are two experiments {:?}", other.name);
                    return Err(Error::Message(message));
                }
                if other.cookie == experiment.cookie {
                    let message = format!(
                        "the experiments {:?} and {:?} have one cookie, {:?}; each needs its own",
                        other.name, experiment.name, other.cookie
                    );
                    return Err(Error::Message(message));
                }
            }
            experiments.push(experiment);
        }
        let cookie_days = config.cookie_days.unwrap_or(30);
        if !(1..=MAX_DAYS).contains(&cookie_days) {
            let message = format!("`cookie_days` is {cookie_days}; it takes 1 to {MAX_DAYS}");
            return Err(Error::Message(message));
        }
        Ok(Settings {
            experiments,
            field: field(config.field.as_deref().unwrap_or("X-Experiments"))?,
            cookie_days,
            private: config.private.unwrap_or(true),
        })
    }
}

fn experiment(typed: ExperimentConfig) -> Result<Experiment> {
    let name = word("an experiment's `name`", &typed.name)?;
    checked(typed).map_err(|error| Error::Message(format!("experiment {name:?}: {error}")))
}

fn checked(typed: ExperimentConfig) -> Result<Experiment> {
    let groups = groups(typed.groups)?;
    let weight = groups.iter().map(|group| u64::from(group.weight)).sum();
    if weight == 0 {
        return Err("all weights are 0, so nobody could be assigned".into());
    }
    let paths = typed.paths.unwrap_or_else(|| vec!["*".to_owned()]);
    if paths.is_empty() {
        return Err("`paths` is empty, so it concerns nothing; leave it out for all paths".into());
    }
    let paths: Result<Vec<Pattern>> = paths.iter().map(|path| Pattern::path(path)).collect();
    let cookie = match &typed.cookie {
        None => format!("ab-{}", typed.name),
        Some(cookie) => word("`cookie`", cookie)?,
    };
    Ok(Experiment {
        name: typed.name,
        cookie,
        by: typed.by.as_deref().map_or(Ok(By::Random), by)?,
        paths: paths?,
        groups,
        weight,
    })
}

fn groups(typed: Vec<GroupConfig>) -> Result<Vec<Group>> {
    let count = typed.len();
    if !(1..=MAX_GROUPS).contains(&count) {
        let message = format!("`groups` has {count} entries; it takes 1 to {MAX_GROUPS}");
        return Err(Error::Message(message));
    }
    let mut groups: Vec<Group> = Vec::with_capacity(count);
    for GroupConfig {
        name,
        weight,
        origin,
    } in typed
    {
        let name = word("a group's `name`", &name)?;
        if groups.iter().any(|other| other.name == name) {
            return Err(Error::Message(format!("there are two groups {name:?}")));
        }
        if weight > MAX_WEIGHT {
            let message = format!("the weight {weight} is more than {MAX_WEIGHT}");
            return Err(Error::Message(message));
        }
        groups.push(Group {
            name,
            origin,
            weight,
        });
    }
    Ok(groups)
}

fn by(text: &str) -> Result<By> {
    let named = |text: &str| word("the name in `by`", text);
    match text.split_once(':') {
        None if text == "random" => Ok(By::Random),
        None if text == "address" => Ok(By::Address),
        Some(("cookie", name)) => Ok(By::Cookie(named(name)?)),
        Some(("field", name)) => Ok(By::Field(named(name)?)),
        _ => {
            let message = format!(
                "`by` is {text:?}; it takes \"random\", \"address\", \"cookie:NAME\" or \"field:NAME\""
            );
            Err(Error::Message(message))
        }
    }
}

/// The name of the field that carries the groups: one of the host's would fail every request.
fn field(name: &str) -> Result<String> {
    let name = word("`field`", name)?;
    if !may_change(Hook::ViewerRequest, &name) {
        let message = format!(
            "`field` is {name:?}, which no plugin may change; take one of your own, for instance \"X-Experiments\""
        );
        return Err(Error::Message(message));
    }
    Ok(name)
}

/// A name that can stand in a field, in a cookie and in a key.
fn word(what: &str, text: &str) -> Result<String> {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !(1..=64).contains(&text.len()) || !text.bytes().all(letter) {
        let message = format!("{what} is {text:?}; it takes 1 to 64 letters, digits, `-` and `_`");
        return Err(Error::Message(message));
    }
    Ok(text.to_owned())
}
