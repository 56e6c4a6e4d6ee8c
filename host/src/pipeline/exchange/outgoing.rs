//! A request that goes out, whichever origin is asked.

use http::header::{
    IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
};
use http::{HeaderMap, HeaderName, HeaderValue};

/// The fields of conditional and range requests: they belong to the exchange with the cache.
pub(crate) const SELECTING: [HeaderName; 6] = [
    IF_MATCH,
    IF_NONE_MATCH,
    IF_MODIFIED_SINCE,
    IF_UNMODIFIED_SINCE,
    IF_RANGE,
    RANGE,
];

/// A request to an origin, whichever is asked.
pub(crate) struct Outgoing {
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) fields: HeaderMap,
    /// The Host that a plugin has set; otherwise it is each origin's own.
    pub(crate) host: Option<HeaderValue>,
}

impl Outgoing {
    /// Asks for the whole, whatever part the viewer wants.
    pub(crate) fn ask_for_whole(&mut self) {
        for name in SELECTING {
            self.fields.remove(name);
        }
    }
}
