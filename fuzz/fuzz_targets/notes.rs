//! Notes stored beside a response: any bytes are read or refused, and notes that were read are written again unchanged.
#![no_main]

use invalidations::Sequence;
use libfuzzer_sys::fuzz_target;
use notes::Notes;

/// The part of this module that the notes need.
mod invalidations {
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct Sequence(pub(crate) u64);

    pub(crate) struct Names<'a>(pub(crate) &'a str, pub(crate) &'a str, pub(crate) &'a [u8]);

    impl<'a> Names<'a> {
        pub(crate) fn new(target: &'a str, path: &'a str, key: &'a [u8]) -> Names<'a> {
            Names(target, path, key)
        }
    }
}
#[allow(dead_code)]
#[path = "../../host/src/pipeline/notes.rs"]
mod notes;

fuzz_target!(|bytes: &[u8]| {
    let Some(read) = Notes::decode(bytes) else {
        return;
    };
    let written = read.encode();
    assert!(
        bytes.starts_with(&written),
        "what is read is written as it was"
    );
    assert_eq!(Notes::began(bytes), Some(read.began));
    let names = read.names();
    assert_eq!(
        (names.0, names.1, names.2),
        (read.target, read.path, read.key)
    );
    let later = Notes::confirmed(bytes, Sequence(u64::MAX));
    let later = Notes::decode(&later).expect("what can be read can be confirmed");
    assert_eq!(
        later,
        Notes {
            began: Sequence(u64::MAX),
            ..read
        }
    );
});
