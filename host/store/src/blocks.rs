//! The layout of a body in a file: blocks of 64 KiB, each followed by its CRC-32C.
//!
//! The checksum also covers the body's id and the block's number, so a block that is whole but belongs to another
//! body, or to another offset of the same body, does not check out. A range is verified by reading its blocks only.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::Arc;

use bytes::Bytes;
use tokio::runtime::Handle;

use crate::block_cache::BlockCache;
use crate::config::BLOCK;
use crate::damage::DamageReport;
use crate::error::BodyError;
use crate::medium::MediumFile;
use crate::pages::Whole;

/// Bytes that a checksum takes.
const SUM: u64 = 4;
/// The most that one read takes from a file: four blocks.
pub(crate) const READ: u64 = 4 * BLOCK;

/// The bytes that a body of `length` takes in a file.
pub(crate) fn framed_length(length: u64) -> u64 {
    length.saturating_add(length.div_ceil(BLOCK) * SUM)
}

fn seed(id: u64, block: u64) -> u32 {
    let mut position = [0; 16];
    position[..8].copy_from_slice(&id.to_le_bytes());
    position[8..].copy_from_slice(&block.to_le_bytes());
    crc32c::crc32c(&position)
}

/// Turns the pieces of a body, cut anywhere, into blocks.
#[derive(Debug)]
pub(crate) struct Framer {
    id: u64,
    block: u64,
    in_block: u64,
    sum: u32,
}

impl Framer {
    pub(crate) fn new(id: u64) -> Framer {
        Framer {
            id,
            block: 0,
            in_block: 0,
            sum: seed(id, 0),
        }
    }

    /// The bytes of the body that are in complete blocks.
    pub(crate) fn complete(&self) -> u64 {
        self.block * BLOCK
    }

    /// Returns the offset in the file of the next byte, counted from the body's beginning.
    pub(crate) fn position(&self) -> u64 {
        self.block * (BLOCK + SUM) + self.in_block
    }

    /// Appends `piece` and the checksums of the blocks that it completes to `out`.
    pub(crate) fn push(&mut self, mut piece: &[u8], out: &mut Vec<u8>) {
        while !piece.is_empty() {
            let room = (BLOCK - self.in_block) as usize;
            let (now, later) = piece.split_at(room.min(piece.len()));
            self.sum = crc32c::crc32c_append(self.sum, now);
            out.extend_from_slice(now);
            self.in_block += now.len() as u64;
            piece = later;
            if self.in_block == BLOCK {
                self.end_block(out);
            }
        }
    }

    /// Ends the last block, if it has bytes.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        if self.in_block > 0 {
            self.end_block(out);
        }
    }

    fn end_block(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.sum.to_le_bytes());
        self.block += 1;
        self.in_block = 0;
        self.sum = seed(self.id, self.block);
    }
}

/// A body, or the complete blocks of one that is still being written, in a file.
#[derive(Clone, Debug)]
pub(crate) struct DiskBody {
    pub(crate) file: Arc<dyn MediumFile>,
    /// The offset in the file of the body's beginning.
    pub(crate) base: u64,
    /// The id under which it was written.
    pub(crate) id: u64,
    /// Bytes of the body, without checksums.
    pub(crate) length: u64,
    /// The cache of blocks that were read lately.
    pub(crate) cache: Arc<BlockCache>,
    /// The threads that it is read on.
    pub(crate) pool: Handle,
    /// Hears of damage.
    pub(crate) damage: Arc<DamageReport>,
}

impl DiskBody {
    /// Reads and verifies `from..to` (bytes of the body), at most [`READ`] bytes and what fills their blocks.
    /// Blocks the thread. The answer may end before `to`; it is never empty unless the range is.
    pub(crate) fn read(&self, from: u64, to: u64) -> Result<VecDeque<Bytes>, BodyError> {
        let to = to.min(self.length);
        if from >= to {
            return Ok(VecDeque::new());
        }
        let mut pieces = VecDeque::new();
        for block in Self::blocks(from, to) {
            let data = match self.in_memory(block) {
                Some(data) => data,
                None => {
                    let data = self.read_block(block)?;
                    self.cache.put(self.id, block, &data);
                    data
                }
            };
            pieces.push_back(cut(&data, block, from, to));
        }
        Ok(pieces)
    }

