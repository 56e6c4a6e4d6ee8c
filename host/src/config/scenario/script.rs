//! Scripted servers: what origins and backends of a scenario answer.

use super::super::names;
use super::super::report::Problem;
use super::super::scalar::{boolean, integer, path, string, text};
use super::super::source::{At, Placed};
use super::super::walk::{Table, Value, placed, tables};
use super::fields;
use crate::files::{self, ReadError};
use bytes::Bytes;
use http::header::HeaderMap;
use http::{Request, StatusCode};
use std::path::Path;

/// The largest `body_file`.
const MAX_BODY: u64 = 64 << 20;

/// One of `[[origins]]` or `[[backends]]`.
#[derive(Clone, Debug)]
pub struct Scripted {
    /// `id` of an origin, `name` of a backend.
    pub name: Placed<String>,
    /// `answers`: the first that fits is given, and 404 where none does. Default: 200 with the text `ok`, to everything.
    pub answers: Vec<Answer>,
}

impl Scripted {
    /// One that answers everything.
    pub(super) fn plain(name: &str, at: At) -> Scripted {
        Scripted {
            name: Placed {
                value: name.to_owned(),
                at,
            },
            answers: vec![Answer {
                body: "ok".into(),
                ..Answer::default()
            }],
        }
    }

    /// Returns the answer to this request; `None` for 404.
    pub fn answer<B>(&self, request: &Request<B>) -> Option<&Answer> {
        self.answers.iter().find(|answer| answer.is_for(request))
    }
}

/// One of the `answers` of a server.
#[derive(Clone, Debug)]
pub struct Answer {
    /// `path`: for which paths; a `*` at the end stands for any ending. One with a `?` counts for path and query. Default `*`.
    pub path: String,
    /// `when_fields`: only for requests with these values. Default: for all.
    pub when_fields: HeaderMap,
    /// `status`, 200 to 599. Default 200.
    pub status: StatusCode,
    /// `fields`: sent with it.
    pub fields: HeaderMap,
    /// `body`, or what the file `body_file` holds. Default: empty.
    pub body: Bytes,
    /// `breaks`: the connection is closed in place of an answer. Default `false`.
    pub breaks: bool,
}

impl Default for Answer {
    fn default() -> Answer {
        Answer {
            path: "*".to_owned(),
            when_fields: HeaderMap::new(),
            status: StatusCode::OK,
            fields: HeaderMap::new(),
            body: Bytes::new(),
            breaks: false,
        }
    }
}

impl Answer {
    fn is_for<B>(&self, request: &Request<B>) -> bool {
        let uri = request.uri();
        let target = match self.path.contains('?') {
            true => uri.path_and_query().map_or("/", |target| target.as_str()),
            false => uri.path(),
        };
        let fits = match self.path.strip_suffix('*') {
            Some(beginning) => target.starts_with(beginning),
            None => target == self.path,
        };
        let fields = request.headers();
        fits && self
            .when_fields
            .iter()
            .all(|(name, value)| fields.get_all(name).iter().any(|found| found == value))
    }
}

/// Reads one of the `[[origins]]`.
pub(super) fn origin(t: &Table<'_>) -> Scripted {
    scripted(t, "id", "id = \"main\"")
}

/// Reads one of the `[[backends]]`.
pub(super) fn backend(t: &Table<'_>) -> Scripted {
    scripted(t, "name", "name = \"auth\"")
}

fn scripted(t: &Table<'_>, key: &'static str, example: &str) -> Scripted {
    let name = t.required(key, example, placed(text(names::identifier)));
    let plain = Scripted::plain(&name, name.at);
    Scripted {
        name,
        answers: t.or("answers", plain.answers, tables("an answer", answer)),
    }
}

fn answer(t: &Table<'_>) -> Answer {
    let plain = Answer::default();
    t.exclusive("body", "body_file");
    let body = t.optional("body", string).map(Bytes::from);
    Answer {
        path: t.or("path", plain.path, text(pattern)),
        when_fields: t.or("when_fields", plain.when_fields, fields::map),
        status: t.or("status", plain.status, |v| {
            StatusCode::from_u16(integer(200..=599)(v)?).ok()
        }),
        fields: t.or("fields", plain.fields, fields::map),
        body: body
            .or(t.optional("body_file", body_file))
            .unwrap_or_default(),
        breaks: t.or("breaks", plain.breaks, boolean),
    }
}

fn pattern(text: &str) -> Result<String, Problem> {
    let inner = text.strip_suffix('*').unwrap_or(text);
    match (text == "*" || text.starts_with('/')) && !inner.contains('*') {
        true => Ok(text.to_owned()),
        false => Err(Problem::new("this is no path of an answer")
            .allowed("a path that begins with `/`, with a `*` at its end perhaps; or `*`")
            .help("for instance \"/images/*\"")),
    }
}

fn body_file(value: &Value<'_>) -> Option<Bytes> {
    let file = path(value)?;
    match read(&file) {
        Ok(bytes) => Some(bytes),
        Err(why) => value.refuse(
            Problem::new(format!("{} can't be read: {why}", file.display()))
                .note("`body_file` is relative to the scenario's folder"),
        ),
    }
}

fn read(file: &Path) -> Result<Bytes, String> {
    match files::read(file, MAX_BODY) {
        Ok(bytes) => Ok(bytes.into()),
        Err(ReadError::TooLarge { .. }) => Err("it has more than 64 MiB".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
