//! Remembered decisions: what a hook of a pristine instance decided, kept under what it had read, and given again without
//! entering WebAssembly.
//!
//! A decision depends on what the hook read, on the plugin's configuration, and on what its instance remembers of earlier
//! calls. So a decision is kept only where all of it can be said: the plugin gets a fresh instance for each transaction, it
//! is the instance's first call, and everything that it read and used, in `init` too, is of the request. Clocks, random
//! numbers, bodies, stored values, requests of its own, metrics and log lines are not
//! ([`Read::is_of_message`]).
//!
//! A later hook of the same transaction may find in its instance what the first one left there. So where the first one was
//! not run, it is run before the later one (`transaction.rs`).

mod tree;
mod value;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::Relaxed};

use parking_lot::RwLock;

use self::tree::Tree;
use crate::facts::{Read, RequestFacts};

/// Limit on the decisions of one hook of one plugin, in bytes. When it is reached, the tree begins anew.
const MAX_TREE: usize = 4 << 20;

/// Decisions on longer grounds are not kept, in bytes: values, and a fixed cost for each.
const MAX_DECISION: usize = 16 << 10;

/// Requests after which it is decided if remembering pays,
const PERIOD: u32 = 4096;

/// namely if one of this many was found. Looking in vain costs a tenth of a call.
const WORTH: u32 = 8;

/// Requests that are not looked up where remembering does not pay.
const REST: u32 = 32 * PERIOD;

/// Bytes that all plugins of a host may use for their memories, together.
#[derive(Debug)]
pub(crate) struct Budget {
    left: AtomicUsize,
}

impl Budget {
    pub(crate) fn new(bytes: usize) -> Budget {
        Budget {
            left: AtomicUsize::new(bytes),
        }
    }

    fn take(&self, bytes: usize) -> bool {
        self.left
            .fetch_update(Relaxed, Relaxed, |left| left.checked_sub(bytes))
            .is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.left.fetch_add(bytes, Relaxed);
    }
}

/// A decision, and what it was based on. Copies are cheap.
#[derive(Debug, PartialEq)]
pub(crate) struct Remembered<D> {
    pub(crate) decision: Arc<D>,
    pub(crate) reads: Vec<Read>,
}

impl<D> Clone for Remembered<D> {
    fn clone(&self) -> Self {
        Remembered {
            decision: self.decision.clone(),
            reads: self.reads.clone(),
        }
    }
}

/// The decisions of one hook of one plugin.
pub(crate) struct Memory<D> {
    tree: RwLock<Tree<Remembered<D>>>,
    budget: Arc<Budget>,
    /// Of this period: requests that were looked up, and those that were found.
    asked: AtomicU32,
    found: AtomicU32,
    /// Requests that are not looked up, before the next try.
    resting: AtomicU32,
    /// The plugin decided differently on the same grounds: nothing is remembered of it any more.
    contradicted: AtomicBool,
}

impl<D: Clone + PartialEq> Memory<D> {
    pub(crate) fn new(budget: Arc<Budget>) -> Memory<D> {
        Memory {
            tree: RwLock::default(),
            budget,
            asked: AtomicU32::new(0),
            found: AtomicU32::new(0),
            resting: AtomicU32::new(0),
            contradicted: AtomicBool::new(false),
        }
    }

    /// Returns the decision on the same grounds. It never waits: while another thread writes, nothing is remembered.
    pub(crate) fn recall(&self, request: &RequestFacts) -> Option<Remembered<D>> {
        if self.is_off() {
            return None;
        }
        let found = self.tree.try_read()?.find(request).cloned();
        self.count(found.is_some());
        found
    }

    /// Keeps what a pristine instance decided, if it may be kept. `decision_bytes` is the size of what the decision says.
    pub(crate) fn keep(
        &self,
        request: &RequestFacts,
        reads: &[Read],
        decision: &D,
        decision_bytes: u64,
    ) {
        if self.contradicted.load(Relaxed) || self.resting.load(Relaxed) > 0 {
            return;
        }
        let grounds: Option<Vec<_>> = reads
            .iter()
            .map(|read| Some((read.clone(), value::value(read, request)?)))
            .collect();
        let Some(grounds) = grounds else {
            return;
        };
        // The reads are kept once more, beside the decision.
        let beside = size_of_val(reads);
        let decision_bytes = usize::try_from(decision_bytes).unwrap_or(usize::MAX);
        let decision_bytes = decision_bytes.saturating_add(beside);
        let cost = Tree::<Remembered<D>>::cost(&grounds, decision_bytes);
        if cost > MAX_DECISION {
            return;
        }
        let Some(mut tree) = self.tree.try_write() else {
            return;
        };
        let outgrown = (tree.bytes() + cost > MAX_TREE).then(|| std::mem::take(&mut *tree));
        let freed = outgrown.as_ref().map_or(0, Tree::bytes);
        self.budget.give_back(freed);
        if self.budget.take(cost) {
            let before = tree.bytes();
            let remembered = Remembered {
                decision: Arc::new(decision.clone()),
                reads: reads.to_vec(),
            };
            let kept = tree.insert(grounds, remembered, decision_bytes);
            let taken = tree.bytes() - before;
            self.budget.give_back(cost.saturating_sub(taken));
            if kept.is_err() {
                self.contradicted.store(true, Relaxed);
            }
        }
        // What is outgrown takes its time to be dropped: others need not wait for that.
        drop(tree);
        drop(outgrown);
    }

    fn is_off(&self) -> bool {
        if self.contradicted.load(Relaxed) {
            return true;
        }
        let resting = self.resting.load(Relaxed);
        if resting > 0 {
            // Threads that come together may count one rest; it is no more than a rest.
            self.resting.store(resting - 1, Relaxed);
        }
        resting > 0
    }

    fn count(&self, found: bool) {
        if found {
            self.found.fetch_add(1, Relaxed);
        }
        if self.asked.fetch_add(1, Relaxed) + 1 == PERIOD {
            let found = self.found.swap(0, Relaxed);
            self.asked.store(0, Relaxed);
            if found < PERIOD / WORTH {
                self.rest();
            }
        }
    }

    fn rest(&self) {
        self.resting.store(REST, Relaxed);
        if let Some(mut tree) = self.tree.try_write() {
            let old = std::mem::take(&mut *tree);
            self.budget.give_back(old.bytes());
        }
    }
}

impl<D> Drop for Memory<D> {
    fn drop(&mut self) {
        self.budget.give_back(self.tree.get_mut().bytes());
    }
}
