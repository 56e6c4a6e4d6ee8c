//! An edge that stores large objects in slices.

use crate::{Edge, Origin};

/// The size of its slices, in bytes.
pub const SLICE: u64 = 64 << 10;

/// Starts an edge with slices of [`SLICE`] bytes.
pub fn sliced(origin: &Origin) -> Edge {
    Edge::in_front_of(origin)
        .behavior("range_slices = \"64 KiB\"")
        .start()
}

/// Asks for a byte of `/a`, and again until the slice that it lies in is stored.
pub fn store_slice(edge: &Edge, position: u64) {
    let ask = || {
        edge.get("/a")
            .with("Range", &format!("bytes={position}-{position}"))
    };
    edge.eventually("the slice is stored", ask, |response| response.has("hit"));
}
