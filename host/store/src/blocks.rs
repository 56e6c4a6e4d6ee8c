//! How a body lies in a file: blocks of 64 KiB, each followed by its CRC-32C.
//!
//! The checksum also covers the body's id and the block's number, so a block that is whole but belongs to another
//! body, or to another place of the same body, does not check out. A range is verified by reading its blocks only.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use tokio::runtime::Handle;

use crate::error::BodyError;
use crate::held::Whole;
use crate::medium::MediumFile;

/// Bytes of a body per checksum.
pub(crate) const BLOCK: u64 = 64 << 10;
/// Bytes that a checksum takes.
const SUM: u64 = 4;
/// The most that one read takes from a file: four blocks.
pub(crate) const READ: u64 = 4 * BLOCK;

/// The bytes that a body of `length` takes in a file.
pub(crate) fn framed_length(length: u64) -> u64 {
    length.saturating_add(length.div_ceil(BLOCK) * SUM)
}

fn seed(id: u64, block: u64) -> u32 {
    let mut place = [0; 16];
    place[..8].copy_from_slice(&id.to_le_bytes());
    place[8..].copy_from_slice(&block.to_le_bytes());
    crc32c::crc32c(&place)
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

    /// Where in the file the next byte goes, counted from the body's beginning.
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
    /// Where in the file the body begins.
    pub(crate) base: u64,
    /// The id under which it was written.
    pub(crate) id: u64,
    /// Bytes of the body, without checksums.
    pub(crate) length: u64,
    /// The threads that it is read on.
    pub(crate) pool: Handle,
}

impl DiskBody {
    /// Reads and verifies `from..to` (bytes of the body), at most [`READ`] bytes and what fills their blocks.
    /// Blocks the thread. The answer may end before `to`; it is never empty unless the range is.
    pub(crate) fn read(&self, from: u64, to: u64) -> Result<VecDeque<Bytes>, BodyError> {
        let to = to.min(self.length);
        if from >= to {
            return Ok(VecDeque::new());
        }
        let first = from / BLOCK;
        let last = ((to - 1) / BLOCK).min(first + READ / BLOCK - 1);
        let end = ((last + 1) * BLOCK).min(self.length);
        let framed = (end - first * BLOCK) + (last - first + 1) * SUM;
        let mut buffer = vec![0; framed as usize];
        self.file
            .read_exact_at(&mut buffer, self.base + first * (BLOCK + SUM))
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::UnexpectedEof => BodyError::Damaged,
                kind => BodyError::Unreadable(kind),
            })?;
        let mut pieces = VecDeque::with_capacity((last - first + 1) as usize);
        let mut rest = Bytes::from(buffer);
        for block in first..=last {
            let start = block * BLOCK;
            let length = (end - start).min(BLOCK);
            let data = rest.split_to(length as usize);
            let sum = rest.split_to(SUM as usize);
            if crc32c::crc32c_append(seed(self.id, block), &data).to_le_bytes() != sum[..] {
                return Err(BodyError::Damaged);
            }
            let skip = from.saturating_sub(start);
            pieces.push_back(data.slice(skip as usize..(to - start).min(length) as usize));
        }
        Ok(pieces)
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
            pool: Pool::new().expect("it starts").handle(),
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
