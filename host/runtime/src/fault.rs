//! Faults of a decision that a plugin returned: each names the part that is wrong.

use http::StatusCode;

use crate::hook::Hook;
use crate::masks::Masks;

/// The longest path and query together, as CloudFront has it.
pub(crate) const MAX_TARGET: usize = 8192;

/// Why a decision cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The hook may not change this field.
    #[error("the field `{name}` may not be changed at {hook}")]
    ProtectedField {
        /// The field, lower case.
        name: String,
        /// The hook that tried it.
        hook: Hook,
    },
    /// A response made by a plugin may not have this field.
    #[error(
        "a response made by a plugin may not have the field `{name}`; the host sets what it needs of it"
    )]
    ProtectedInResponse {
        /// The field, lower case.
        name: String,
    },
    /// This can be no field's name (RFC 9110, section 5.1).
    #[error("`{0}` is no name of a field; names have letters, digits and !#$%&'*+-.^_`|~")]
    FieldName(String),
    /// This can be no field's value (RFC 9110, section 5.5).
    #[error(
        "the value of the field `{name}` has a character that fields cannot have (CR, LF, NUL or another control character)"
    )]
    FieldValue {
        /// The field, lower case.
        name: String,
    },
    /// There are more field lines or edits than a message may have.
    #[error(
        "there are {count} field lines or edits, more than the {limit} that a message may have"
    )]
    ManyFields {
        /// Their number.
        count: usize,
        /// Their limit.
        limit: usize,
    },
    /// The status is none that a plugin may answer with.
    #[error("the status {0} is not one of 200 to 599")]
    Status(u16),
    /// Responses with this status have no body (RFC 9110, section 6.4.1).
    #[error("a response with the status {0} has no body, and this one has")]
    BodyNotAllowed(StatusCode),
    /// The path is no path of a request.
    #[error(
        "the path `{0}` is not valid; a path starts with / and has no space, control character, ?, # or letter beyond ASCII that is not percent-encoded"
    )]
    Path(String),
    /// The query is no query of a request.
    #[error(
        "the query `{0}` is not valid; a query has no space, control character, # or letter beyond ASCII that is not percent-encoded"
    )]
    Query(String),
    /// Path and query are too long together.
    #[error("path and query have {length} bytes, more than the {MAX_TARGET} that they may have")]
    TargetLength {
        /// Their length.
        length: usize,
    },
}

impl Fault {
    /// Returns the fault with the guest's words as they may be shown.
    pub(crate) fn printable(self, masks: &Masks) -> Fault {
        let printable = |text: String| masks.printable(&text);
        match self {
            Fault::ProtectedField { name, hook } => Fault::ProtectedField {
                name: printable(name),
                hook,
            },
            Fault::ProtectedInResponse { name } => Fault::ProtectedInResponse {
                name: printable(name),
            },
            Fault::FieldName(name) => Fault::FieldName(printable(name)),
            Fault::FieldValue { name } => Fault::FieldValue {
                name: printable(name),
            },
            Fault::Path(path) => Fault::Path(printable(path)),
            Fault::Query(query) => Fault::Query(printable(query)),
            fault @ (Fault::ManyFields { .. }
            | Fault::Status(_)
            | Fault::BodyNotAllowed(_)
            | Fault::TargetLength { .. }) => fault,
        }
    }
}
