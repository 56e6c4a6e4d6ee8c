//! What unsafe methods made out of date, as far as memory is set aside for it.
//!
//! The stored response under the key that the unsafe request itself would have is removed at once; this is for the others
//! of that URI, whose keys depend on what other viewers send. When there are too many URIs, the oldest are forgotten.

use super::Order;
use super::marks::Mark;
use std::collections::hash_map::RandomState;
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;

/// So many URIs are remembered; each takes some 50 bytes.
pub(super) const MOST: usize = 65_536;

/// See the module. URIs are kept as keyed hashes: a collision, which nobody can bring about, means one fetch too many.
#[derive(Debug, Default)]
pub(super) struct Recent {
    hasher: RandomState,
    by_name: HashMap<u64, Order>,
    /// In the order of adding; a name that was added again is here twice.
    added: VecDeque<(u64, Order)>,
    newest: Order,
}

impl Recent {
    pub(super) fn add(&mut self, distribution: &str, name: &str, order: Order) {
        let name = self.hasher.hash_one((distribution, name));
        self.newest = self.newest.max(order);
        if self.by_name.insert(name, order) != Some(order) {
            self.added.push_back((name, order));
        }
        while self.by_name.len() > MOST || self.added.len() > 2 * MOST {
            let Some((oldest, order)) = self.added.pop_front() else {
                return;
            };
            if self.by_name.get(&oldest) == Some(&order) {
                self.by_name.remove(&oldest);
            }
        }
    }

    pub(super) fn newest(&self) -> Order {
        self.newest
    }

    pub(super) fn of_path(&self, distribution: &str, name: &str) -> Mark {
        let order = self
            .by_name
            .get(&self.hasher.hash_one((distribution, name)));
        order.map_or_else(Mark::default, |order| Mark::hard(*order))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> (usize, usize) {
        (self.by_name.len(), self.added.len())
    }
}
