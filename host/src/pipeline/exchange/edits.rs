//! Changes that origin-request hooks made to a request.

use http::HeaderName;
use selvedge_runtime::Read;

/// Changes that origin-request hooks made to a request, as far as its response may depend on them.
#[derive(Debug, Default)]
pub(crate) struct Edits {
    /// There are such hooks, and they were asked.
    pub(crate) asked: bool,
    /// Fields that they set or removed.
    pub(crate) fields: Vec<HeaderName>,
    /// Their reads of the request, also if they changed nothing.
    pub(crate) reads: Vec<Read>,
}
