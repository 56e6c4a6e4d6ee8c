//! Bodies that come in tiny pieces: memory follows their bytes, not their pieces.

use bytes::Bytes;
use selvedge_store::{Config, Fill, Store};

use crate::support::*;

const LENGTH: u64 = MIB;
/// One fill after the other would show a buffer that is freed and used again.
const FILLS: u64 = 8;

fn config(dir: Option<&std::path::Path>, max_object_bytes: u64) -> Config {
    Config {
        dir: dir.map(Into::into),
        memory_bytes: 64 * MIB,
        disk_bytes: 64 * MIB,
        max_object_bytes,
        max_variants: 2,
    }
}

/// Appends a body byte by byte, each cut from a buffer as a connection's is: with framing around it.
async fn append_bytewise(fill: &mut Fill, content: &Bytes) {
    for part in content.chunks(1 << 10) {
        let framed: Bytes = part
            .iter()
            .flat_map(|byte| [b'1', b'\r', b'\n', *byte, b'\r', b'\n'])
            .collect();
        for at in 0..part.len() {
            fill.append(framed.slice(6 * at + 3..6 * at + 4)).await;
        }
    }
}

#[tokio::test]
async fn one_byte_pieces_of_a_stored_body_take_the_memory_of_their_bytes() {
    if !is_alone("pieces::one_byte_pieces_of_a_stored_body_take_the_memory_of_their_bytes") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    // In memory up to their end, in a file from 1 MiB on, and only passed on to a reader that reads nothing.
    let large = 3 * LENGTH;
    for (length, limit) in [(LENGTH, large), (large, large), (LENGTH, 1)] {
        let store = Store::open(config(Some(dir.path()), limit)).unwrap();
        let content = body(limit, length);
        let before = resident();
        let (mut fills, mut readers) = (Vec::new(), Vec::new());
        for n in 0..FILLS {
            let mut fill = store.begin(key(n), head("\"s\""), Bytes::new(), Some(length));
            readers.push(fill.reader());
            append_bytewise(&mut fill, &content).await;
            fills.push(fill);
        }
        let grown = resident().saturating_sub(before);
        // 2 MiB for each fill at most, beside what is fixed.
        assert!(grown < 40 * MIB, "{} MiB of {length}", grown / MIB);
        for fill in fills {
            let stored = fill.finish(None).await;
            assert_eq!(stored.is_ok(), limit > 1);
        }
        for reader in readers {
            let read = read(reader).await.expect("whole");
            assert_same(&read, &content, "what a slow reader gets");
        }
        if limit > 1 {
            let stored = body_of(&store, &key(0)).await.expect("stored");
            assert_same(&stored.expect("whole"), &content, "what is stored");
        }
    }
}

#[tokio::test]
async fn each_of_the_tiny_pieces_reaches_a_reader_that_waits_at_once() {
    let store = Store::open(config(None, MIB)).unwrap();
    let mut fill = store.begin(key(1), head("\"t\""), Bytes::new(), None);
    let mut reader = fill.reader();
    for token in ["to", "ken", "s", ""] {
        fill.append(Bytes::from_static(token.as_bytes())).await;
        if !token.is_empty() {
            assert_eq!(reader.next().await.expect("more").expect("whole"), token);
        }
    }
    fill.finish(None).await.expect("stored");
    assert!(reader.next().await.is_none());
}
