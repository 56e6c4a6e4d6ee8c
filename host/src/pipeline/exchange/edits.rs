//! What origin-request hooks did to a request.

use http::HeaderName;
use selvedge_runtime::Read;

/// What origin-request hooks did to a request, as far as its response may depend on it.
#[derive(Debug, Default)]
pub(crate) struct Edits {
    /// There are such hooks, and they were asked.
    pub(crate) asked: bool,
    /// Fields that they set or removed.
    pub(crate) fields: Vec<HeaderName>,
    /// What they read of the request, whether they changed it or not.
    pub(crate) reads: Vec<Read>,
}
