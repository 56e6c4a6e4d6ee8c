//! The pieces of a growing body in memory: a range without gaps, up to its newest byte.
//!
//! Memory follows bytes, not pieces. An origin may send a byte at a time, and each piece costs an entry here beside the
//! read buffer that it is cut from. Short pieces are therefore copied together. Longer ones stay as they came.

use std::collections::VecDeque;

use bytes::Bytes;

/// Pieces below this length are copied: what an entry and a buffer cost is little beside a longer one.
const SHORT: usize = 4 << 10;
/// The length at which copied pieces become one. At most this many bytes are copied again for each reader that is close
/// behind.
const GATHERED: usize = 16 << 10;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    /// Each with the offset of its first byte.
    sealed: VecDeque<(u64, Bytes)>,
    /// The newest bytes, from short pieces.
    tail: Vec<u8>,
    /// The offset behind the newest byte.
    end: u64,
}

impl Pieces {
    /// Adds the next piece.
    pub(crate) fn push(&mut self, piece: Bytes) {
        let start = self.end;
        self.end += piece.len() as u64;
        if piece.len() >= SHORT {
            self.seal(start);
            self.sealed.push_back((start, piece));
            return;
        }
        self.tail.extend_from_slice(&piece);
        if self.tail.len() >= GATHERED {
            self.seal(self.end);
        }
    }

    /// Notes that a piece of this length came, and drops all pieces.
    pub(crate) fn skip(&mut self, length: u64) {
        self.end += length;
        self.sealed.clear();
        self.tail = Vec::new();
    }

    /// The offset behind the newest byte.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// The offset of the first byte in memory.
    pub(crate) fn first(&self) -> u64 {
        let sealed = self.sealed.front().map(|(start, _)| *start);
        sealed.unwrap_or(self.end - self.tail.len() as u64)
    }

    /// Bytes in memory.
    pub(crate) fn length(&self) -> u64 {
        self.end - self.first()
    }

    /// The bytes from `position` on that are at hand in one piece, up to `limit`; `None` where there are none.
    pub(crate) fn at(&self, position: u64, limit: u64) -> Option<Bytes> {
        let after = self.sealed.partition_point(|(start, _)| *start <= position);
        if let Some((start, piece)) = after.checked_sub(1).and_then(|at| self.sealed.get(at)) {
            let (from, to) = cut(*start, piece.len(), position, limit);
            if from < to {
                return Some(piece.slice(from..to));
            }
        }
        let start = self.end - self.tail.len() as u64;
        let (from, to) = cut(start, self.tail.len(), position, limit);
        (start <= position && from < to).then(|| Bytes::copy_from_slice(&self.tail[from..to]))
    }

    /// All bytes from `from` on. Only the newest, short ones are copied.
    pub(crate) fn from(&self, from: u64) -> Vec<Bytes> {
        let mut pieces = Vec::with_capacity(self.sealed.len() + 1);
        for (start, piece) in &self.sealed {
            let skip = from.saturating_sub(*start);
            if skip < piece.len() as u64 {
                pieces.push(piece.slice(skip as usize..));
            }
        }
        pieces.extend(self.at(from.max(self.end - self.tail.len() as u64), self.end));
        pieces
    }

    /// Removes the oldest pieces that end at or before `offset`, as long as more than `least` bytes stay in memory.
    pub(crate) fn trim(&mut self, offset: u64, least: u64) {
        while let Some((start, piece)) = self.sealed.front() {
            if start + piece.len() as u64 > offset || self.length() <= least {
                return;
            }
            self.sealed.pop_front();
        }
        if self.end <= offset && self.length() > least {
            self.tail = Vec::new();
        }
    }

    /// Ends the tail, which reaches up to `end`. Its buffer may have grown to twice its content.
    fn seal(&mut self, end: u64) {
        if self.tail.is_empty() {
            return;
        }
        let mut tail = std::mem::take(&mut self.tail);
        tail.shrink_to_fit();
        let start = end - tail.len() as u64;
        self.sealed.push_back((start, Bytes::from(tail)));
    }
}

/// The part of a piece that is in `position..limit`.
fn cut(start: u64, length: usize, position: u64, limit: u64) -> (usize, usize) {
    let from = position.saturating_sub(start);
    let to = limit.saturating_sub(start).min(length as u64);
    (from.min(length as u64) as usize, to as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pieces of these lengths, and the body that they are.
    fn pieces(lengths: impl IntoIterator<Item = usize>) -> (Pieces, Vec<u8>) {
        let (mut pieces, mut body) = (Pieces::default(), Vec::new());
        for length in lengths {
            let piece: Vec<u8> = (0..length)
                .map(|at| ((body.len() + at) % 251) as u8)
                .collect();
            body.extend_from_slice(&piece);
            pieces.push(piece.into());
        }
        (pieces, body)
    }

    #[test]
    fn short_pieces_become_few_and_every_byte_is_at_its_offset() {
        for lengths in [
            vec![1; 3 * GATHERED + 5],
            vec![SHORT; 9],
            [1, SHORT].repeat(20),
            vec![SHORT - 1, 1, 0, GATHERED, 1, 1],
        ] {
            let (pieces, body) = pieces(lengths);
            assert_eq!(pieces.length(), body.len() as u64);
            assert!(pieces.sealed.len() <= 2 * body.len() / SHORT + 1);
            for from in [0, 1, 4_095, 4_096, 16_384, body.len() - 1, body.len()] {
                assert_eq!(pieces.from(from as u64).concat(), body[from..]);
                let mut read = from;
                while let Some(piece) = pieces.at(read as u64, body.len() as u64) {
                    assert_eq!(piece, body[read..read + piece.len()]);
                    read += piece.len();
                }
                assert_eq!(read, body.len());
                if from + 2 <= body.len() {
                    let piece = pieces.at(from as u64, from as u64 + 1).expect("there");
                    assert_eq!(piece, body[from..=from]);
                }
            }
        }
    }

    #[test]
    fn what_is_trimmed_was_needed_no_more_and_what_stays_is_right() {
        let (mut pieces, body) = pieces(vec![1; 40_000]);
        pieces.trim(20_000, 0);
        assert!(pieces.first() <= 20_000 && pieces.first() > 0);
        assert_eq!(pieces.at(0, 100), None);
        assert_eq!(pieces.from(20_000).concat(), body[20_000..]);
        pieces.trim(40_000, 30_000);
        assert!(pieces.length() > 7_000, "{}", pieces.length());
        pieces.trim(40_000, 0);
        assert_eq!((pieces.first(), pieces.length()), (40_000, 0));
        pieces.skip(10);
        assert_eq!((pieces.first(), pieces.end()), (40_010, 40_010));
    }
}