    /// As [`DiskBody::read`], for a response that was found: a damaged one is removed before this returns.
    pub(crate) fn read_found(&self, from: u64, to: u64) -> Result<VecDeque<Bytes>, BodyError> {
        let read = self.read(from, to);
        if let Err(BodyError::Damaged) = &read {
            self.damage.remove(self.id);
        }
        read
    }

    /// Returns true if one read of `from..to` needs no file.
    pub(crate) fn is_cached(&self, from: u64, to: u64) -> bool {
        let to = to.min(self.length);
        from >= to || Self::blocks(from, to).all(|block| self.in_memory(block).is_some())
    }

    /// Returns the part of `from..to` that is in memory, from `from` on, without waiting.
    pub(crate) fn cached(&self, from: u64, to: u64) -> VecDeque<Bytes> {
        let to = to.min(self.length);
        if from >= to {
            return VecDeque::new();
        }
        Self::blocks(from, to)
            .map_while(|block| Some(cut(&self.in_memory(block)?, block, from, to)))
            .collect()
    }

    /// The blocks of one read.
    fn blocks(from: u64, to: u64) -> RangeInclusive<u64> {
        let first = from / BLOCK;
        first..=((to - 1) / BLOCK).min(first + READ / BLOCK - 1)
    }

    /// Returns the length of a block.
    fn block_length(&self, block: u64) -> u64 {
        (self.length - block * BLOCK).min(BLOCK)
    }

    fn in_memory(&self, block: u64) -> Option<Bytes> {
        let data = self.cache.get(self.id, block)?;
        (data.len() as u64 == self.block_length(block)).then_some(data)
    }

    /// Reads and verifies one block, into a buffer of its own.
    fn read_block(&self, block: u64) -> Result<Bytes, BodyError> {
        let length = self.block_length(block) as usize;
        let mut buffer = vec![0; length + SUM as usize];
        self.file
            .read_exact_at(&mut buffer, self.base + block * (BLOCK + SUM))
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::UnexpectedEof => BodyError::Damaged,
                kind => BodyError::Unreadable(kind),
            })?;
        let mut data = Bytes::from(buffer);
        let sum = data.split_off(length);
        if crc32c::crc32c_append(seed(self.id, block), &data).to_le_bytes() != sum[..] {
            return Err(BodyError::Damaged);
        }
        Ok(data)
    }

    /// Reads and verifies the whole body into one piece, with pages of its own from that length on. Blocks the thread.
    pub(crate) fn read_whole(&self, mapped_from: u64) -> Result<Bytes, BodyError> {
        let mut pieces = self.read(0, self.length)?;
        let mut whole = Whole::with_room(self.length, mapped_from);
        loop {
            pieces.iter().for_each(|piece| whole.push(piece));
            if whole.length() >= self.length {
                return Ok(whole.finish());
            }
            pieces = self.read(whole.length(), self.length)?;
        }
    }
}

