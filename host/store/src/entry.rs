//! The result of a look-up: the variants of one key, each a head with a body.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;

use crate::body::BodyReader;
use crate::handle::BodyHandle;
use crate::head::{self, Stored};
use crate::pages;

/// All stored variants of one key, newest first. It never changes: a change makes a new entry.
#[derive(Debug)]
pub struct Entry {
    variants: Vec<Variant>,
    weight: u64,
    used: AtomicBool,
}

/// One stored response: head, notes and body. Cloning copies no content.
#[derive(Clone, Debug)]
pub struct Variant {
    /// Names this variant among all of the store; never used twice.
    pub id: u64,
    /// The owner that it is counted for: what [`Fill::owned_by`](crate::Fill::owned_by) was given.
    pub owner: u64,
    /// Everything but the body.
    pub head: Arc<Stored>,
    /// The caller's notes from [`Store::begin`](crate::Store::begin), unchanged.
    pub notes: Bytes,
    pub(crate) body: BodyHandle,
}

/// Bytes that an entry costs beside its content: allocations, map slots, counters.
const ENTRY_WEIGHT: u64 = 256;
/// The weight of an open file, so that the memory tier also bounds the number of open files.
const FILE_WEIGHT: u64 = 256 << 10;

impl Entry {
    /// An entry of at least one variant, newest first.
    pub(crate) fn new(variants: Vec<Variant>) -> Entry {
        let weight = ENTRY_WEIGHT + variants.iter().map(Variant::weight).sum::<u64>();
        Entry {
            variants,
            weight,
            used: AtomicBool::new(false),
        }
    }

    /// The variants, newest first.
    pub fn variants(&self) -> &[Variant] {
        &self.variants
    }

    /// The heads of the variants in the same order, as `selvedge_caching::select_variant` takes them.
    pub fn heads(&self) -> impl Iterator<Item = &Stored> {
        heads(&self.variants)
    }

    /// The variant with this id.
    pub fn variant(&self, id: u64) -> Option<&Variant> {
        self.variants.iter().find(|variant| variant.id == id)
    }

    /// The bytes that this entry counts in the memory tier.
    pub fn weight(&self) -> u64 {
        self.weight
    }

    /// Notes that this entry was asked for, without writing to a line that other cores read when it is known.
    pub(crate) fn mark_used(&self) {
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
    }

    /// Returns true if the entry was asked for since the last call.
    pub(crate) fn take_used(&self) -> bool {
        self.used.load(Ordering::Relaxed) && self.used.swap(false, Ordering::Relaxed)
    }
}

/// The heads of variants in the same order.
pub fn heads(variants: &[Variant]) -> impl Iterator<Item = &Stored> {
    variants.iter().map(|variant| &*variant.head)
}

impl Variant {
    /// A reader of the body, or of its bytes `first..=last` where a range is given (cut to the body's length).
    pub fn reader(&self, range: Option<(u64, u64)>) -> BodyReader {
        BodyReader::complete(self.body.clone(), range)
    }

    /// The whole body, if it is in memory.
    pub fn bytes(&self) -> Option<Bytes> {
        match &self.body {
            BodyHandle::Memory(bytes) => Some(bytes.clone()),
            BodyHandle::Disk(_) => None,
        }
    }

    /// The body's length in bytes.
    pub fn length(&self) -> u64 {
        self.body.length()
    }

    pub(crate) fn weight(&self) -> u64 {
        let body = match &self.body {
            BodyHandle::Memory(bytes) => pages::weight(bytes.len() as u64),
            BodyHandle::Disk(_) => FILE_WEIGHT,
        };
        body + self.notes.len() as u64 + head::weight(&self.head) + 128
    }
}
