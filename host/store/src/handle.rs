//! A complete body: in memory, or in a file.

use bytes::Bytes;

use crate::blocks::DiskBody;

/// A complete body.
#[derive(Clone, Debug)]
pub(crate) enum BodyHandle {
    Memory(Bytes),
    Disk(DiskBody),
}

impl BodyHandle {
    pub(crate) fn length(&self) -> u64 {
        match self {
            BodyHandle::Memory(bytes) => bytes.len() as u64,
            BodyHandle::Disk(body) => body.length,
        }
    }
}
