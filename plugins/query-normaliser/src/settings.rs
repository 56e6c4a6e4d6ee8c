//! The configuration: which parameters count, and what their normal form is.

use selvedge_sdk::{Error, Result};
use serde::Deserialize;

/// How many names a list may have.
const MAX_NAMES: usize = 1000;

/// The plugin's table as it is typed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    allow: Option<Vec<String>>,
    deny: Option<Vec<String>>,
    sort: Option<bool>,
    #[serde(default)]
    drop_empty: bool,
    #[serde(default)]
    lower_case_names: bool,
}

/// The settings, checked.
pub(crate) struct Settings {
    pub(crate) names: Names,
    pub(crate) sort: bool,
    pub(crate) drop_empty: bool,
    pub(crate) lower_case_names: bool,
}

/// Which parameters count. A `*` at the end of a name stands for any ending.
pub(crate) enum Names {
    Only(Vec<String>),
    Except(Vec<String>),
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            names: Names::Except(Vec::new()),
            sort: true,
            drop_empty: false,
            lower_case_names: false,
        }
    }
}

impl Settings {
    pub(crate) fn new(config: Config) -> Result<Settings> {
        let lower_case_names = config.lower_case_names;
        let names = match (config.allow, config.deny) {
            (Some(_), Some(_)) => {
                return Err(
                    "`allow` and `deny` are both there; a parameter that `allow` does not name is left out anyway"
                        .into(),
                );
            }
            (Some(allow), None) => Names::Only(checked("allow", allow, lower_case_names)?),
            (None, Some(deny)) => Names::Except(checked("deny", deny, lower_case_names)?),
            (None, None) => Names::Except(Vec::new()),
        };
        Ok(Settings {
            names,
            sort: config.sort.unwrap_or(true),
            drop_empty: config.drop_empty,
            lower_case_names,
        })
    }
}

impl Names {
    /// Returns true if a parameter of this decoded name counts.
    pub(crate) fn keep(&self, name: &str) -> bool {
        match self {
            Names::Only(names) => names.iter().any(|pattern| fits(pattern, name)),
            Names::Except(names) => !names.iter().any(|pattern| fits(pattern, name)),
        }
    }
}

fn fits(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == pattern,
    }
}

fn checked(key: &str, names: Vec<String>, lower_case: bool) -> Result<Vec<String>> {
    if names.len() > MAX_NAMES {
        let count = names.len();
        return Err(Error::Message(format!(
            "`{key}` has {count} names; it may have {MAX_NAMES}"
        )));
    }
    let check = |name: String| {
        let inner = name.strip_suffix('*').unwrap_or(&name);
        let why = if name.is_empty() {
            "a name can't be empty"
        } else if inner.contains('*') {
            "`*` may stand at the end only"
        } else if inner.contains(['&', '=', '%', '?']) {
            "it takes names, decoded and without a value"
        } else {
            return Ok(match lower_case {
                true => name.to_ascii_lowercase(),
                false => name,
            });
        };
        Err(Error::Message(format!("`{key}` names {name:?}: {why}")))
    };
    names.into_iter().map(check).collect()
}
