//! Responses as viewers get them.

use http::{HeaderMap, StatusCode};

/// A response with its content, as far as it came.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) fields: HeaderMap,
    pub(crate) content: Vec<u8>,
    pub(crate) trailers: Option<HeaderMap>,
    /// Why the content broke off.
    pub(crate) error: Option<String>,
}

impl Response {
    /// A field's first line, or "".
    pub(crate) fn field(&self, name: &str) -> &str {
        let line = self.fields.get(name);
        line.and_then(|line| line.to_str().ok()).unwrap_or("")
    }

    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> &Response {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        self
    }

    /// Holds that the content is this, and whole.
    #[track_caller]
    pub(crate) fn body(&self, content: &str) -> &Response {
        assert_eq!(String::from_utf8_lossy(&self.content), content, "{self:?}");
        assert_eq!(self.error, None, "{self:?}");
        self
    }

    /// Holds that the content broke off after this.
    #[track_caller]
    pub(crate) fn broken_after(&self, content: &str) -> &Response {
        assert_eq!(String::from_utf8_lossy(&self.content), content, "{self:?}");
        assert!(self.error.is_some(), "{self:?}");
        self
    }

    /// Holds that Cache-Status has this word or parameter.
    #[track_caller]
    pub(crate) fn cache(&self, parameter: &str) -> &Response {
        let said = self.field("cache-status");
        let has = said.split(';').any(|part| part.trim() == parameter);
        assert!(has, "'{said}' does not say {parameter}: {self:?}");
        self
    }

    #[track_caller]
    pub(crate) fn has(&self, name: &str, value: &str) -> &Response {
        assert_eq!(self.field(name), value, "{name}: {self:?}");
        self
    }

    #[track_caller]
    pub(crate) fn lacks(&self, name: &str) -> &Response {
        assert!(!self.fields.contains_key(name), "{name}: {self:?}");
        self
    }

    #[track_caller]
    pub(crate) fn age(&self, seconds: u64) -> &Response {
        self.has("age", &seconds.to_string())
    }
}
