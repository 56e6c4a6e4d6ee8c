//! Small readers that collect problems instead of stopping at the first.
//!
//! A reader is a function from a [`Value`] to `Option<T>`; `None` means that it has recorded a problem.
//! Combinators make readers of readers, so that a table is read by one line per key, and a key that no line
//! asks for is reported with what exists:
//!
//! ```text
//! read_timeout: t.or("read_timeout", secs(30), duration(secs(1)..=secs(120))),
//! ```
//!
//! After a problem the reading goes on with a stand-in (the type's default). Nobody sees one: a load with an
//! error gives no configuration. Checks that compare values skip those that are stand-ins.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::Path;
use std::sync::LazyLock;

use toml::de::{DeTable, DeValue};

use super::printable::printable;
use super::report::{Problem, Problems};
use super::source::{At, Placed};
use super::suggest::closest;

/// State that all readers of one file share.
pub(super) struct File<'a> {
    /// The file as a whole.
    pub(super) at: At,
    /// The file's folder: relative paths start here.
    pub(super) dir: &'a Path,
    /// Where problems go.
    pub(super) problems: &'a Problems,
}

/// One value of a file, with the key that it was found under.
#[derive(Copy, Clone)]
pub(super) struct Value<'a> {
    pub(super) file: &'a File<'a>,
    pub(super) key: &'a str,
    pub(super) at: At,
    pub(super) raw: &'a DeValue<'a>,
}

impl<'a> Value<'a> {
    /// Records a problem with this value.
    pub(super) fn refuse<T>(&self, problem: Problem) -> Option<T> {
        self.file.problems.add(problem.at(self.at));
        None
    }

