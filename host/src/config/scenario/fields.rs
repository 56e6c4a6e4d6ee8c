//! Fields as scenarios write them: a table of names, each with a value or a list of values.

use super::super::printable::printable;
use super::super::report::Problem;
use super::super::scalar::string;
use super::super::source::{At, Placed};
use super::super::walk::{Kind, Value, entries, kind, list, placed};
use http::{HeaderMap, HeaderName, HeaderValue};

/// A field and the values of its lines.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldLines {
    /// The name.
    pub name: HeaderName,
    /// The values, in their order.
    pub values: Vec<HeaderValue>,
    /// Where they are.
    pub at: At,
}

/// Reads a table of fields.
pub(super) fn lines(value: &Value<'_>) -> Option<Vec<FieldLines>> {
    let read = entries(value)?.into_iter().map(|(name, value)| {
        let name = named(&name, value.file)?;
        Some(FieldLines {
            name,
            values: values(&value)?,
            at: value.at,
        })
    });
    // Collected first, so that no entry hides the problems of the next.
    let read: Vec<Option<FieldLines>> = read.collect();
    read.into_iter().collect()
}

/// Fields of the connection, which the sender of a message sets.
const FRAMING: [HeaderName; 3] = [
    HeaderName::from_static("connection"),
    HeaderName::from_static("content-length"),
    HeaderName::from_static("transfer-encoding"),
];

/// Fields as a message has them that is to be sent.
pub(super) fn map(value: &Value<'_>) -> Option<HeaderMap> {
    let mut map = HeaderMap::new();
    for line in lines(value)? {
        if FRAMING.contains(&line.name) {
            let problem = Problem::new(format!("the field {} can't be scripted", line.name));
            value.file.problems.add(
                problem
                    .at(line.at)
                    .note("it belongs to the connection")
                    .help("remove it"),
            );
            return None;
        }
        for value in line.values {
            map.append(line.name.clone(), value);
        }
    }
    Some(map)
}

/// Reads a list of names of fields.
pub(super) fn names(value: &Value<'_>) -> Option<Vec<Placed<HeaderName>>> {
    list(placed(|value| {
        let name = Placed {
            value: string(value)?,
            at: value.at,
        };
        named(&name, value.file)
    }))(value)
}

fn named(name: &Placed<String>, file: &super::super::walk::File<'_>) -> Option<HeaderName> {
    let read = HeaderName::from_bytes(name.as_bytes()).ok();
    if read.is_none() {
        let problem = Problem::new(format!("`{}` is no name of a field", printable(name)));
        file.problems
            .add(problem.at(name.at).help("for instance \"Content-Type\""));
    }
    read
}

fn values(value: &Value<'_>) -> Option<Vec<HeaderValue>> {
    let one = |value: &Value<'_>| match HeaderValue::from_str(&string(value)?) {
        Ok(read) => Some(read),
        Err(_) => value.refuse(
            Problem::new("this can't be the value of a field")
                .note("a value has no line ends and no control characters"),
        ),
    };
    match kind(value) {
        Kind::List => list(one)(value),
        _ => Some(vec![one(value)?]),
    }
}
