//! A small stored response in a segment: header, head, notes, and the body in blocks.
//!
//! ```text
//! "SVR1"  crc32c of all that follows up to the body  key 32  id 8  head length 4  notes length 4  body length 8
//! head    notes    body in blocks (see `blocks`)
//! ```
//! Numbers are little-endian. The record does not depend on where it lies, so that eviction can move it as it is.

use bytes::Bytes;

use crate::blocks::{Framer, framed_length};
use crate::key::Key;

const MAGIC: [u8; 4] = *b"SVR1";
/// Bytes before the head.
pub(crate) const HEADER: u64 = 64;
const FILLED: usize = 64;

/// The bytes of a record from its header to before the body.
pub(crate) fn front_length(head: u32, notes: u32) -> u64 {
    HEADER + u64::from(head) + u64::from(notes)
}

/// The bytes of a whole record.
pub(crate) fn record_length(head: u32, notes: u32, body: u64) -> u64 {
    front_length(head, notes) + framed_length(body)
}

/// Writes a record to the end of `out`; `None`, with nothing written, when head or notes are over 4 GiB.
pub(crate) fn write(
    key: &Key,
    id: u64,
    head: &[u8],
    notes: &[u8],
    body: &[u8],
    out: &mut Vec<u8>,
) -> Option<(u32, u32)> {
    let head_length = u32::try_from(head.len()).ok()?;
    let notes_length = u32::try_from(notes.len()).ok()?;
    out.reserve(record_length(head_length, notes_length, body.len() as u64) as usize);
    let start = out.len();
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&key.0);
    out.extend_from_slice(&id.to_le_bytes());
    out.extend_from_slice(&head_length.to_le_bytes());
    out.extend_from_slice(&notes_length.to_le_bytes());
    out.extend_from_slice(&(body.len() as u64).to_le_bytes());
    debug_assert_eq!(out.len() - start, FILLED);
    out.extend_from_slice(head);
    out.extend_from_slice(notes);
    let sum = crc32c::crc32c(&out[start + 8..]);
    out[start + 4..start + 8].copy_from_slice(&sum.to_le_bytes());
    let mut framer = Framer::new(id);
    framer.push(body, out);
    framer.finish(out);
    Some((head_length, notes_length))
}

/// Head and notes from the front of a record, if it is the record of this key and id and is whole.
pub(crate) fn read_front(front: &Bytes, key: &Key, id: u64) -> Option<(Bytes, Bytes)> {
    let header = front.get(..FILLED)?;
    let number = |range: std::ops::Range<usize>| -> Option<u32> {
        Some(u32::from_le_bytes(header.get(range)?.try_into().ok()?))
    };
    let sum = number(4..8)?;
    let head = number(48..52)? as usize;
    let notes = number(52..56)? as usize;
    let whole = header.starts_with(&MAGIC)
        && front.len() == FILLED + head + notes
        && header.get(8..40)? == key.0
        && header.get(40..48)? == id.to_le_bytes()
        && crc32c::crc32c(front.get(8..)?) == sum;
    whole.then(|| {
        (
            front.slice(FILLED..FILLED + head),
            front.slice(FILLED + head..),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_front_is_read_back_only_whole_and_for_its_key_and_id() {
        let (key, mut out) = (Key([3; 32]), Vec::new());
        let lengths = write(&key, 9, b"head", b"notes", b"body", &mut out).expect("small");
        assert_eq!(lengths, (4, 5));
        assert_eq!(out.len() as u64, record_length(4, 5, 4));
        let front = Bytes::from(out).slice(..front_length(4, 5) as usize);
        let (head, notes) = read_front(&front, &key, 9).expect("whole");
        assert_eq!((&head[..], &notes[..]), (&b"head"[..], &b"notes"[..]));
        assert!(read_front(&front, &key, 8).is_none());
        assert!(read_front(&front, &Key([4; 32]), 9).is_none());
        for cut in 0..front.len() {
            assert!(read_front(&front.slice(..cut), &key, 9).is_none());
            let mut flipped = front.to_vec();
            flipped[cut] ^= 1;
            assert!(
                read_front(&Bytes::from(flipped), &key, 9).is_none(),
                "byte {cut}"
            );
        }
    }
}
