//! The stored form of a response's head: any bytes are read or refused, and what is read is written again as it was read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use selvedge_caching::{Stored, Time, current_age};

fuzz_target!(|bytes: &[u8]| {
    let Ok(stored) = Stored::decode(bytes) else {
        return;
    };
    assert_eq!(Stored::decode(&stored.encode()).as_ref(), Ok(&stored));
    for now in [0, 1, u64::MAX] {
        let _ = (current_age(&stored, Time(now)), stored.ttl(Time(now)));
    }
});
