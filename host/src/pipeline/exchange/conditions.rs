//! The side that evaluates a request's conditions.

/// The side that evaluates If-None-Match and If-Modified-Since of a request for which nothing is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conditions {
    /// The origin: its answer is for this request alone.
    Forwarded,
    /// The host, on what the origin sends: that is for all who ask.
    Evaluated,
}
