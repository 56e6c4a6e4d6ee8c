//! The fields that responses get: the defaults, the configuration's in their place, and those of rules in place of both.

use std::collections::BTreeMap;

use selvedge_sdk::pattern::Pattern;
use selvedge_sdk::prelude::*;

use crate::names::{check_name, check_value};
use crate::settings::{RuleSettings, Settings};

const HSTS: &str = "strict-transport-security";

/// Values that are right for nearly every site.
const DEFAULTS: [(&str, &str); 4] = [
    ("Strict-Transport-Security", "max-age=31536000"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "SAMEORIGIN"),
    ("Referrer-Policy", "strict-origin-when-cross-origin"),
];

/// A field's value under its name in lower case, which is how it goes out; no value where it is left out.
type Values = BTreeMap<String, Option<String>>;

pub(crate) struct Fields {
    usual: Values,
    rules: Vec<Rule>,
    origin_wins: Vec<String>,
    remove: Vec<String>,
    behind_tls: bool,
}

/// Other values for responses of these paths and types; all, where none are named.
struct Rule {
    paths: Vec<Pattern>,
    content_types: Vec<Pattern>,
    fields: Values,
}

impl Fields {
    pub(crate) fn new(settings: &Settings) -> Result<Fields> {
        let cors = settings.cors.is_some();
        let mut usual = Values::new();
        for (name, value) in DEFAULTS.iter().filter(|_| settings.defaults) {
            usual.insert(name.to_ascii_lowercase(), Some((*value).to_owned()));
        }
        usual.extend(values(&settings.fields, cors)?);
        let rules = settings.rules.iter().enumerate();
        let rules = rules
            .map(|(index, rule)| Rule::new(rule, cors).map_err(|error| at(index, &error)))
            .collect::<Result<_>>()?;
        for name in settings.origin_wins.iter().chain(&settings.remove) {
            check_name(name, cors)?;
        }
        let lower = |names: &[String]| names.iter().map(|name| name.to_ascii_lowercase()).collect();
        Ok(Fields {
            usual,
            rules,
            origin_wins: lower(&settings.origin_wins),
            remove: lower(&settings.remove),
            behind_tls: settings.behind_tls,
        })
    }

    /// The edits that a response gets.
    pub(crate) fn edits(&self, request: &Request, response: &Response) -> ResponseEdits {
        let mut edits = ResponseEdits::new();
        for name in &self.remove {
            edits = edits.remove(name);
        }
        for (name, value) in self.of(request, response) {
            let Some(value) = value else { continue };
            // Over plain HTTP anybody could have written it (RFC 6797, section 7.2).
            let insecure = request.scheme() == Scheme::Http && !self.behind_tls;
            if name == HSTS && insecure {
                continue;
            }
            if self.origin_wins.contains(name) && response.field(name).is_some() {
                continue;
            }
            edits = edits.set(name, value);
        }
        edits
    }

    /// The values for this response; the last rule that says something about a field wins.
    fn of(&self, request: &Request, response: &Response) -> BTreeMap<&String, Option<&String>> {
        let mut of: BTreeMap<_, _> = pairs(&self.usual).collect();
        if self.rules.is_empty() {
            return of;
        }
        let path = request.path();
        let kind = response.field_text("Content-Type").unwrap_or_default();
        let kind = kind.to_ascii_lowercase();
        for rule in self.rules.iter().filter(|rule| rule.concerns(&path, &kind)) {
            of.extend(pairs(&rule.fields));
        }
        of
    }
}

impl Rule {
    fn new(settings: &RuleSettings, cors: bool) -> Result<Rule> {
        if settings.paths.is_empty() && settings.content_types.is_empty() {
            return Err("it concerns nothing: name `paths` or `content_types`".into());
        }
        let paths = settings.paths.iter().map(|path| Pattern::path(path));
        let types = settings.content_types.iter();
        let types = types.map(|kind| Pattern::text(&kind.to_ascii_lowercase()));
        Ok(Rule {
            paths: paths.collect::<Result<_>>()?,
            content_types: types.collect::<Result<_>>()?,
            fields: values(&settings.fields, cors)?,
        })
    }

    fn concerns(&self, path: &str, kind: &str) -> bool {
        let essence = kind.split(';').next().unwrap_or_default().trim();
        let any = |patterns: &[Pattern], text: &str| {
            patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(text))
        };
        any(&self.paths, path) && any(&self.content_types, essence)
    }
}

/// Names in lower case; an empty value leaves the field out.
fn values(fields: &BTreeMap<String, String>, cors: bool) -> Result<Values> {
    let value = |(name, value): (&String, &String)| {
        check_name(name, cors)?;
        check_value(name, value)?;
        let value = Some(value.clone()).filter(|value| !value.is_empty());
        Ok((name.to_ascii_lowercase(), value))
    };
    fields.iter().map(value).collect()
}

fn pairs(values: &Values) -> impl Iterator<Item = (&String, Option<&String>)> {
    values.iter().map(|(name, value)| (name, value.as_ref()))
}

fn at(index: usize, error: &Error) -> Error {
    Error::Message(format!("`rules[{index}]`: {error}"))
}
