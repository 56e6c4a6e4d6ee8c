//! A point at which one side of a test waits until the other lets it go on.

use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// A wait of a test that takes longer than this has failed.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

#[derive(Clone)]
pub(crate) struct Gate(Arc<watch::Sender<(bool, usize)>>);

impl Gate {
    /// A gate that is closed.
    pub(crate) fn new() -> Gate {
        Gate(Arc::new(watch::channel((false, 0)).0))
    }

    /// Lets all go on, now and later.
    pub(crate) fn open(&self) {
        self.0.send_modify(|(open, _)| *open = true);
    }

    /// Waits until the gate is open.
    pub(crate) async fn pass(&self) {
        self.0.send_modify(|(_, arrived)| *arrived += 1);
        let _ = self.0.subscribe().wait_for(|(open, _)| *open).await;
    }

    /// Waits until as many as this have come to the gate.
    pub(crate) async fn arrivals(&self, count: usize) {
        let mut seen = self.0.subscribe();
        let waiting = seen.wait_for(|(_, arrived)| *arrived >= count);
        tokio::time::timeout(LIMIT, waiting)
            .await
            .expect("they come to the gate")
            .expect("the gate is there");
    }
}
