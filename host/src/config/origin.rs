//! Origins: where a distribution's content comes from. Names, ranges and defaults are CloudFront's.

use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderName, HeaderValue};

use super::capabilities::{Backend, BackendUrl};
use super::names;
use super::printable::printable;
use super::report::Problem;
use super::scalar::{boolean, duration, integer, one_of, path, string, text};
use super::source::{At, Placed};
use super::walk::{Table, Value, entries, placed};

/// One `[[origins]]` table of a distribution.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    /// `id`: the name that behaviors and plugins use. Required.
    pub id: Placed<String>,
    /// `domain`: host name or IP address, without scheme and port. An IPv6 address is kept in brackets.
    /// Required.
    pub domain: String,
    /// The Host field of requests to the origin, unless the viewer's is forwarded: the domain alone, as
    /// CloudFront sends it.
    pub host_field: HeaderValue,
    /// `protocol`: `"http-only"`, `"https-only"` or `"match-viewer"`. Default `"http-only"`.
    pub protocol: Protocol,
    /// `http_port`: 80, 443, or 1024 to 65535. Default 80.
    pub http_port: u16,
    /// `https_port`: 80, 443, or 1024 to 65535. Default 443.
    pub https_port: u16,
    /// `path`: put before the path of every request; begins with `/`, does not end with one. Default: empty.
    pub path: String,
    /// `headers`: a table of fields sent with every request, in place of the viewer's fields of that name.
    /// At most 30, names up to 256 characters, values up to 1,783, together up to 10,240. Default: none.
    pub fields: Vec<(HeaderName, HeaderValue)>,
    /// `connection_attempts`: 1 to 3; bounds also how often GET and HEAD are tried after a read timeout.
    /// Default 3.
    pub connection_attempts: u32,
    /// `connection_timeout`: for one attempt, 1 s to 10 s. Default 10 s.
    pub connection_timeout: Duration,
    /// `read_timeout`: until the first byte, and between two pieces; 1 s to 120 s. Default 30 s.
    pub read_timeout: Duration,
    /// `keepalive_timeout`: how long an idle connection is kept; 1 s to 120 s. Default 5 s.
    pub keepalive_timeout: Duration,
    /// `response_completion_timeout`: for the whole response, from `read_timeout` to 24 h. Default: no bound.
    pub response_completion_timeout: Option<Duration>,
    /// `max_response_fields`: field lines of one response, 1 to 2,000. Default 200.
    pub max_response_fields: usize,
    /// `lenient_framing`: takes responses whose framing RFC 9112 lets a recipient repair: lines that end with a bare LF,
    /// Content-Length beside Transfer-Encoding, `chunked` named twice. Default: they are refused.
    pub lenient_framing: bool,
    /// `ca_file`: PEM certificates to trust in place of the public ones. Default: the public ones.
    pub ca_file: Option<Placed<PathBuf>>,
}

/// How an origin is spoken to.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Protocol {
    /// Plain HTTP, on `http_port`.
    HttpOnly,
    /// TLS, on `https_port`.
    HttpsOnly,
    /// As the viewer spoke to us.
    MatchViewer,
}

const PROTOCOLS: [(&str, Protocol); 3] = [
    ("http-only", Protocol::HttpOnly),
    ("https-only", Protocol::HttpsOnly),
    ("match-viewer", Protocol::MatchViewer),
];

/// Field lines of one response unless `max_response_fields` says otherwise.
const MAX_RESPONSE_FIELDS: usize = 200;

impl Origin {
    /// A host that a plugin names, with the defaults of origins; `id` is what logs and metrics call it. `None` where name or
    /// port are none that an origin may have.
    pub fn of_host(id: String, name: &str, secure: bool, port: u16) -> Option<Origin> {
        let domain = names::host_name(name).ok()?;
        matches!(port, 80 | 443 | 1024..).then(|| Origin::plain(id, domain, secure, port))
    }

