//! Text and other short ways to read requests and responses, the same on WebAssembly and natively.

use crate::{Request, Response};

impl Request {
    /// The value of a field as text; several lines come joined by `, `, those of Cookie by `; `. Bytes that are not UTF-8
    /// become U+FFFD: [`field`](Request::field) gives them as they are.
    pub fn field_text(&self, name: &str) -> Option<String> {
        self.field(name).map(text)
    }

    /// The first cookie of this name as text. Bytes that are not UTF-8 become U+FFFD: [`cookie`](Request::cookie)
    /// gives them as they are.
    pub fn cookie_text(&self, name: &str) -> Option<String> {
        self.cookie(name).map(text)
    }
}

impl Response {
    /// The value of a field as text, as [`Request::field_text`].
    pub fn field_text(&self, name: &str) -> Option<String> {
        self.field(name).map(text)
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
