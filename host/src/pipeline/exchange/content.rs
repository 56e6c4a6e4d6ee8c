//! The content of a stored response: complete, still arriving, or in slices.

use super::source::{SlicedBody, Source, Trailers};
use selvedge_store::{BodyReader, Variant};

/// A stored response's body: complete, or still arriving.
pub(crate) enum Content {
    Complete(Variant),
    /// From its first byte, whoever else reads it.
    Arriving(BodyReader, Trailers),
    /// In slices, which are opened one after the other.
    Slices(Box<dyn Sliced>),
}

/// The content of a response in slices of one version.
pub(crate) trait Sliced: Send {
    /// Returns the length of the whole, in bytes.
    fn length(&self) -> u64;

    /// Returns true if the head was stored before this request came.
    fn was_stored(&self) -> bool;

    /// Reads the bytes from the first to the last, both included.
    fn read(self: Box<Self>, first: u64, last: u64) -> Box<dyn SlicedBody>;
}

impl Content {
    /// `None` where it is not known, or where it is of no use since trailers follow.
    pub(crate) fn length(&self) -> Option<u64> {
        match self {
            Content::Complete(variant) => Some(variant.length()),
            Content::Arriving(reader, trailers) => {
                reader.length().filter(|_| trailers.get().is_none())
            }
            Content::Slices(slices) => Some(slices.length()),
        }
    }

    /// Returns true if the head was stored before this request came.
    pub(crate) fn was_stored(&self) -> bool {
        match self {
            Content::Complete(_) => true,
            Content::Arriving(..) => false,
            Content::Slices(slices) => slices.was_stored(),
        }
    }

    pub(crate) fn whole(self) -> Source {
        match self {
            Content::Complete(variant) => match variant.bytes() {
                Some(bytes) => Source::Whole(bytes),
                None => Source::Stored(variant.reader(None)),
            },
            Content::Arriving(reader, trailers) => Source::Arriving(reader, Some(trailers)),
            Content::Slices(slices) => {
                let last = slices.length().saturating_sub(1);
                Source::Slices(slices.read(0, last))
            }
        }
    }

    pub(crate) fn range(self, first: u64, last: u64) -> Source {
        match self {
            Content::Complete(variant) => Source::Stored(variant.reader(Some((first, last)))),
            Content::Arriving(reader, _) => Source::Stored(reader.range(first, last)),
            Content::Slices(slices) => Source::Slices(slices.read(first, last)),
        }
    }
}
