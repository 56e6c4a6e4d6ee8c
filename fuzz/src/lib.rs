//! Parts shared by the targets: a request and a response, written as people write them.

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use selvedge_caching::{Request, Response, Time};

/// When the responses of the corpus arrive: Sun, 06 Nov 1994 08:49:37 GMT.
pub const NOW: Time = Time(784_111_777_000);

/// A request and the response to it.
pub struct Exchange {
    pub method: Method,
    pub uri: Uri,
    pub status: StatusCode,
    pub request: HeaderMap,
    pub response: HeaderMap,
}

impl Exchange {
    /// Reads `GET /path 200`, the request's fields, an empty line, and the response's fields. What is no field is left out.
    pub fn read(bytes: &[u8]) -> Option<Exchange> {
        let mut lines = bytes.split(|byte| *byte == b'\n');
        let first = std::str::from_utf8(lines.next()?).ok()?;
        let mut words = first.split(' ');
        let method = words.next()?.parse().ok()?;
        let path = words.next()?;
        let uri = format!("http://www.example.test{path}").parse().ok()?;
        let status = StatusCode::from_bytes(words.next()?.as_bytes()).ok()?;
        let request = fields(lines.by_ref().take_while(|line| !line.is_empty()));
        Some(Exchange {
            method,
            uri,
            status,
            request,
            response: fields(lines),
        })
    }

    pub fn request(&self) -> Request<'_> {
        Request {
            method: &self.method,
            fields: &self.request,
            uri: &self.uri,
        }
    }

    pub fn received(&self, at: Time) -> Response<'_> {
        Response {
            status: self.status,
            fields: &self.response,
            request_time: at,
            response_time: at,
        }
    }
}

fn fields<'a>(lines: impl Iterator<Item = &'a [u8]>) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for line in lines.take(64) {
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(0);
        let (name, value) = line.split_at(colon);
        let value = value.strip_prefix(b":").unwrap_or(value).trim_ascii();
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
        {
            fields.append(name, value);
        }
    }
    fields
}
