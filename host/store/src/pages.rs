//! The memory of whole bodies.
//!
//! An allocator has a stock of each size for each thread. Bodies have all sizes, and are made on one thread and freed on
//! another, so that these stocks came to as much as the bodies themselves. Therefore each longer body has pages of its own,
//! which the system gets back when the body goes: it takes what it counts.

use bytes::Bytes;
use memmap2::{MmapMut, MmapOptions};

/// Bodies are counted in pages from here on; none that is shorter has pages of its own.
const MIN_MAPPED: u64 = 16 << 10;
/// The number of shortest bodies with pages of their own that fill the memory tier: a process may have some ten thousand
/// mappings. Where the tier is that large, the allocator's stocks are little beside it.
const MAPPINGS: u64 = 1 << 13;
/// At least what the processors we run on have.
const PAGE: u64 = 4 << 10;

/// Returns the length from which a body has pages of its own, for a memory tier of this size.
pub(crate) fn mapped_from(memory_tier: u64) -> u64 {
    MIN_MAPPED.max(memory_tier / MAPPINGS)
}

/// Returns the bytes that a body of this length takes.
pub(crate) fn weight(length: u64) -> u64 {
    match length {
        0..MIN_MAPPED => length,
        _ => length.next_multiple_of(PAGE),
    }
}

/// A body that is being put together.
pub(crate) enum Whole {
    Heap(Vec<u8>),
    Pages(Pages),
}

/// Pages with a body at their beginning.
pub(crate) struct Pages {
    map: MmapMut,
    length: usize,
}

impl AsRef<[u8]> for Pages {
    fn as_ref(&self) -> &[u8] {
        self.map.get(..self.length).unwrap_or_default()
    }
}

impl Whole {
    /// Room for a body of this length.
    pub(crate) fn with_room(length: u64, mapped_from: u64) -> Whole {
        let map = || {
            let length = usize::try_from(length).ok()?;
            MmapOptions::new().len(length).populate().map_anon().ok()
        };
        match (length >= mapped_from).then(map).flatten() {
            Some(map) => Whole::Pages(Pages { map, length: 0 }),
            None => Whole::Heap(Vec::with_capacity(length as usize)),
        }
    }

    /// Adds a piece at the end.
    pub(crate) fn push(&mut self, piece: &[u8]) {
        match self {
            Whole::Heap(bytes) => bytes.extend_from_slice(piece),
            Whole::Pages(pages) => {
                let end = pages.length + piece.len();
                match pages.map.get_mut(pages.length..end) {
                    Some(room) => {
                        room.copy_from_slice(piece);
                        pages.length = end;
                    }
                    // Longer than was said.
                    None => *self = Whole::Heap([pages.as_ref(), piece].concat()),
                }
            }
        }
    }

    /// Returns the bytes so far.
    pub(crate) fn length(&self) -> u64 {
        match self {
            Whole::Heap(bytes) => bytes.len() as u64,
            Whole::Pages(pages) => pages.length as u64,
        }
    }

    /// The body.
    pub(crate) fn finish(self) -> Bytes {
        match self {
            Whole::Heap(bytes) => Bytes::from(bytes),
            Whole::Pages(pages) => Bytes::from_owner(pages),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Puts pieces together, in room for this length.
    fn whole(length: u64, pieces: &[&[u8]]) -> (bool, Bytes) {
        let mut whole = Whole::with_room(length, MIN_MAPPED);
        for piece in pieces {
            whole.push(piece);
        }
        assert_eq!(whole.length() as usize, pieces.concat().len());
        let is_mapped = matches!(whole, Whole::Pages(_));
        (is_mapped, whole.finish())
    }

    #[test]
    fn a_body_is_what_its_pieces_are_with_pages_of_its_own_or_without() {
        for length in [0, 1, 100, MIN_MAPPED - 1, MIN_MAPPED, 3 * MIN_MAPPED + 1] {
            let content: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let (front, back) = content.split_at(content.len() / 3);
            let (is_mapped, body) = whole(length, &[front, &[], back]);
            assert_eq!(is_mapped, length >= MIN_MAPPED, "{length}");
            assert!(body == content, "{length}");
        }
    }

    #[test]
    fn a_body_may_be_longer_or_shorter_than_was_said() {
        let content = vec![7; MIN_MAPPED as usize];
        let (_, longer) = whole(MIN_MAPPED, &[&content, b"more"]);
        assert_eq!(longer.len() as u64, MIN_MAPPED + 4);
        assert!(longer.ends_with(b"more"));
        let (_, shorter) = whole(MIN_MAPPED, &[b"less"]);
        assert_eq!(shorter, "less");
    }

    #[test]
    fn no_more_bodies_have_pages_of_their_own_than_a_process_may_have_mappings() {
        for tier in [1 << 20, 256 << 20, 64 << 30, 1 << 44_u64] {
            assert!(tier / mapped_from(tier) <= MAPPINGS);
        }
    }

    #[test]
    fn a_body_counts_all_of_its_pages() {
        assert_eq!(weight(MIN_MAPPED - 1), MIN_MAPPED - 1);
        assert_eq!(weight(MIN_MAPPED + 1), MIN_MAPPED + PAGE);
    }
}
