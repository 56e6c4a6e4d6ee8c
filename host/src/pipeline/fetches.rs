//! Limits the fetches under way to the number that the server file allows: connections, tasks and memory of a host are
//! bounded by that, whoever causes the fetches.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// All fetches under way, from the choice of the origin to the end of the response's body.
#[derive(Default)]
pub(crate) struct Fetches(Arc<AtomicUsize>);

/// One fetch's slot. It is free again when the last clone is dropped.
#[derive(Clone)]
pub(crate) struct Slot {
    _taken: Arc<Taken>,
}

struct Taken(Arc<AtomicUsize>);

impl Fetches {
    /// A slot, unless `most` are taken.
    pub(crate) fn begin(&self, most: usize) -> Option<Slot> {
        let more = |count: usize| (count < most).then_some(count + 1);
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .ok()?;
        Some(Slot {
            _taken: Arc::new(Taken(self.0.clone())),
        })
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_free_again_when_its_last_clone_is_dropped() {
        let fetches = Fetches::default();
        let one = fetches.begin(2).expect("the first of two");
        let two = fetches.begin(2).expect("the second of two");
        let again = two.clone();
        drop(two);
        assert!(fetches.begin(2).is_none());
        drop(again);
        assert!(fetches.begin(2).is_some());
        drop(one);
        assert!(fetches.begin(0).is_none());
    }
}
