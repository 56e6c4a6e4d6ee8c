//! Counters by their labels, of which those of what is gone can be forgotten: a family of counters can't be walked through.

use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::Hash;

/// Counters by their labels.
pub(super) struct Series<L> {
    counters: Family<L, Counter>,
    /// Those that there are; changed only together with the counters.
    known: Mutex<HashSet<L>>,
}

impl<L> Series<L>
where
    L: Clone + Debug + Eq + Hash + EncodeLabelSet + Send + Sync + 'static,
{
    /// None yet; they are registered.
    pub(super) fn new(registry: &mut Registry, name: &str, help: &str) -> Series<L> {
        let counters = Family::default();
        registry.register(name, help, counters.clone());
        Series {
            counters,
            known: Mutex::default(),
        }
    }

    /// Counts so many.
    pub(super) fn count(&self, labels: L, by: u64) {
        if let Some(counter) = self.counters.get(&labels) {
            counter.inc_by(by);
            return;
        }
        self.counter(labels).inc_by(by);
    }

    /// The counter, for who counts often. Once it is forgotten, what it counts shows nowhere.
    pub(super) fn counter(&self, labels: L) -> Counter {
        let mut known = self.known.lock();
        let counter = self.counters.get_or_create_owned(&labels);
        known.insert(labels);
        counter
    }

    /// Calls `see` with each counter's labels and value.
    pub(super) fn each(&self, mut see: impl FnMut(&L, u64)) {
        for labels in self.known.lock().iter() {
            if let Some(counter) = self.counters.get(labels) {
                see(labels, counter.get());
            }
        }
    }

    /// Forgets the others.
    pub(super) fn retain(&self, keep: impl Fn(&L) -> bool) {
        self.known.lock().retain(|labels| {
            let keep = keep(labels);
            if !keep {
                self.counters.remove(labels);
            }
            keep
        });
    }
}
