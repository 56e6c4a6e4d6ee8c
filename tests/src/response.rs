//! A response as the viewer saw it, and the claims a test makes about it.

use std::fmt;

use crate::message::{Fields, Head};

/// How a response ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As its framing promised.
    Complete,
    /// The connection ended before the content did.
    CutShort,
}

/// A whole response. The claims return it again, so that they read as a sentence; each fails the test with
/// the response as it came.
#[derive(Clone)]
pub struct Response {
    /// The status line and the fields.
    pub head: Head,
    /// Interim responses that came before.
    pub interim: Vec<Head>,
    /// The content.
    pub content: Vec<u8>,
    /// Trailer fields.
    pub trailers: Fields,
    /// How it ended.
    pub end: End,
}

impl Response {
    /// The status.
    pub fn status(&self) -> u16 {
        self.head.status()
    }

    /// The value of a field; several lines joined by `, `.
    pub fn get(&self, name: &str) -> Option<String> {
        self.head.fields.get(name)
    }

    /// The content as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.content).into_owned()
    }

    /// Claims this status and a complete content.
    #[track_caller]
    pub fn expect(self, status: u16) -> Response {
        assert_eq!(self.status(), status, "the status of {self:?}");
        assert_eq!(self.end, End::Complete, "the end of {self:?}");
        self
    }

    /// Claims this status and a content that was cut short.
    #[track_caller]
    pub fn expect_cut_short(self, status: u16) -> Response {
        assert_eq!(self.status(), status, "the status of {self:?}");
        assert_eq!(self.end, End::CutShort, "the end of {self:?}");
        self
    }

    /// Claims this content.
    #[track_caller]
    pub fn body(self, content: impl AsRef<[u8]>) -> Response {
        let content = content.as_ref();
        assert!(
            self.content == content,
            "the content is not {:?} ({} bytes) in {self:?}",
            Excerpt(content),
            content.len(),
        );
        self
    }

    /// Claims that the content contains this text.
    #[track_caller]
    pub fn says(self, text: &str) -> Response {
        assert!(
            self.text().contains(text),
            "no {text:?} in the content of {self:?}"
        );
        self
    }

    /// Claims this value of a field.
    #[track_caller]
    pub fn field(self, name: &str, value: &str) -> Response {
        assert_eq!(self.get(name).as_deref(), Some(value), "{name} of {self:?}");
        self
    }

    /// Claims that the value of a field contains this text.
    #[track_caller]
    pub fn field_contains(self, name: &str, text: &str) -> Response {
        let value = self.get(name).unwrap_or_default();
        assert!(value.contains(text), "no {text:?} in {name} of {self:?}");
        self
    }

    /// Claims that there is no such field.
    #[track_caller]
    pub fn no_field(self, name: &str) -> Response {
        assert!(
            !self.head.fields.has(name),
            "an unexpected {name} in {self:?}"
        );
        self
    }

    /// Claims an `Age` of so many seconds.
    #[track_caller]
    pub fn age(self, seconds: u64) -> Response {
        self.field("Age", &seconds.to_string())
    }

    /// The parameters that our member of `Cache-Status` has (RFC 9211), for instance `hit` or `fwd=stale`.
    pub fn cache_status_parts(&self) -> Vec<String> {
        let field = self.get("Cache-Status").unwrap_or_default();
        let member = field
            .split(',')
            .map(str::trim)
            .find(|member| member.starts_with("Selvedge"));
        let parts = member.unwrap_or_default().split(';').skip(1);
        parts.map(|part| part.trim().to_owned()).collect()
    }

    /// Returns true if `Cache-Status` has exactly this parameter.
    pub fn has(&self, part: &str) -> bool {
        self.cache_status_parts().iter().any(|one| one == part)
    }

    /// Claims that `Cache-Status` has this parameter, exactly.
    #[track_caller]
    pub fn cache_status(self, part: &str) -> Response {
        assert!(
            self.has(part),
            "no {part:?} in the Cache-Status of {self:?}"
        );
        self
    }

    /// Claims that no fetch was made for this response: it was stored, or is being stored for somebody else.
    #[track_caller]
    pub fn is_shared(self) -> Response {
        assert!(
            self.has("hit") || self.has("collapsed"),
            "a fetch of its own for this response:\n{self:?}"
        );
        self
    }

    /// Claims that `Cache-Status` does not have this parameter.
    #[track_caller]
    pub fn no_cache_status(self, part: &str) -> Response {
        assert!(
            !self.has(part),
            "an unexpected {part:?} in the Cache-Status of {self:?}"
        );
        self
    }

    /// Claims an `X-Cache` of this outcome, for instance `Hit`.
    #[track_caller]
    pub fn x_cache(self, outcome: &str) -> Response {
        self.field("X-Cache", &format!("{outcome} from selvedge"))
    }
}

/// The start of a content, for messages.
struct Excerpt<'a>(&'a [u8]);

impl fmt::Debug for Excerpt<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = self.0.get(..400).unwrap_or(self.0);
        write!(out, "{:?}", String::from_utf8_lossy(start))
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "the response:")?;
        for interim in &self.interim {
            writeln!(out, "{interim:?}")?;
        }
        writeln!(out, "{:?}", self.head)?;
        writeln!(
            out,
            "{:?} ({} bytes, {:?})",
            Excerpt(&self.content),
            self.content.len(),
            self.end
        )?;
        write!(out, "{:?}", self.trailers)
    }
}
