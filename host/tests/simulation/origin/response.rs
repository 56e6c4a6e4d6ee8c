//! The origin's answers: as the state of the resource says, with validation and ranges (RFC 9110, sections 13 and 14).

use super::Gate;
use super::Shared;
use super::request::Request;
use crate::content::{Policy, RESOURCES, Resource, Validator};
use crate::state::{Framing, Mode, State};
use std::time::{Duration, SystemTime};

/// One answer of the origin.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) resource: usize,
    /// The number of its request among all that arrived.
    pub(crate) arrival: u64,
    /// All of the request that it may depend on.
    pub(crate) asked: String,
    pub(crate) lang: String,
    pub(crate) version: u64,
    pub(crate) status: u16,
    pub(crate) state: State,
    /// HTTP time when it was sent, in milliseconds.
    pub(crate) at: u64,
    /// When its version was last modified, in milliseconds.
    pub(crate) modified: u64,
    /// True if the body breaks off.
    pub(crate) is_truncated: bool,
    /// When a soft invalidation ended its freshness. The model's mark, on a copy of the log's entry.
    pub(crate) softened: Option<u64>,
}

impl Shared {
    /// The head and the body of the response, which is logged.
    pub(super) fn response(&self, request: &Request, arrival: u64) -> (Exchange, String, Vec<u8>) {
        let resource = &RESOURCES[request.resource];
        let lang = request.lang();
        let now = self.clock.now().0;
        let mut inner = self.lock();
        let is_unsafe = request.method == "POST";
        let state = &mut inner.states[request.resource];
        if is_unsafe && state.mode == Mode::Good {
            state.version += 1;
        }
        let state = *state;
        let modified = self.start - 3_000_000 + state.version * 1000;
        let content = resource.body(&lang, state.version);
        let (status, mut body, more) = match state.mode {
            Mode::Error(status) => (
                status,
                format!("error {status} of {}", inner.log.len()).into_bytes(),
                String::new(),
            ),
            _ if is_unsafe => (200, b"done".to_vec(), String::new()),
            _ if is_confirmed(request, resource, &lang, &state, modified) => {
                (304, Vec::new(), String::new())
            }
            _ => partial(request, resource, &lang, &state, content),
        };
        let breaks_off =
            state.mode == Mode::Truncates || inner.hangs == Some((request.resource, Gate::Body));
        let exchange = Exchange {
            resource: request.resource,
            arrival,
            asked: request.key(),
            lang,
            version: state.version,
            status,
            state,
            at: now,
            modified,
            is_truncated: breaks_off && request.method == "GET" && status != 304 && body.len() > 1,
            softened: None,
        };
        let sent = inner.log.len();
        inner.log.push(exchange.clone());
        drop(inner);
        let head = head(&exchange, sent, request, &body, &more);
        if request.method == "HEAD" {
            body.clear();
        }
        (exchange, head, body)
    }
}

fn head(exchange: &Exchange, sent: usize, request: &Request, body: &[u8], more: &str) -> String {
    let (resource, state) = (&RESOURCES[exchange.resource], &exchange.state);
    let (status, version) = (exchange.status, exchange.version);
    let mut head = format!(
        "HTTP/1.1 {status} Any\r\nDate: {}\r\nX-Sent: {sent}\r\nX-Version: {version}\r\nCache-Tag: {}\r\n\
         Cache-Control: {}\r\n{more}",
        http_date(exchange.at),
        resource.tags(version).join(", "),
        state.said.field(),
    );
    if resource.policy == Policy::Plugged {
        head += &format!("X-Plugin: {}\r\n", state.hook.field());
    }
    if resource.varies {
        head += "Vary: Accept-Language\r\n";
    }
    if matches!(status, 200 | 206 | 304) && request.method != "POST" {
        if let Some(etag) = resource.etag(&exchange.lang, version) {
            head += &format!("ETag: {etag}\r\n");
        }
        if resource.validator == Validator::Modified {
            head += &format!("Last-Modified: {}\r\n", http_date(exchange.modified));
        }
    }
    if state.age > 0 {
        head += &format!("Age: {}\r\n", state.age);
    }
    if state.closes || exchange.is_truncated {
        head += "Connection: close\r\n";
    }
    if status != 304 {
        head += &match state.framing {
            Framing::Chunked if request.method != "HEAD" => {
                "Transfer-Encoding: chunked\r\n".to_owned()
            }
            _ => format!("Content-Length: {}\r\n", body.len()),
        };
    }
    head + "\r\n"
}

/// RFC 9110, section 13.2.2, as far as caches ask.
fn is_confirmed(
    request: &Request,
    resource: &Resource,
    lang: &str,
    state: &State,
    modified: u64,
) -> bool {
    if let Some(asked) = request.fields.get("if-none-match") {
        return resource
            .etag(lang, state.version)
            .is_some_and(|etag| asked.contains(&etag));
    }
    let asked = request.fields.get("if-modified-since");
    resource.validator == Validator::Modified && asked == Some(&http_date(modified))
}

/// The whole, or one range of it.
fn partial(
    request: &Request,
    resource: &Resource,
    lang: &str,
    state: &State,
    content: Vec<u8>,
) -> (u16, Vec<u8>, String) {
    let held = |condition: &str| {
        resource.validator == Validator::Strong
            && resource.etag(lang, state.version).as_deref() == Some(condition)
    };
    let asked = request
        .fields
        .get("range")
        .and_then(|range| range.strip_prefix("bytes="));
    let applies = request.method == "GET" && request.fields.get("if-range").is_none_or(held);
    let Some((first, last)) = asked
        .filter(|_| applies)
        .and_then(|asked| asked.split_once('-'))
    else {
        return (200, content, String::new());
    };
    let length = content.len();
    let (first, last) = match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), Ok(last)) => (first, last.min(length - 1)),
        (Ok(first), Err(_)) if last.is_empty() => (first, length - 1),
        (Err(_), Ok(count)) if first.is_empty() && count > 0 => {
            (length.saturating_sub(count), length - 1)
        }
        _ => return (200, content, String::new()),
    };
    if first > last {
        return (
            416,
            b"no such range".to_vec(),
            format!("Content-Range: bytes */{length}\r\n"),
        );
    }
    let field = format!("Content-Range: bytes {first}-{last}/{length}\r\n");
    (206, content[first..=last].to_vec(), field)
}

pub(super) fn framed(body: &[u8], framing: Framing) -> Vec<u8> {
    if framing == Framing::Length || body.is_empty() {
        return body.to_vec();
    }
    let mut framed = Vec::with_capacity(body.len() + 64);
    for chunk in body.chunks(50_000) {
        framed.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        framed.extend_from_slice(chunk);
        framed.extend_from_slice(b"\r\n");
    }
    framed.extend_from_slice(b"0\r\n\r\n");
    framed
}

fn http_date(milliseconds: u64) -> String {
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds))
}
