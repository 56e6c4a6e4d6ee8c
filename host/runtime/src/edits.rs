//! Changes to requests and responses as values, already checked, and what they make of a request or a response.
//!
//! The pipeline applies them to its own copy, so that the next plugin of the chain sees the edited message. Pure functions:
//! which hook may change what is decided in `protected.rs` and `hooks/`.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::facts::{RequestFacts, ResponseFacts};

/// Limit on the lines of a message after edits. A message from outside has fewer.
pub const MAX_FIELD_LINES: usize = 1000;

/// One change to a field section. Changes apply in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldEdit {
    /// Replaces all lines of this name by this one.
    Set(HeaderName, HeaderValue),
    /// Adds a line, keeping those that are there.
    Append(HeaderName, HeaderValue),
    /// Removes all lines of this name.
    Remove(HeaderName),
}

impl FieldEdit {
    /// The field that it concerns.
    pub fn name(&self) -> &HeaderName {
        match self {
            FieldEdit::Set(name, _) | FieldEdit::Append(name, _) | FieldEdit::Remove(name) => name,
        }
    }
}

/// Changes to a request; what is `None` stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestEdits {
    /// The path, starting with `/`, percent-encoded.
    pub path: Option<String>,
    /// The query without `?`; the empty text removes it.
    pub query: Option<String>,
    /// Changes to the fields, in order.
    pub fields: Vec<FieldEdit>,
    /// Replaces the whole body. The pipeline sets its length.
    pub body: Option<Bytes>,
}

/// Changes to a response; what is `None` stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResponseEdits {
    /// The status, 200 to 599.
    pub status: Option<StatusCode>,
    /// Changes to the fields, in order.
    pub fields: Vec<FieldEdit>,
}

/// A response made by a plugin. It has no framing fields: the pipeline sets the length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntheticResponse {
    /// The status, 200 to 599.
    pub status: StatusCode,
    /// Its fields.
    pub fields: HeaderMap,
    /// Its body; empty where the status allows none (204, 205, 304).
    pub body: Bytes,
}

/// Edits would leave a message with more than [`MAX_FIELD_LINES`] lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the edited message would have more than {MAX_FIELD_LINES} field lines")]
pub struct TooManyLines;

/// Applies changes to a field section. Nothing is changed beyond the line that would be too many.
///
/// # Errors
///
/// [`TooManyLines`].
pub fn apply_fields(edits: &[FieldEdit], fields: &mut HeaderMap) -> Result<(), TooManyLines> {
    for edit in edits {
        match edit {
            FieldEdit::Set(name, value) => {
                fields.remove(name);
                add(fields, name, value)?;
            }
            FieldEdit::Append(name, value) => add(fields, name, value)?,
            FieldEdit::Remove(name) => {
                fields.remove(name);
            }
        }
    }
    Ok(())
}

fn add(fields: &mut HeaderMap, name: &HeaderName, value: &HeaderValue) -> Result<(), TooManyLines> {
    if fields.len() >= MAX_FIELD_LINES {
        return Err(TooManyLines);
    }
    fields
        .try_append(name, value.clone())
        .map(|_| ())
        .map_err(|_| TooManyLines)
}

impl RequestEdits {
    /// Returns true if nothing changes.
    pub fn is_empty(&self) -> bool {
        *self == RequestEdits::default()
    }

    /// Applies the changes to path, query, fields, and the body that hooks read.
    ///
    /// # Errors
    ///
    /// [`TooManyLines`]; the facts are then half changed and of no use.
    pub fn apply(&self, facts: &mut RequestFacts) -> Result<(), TooManyLines> {
        if let Some(path) = &self.path {
            facts.path.clone_from(path);
        }
        if let Some(query) = &self.query {
            facts.query = (!query.is_empty()).then(|| query.clone());
        }
        if let Some(body) = &self.body {
            facts.body = Some(std::sync::Arc::new(body.clone()));
        }
        apply_fields(&self.fields, &mut facts.fields)
    }
}

impl ResponseEdits {
    /// Returns true if nothing changes.
    pub fn is_empty(&self) -> bool {
        *self == ResponseEdits::default()
    }

    /// Applies the changes to a status and fields.
    ///
    /// # Errors
    ///
    /// [`TooManyLines`]; the fields are then half changed and of no use.
    pub fn apply(
        &self,
        status: &mut StatusCode,
        fields: &mut HeaderMap,
    ) -> Result<(), TooManyLines> {
        if let Some(new) = self.status {
            *status = new;
        }
        apply_fields(&self.fields, fields)
    }

    /// Applies the changes to what the next hook reads.
    ///
    /// # Errors
    ///
    /// As [`ResponseEdits::apply`].
    pub fn apply_to_facts(&self, facts: &mut ResponseFacts) -> Result<(), TooManyLines> {
        self.apply(&mut facts.status, &mut facts.fields)
    }
}
