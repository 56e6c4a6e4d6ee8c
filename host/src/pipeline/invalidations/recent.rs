//! Invalidations by unsafe methods (RFC 9111, section 4.4), in bounded room and without ever forgetting.
//!
//! The stored response under the key that the unsafe request itself would have is removed at once; this is for the others
//! of that URI, whose keys depend on what other viewers send. URIs are kept as keyed hashes, in 256 shards by their first
//! byte. When a shard is full, its older half goes into buckets of many URIs each: what is stored under any of these, and as
//! old, is fetched again, instead of being served although it is out of date.
//!
//! A shard is one value in the durable state. Those that changed are written once a second and at the end (`durable`), and
//! not while a viewer waits.

use super::Sequence;
use super::marks::Mark;
use std::collections::HashMap;

/// The number of shards.
const SHARDS: usize = 256;

/// A shard keeps so many URIs apart.
const NAMES: usize = 256;

/// A shard has so many buckets for the older ones.
const BUCKETS: usize = 256;

/// See the module. A collision of hashes, which nobody can bring about without the key, means one fetch too many.
pub(super) struct Recent {
    key: [u8; 32],
    shards: Vec<Shard>,
    newest: Sequence,
}

#[derive(Clone, Default)]
struct Shard {
    names: HashMap<u64, Sequence>,
    /// Empty as long as the shard was never full.
    buckets: Vec<Sequence>,
    /// True if it has to be written.
    changed: bool,
}

impl Recent {
    /// Nothing is out of date. `key` is a secret that goes with what is kept.
    pub(super) fn new(key: [u8; 32]) -> Recent {
        Recent {
            key,
            shards: vec![Shard::default(); SHARDS],
            newest: Sequence(0),
        }
    }

    pub(super) fn add(&mut self, distribution: &str, name: &str, sequence: Sequence) {
        let hash = self.hash(distribution, name);
        self.newest = self.newest.max(sequence);
        if let Some(shard) = self.shards.get_mut(shard_of(hash)) {
            shard.names.insert(hash, sequence);
            shard.changed = true;
            if shard.names.len() > NAMES {
                shard.fold();
            }
        }
    }

    /// The secret that goes with what is kept.
    pub(super) fn key(&self) -> [u8; 32] {
        self.key
    }

    pub(super) fn newest(&self) -> Sequence {
        self.newest
    }

    pub(super) fn of_path(&self, distribution: &str, name: &str) -> Mark {
        let hash = self.hash(distribution, name);
        let Some(shard) = self.shards.get(shard_of(hash)) else {
            return Mark::default();
        };
        let exact = shard.names.get(&hash).copied().unwrap_or_default();
        let bucket = shard.buckets.get(bucket_of(hash));
        Mark::hard(exact.max(bucket.copied().unwrap_or_default()))
    }

    /// The shards that changed since the last call, with what is to be kept of them.
    pub(super) fn take_changed(&mut self) -> Vec<(u8, Vec<u8>)> {
        let mut changed = Vec::new();
        for (number, shard) in (0..=u8::MAX).zip(&mut self.shards) {
            if std::mem::take(&mut shard.changed) {
                changed.push((number, shard.encode()));
            }
        }
        changed
    }

    /// Takes back shards that could not be written.
    pub(super) fn not_written(&mut self, shards: impl Iterator<Item = u8>) {
        for number in shards {
            if let Some(shard) = self.shards.get_mut(usize::from(number)) {
                shard.changed = true;
            }
        }
    }

    /// Takes what an earlier run kept of a shard; `false` where that can't be read.
    pub(super) fn load(&mut self, number: u8, bytes: &[u8]) -> bool {
        let Some(read) = Shard::decode(bytes) else {
            return false;
        };
        let orders = read.names.values().chain(&read.buckets).copied();
        self.newest = orders.fold(self.newest, Sequence::max);
        if let Some(shard) = self.shards.get_mut(usize::from(number)) {
            *shard = read;
        }
        true
    }

    fn hash(&self, distribution: &str, name: &str) -> u64 {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(distribution.as_bytes());
        hasher.update(&[0]);
        hasher.update(name.as_bytes());
        let [a, b, c, d, e, f, g, h, ..] = *hasher.finalize().as_bytes();
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.names.len()).sum()
    }
}

fn shard_of(hash: u64) -> usize {
    usize::from(hash.to_be_bytes()[0])
}

fn bucket_of(hash: u64) -> usize {
    usize::from(hash.to_be_bytes()[1])
}

impl Shard {
    /// Puts the older half of the URIs into the buckets.
    fn fold(&mut self) {
        let mut by_age: Vec<(Sequence, u64)> = self
            .names
            .iter()
            .map(|(hash, sequence)| (*sequence, *hash))
            .collect();
        by_age.sort_unstable();
        self.buckets.resize(BUCKETS, Sequence(0));
        for (sequence, hash) in by_age.into_iter().take(NAMES / 2) {
            self.names.remove(&hash);
            if let Some(bucket) = self.buckets.get_mut(bucket_of(hash)) {
                *bucket = sequence.max(*bucket);
            }
        }
    }

    /// Pairs of 8 bytes: the number of names, and 0; hash and sequence number of each; the sequence number of each bucket, and 0.
    fn encode(&self) -> Vec<u8> {
        let names = self
            .names
            .iter()
            .map(|(hash, sequence)| [*hash, sequence.0]);
        let buckets = self.buckets.iter().map(|sequence| [sequence.0, 0]);
        std::iter::once([self.names.len() as u64, 0])
            .chain(names)
            .chain(buckets)
            .flat_map(|pair| pair.map(u64::to_be_bytes).concat())
            .collect()
    }

    fn decode(bytes: &[u8]) -> Option<Shard> {
        let (numbers, []) = bytes.as_chunks::<8>() else {
            return None;
        };
        let (pairs, []) = numbers.as_chunks::<2>() else {
            return None;
        };
        let mut pairs = pairs
            .iter()
            .map(|[a, b]| (u64::from_be_bytes(*a), Sequence(u64::from_be_bytes(*b))));
        let (count, _) = pairs.next()?;
        let count = usize::try_from(count)
            .ok()
            .filter(|count| *count <= NAMES)?;
        if pairs.len() != count && pairs.len() != count + BUCKETS {
            return None;
        }
        Some(Shard {
            names: pairs.by_ref().take(count).collect(),
            buckets: pairs.map(|(sequence, _)| Sequence(sequence)).collect(),
            changed: false,
        })
    }
}
