//! Readings from disk that are under way.

use tokio::sync::watch;

use crate::read::Read;

/// A reading under way, as its stripe knows it.
pub(crate) struct Load {
    pub(crate) version: u64,
    pub(crate) found: Findings,
}

/// The result of a reading, for all who wait for it.
pub(crate) type Findings = watch::Receiver<Option<Read>>;
