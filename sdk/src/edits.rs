//! Changes to requests and responses, and responses that a plugin makes: the contract's records, with short ways to
//! write them.
//!
//! ```
//! use selvedge_sdk::prelude::*;
//!
//! let edits = RequestEdits::new()
//!     .path("/index.html")
//!     .set("X-Country", "CH")
//!     .append("Accept", "text/html")
//!     .remove("Cookie");
//! let decision: ViewerRequestDecision = edits.into();
//! assert!(matches!(decision, ViewerRequestDecision::Edit(_)));
//!
//! let moved = SyntheticResponse::redirect(301, "https://www.example.com/new");
//! assert_eq!(moved.field_text("location").as_deref(), Some("https://www.example.com/new"));
//! ```
//!
//! The host checks what comes back. Fields that belong to it (`Connection`, `Content-Length`, `Via` and so on;
//! the list is in the host's documentation) may not be changed: an attempt is the plugin's error, and names the field.
//! A plugin whose configuration names fields asks [`may_change`] in `init`.

pub use crate::bindings::host::selvedge::edge::types::{
    Field, FieldEdit, RequestEdits, ResponseEdits, SyntheticResponse,
};
pub use crate::protected::{Hook, may_change};

impl Field {
    /// A field line.
    pub fn new(name: impl Into<String>, value: impl AsRef<[u8]>) -> Field {
        Field {
            name: name.into(),
            value: value.as_ref().to_vec(),
        }
    }
}

/// The edits that requests and responses share: a list of changes to fields.
macro_rules! field_edits {
    ($edits:ident) => {
        impl $edits {
            /// Replaces all lines of this field by one.
            #[must_use]
            pub fn set(mut self, name: impl Into<String>, value: impl AsRef<[u8]>) -> $edits {
                self.fields.push(FieldEdit::Set(Field::new(name, value)));
                self
            }

            /// Adds a line to this field.
            #[must_use]
            pub fn append(mut self, name: impl Into<String>, value: impl AsRef<[u8]>) -> $edits {
                self.fields.push(FieldEdit::Append(Field::new(name, value)));
                self
            }

            /// Removes all lines of this field.
            #[must_use]
            pub fn remove(mut self, name: impl Into<String>) -> $edits {
                self.fields.push(FieldEdit::Remove(name.into()));
                self
            }
        }

        impl Default for $edits {
            fn default() -> $edits {
                $edits::new()
            }
        }
    };
}

field_edits!(RequestEdits);
field_edits!(ResponseEdits);

impl RequestEdits {
    /// No changes yet.
    pub fn new() -> RequestEdits {
        RequestEdits {
            path: None,
            query: None,
            fields: Vec::new(),
            body: None,
        }
    }

    /// Another path, starting with `/`, percent-encoded.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> RequestEdits {
        self.path = Some(path.into());
        self
    }

    /// Another query, without `?`; the empty text removes it.
    #[must_use]
    pub fn query(mut self, query: impl Into<String>) -> RequestEdits {
        self.query = Some(query.into());
        self
    }

    /// Another body, in place of the whole one.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> RequestEdits {
        self.body = Some(body.into());
        self
    }
}

impl ResponseEdits {
    /// No changes yet.
    pub fn new() -> ResponseEdits {
        ResponseEdits {
            status: None,
            fields: Vec::new(),
        }
    }

    /// Another status, 200 to 599.
    #[must_use]
    pub fn status(mut self, status: u16) -> ResponseEdits {
        self.status = Some(status);
        self
    }
}

impl SyntheticResponse {
    /// An empty response with a status of 200 to 599.
    pub fn new(status: u16) -> SyntheticResponse {
        SyntheticResponse {
            status,
            fields: Vec::new(),
            body: Vec::new(),
        }
    }

    /// A response that sends the viewer elsewhere: 301, 302, 303, 307 or 308, and where to.
    pub fn redirect(status: u16, location: impl AsRef<[u8]>) -> SyntheticResponse {
        SyntheticResponse::new(status).field("Location", location)
    }

    /// Adds a field line.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, value: impl AsRef<[u8]>) -> SyntheticResponse {
        self.fields.push(Field::new(name, value));
        self
    }

    /// The body. The host sets its length.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> SyntheticResponse {
        self.body = body.into();
        self
    }

    /// A body of plain text, with its type.
    #[must_use]
    pub fn text(self, text: impl Into<String>) -> SyntheticResponse {
        self.field("Content-Type", "text/plain; charset=utf-8")
            .body(text.into())
    }

    /// A page, with its type.
    #[must_use]
    pub fn html(self, page: impl Into<String>) -> SyntheticResponse {
        self.field("Content-Type", "text/html; charset=utf-8")
            .body(page.into())
    }

    /// JSON as text, with its type.
    #[must_use]
    pub fn json(self, json: impl Into<String>) -> SyntheticResponse {
        self.field("Content-Type", "application/json")
            .body(json.into())
    }

    /// The first line of a field as text, for tests.
    pub fn field_text(&self, name: &str) -> Option<String> {
        let mut lines = self.fields.iter();
        let line = lines.find(|line| line.name.eq_ignore_ascii_case(name))?;
        Some(String::from_utf8_lossy(&line.value).into_owned())
    }
}
