//! Notes of a stored response beside its head: for listing and invalidation.

use super::invalidations::{Names, Sequence};
use bytes::Bytes;

/// Carried by the store unread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Notes<'a> {
    /// The sequence number of the fetch.
    pub(crate) began: Sequence,
    /// The distribution's id.
    pub(crate) distribution: &'a str,
    /// The path and query as the viewer asked.
    pub(crate) target: &'a str,
    /// The path after rewriting.
    pub(crate) path: &'a str,
    /// The key before hashing.
    pub(crate) key: &'a [u8],
    /// The plugins that had a say in what is stored, as one number: [`Behavior::made_by`](crate::distribution::Behavior).
    pub(crate) made_by: u64,
}

impl<'a> Notes<'a> {
    /// The sequence number of the fetch, and then five parts, each with its length before it.
    pub(crate) fn encode(&self) -> Bytes {
        let made_by = self.made_by.to_be_bytes();
        let parts: [&[u8]; 5] = [
            self.distribution.as_bytes(),
            self.target.as_bytes(),
            self.path.as_bytes(),
            self.key,
            &made_by,
        ];
        let mut out =
            Vec::with_capacity(8 + parts.iter().map(|part| part.len() + 4).sum::<usize>());
        out.extend_from_slice(&self.began.0.to_be_bytes());
        for part in parts {
            out.extend_from_slice(&(part.len() as u32).to_be_bytes());
            out.extend_from_slice(part);
        }
        out.into()
    }

    /// Reads what [`Notes::encode`] wrote; `None` for anything else.
    pub(crate) fn decode(bytes: &'a [u8]) -> Option<Notes<'a>> {
        let began = Notes::began(bytes)?;
        let mut rest = bytes.get(8..)?;
        let mut part = || {
            let (length, after) = rest.split_first_chunk()?;
            let (part, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
            rest = after;
            Some(part)
        };
        let text = |bytes| std::str::from_utf8(bytes).ok();
        Some(Notes {
            began,
            distribution: text(part()?)?,
            target: text(part()?)?,
            path: text(part()?)?,
            key: part()?,
            made_by: number(part()?)?,
        })
    }

    /// Returns the plugins that had a say, without reading the rest. They stand last, so this costs a look-up next to nothing.
    pub(crate) fn made_by(bytes: &[u8]) -> Option<u64> {
        number(bytes.last_chunk::<8>()?)
    }

    /// The sequence number of the fetch, without reading the rest.
    pub(crate) fn began(bytes: &[u8]) -> Option<Sequence> {
        let (began, _) = bytes.split_first_chunk()?;
        Some(Sequence(u64::from_be_bytes(*began)))
    }

    /// Returns the notes after a confirmation by a fetch that began later.
    pub(crate) fn confirmed(bytes: &[u8], began: Sequence) -> Bytes {
        let kept = bytes.get(8..).unwrap_or_default();
        [&began.0.to_be_bytes(), kept].concat().into()
    }

    pub(crate) fn names(&self) -> Names<'a> {
        Names::new(self.target, self.path, self.key)
    }
}

fn number(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_come_back_as_they_were() {
        let notes = Notes {
            began: Sequence(7),
            distribution: "main",
            target: "/a?b=1",
            path: "/b",
            key: b"k",
            made_by: 3,
        };
        let bytes = notes.encode();
        assert_eq!(Notes::decode(&bytes), Some(notes));
        let later = Notes::confirmed(&bytes, Sequence(9));
        assert_eq!(Notes::began(&later), Some(Sequence(9)));
        assert_eq!(Notes::made_by(&later), Some(3));
        assert_eq!(
            Notes::decode(&later).map(|notes| notes.target),
            Some("/a?b=1")
        );
    }

    #[test]
    fn bytes_that_are_no_notes_are_refused() {
        let bytes = Notes {
            began: Sequence(7),
            distribution: "main",
            target: "/",
            path: "/",
            key: b"key",
            made_by: 0,
        }
        .encode();
        for length in 0..bytes.len() {
            assert_eq!(Notes::decode(&bytes[..length]), None, "{length}");
        }
        assert_eq!(Notes::decode(&[0xff; 40]), None);
    }
}