    /// Records that the value has another type than the expected.
    pub(super) fn wrong_type<T>(&self, expected: &str) -> Option<T> {
        let found = match self.raw {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a floating-point number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        let problem = Problem::new(format!(
            "`{}` takes {expected}, not {found}",
            printable(self.key)
        ));
        self.refuse(match (expected, self.raw) {
            ("a list of tables", _) => problem.help(format!(
                "begin each with its name in double brackets: [[{}]]",
                self.key
            )),
            ("true or false", DeValue::String(_)) => {
                problem.help(format!("without quotes: {} = true", self.key))
            }
            ("an integer", DeValue::String(text)) if text.parse::<u64>().is_ok() => {
                problem.help(format!("without quotes: {} = {text}", self.key))
            }
            (_, raw) if expected.starts_with("a list") && !raw.is_table() => {
                problem.help(format!("write it in brackets: {} = [...]", self.key))
            }
            _ => problem,
        })
    }
}

/// A table that is being read. Remembers which keys were asked for: the others are unknown.
pub(super) struct Table<'a> {
    pub(super) file: &'a File<'a>,
    pub(super) at: At,
    name: &'a str,
    raw: &'a DeTable<'a>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> Table<'a> {
    fn get(&self, key: &'static str) -> Option<Value<'a>> {
        self.asked.borrow_mut().push(key);
        let (name, value) = self.raw.get_key_value(key)?;
        let at = self.file.at.span(value.span());
        Some(Value {
            file: self.file,
            key: name.get_ref(),
            at,
            raw: value.get_ref(),
        })
    }

    /// A key that may be left out.
    pub(super) fn optional<T>(
        &self,
        key: &'static str,
        read: impl Fn(&Value<'a>) -> Option<T>,
    ) -> Option<T> {
        read(&self.get(key)?)
    }

    /// A key with a default.
    pub(super) fn or<T>(
        &self,
        key: &'static str,
        default: T,
        read: impl Fn(&Value<'a>) -> Option<T>,
    ) -> T {
        self.optional(key, read).unwrap_or(default)
    }

    /// A key that must be there. `example` is what somebody who left it out could add.
    pub(super) fn required<T: Default>(
        &self,
        key: &'static str,
        example: &str,
        read: impl Fn(&Value<'a>) -> Option<T>,
    ) -> T {
        match self.get(key) {
            Some(value) => read(&value).unwrap_or_default(),
            None => {
                self.refuse(
                    Problem::new(format!("{} lacks `{key}`", self.name))
                        .help(format!("add, for instance: {example}")),
                );
                T::default()
            }
        }
    }

    /// The place of a key's value, if the key is there.
    pub(super) fn place(&self, key: &'static str) -> Option<At> {
        Some(self.get(key)?.at)
    }

    /// Records a problem with the table as a whole.
    pub(super) fn refuse(&self, problem: Problem) {
        self.file.problems.add(problem.at(self.at));
    }

    /// At most one of two keys may be there.
    pub(super) fn exclusive(&self, one: &'static str, other: &'static str) {
        if let (Some(first), Some(second)) = (self.place(one), self.place(other)) {
            let problem = Problem::new(format!("`{one}` and `{other}` exclude each other"));
            let problem = problem
                .at(first)
                .related(second, format!("`{other}` is here"));
            self.file.problems.add(problem.help("keep one of the two"));
        }
    }

    /// A table that may be left out: its reader then sees one without keys, at the place of this one. `name` as for [`table`].
    pub(super) fn table_or_empty<T>(
        &self,
        key: &'static str,
        name: &'static str,
        read: impl Fn(&Table<'a>) -> T,
    ) -> T {
        static EMPTY: LazyLock<DeTable<'static>> = LazyLock::new(DeTable::new);
        self.optional(key, table(name, &read)).unwrap_or_else(|| {
            let empty: &'a DeTable<'a> = &EMPTY;
            read(&Table {
                file: self.file,
                at: self.at,
                name,
                raw: empty,
                asked: RefCell::default(),
            })
        })
    }

    fn report_unknown_keys(&self) {
        let mut known = self.asked.borrow().clone();
        known.sort_unstable();
        known.dedup();
        for (key, _) in self
            .raw
            .iter()
            .filter(|(key, _)| !known.contains(&key.get_ref().as_ref()))
        {
            let name = key.get_ref();
            let problem = Problem::new(format!("{} has no key `{}`", self.name, printable(name)));
            let problem = problem.at(self.file.at.span(key.span())).exists(&known);
            self.file
                .problems
                .add(match closest(name, known.iter().copied()) {
                    Some(near) => problem.help(format!("did you mean `{near}`?")),
                    None => problem.help("remove it, or look for its right table"),
                });
        }
    }
}

/// Reads a whole file.
pub(super) fn document<T>(
    file: &File<'_>,
    name: &str,
    raw: &DeTable<'_>,
    read: impl Fn(&Table<'_>) -> T,
) -> T {
    read_table(
        Table {
            file,
            at: file.at,
            name,
            raw,
            asked: RefCell::default(),
        },
        read,
    )
}

fn read_table<'a, T>(table: Table<'a>, read: impl Fn(&Table<'a>) -> T) -> T {
    let read = read(&table);
    table.report_unknown_keys();
    read
}

/// A table. `name` begins sentences about it: "an origin", "a behavior".
pub(super) fn table<'a, T>(
    name: &'static str,
    read: impl Fn(&Table<'a>) -> T,
) -> impl Fn(&Value<'a>) -> Option<T> {
    move |value| {
        let DeValue::Table(raw) = value.raw else {
            return value.wrong_type("a table");
        };
        let table = Table {
            file: value.file,
            at: value.at,
            name,
            raw,
            asked: RefCell::default(),
        };
        Some(read_table(table, &read))
    }
}

/// A list. All items are read; if one has a problem, there is no list.
pub(super) fn list<'a, T>(
    item: impl Fn(&Value<'a>) -> Option<T>,
) -> impl Fn(&Value<'a>) -> Option<Vec<T>> {
    list_of("a list", item)
}

/// A list of tables, which TOML writes in double brackets.
pub(super) fn tables<'a, T>(
    name: &'static str,
    read: impl Fn(&Table<'a>) -> T,
) -> impl Fn(&Value<'a>) -> Option<Vec<T>> {
    list_of("a list of tables", table(name, read))
}

fn list_of<'a, T>(
    expected: &'static str,
    item: impl Fn(&Value<'a>) -> Option<T>,
) -> impl Fn(&Value<'a>) -> Option<Vec<T>> {
    move |value| {
        let items = items(value, expected)?;
        let read: Vec<Option<T>> = items.iter().map(&item).collect();
        read.into_iter().collect()
    }
}

fn items<'a>(value: &Value<'a>, expected: &str) -> Option<Vec<Value<'a>>> {
    let DeValue::Array(items) = value.raw else {
        return value.wrong_type(expected);
    };
    let item = |raw: &'a toml::Spanned<DeValue<'a>>| Value {
        at: value.file.at.span(raw.span()),
        raw: raw.get_ref(),
        ..*value
    };
    Some(items.iter().map(item).collect())
}

/// A list of at most `most` items, none of which may come twice.
pub(super) fn distinct<'a, T: Ord + Clone + Display>(
    most: usize,
    item: impl Fn(&Value<'a>) -> Option<T>,
) -> impl Fn(&Value<'a>) -> Option<Vec<Placed<T>>> {
    let item = placed(item);
    move |value| {
        let items = items(value, "a list")?;
        if items.len() > most {
            let problem = Problem::new(format!("`{}` has {} items", value.key, items.len()));
            return value.refuse(problem.allowed(format!("at most {most}")));
        }
        let items: Vec<Option<Placed<T>>> = items.iter().map(&item).collect();
        let mut seen = BTreeSet::new();
        for item in items
            .iter()
            .flatten()
            .filter(|item| !seen.insert(item.value.clone()))
        {
            let problem = Problem::new(format!("`{item}` is twice in `{}`", value.key));
            value
                .file
                .problems
                .add(problem.at(item.at).help("remove one of the two"));
        }
        items.into_iter().collect()
    }
}

/// Any table, with its entries in the order of their names.
pub(super) fn entries<'a>(value: &Value<'a>) -> Option<Vec<(Placed<String>, Value<'a>)>> {
    let DeValue::Table(raw) = value.raw else {
        return value.wrong_type("a table");
    };
    let entry = |(key, raw): (&'a toml::Spanned<_>, &'a toml::Spanned<DeValue<'a>>)| {
        let name: &'a std::borrow::Cow<'a, str> = key.get_ref();
        let at = |span| value.file.at.span(span);
        let placed = Placed {
            value: name.to_string(),
            at: at(key.span()),
        };
        (
            placed,
            Value {
                file: value.file,
                key: name,
                at: at(raw.span()),
                raw: raw.get_ref(),
            },
        )
    };
    Some(raw.iter().map(entry).collect())
}

/// The value, with its position.
pub(super) fn placed<'a, T>(
    read: impl Fn(&Value<'a>) -> Option<T>,
) -> impl Fn(&Value<'a>) -> Option<Placed<T>> {
    move |value| {
        Some(Placed {
            value: read(value)?,
            at: value.at,
        })
    }
}

/// Types of values, for readers that take several types.
pub(super) enum Kind<'a> {
    /// A string.
    Text(&'a str),
    /// A table.
    Table,
    /// A list.
    List,
    /// Anything else.
    Other,
}

/// Which of the types that matter to some reader the value has.
pub(super) fn kind<'a>(value: &Value<'a>) -> Kind<'a> {
    match value.raw {
        DeValue::String(text) => Kind::Text(text),
        DeValue::Table(_) => Kind::Table,
        DeValue::Array(_) => Kind::List,
        _ => Kind::Other,
    }
}
