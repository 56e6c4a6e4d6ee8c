//! The guard's claims: verdict tables, the same verdict however the bytes are split, and real connections with hyper behind.

mod agreement;
mod chunked;
mod departure;
mod framing;
mod head;
mod samples;
mod splits;
mod support;
mod upgrade;
mod wire;

use super::super::message::RefusalReason;

#[test]
fn a_refusal_says_where_it_was_found() {
    let sentence = |reason, at| super::Refusal::new(reason, at).to_string();
    let extensions = sentence(RefusalReason::ChunkExtensionsTooLarge, 7);
    assert!(extensions.contains(&super::MAX_CHUNK_EXTENSION_BYTES.to_string()));
    assert!(extensions.ends_with("(chunk-extensions-too-large, byte 7 of the framed content)"));
    assert_eq!(
        sentence(RefusalReason::BareLf, 0),
        "A line ends with an LF that no CR precedes. (bare-lf, byte 0 of the request head)"
    );
}
