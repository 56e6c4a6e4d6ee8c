//! A rule: what it is for, and what it does.

use std::ops::RangeInclusive;

use selvedge_sdk::pattern::Pattern;
use selvedge_sdk::{Error, Result, TtlSettings};
use serde::Deserialize;

use crate::time;

const MAX_RULES: usize = 200;
const MAX_TAGS: usize = 32;
const MAX_TAG: usize = 256;

/// The plugin's table as it is typed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    rules: Vec<RuleConfig>,
}

/// A rule as it is typed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleConfig {
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    types: Vec<String>,
    #[serde(default)]
    statuses: Vec<String>,
    #[serde(default)]
    if_silent: bool,
    #[serde(default)]
    private_too: bool,
    lifetime: Option<String>,
    stale_while_revalidate: Option<String>,
    stale_if_error: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
    store: Option<bool>,
}

/// A rule, checked. An empty list of conditions is fulfilled by everything.
pub(crate) struct Rule {
    paths: Vec<Pattern>,
    types: Vec<Pattern>,
    statuses: Vec<RangeInclusive<u16>>,
    /// Only where the origin does not say how long the response is fresh.
    pub(crate) if_silent: bool,
    /// The lifetime is for what the origin wants kept apart too.
    pub(crate) private_too: bool,
    pub(crate) action: Action,
}

pub(crate) enum Action {
    DontStore,
    Set(TtlSettings),
}

impl Rule {
    /// Returns true if the rule is for a path, a media type in lower case, and a status.
    pub(crate) fn fits(&self, path: &str, kind: &str, status: u16) -> bool {
        let any = |patterns: &[Pattern], text: &str| {
            patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(text))
        };
        let status =
            self.statuses.is_empty() || self.statuses.iter().any(|range| range.contains(&status));
        status && any(&self.paths, path) && any(&self.types, kind)
    }

    /// Returns true if no response gets past it.
    fn is_for_everything(&self) -> bool {
        let everything = |patterns: &[Pattern]| {
            patterns.is_empty() || patterns.iter().any(Pattern::is_everything)
        };
        everything(&self.paths)
            && self.types.is_empty()
            && self.statuses.is_empty()
            && !self.if_silent
    }
}

/// All rules, or what is wrong with the first wrong one.
pub(crate) fn all(config: Config) -> Result<Vec<Rule>> {
    let count = config.rules.len();
    if !(1..=MAX_RULES).contains(&count) {
        let message = format!("`rules` has {count} entries; it takes 1 to {MAX_RULES}");
        return Err(Error::Message(message));
    }
    let mut rules: Vec<Rule> = Vec::with_capacity(count);
    for (place, typed) in config.rules.into_iter().enumerate() {
        if rules.last().is_some_and(Rule::is_for_everything) {
            let message = format!(
                "rule {} can never apply: rule {place} is for everything, and the first that fits decides",
                place + 1
            );
            return Err(Error::Message(message));
        }
        let rule =
            rule(typed).map_err(|error| Error::Message(format!("rule {}: {error}", place + 1)))?;
        rules.push(rule);
    }
    Ok(rules)
}

fn rule(typed: RuleConfig) -> Result<Rule> {
    let paths: Result<Vec<Pattern>> = typed.paths.iter().map(|path| Pattern::path(path)).collect();
    let types: Result<Vec<Pattern>> = typed.types.iter().map(|kind| media_type(kind)).collect();
    let statuses: Result<Vec<RangeInclusive<u16>>> =
        typed.statuses.iter().map(|text| status(text)).collect();
    Ok(Rule {
        paths: paths?,
        types: types?,
        statuses: statuses?,
        if_silent: typed.if_silent,
        private_too: typed.private_too,
        action: action(typed)?,
    })
}

fn action(typed: RuleConfig) -> Result<Action> {
    let settings = settings(&typed)?;
    let is_nothing = settings == TtlSettings::new();
    match typed.store {
        Some(false) if !is_nothing || typed.private_too => {
            Err("with `store = false` there is nothing else to set".into())
        }
        Some(false) => Ok(Action::DontStore),
        _ if typed.private_too && settings.lifetime.is_none() => {
            Err("`private_too` is about the `lifetime`, and there is none".into())
        }
        Some(true) if is_nothing => {
            Err("`store = true` does not say for how long; set a `lifetime`".into())
        }
        // A rule that sets nothing is an exception from those below it.
        _ => Ok(Action::Set(settings)),
    }
}

fn settings(typed: &RuleConfig) -> Result<TtlSettings> {
    let duration = |key: &str, text: &Option<String>| match text {
        None => Ok(None),
        Some(text) => time::parse(text)
            .map(Some)
            .map_err(|why| Error::Message(format!("`{key}`: {why}"))),
    };
    let mut settings = TtlSettings::new();
    if let Some(lifetime) = duration("lifetime", &typed.lifetime)? {
        settings = settings.lifetime(lifetime);
    }
    let window = &typed.stale_while_revalidate;
    if let Some(window) = duration("stale_while_revalidate", window)? {
        settings = settings.stale_while_revalidate(window);
    }
    if let Some(window) = duration("stale_if_error", &typed.stale_if_error)? {
        settings = settings.stale_if_error(window);
    }
    if typed.tags.len() > MAX_TAGS {
        let count = typed.tags.len();
        return Err(Error::Message(format!(
            "`tags` has {count}; it may have {MAX_TAGS}"
        )));
    }
    for tag in &typed.tags {
        let sound = tag.bytes().all(|byte| byte.is_ascii_graphic()) && !tag.contains(',');
        if !(1..=MAX_TAG).contains(&tag.len()) || !sound {
            let message = format!(
                "`tags` has {tag:?}; a tag has 1 to {MAX_TAG} visible ASCII characters without a comma"
            );
            return Err(Error::Message(message));
        }
        settings = settings.tag(tag);
    }
    Ok(settings)
}

/// `text/html`, `image/*`, `*+json`.
fn media_type(text: &str) -> Result<Pattern> {
    if text.contains(';') {
        let message = format!("`types` has {text:?}; media types are compared without parameters");
        return Err(Error::Message(message));
    }
    if !text.contains(['/', '*']) {
        let message =
            format!("`types` has {text:?}, which is none such as \"text/html\" or \"image/*\"");
        return Err(Error::Message(message));
    }
    Pattern::text(&text.to_ascii_lowercase())
}

/// `404`, or `4xx`.
fn status(text: &str) -> Result<RangeInclusive<u16>> {
    let wrong = || {
        let message =
            format!("`statuses` has {text:?}; it takes \"404\", or \"4xx\" for all that begin so");
        Error::Message(message)
    };
    let (digits, width) = match text.strip_suffix("xx") {
        Some(digit) => (digit, 100),
        None => (text, 1),
    };
    let number: u16 = digits.parse().map_err(|_| wrong())?;
    let first = number
        .checked_mul(width)
        .filter(|first| (200..=599).contains(first));
    let first = first.ok_or_else(wrong)?;
    Ok(first..=first + (width - 1))
}
