//! Content too large to keep: made while it is sent, checked while it is received.

/// The content repeats after this many bytes: a prime, so that no buffer size lines up with it.
const PERIOD: usize = 65_521;

/// A running position in endless generated content.
#[derive(Clone)]
pub struct Generated {
    block: Vec<u8>,
    position: u64,
}

impl Default for Generated {
    fn default() -> Generated {
        Generated::new()
    }
}

impl Generated {
    /// At the first byte.
    pub fn new() -> Generated {
        let byte = |at: usize| {
            let at = at % PERIOD;
            (at.wrapping_mul(2_654_435_761) >> 11) as u8
        };
        Generated {
            block: (0..2 * PERIOD).map(byte).collect(),
            position: 0,
        }
    }

    /// At this byte.
    pub fn at(position: u64) -> Generated {
        Generated {
            position,
            ..Generated::new()
        }
    }

    /// The next bytes, at most 64 KiB and at most `most`.
    pub fn next_piece(&mut self, most: u64) -> &[u8] {
        let start = (self.position % PERIOD as u64) as usize;
        let length = most.min(65_520) as usize;
        self.position += length as u64;
        &self.block[start..start + length]
    }

    /// Returns true if these are the next bytes, and moves on behind them.
    pub fn matches(&mut self, received: &[u8]) -> bool {
        received
            .chunks(65_520)
            .all(|piece| self.next_piece(piece.len() as u64) == piece)
    }

    /// How many bytes were made or checked.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The first bytes, whole.
    pub fn bytes(length: usize) -> Vec<u8> {
        let mut content = Generated::new();
        let mut bytes = Vec::with_capacity(length);
        while bytes.len() < length {
            bytes.extend_from_slice(content.next_piece((length - bytes.len()) as u64));
        }
        bytes
    }
}
