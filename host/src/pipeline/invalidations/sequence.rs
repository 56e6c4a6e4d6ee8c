//! Sequence numbers of fetches and invalidations, and what the one makes of the other.

use selvedge_caching::Time;

/// The sequence number of a fetch or an invalidation. It goes on rising over restarts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Sequence(pub(crate) u64);

/// The standing of a stored response after all invalidations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// None concerns it.
    Valid,
    /// It became stale at this time.
    Stale {
        /// When the invalidation was made.
        since: Time,
    },
    /// It is not to be used.
    Gone,
}