    /// A backend of a plugin: one attempt, within the backend's own timeout.
    pub fn of_backend(backend: &Backend) -> Origin {
        let BackendUrl {
            secure, host, port, ..
        } = &backend.url;
        let plain = Origin::plain(backend.name.clone(), host.clone(), *secure, *port);
        let usual = if *secure { 443 } else { 80 };
        let host_field = match *port == usual {
            true => plain.host_field.clone(),
            false => HeaderValue::from_str(&format!("{host}:{port}"))
                .unwrap_or_else(|_| plain.host_field.clone()),
        };
        Origin {
            host_field,
            connection_attempts: 1,
            connection_timeout: backend.timeout,
            read_timeout: backend.timeout,
            ..plain
        }
    }

    /// An origin of a scenario: a server on this machine, whose port is known when it listens. One attempt, so that it sees
    /// no request twice.
    pub(super) fn scripted(id: Placed<String>) -> Origin {
        let plain = Origin::plain(String::new(), "127.0.0.1".to_owned(), false, 80);
        Origin {
            id,
            connection_attempts: 1,
            ..plain
        }
    }

    fn plain(id: String, domain: String, secure: bool, port: u16) -> Origin {
        let secs = Duration::from_secs;
        Origin {
            id: Placed {
                value: id,
                at: At::default(),
            },
            host_field: HeaderValue::from_str(&domain)
                .expect("a host name or an address has only characters that a field may have"),
            domain,
            protocol: match secure {
                true => Protocol::HttpsOnly,
                false => Protocol::HttpOnly,
            },
            http_port: port,
            https_port: port,
            path: String::new(),
            fields: Vec::new(),
            connection_attempts: 3,
            connection_timeout: secs(10),
            read_timeout: secs(30),
            keepalive_timeout: secs(5),
            response_completion_timeout: None,
            max_response_fields: MAX_RESPONSE_FIELDS,
            lenient_framing: false,
            ca_file: None,
        }
    }
}

/// Reads one origin.
pub(super) fn read(t: &Table<'_>) -> Origin {
    let secs = Duration::from_secs;
    let read_timeout = t.or("read_timeout", secs(30), duration(secs(1)..=secs(120)));
    let domain: String = t.required(
        "domain",
        "domain = \"origin.example.com\"",
        text(names::origin_domain),
    );
    Origin {
        host_field: HeaderValue::from_str(&domain)
            .expect("a host name or an address has only characters that a field may have"),
        domain,
        id: t.required("id", "id = \"main\"", placed(text(names::identifier))),
        protocol: t.or("protocol", Protocol::HttpOnly, one_of(&PROTOCOLS)),
        http_port: t.or("http_port", 80, port),
        https_port: t.or("https_port", 443, port),
        path: t.or("path", String::new(), text(origin_path)),
        fields: t.or("headers", Vec::new(), fields),
        connection_attempts: t.or("connection_attempts", 3, integer(1..=3)),
        connection_timeout: t.or("connection_timeout", secs(10), duration(secs(1)..=secs(10))),
        read_timeout,
        keepalive_timeout: t.or("keepalive_timeout", secs(5), duration(secs(1)..=secs(120))),
        response_completion_timeout: t.optional(
            "response_completion_timeout",
            duration(read_timeout..=secs(86_400)),
        ),
        max_response_fields: t.or(
            "max_response_fields",
            MAX_RESPONSE_FIELDS,
            integer(1..=2_000),
        ),
        lenient_framing: t.or("lenient_framing", false, boolean),
        ca_file: t.optional("ca_file", placed(path)),
    }
}

fn port(value: &Value<'_>) -> Option<u16> {
    let port: u64 = integer(0..=u64::MAX)(value)?;
    match u16::try_from(port) {
        Ok(port @ (80 | 443 | 1024..)) => Some(port),
        _ => value.refuse(
            Problem::new(format!("`{}` cannot be {port}", value.key))
                .allowed("80, 443, or 1024 to 65535"),
        ),
    }
}

