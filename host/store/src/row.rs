//! The rows of the index: where a stored response lies, and how that is written.

use bytes::Bytes;

/// The kind of file that a unit is.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub(crate) enum Kind {
    /// Many small records.
    Segment,
    /// One large body.
    Large,
}

/// The location of a stored response.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub(crate) struct Location {
    pub(crate) kind: Kind,
    pub(crate) unit: u64,
    pub(crate) offset: u64,
    /// Lengths of head and notes in the record; 0 for a large body, whose head is in the row.
    pub(crate) head: u32,
    pub(crate) notes: u32,
    pub(crate) body: u64,
}

/// The index's entry of one variant.
#[derive(Clone, Eq, PartialEq, Debug)]
pub(crate) struct Row {
    pub(crate) location: Location,
    /// The owner that it is counted for.
    pub(crate) owner: u64,
    /// Head and notes, if the record has none or the head was freshened since.
    pub(crate) inline: Option<(Bytes, Bytes)>,
}

impl Row {
    /// crc32c, owner, kind, unit, offset, head, notes, body; then the inline head's length, head and notes, if there are.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![0; 4];
        out.extend_from_slice(&self.owner.to_le_bytes());
        out.push(match self.location.kind {
            Kind::Segment => 0,
            Kind::Large => 1,
        });
        out.extend_from_slice(&self.location.unit.to_le_bytes());
        out.extend_from_slice(&self.location.offset.to_le_bytes());
        out.extend_from_slice(&self.location.head.to_le_bytes());
        out.extend_from_slice(&self.location.notes.to_le_bytes());
        out.extend_from_slice(&self.location.body.to_le_bytes());
        if let Some((head, notes)) = &self.inline {
            out.extend_from_slice(&(head.len() as u64).to_le_bytes());
            out.extend_from_slice(head);
            out.extend_from_slice(notes);
        }
        let sum = crc32c::crc32c(&out[4..]);
        out[..4].copy_from_slice(&sum.to_le_bytes());
        out
    }

    pub(crate) fn decode(row: &[u8]) -> Option<Row> {
        let (sum, mut rest) = row.split_first_chunk::<4>()?;
        if crc32c::crc32c(rest).to_le_bytes() != *sum {
            return None;
        }
        let mut location = Location {
            kind: Kind::Segment,
            unit: 0,
            offset: 0,
            head: 0,
            notes: 0,
            body: 0,
        };
        let owner = take_u64(&mut rest)?;
        let (kind, after) = rest.split_first()?;
        rest = after;
        location.kind = match kind {
            0 => Kind::Segment,
            1 => Kind::Large,
            _ => return None,
        };
        location.unit = take_u64(&mut rest)?;
        location.offset = take_u64(&mut rest)?;
        location.head = take_u32(&mut rest)?;
        location.notes = take_u32(&mut rest)?;
        location.body = take_u64(&mut rest)?;
        let inline = match rest.is_empty() {
            true => None,
            false => {
                let head = usize::try_from(take_u64(&mut rest)?).ok()?;
                let (head, notes) = rest.split_at_checked(head)?;
                Some((Bytes::copy_from_slice(head), Bytes::copy_from_slice(notes)))
            }
        };
        Some(Row {
            location,
            owner,
            inline,
        })
    }
}

fn take_u64(from: &mut &[u8]) -> Option<u64> {
    let (number, rest) = from.split_first_chunk::<8>()?;
    *from = rest;
    Some(u64::from_le_bytes(*number))
}

fn take_u32(from: &mut &[u8]) -> Option<u32> {
    let (number, rest) = from.split_first_chunk::<4>()?;
    *from = rest;
    Some(u32::from_le_bytes(*number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_decoded_as_it_was_encoded_and_any_damage_is_noticed() {
        let location = Location {
            kind: Kind::Large,
            unit: 1,
            offset: 2,
            head: 3,
            notes: 4,
            body: 5,
        };
        let inline = Some((Bytes::from_static(b"head"), Bytes::from_static(b"notes")));
        for row in [
            Row {
                location,
                owner: 6,
                inline: None,
            },
            Row {
                location,
                owner: u64::MAX,
                inline,
            },
        ] {
            let encoded = row.encode();
            assert_eq!(Row::decode(&encoded), Some(row));
            for at in 0..encoded.len() {
                assert_eq!(Row::decode(&encoded[..at]), None);
                let mut flipped = encoded.clone();
                flipped[at] ^= 1;
                assert_eq!(Row::decode(&flipped), None);
            }
        }
    }
}
