//! The tree of one hook's decisions. Each inner node asks for one thing that the plugin read next, each branch is a value
//! that this had, absence included, and each leaf is what the plugin decided then.
//!
//! A plugin's first read is always the same, and which one comes next depends only on what the earlier ones gave. So the
//! tree needs no list of what to compare: walking it asks exactly what the plugin would ask.

use std::collections::HashMap;

use super::value::{Value, value};
use crate::facts::{Read, RequestFacts};

/// Bytes of a node besides those of its value: itself, the map's slot and the allocator's share.
const NODE: usize = 160;

pub(super) struct Tree<T> {
    root: Slot<T>,
    /// Its size, about.
    bytes: usize,
}

/// Position of a node that is there or could be.
type Slot<T> = Option<Node<T>>;

enum Node<T> {
    Ask(Box<Branches<T>>),
    Decided(T),
}

struct Branches<T> {
    read: Read,
    absent: Slot<T>,
    present: HashMap<Box<[u8]>, Slot<T>>,
}

/// The plugin asked for something else than before, or decided otherwise, on the same grounds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Contradiction;

impl<T> Default for Tree<T> {
    fn default() -> Self {
        Tree {
            root: None,
            bytes: 0,
        }
    }
}

impl<T> Tree<T> {
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl<T: PartialEq> Tree<T> {
    /// Returns the decision on the grounds that this request gives.
    pub(super) fn find(&self, request: &RequestFacts) -> Option<&T> {
        let mut node = self.root.as_ref()?;
        loop {
            match node {
                Node::Decided(decision) => return Some(decision),
                Node::Ask(branches) => {
                    let value = value(&branches.read, request)?;
                    node = match value.bytes() {
                        None => branches.absent.as_ref()?,
                        Some(bytes) => branches.present.get(bytes)?.as_ref()?,
                    };
                }
            }
        }
    }

    /// Returns the most bytes that inserting a decision on these grounds takes.
    pub(super) fn cost(grounds: &[(Read, Value<'_>)], decision: usize) -> usize {
        grounds
            .iter()
            .map(|(_, value)| 2 * NODE + value.bytes().map_or(0, <[u8]>::len))
            .sum::<usize>()
            + decision
    }

    /// Keeps a decision, which takes `decision_bytes`, under what was read and what it was, in the order of reading.
    pub(super) fn insert(
        &mut self,
        grounds: Vec<(Read, Value<'_>)>,
        decision: T,
        decision_bytes: usize,
    ) -> Result<(), Contradiction> {
        let bytes = &mut self.bytes;
        let mut slot = &mut self.root;
        for (read, value) in grounds {
            let node = slot.get_or_insert_with(|| {
                *bytes += NODE;
                Node::Ask(Box::new(Branches {
                    read: read.clone(),
                    absent: None,
                    present: HashMap::new(),
                }))
            });
            let Node::Ask(branches) = node else {
                return Err(Contradiction);
            };
            if branches.read != read {
                return Err(Contradiction);
            }
            slot = match value.bytes() {
                None => &mut branches.absent,
                Some(value) => {
                    if !branches.present.contains_key(value) {
                        *bytes += NODE + value.len();
                    }
                    branches.present.entry(value.into()).or_default()
                }
            };
        }
        match slot {
            Some(Node::Decided(before)) if *before == decision => Ok(()),
            Some(_) => Err(Contradiction),
            empty => {
                *bytes += decision_bytes;
                *empty = Some(Node::Decided(decision));
                Ok(())
            }
        }
    }
}