/// Returns the part of a block that is in `from..to`.
fn cut(data: &Bytes, block: u64, from: u64, to: u64) -> Bytes {
    let start = block * BLOCK;
    let skip = from.saturating_sub(start) as usize;
    let end = (to - start).min(data.len() as u64) as usize;
    data.slice(skip..end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::medium::{Files, Medium};
    use crate::pool::Pool;

    fn pattern(length: u64) -> Vec<u8> {
        (0..length).map(|at| (at % 251) as u8).collect()
    }

    /// A body in a file, cut into pieces of `piece` bytes when it was written.
    fn written(dir: &std::path::Path, id: u64, length: u64, piece: usize) -> DiskBody {
        let file = Files
            .create(&dir.join(format!("{id}-{length}-{piece}")))
            .expect("a file");
        let (mut framer, mut out) = (Framer::new(id), vec![0xff; 10]);
        for piece in pattern(length).chunks(piece) {
            let before = framer.position();
            let start = out.len() as u64;
            assert_eq!(before + 10, start, "the framer knows where it stands");
            framer.push(piece, &mut out);
        }
        framer.finish(&mut out);
        assert_eq!(out.len() as u64, 10 + framed_length(length));
        file.write_all_at(&out, 0).expect("written");
        DiskBody {
            file,
            base: 10,
            id,
            length,
            cache: Arc::new(BlockCache::new(0)),
            pool: Pool::new().expect("it starts").handle(),
            damage: Arc::new(DamageReport {
                store: std::sync::Weak::<crate::shared::Shared>::new(),
                key: crate::key::Key([0; 32]),
            }),
        }
    }

    #[test]
    fn a_body_is_read_as_it_was_written_however_it_was_cut() {
        let dir = tempfile::tempdir().expect("a folder");
        for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 4 * BLOCK, 9 * BLOCK + 5] {
            for piece in [1_000, BLOCK as usize, 200_000] {
                let body = written(dir.path(), 7, length, piece);
                assert!(
                    body.read_whole(BLOCK).expect("whole") == pattern(length),
                    "{length} by {piece}"
                );
            }
        }
    }

    #[test]
    fn a_read_is_cut_to_its_range_and_to_the_length_of_a_read() {
        let dir = tempfile::tempdir().expect("a folder");
        let body = written(dir.path(), 7, 9 * BLOCK + 5, 1_000);
        let all = pattern(body.length);
        for (from, to) in [
            (0, 1),
            (5, 5),
            (BLOCK - 1, BLOCK + 1),
            (3, body.length),
            (body.length - 1, u64::MAX),
        ] {
            let got: Vec<u8> = body
                .read(from, to)
                .expect("read")
                .into_iter()
                .flatten()
                .collect();
            let expected = &all[from as usize..to.min(body.length) as usize];
            assert!(expected.starts_with(&got) && got.is_empty() == expected.is_empty());
            assert!(got.len() as u64 <= READ);
        }
    }

    #[test]
    fn what_was_read_is_there_without_the_file() {
        let dir = tempfile::tempdir().expect("a folder");
        let body = DiskBody {
            cache: Arc::new(BlockCache::new(64 * BLOCK)),
            ..written(dir.path(), 7, 5 * BLOCK + 5, 1_000)
        };
        let all = pattern(body.length);
        assert!(body.cached(0, 10).is_empty());
        body.read(BLOCK + 1, 3 * BLOCK).expect("two blocks");
        let there = body.cached(BLOCK + 7, 4 * BLOCK);
        let there: Vec<u8> = there.into_iter().flatten().collect();
        assert_eq!(there, &all[BLOCK as usize + 7..3 * BLOCK as usize]);
        assert!(body.cached(3 * BLOCK, 4 * BLOCK).is_empty());
        let end = body.read(5 * BLOCK, u64::MAX).expect("the end");
        assert_eq!(end, body.cached(5 * BLOCK, u64::MAX));
    }

    #[test]
    fn a_block_of_another_body_or_place_does_not_check_out() {
        let dir = tempfile::tempdir().expect("a folder");
        let body = written(dir.path(), 7, 3 * BLOCK, 1_000);
        let other = DiskBody {
            id: 8,
            ..body.clone()
        };
        assert_eq!(other.read(0, 1), Err(BodyError::Damaged));
        let moved = DiskBody {
            base: body.base + BLOCK + 4,
            length: BLOCK,
            ..body.clone()
        };
        assert_eq!(moved.read(0, 1), Err(BodyError::Damaged));
        let long = DiskBody {
            length: 3 * BLOCK + 1,
            ..body
        };
        assert_eq!(long.read(3 * BLOCK, 3 * BLOCK + 1), Err(BodyError::Damaged));
    }
}
