//! The check of the framing of chunked content as its bytes pass, up to and with the last chunk's line.
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

/// The result of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// All bytes are in order, and more must come.
    More,
    /// The last chunk's line ends at the returned length: trailers follow.
    LastChunk,
    /// The byte behind the returned length breaks a rule.
    Broken(RefusalReason),
}

/// Chunked content under check.
#[derive(Debug, Default)]
pub(super) struct ChunkCheck {
    position: ChunkPosition,
    /// The chunk's size while it is read, then what is left of its data.
    size: u64,
    extension_bytes: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ChunkPosition {
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
            if self.position == ChunkPosition::Data {
                let rest = (bytes.len() - at) as u64;
                let taken = rest.min(self.size);
                self.size -= taken;
                // No more than `rest`, which is a length.
                at += taken as usize;
                if self.size == 0 {
                    self.position = ChunkPosition::DataCr;
                }
                continue;
            }
            match self.step(byte) {
                Ok(position) => self.position = position,
                Err(reason) => return (at, Found::Broken(reason)),
            }
            at += 1;
            if self.position == ChunkPosition::Data && self.size == 0 {
                return (at, Found::LastChunk);
            }
        }
        (at, Found::More)
    }

    fn step(&mut self, byte: u8) -> Result<ChunkPosition, RefusalReason> {
        match self.position {
            ChunkPosition::SizeStart => self.digit(0, byte),
            ChunkPosition::Size { digits } => match byte {
                b'\r' => Ok(ChunkPosition::LineLf),
                b';' => self.extension(ChunkPosition::ExtensionStart),
                _ => self.digit(digits, byte),
            },
            ChunkPosition::LineLf => match byte {
                b'\n' => Ok(ChunkPosition::Data),
                _ => Err(RefusalReason::BareCrInContent),
            },
            // `advance` takes the data itself.
            ChunkPosition::Data => Ok(ChunkPosition::Data),
            ChunkPosition::DataCr => match byte {
                b'\r' => Ok(ChunkPosition::DataLf),
                b'\n' => Err(RefusalReason::BareLfInContent),
                _ => Err(RefusalReason::UnendedChunk),
            },
            ChunkPosition::DataLf => match byte {
                b'\n' => Ok(ChunkPosition::SizeStart),
                _ => Err(RefusalReason::BareCrInContent),
            },
            _ => self.step_extension(byte),
        }
    }

    fn digit(&mut self, digits: u8, byte: u8) -> Result<ChunkPosition, RefusalReason> {
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
        Ok(ChunkPosition::Size { digits: digits + 1 })
    }

    /// `;name`, `;name=token` or `;name="quoted"`, without white space.
    fn step_extension(&mut self, byte: u8) -> Result<ChunkPosition, RefusalReason> {
        let is_token = TOKEN[usize::from(byte)];
        let is_text = FIELD_VALUE[usize::from(byte)];
        let position = match (self.position, byte) {
            (_, b'\n') => return Err(RefusalReason::BareLfInContent),
            (ChunkPosition::ExtensionStart | ChunkPosition::ExtensionName, _) if is_token => {
                ChunkPosition::ExtensionName
            }
            (ChunkPosition::ExtensionName, b'=') => ChunkPosition::ValueStart,
            (ChunkPosition::ValueStart, b'"') => ChunkPosition::Quoted,
            (ChunkPosition::ValueStart | ChunkPosition::Value, _) if is_token => {
                ChunkPosition::Value
            }
            (ChunkPosition::Quoted, b'"') => ChunkPosition::QuotedEnd,
            (ChunkPosition::Quoted, b'\\') => ChunkPosition::QuotedPair,
            (ChunkPosition::Quoted | ChunkPosition::QuotedPair, _) if is_text => {
                ChunkPosition::Quoted
            }
            (
                ChunkPosition::ExtensionName | ChunkPosition::Value | ChunkPosition::QuotedEnd,
                b';',
            ) => ChunkPosition::ExtensionStart,
            (
                ChunkPosition::ExtensionName | ChunkPosition::Value | ChunkPosition::QuotedEnd,
                b'\r',
            ) => {
                return Ok(ChunkPosition::LineLf);
            }
            _ => return Err(RefusalReason::MalformedChunkExtension),
        };
        self.extension(position)
    }

    fn extension(&mut self, position: ChunkPosition) -> Result<ChunkPosition, RefusalReason> {
        if self.extension_bytes == MAX_CHUNK_EXTENSION_BYTES {
            return Err(RefusalReason::ChunkExtensionsTooLarge);
        }
        self.extension_bytes += 1;
        Ok(position)
    }
}
