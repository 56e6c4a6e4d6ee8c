//! Checks the framing of chunked content as its bytes pass, up to and with the last chunk's line.
//!
//! Pure: it looks at each byte once and keeps none. Stricter than RFC 9112 section 7.1 asks: no white space around extensions, at
//! most 16 digits, a bound on all extensions together. Trailers are a section of field lines: `inspect` checks those.

use super::super::message::{FIELD_VALUE, RefusalReason, TOKEN};

/// Largest chunk extensions of one message together, in bytes (RFC 9112 section 7.1.1 asks for such a limit).
pub const MAX_CHUNK_EXTENSION_BYTES: usize = 1024;

/// Most digits of a chunk size.
const MAX_SIZE_DIGITS: u8 = 16;

/// Largest chunk: what every origin's signed 64-bit integer holds.
const MAX_CHUNK_SIZE: u64 = i64::MAX as u64;

/// What a call found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// All bytes are in order, and more must come.
    More,
    /// The last chunk's line ends at the returned length: trailers follow.
    LastChunk,
    /// The byte behind the returned length breaks a rule.
    Broken(RefusalReason),
}

/// Where in the chunked content the check stands.
#[derive(Debug, Default)]
pub(super) struct ChunkCheck {
    place: Place,
    /// The chunk's size while it is read, then what is left of its data.
    size: u64,
    extension_bytes: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    SizeStart,
    Size {
        digits: u8,
    },
    ExtensionStart,
    ExtensionName,
    ValueStart,
    Value,
    Quoted,
    QuotedPair,
    QuotedEnd,
    LineLf,
    Data,
    DataCr,
    DataLf,
}

impl ChunkCheck {
    /// Looks at bytes that have not been given before. Returns how many of them are in order, and what was found there.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> (usize, Found) {
        let mut at = 0;
        while let Some(byte) = bytes.get(at).copied() {
            if self.place == Place::Data {
                let rest = (bytes.len() - at) as u64;
                let taken = rest.min(self.size);
                self.size -= taken;
                // No more than `rest`, which is a length.
                at += taken as usize;
                if self.size == 0 {
                    self.place = Place::DataCr;
                }
                continue;
            }
            match self.step(byte) {
                Ok(place) => self.place = place,
                Err(reason) => return (at, Found::Broken(reason)),
            }
            at += 1;
            if self.place == Place::Data && self.size == 0 {
                return (at, Found::LastChunk);
            }
        }
        (at, Found::More)
    }

    fn step(&mut self, byte: u8) -> Result<Place, RefusalReason> {
        match self.place {
            Place::SizeStart => self.digit(0, byte),
            Place::Size { digits } => match byte {
                b'\r' => Ok(Place::LineLf),
                b';' => self.extension(Place::ExtensionStart),
                _ => self.digit(digits, byte),
            },
            Place::LineLf => match byte {
                b'\n' => Ok(Place::Data),
                _ => Err(RefusalReason::BareCrInContent),
            },
            // `advance` takes the data itself.
            Place::Data => Ok(Place::Data),
            Place::DataCr => match byte {
                b'\r' => Ok(Place::DataLf),
                b'\n' => Err(RefusalReason::BareLfInContent),
                _ => Err(RefusalReason::UnendedChunk),
            },
            Place::DataLf => match byte {
                b'\n' => Ok(Place::SizeStart),
                _ => Err(RefusalReason::BareCrInContent),
            },
            _ => self.step_extension(byte),
        }
    }

    fn digit(&mut self, digits: u8, byte: u8) -> Result<Place, RefusalReason> {
        let value = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            b'\n' => return Err(RefusalReason::BareLfInContent),
            _ => return Err(RefusalReason::InvalidChunkSize),
        };
        if digits == MAX_SIZE_DIGITS {
            return Err(RefusalReason::InvalidChunkSize);
        }
        // After a chunk its size has been counted down to zero. Sixteen digits fit.
        self.size = (self.size << 4) | u64::from(value);
        if self.size > MAX_CHUNK_SIZE {
            return Err(RefusalReason::InvalidChunkSize);
        }
        Ok(Place::Size { digits: digits + 1 })
    }

    /// `;name`, `;name=token` or `;name="quoted"`, without white space.
    fn step_extension(&mut self, byte: u8) -> Result<Place, RefusalReason> {
        let is_token = TOKEN[usize::from(byte)];
        let is_text = FIELD_VALUE[usize::from(byte)];
        let place = match (self.place, byte) {
            (_, b'\n') => return Err(RefusalReason::BareLfInContent),
            (Place::ExtensionStart | Place::ExtensionName, _) if is_token => Place::ExtensionName,
            (Place::ExtensionName, b'=') => Place::ValueStart,
            (Place::ValueStart, b'"') => Place::Quoted,
            (Place::ValueStart | Place::Value, _) if is_token => Place::Value,
            (Place::Quoted, b'"') => Place::QuotedEnd,
            (Place::Quoted, b'\\') => Place::QuotedPair,
            (Place::Quoted | Place::QuotedPair, _) if is_text => Place::Quoted,
            (Place::ExtensionName | Place::Value | Place::QuotedEnd, b';') => Place::ExtensionStart,
            (Place::ExtensionName | Place::Value | Place::QuotedEnd, b'\r') => {
                return Ok(Place::LineLf);
            }
            _ => return Err(RefusalReason::MalformedChunkExtension),
        };
        self.extension(place)
    }

    fn extension(&mut self, place: Place) -> Result<Place, RefusalReason> {
        if self.extension_bytes == MAX_CHUNK_EXTENSION_BYTES {
            return Err(RefusalReason::ChunkExtensionsTooLarge);
        }
        self.extension_bytes += 1;
        Ok(place)
    }
}
