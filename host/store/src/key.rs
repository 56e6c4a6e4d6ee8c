//! The key of stored responses.

use std::fmt;
use std::hash::{Hash, Hasher};

/// The cache key of a stored response, hashed to 32 bytes by the caller with a cryptographic hash.
///
/// One key holds all variants of a resource (RFC 9111 section 4.1). The store relies on the bytes being spread
/// evenly: it takes the first eight of them as the hash.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd)]
pub struct Key(pub [u8; 32]);

impl Key {
    /// The first eight bytes, which stand for the whole key where a rare mix-up costs only a read.
    pub(crate) fn prefix(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.prefix());
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
