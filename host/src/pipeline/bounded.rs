//! A bounded memory of keys, in which nothing is ever searched for what is old.

use std::collections::HashMap;
use std::hash::Hash;
use std::mem;

/// The latest keys and what is known of each: at least half of `MAX` of them, and no more than `MAX`.
///
/// There are two generations. When the young one is full it becomes the old one, and what was the old one is forgotten, so
/// that adding a key costs the same however many there are.
pub(crate) struct Bounded<K, V, const MAX: usize> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K, V, const MAX: usize> Default for Bounded<K, V, MAX> {
    fn default() -> Self {
        Bounded {
            young: HashMap::new(),
            old: HashMap::new(),
        }
    }
}

impl<K: Eq + Hash, V, const MAX: usize> Bounded<K, V, MAX> {
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= MAX / 2 && !self.young.contains_key(&key) {
            mem::swap(&mut self.young, &mut self.old);
            self.young.clear();
        }
        self.young.insert(key, value);
    }

    pub(crate) fn remove(&mut self, key: &K) {
        self.young.remove(key);
        self.old.remove(key);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.young.is_empty() && self.old.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Few = Bounded<u32, u32, 8>;

    #[test]
    fn the_latest_keys_are_remembered_and_never_more_than_allowed() {
        let mut few = Few::default();
        for key in 0..100 {
            few.insert(key, key * 2);
            assert!(few.young.len() + few.old.len() <= 8, "after {key}");
            for latest in key.saturating_sub(3)..=key {
                assert_eq!(few.get(&latest), Some(&(latest * 2)), "after {key}");
            }
        }
        assert_eq!(few.get(&80), None);
    }

    #[test]
    fn a_key_that_comes_again_pushes_no_other_out() {
        let mut few = Few::default();
        few.insert(1, 1);
        for again in 0..100 {
            few.insert(2, again);
        }
        assert_eq!((few.get(&1), few.get(&2)), (Some(&1), Some(&99)));
    }

    #[test]
    fn what_is_removed_is_gone_from_both_generations() {
        let mut few = Few::default();
        for key in 0..6 {
            few.insert(key, 0);
        }
        few.insert(0, 1);
        few.remove(&0);
        assert_eq!(few.get(&0), None);
        for key in 0..6 {
            few.remove(&key);
        }
        assert!(few.is_empty());
    }
}