fn origin_path(text: &str) -> Result<String, Problem> {
    let shown = printable(text);
    let refuse = |why: &str, better: &str| {
        let problem = Problem::new(format!("the origin path `{shown}` {why}"));
        Err(match better {
            "" | "/" => problem.help("leave `path` out to add nothing"),
            better => problem.help(format!("write \"{}\"", printable(better))),
        })
    };
    if text.is_empty() {
        return Ok(String::new());
    }
    if text.contains(|c: char| !c.is_ascii_graphic() || matches!(c, '?' | '#')) {
        let problem = Problem::new(format!("the origin path `{shown}` is not a path"));
        return Err(problem
            .help("percent-encode what is not ASCII; queries and fragments do not belong here"));
    }
    if text.ends_with('/') {
        return refuse("ends with `/`", &format!("/{}", text.trim_matches('/')));
    }
    if !text.starts_with('/') {
        return refuse("does not begin with `/`", &format!("/{text}"));
    }
    Ok(text.to_owned())
}

/// Fields that are the host's own business, or the connection's. CloudFront's list, and CDN-Loop (RFC 8586).
const REFUSED_FIELDS: [&str; 23] = [
    "cache-control",
    "cdn-loop",
    "connection",
    "content-length",
    "cookie",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "max-forwards",
    "pragma",
    "proxy-connection",
    "range",
    "request-range",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-real-ip",
    "keep-alive",
];

/// Whole families of the same.
const REFUSED_PREFIXES: [&str; 3] = ["proxy-auth", "x-amz-", "x-edge-"];

fn fields(value: &Value<'_>) -> Option<Vec<(HeaderName, HeaderValue)>> {
    let entries = entries(value)?;
    let total: usize = entries
        .iter()
        .map(|(name, value)| name.len() + string_len(value))
        .sum();
    if entries.len() > 30 || total > 10_240 {
        let problem = Problem::new(format!(
            "{} fields of {total} characters are too many",
            entries.len()
        ));
        return value.refuse(problem.allowed("at most 30 fields, and 10,240 characters together"));
    }
    let mut fields: Vec<(HeaderName, HeaderValue)> = Vec::new();
    for (name, value) in &entries {
        let refuse = |problem: Problem| value.file.problems.add(problem.at(name.at));
        match field_name(name) {
            Err(problem) => refuse(problem),
            Ok(field) if fields.iter().any(|(other, _)| *other == field) => {
                let problem = Problem::new(format!(
                    "the field `{field}` is there twice, in another spelling"
                ));
                refuse(problem.help("remove one of the two"));
            }
            Ok(field) => fields.extend(field_value(value).map(|value| (field, value))),
        }
    }
    Some(fields)
}

fn string_len(value: &Value<'_>) -> usize {
    match super::walk::kind(value) {
        super::walk::Kind::Text(text) => text.len(),
        _ => 0,
    }
}

fn field_name(name: &str) -> Result<HeaderName, Problem> {
    let lower = name.to_ascii_lowercase();
    let shown = printable(name);
    if REFUSED_FIELDS.contains(&lower.as_str())
        || REFUSED_PREFIXES
            .iter()
            .any(|start| lower.starts_with(start))
    {
        let problem = Problem::new(format!("the field `{shown}` cannot be set for an origin"));
        let problem =
            problem.note("it belongs to the connection, to the cache, or to the host itself");
        return Err(problem.help("remove it, or choose a name of your own"));
    }
    let valid = HeaderName::from_bytes(lower.as_bytes())
        .ok()
        .filter(|_| name.len() <= 256);
    valid.ok_or_else(|| {
        let problem = Problem::new(format!("`{shown}` cannot be the name of a field"));
        problem.allowed("1 to 256 letters, digits and ! # $ % & ' * + - . ^ _ ` | ~")
    })
}

fn field_value(value: &Value<'_>) -> Option<HeaderValue> {
    let typed = string(value)?;
    let sound = typed.len() <= 1_783 && typed.trim() == typed && typed.is_ascii();
    match HeaderValue::from_str(&typed).ok().filter(|_| sound) {
        Some(valid) => Some(valid),
        None => value.refuse(
            Problem::new(format!(
                "the value of `{}` cannot be sent in a field",
                printable(value.key)
            ))
            .allowed("up to 1,783 visible ASCII characters, with spaces only between them"),
        ),
    }
}
