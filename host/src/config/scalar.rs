//! Readers of single values: text, numbers with units and ranges, words. See [`super::walk`] for what a
//! reader is.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use toml::de::DeValue;

use super::printable::{printable, quoted};
use super::report::Problem;
use super::suggest::closest;
use super::units;
use super::walk::{Value, entries, list};

/// Any text.
pub(super) fn string(value: &Value<'_>) -> Option<String> {
    match value.raw {
        DeValue::String(text) => Some(text.to_string()),
        _ => value.wrong_type("a string"),
    }
}

/// Text that a function checks and turns into something.
pub(super) fn text<'a, T>(
    check: impl Fn(&str) -> Result<T, Problem>,
) -> impl Fn(&Value<'a>) -> Option<T> {
    move |value| match value.raw {
        DeValue::String(text) => check(text).map_or_else(|problem| value.refuse(problem), Some),
        _ => value.wrong_type("a string"),
    }
}

/// A path of the file system; relative ones start at the file's folder.
pub(super) fn path(value: &Value<'_>) -> Option<PathBuf> {
    match string(value)? {
        empty if empty.is_empty() => value.refuse(
            Problem::new(format!("`{}` is empty", value.key))
                .help("write a path, or leave the key out"),
        ),
        path => Some(value.file.dir.join(path)),
    }
}

/// `true` or `false`.
pub(super) fn boolean(value: &Value<'_>) -> Option<bool> {
    match value.raw {
        DeValue::Boolean(yes) => Some(*yes),
        _ => value.wrong_type("true or false"),
    }
}

/// A whole number within a range, which the type must have room for.
pub(super) fn integer<'a, T: TryFrom<u64>>(
    range: RangeInclusive<u64>,
) -> impl Fn(&Value<'a>) -> Option<T> {
    move |value| {
        let number = within(value, whole(value)?, &range, |number| number.to_string())?;
        T::try_from(number).ok()
    }
}

/// A duration within a range: text with a unit, or a whole number of seconds.
pub(super) fn duration<'a>(
    range: RangeInclusive<Duration>,
) -> impl Fn(&Value<'a>) -> Option<Duration> {
    move |value| {
        let duration = match value.raw {
            DeValue::String(_) => text(units::parse_duration)(value)?,
            DeValue::Integer(_) => Duration::from_secs(whole(value)?),
            _ => return value.wrong_type("a duration such as \"10 s\""),
        };
        within(value, duration, &range, |duration| {
            units::show_duration(*duration)
        })
    }
}

/// A duration of whole seconds, within a range of seconds.
pub(super) fn seconds<'a>(range: RangeInclusive<u64>) -> impl Fn(&Value<'a>) -> Option<u64> {
    let read = duration(Duration::from_secs(*range.start())..=Duration::from_secs(*range.end()));
    move |value| {
        let duration = read(value)?;
        match duration.subsec_nanos() {
            0 => Some(duration.as_secs()),
            _ => value.refuse(
                Problem::new(format!("`{}` counts whole seconds", value.key))
                    .help(format!("for instance \"{} s\"", duration.as_secs() + 1)),
            ),
        }
    }
}

/// A size within a range, which the type must have room for: text with a unit, or a whole number of bytes.
pub(super) fn size<'a, T: TryFrom<u64>>(
    range: RangeInclusive<u64>,
) -> impl Fn(&Value<'a>) -> Option<T> {
    move |value| {
        let bytes = match value.raw {
            DeValue::String(_) => text(units::parse_size)(value)?,
            DeValue::Integer(_) => whole(value)?,
            _ => return value.wrong_type("a size such as \"64 MiB\""),
        };
        T::try_from(within(value, bytes, &range, |bytes| {
            units::show_size(*bytes)
        })?)
        .ok()
    }
}

/// One of a few words.
pub(super) fn one_of<'a, T: Copy>(
    words: &'static [(&'static str, T)],
) -> impl Fn(&Value<'a>) -> Option<T> {
    let names = || words.iter().map(|(name, _)| *name);
    move |value| {
        let typed = string(value)?;
        if let Some((_, meaning)) = words.iter().find(|(name, _)| *name == typed) {
            return Some(*meaning);
        }
        let problem = Problem::new(format!(
            "`{}` is not a value of `{}`",
            printable(&typed),
            value.key
        ));
        let problem = problem.allowed(quoted(names()));
        value.refuse(match closest(&typed, names()) {
            Some(near) => problem.help(format!("did you mean \"{near}\"?")),
            None => problem,
        })
    }
}

/// Any value, as JSON: what plugins get as their configuration. A date becomes its text.
pub(super) fn json(value: &Value<'_>) -> Option<serde_json::Value> {
    use serde_json::Value as Json;
    Some(match value.raw {
        DeValue::String(text) => Json::String(text.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Json::from(number),
            Err(_) => return value.refuse(Problem::new("this number does not fit into 64 bits")),
        },
        DeValue::Float(number) => match number
            .as_str()
            .parse()
            .ok()
            .and_then(serde_json::Number::from_f64)
        {
            Some(number) => Json::Number(number),
            None => {
                let problem = Problem::new(
                    "plugins get their configuration as JSON, which has no such number",
                );
                return value.refuse(problem.help("write a finite number, or a string"));
            }
        },
        DeValue::Boolean(yes) => Json::Bool(*yes),
        DeValue::Datetime(date) => Json::String(date.to_string()),
        DeValue::Array(_) => Json::Array(list(json)(value)?),
        DeValue::Table(_) => {
            let entries = entries(value)?.into_iter();
            Json::Object(
                entries
                    .filter_map(|(key, value)| Some((key.value, json(&value)?)))
                    .collect(),
            )
        }
    })
}

fn whole(value: &Value<'_>) -> Option<u64> {
    let DeValue::Integer(number) = value.raw else {
        return value.wrong_type("an integer");
    };
    match u64::from_str_radix(number.as_str(), number.radix()) {
        Ok(number) => Some(number),
        Err(_) if number.as_str().starts_with('-') => {
            value.refuse(Problem::new(format!("`{}` cannot be negative", value.key)))
        }
        Err(_) => value.refuse(Problem::new(format!(
            "`{}` is too large to count",
            value.key
        ))),
    }
}

fn within<T: PartialOrd>(
    value: &Value<'_>,
    number: T,
    range: &RangeInclusive<T>,
    show: impl Fn(&T) -> String,
) -> Option<T> {
    if range.contains(&number) {
        return Some(number);
    }
    let problem = Problem::new(format!(
        "`{}` is out of range: {}",
        value.key,
        show(&number)
    ));
    value.refuse(problem.allowed(format!("{} to {}", show(range.start()), show(range.end()))))
}
