//! Files of the store that change underneath: what viewers and operators get then.

use selvedge_tests::*;
use std::fs;
use std::path::PathBuf;

/// Bytes of a body with one checksum.
const BLOCK: usize = 64 << 10;
const LENGTH: u64 = 3_000_000;

/// The files of large bodies.
fn large(edge: &Edge) -> Vec<PathBuf> {
    let items = fs::read_dir(edge.folder().join("store/cache/large")).expect("a folder");
    items.map(|item| item.expect("a file").path()).collect()
}

/// Flips a bit in this block of each stored large body.
fn flip(edge: &Edge, block: usize) {
    for path in large(edge) {
        let mut bytes = fs::read(&path).expect("the folder is ours");
        bytes[block * (BLOCK + 4) + 77] ^= 0x10;
        fs::write(&path, bytes).expect("the folder is ours");
    }
}

/// Waits until this number of responses is stored. A file may be there before its response is.
fn wait_until_stored(edge: &Edge, count: usize) {
    eventually("it is stored", || {
        edge.metric("selvedge_store_disk_objects") == Some(count as f64)
    });
}

/// An origin with a large body, and an edge that has it on disk and nowhere else.
fn stored(origin: &Origin, behavior: &str, files: usize) -> (Edge, Response) {
    origin
        .on("/large")
        .answers(Answer::generated(LENGTH).cache_control("max-age=6000"));
    let edge = Edge::in_front_of(origin).behavior(behavior).start();
    let whole = edge.get("/large").expect(200);
    wait_until_stored(&edge, files);
    let edge = edge.restart();
    edge.head("/large").expect(200).cache_status("hit");
    (edge, whole)
}

#[test]
fn a_viewer_that_meets_damage_in_the_first_bytes_gets_the_response_from_the_origin() {
    for range in [
        None,
        Some("bytes=1500000-1500009"),
        Some("bytes=0-0,1500000-1500009"),
    ] {
        let origin = Origin::start();
        let (edge, whole) = stored(&origin, "", 1);
        flip(
            &edge,
            if range.is_some() {
                1_500_000 / BLOCK
            } else {
                2
            },
        );
        let ask = || match range {
            Some(range) => edge.get("/large").with("Range", range),
            None => edge.get("/large"),
        };
        let several = range.is_some_and(|range| range.contains(','));
        let response = ask().send();
        match several {
            // The first of several ranges is not damaged, and is sent before the second is read.
            true => assert_eq!(response.status(), 206),
            false => {
                assert_eq!(response.end, End::Complete);
                let expected = match range {
                    Some(_) => &whole.content[1_500_000..1_500_010],
                    None => &whole.content[..],
                };
                assert_eq!(response.content, expected, "{range:?}");
                assert!(!response.has("hit"), "it is fetched");
            }
        }
        edge.get("/large").expect(200).body(&whole.content);
        assert_eq!(edge.metric("selvedge_store_damaged_objects"), Some(1.0));
        edge.wait_for_log("does not check out");
        eventually("the damaged file is gone", || large(&edge).len() <= 1);
        assert!(origin.requests("/large").len() >= 2, "{range:?}");
    }
}

#[test]
fn damage_further_on_breaks_off_one_response_and_the_next_is_whole() {
    let origin = Origin::start();
    let (edge, whole) = stored(&origin, "", 1);
    flip(&edge, 30);
    let part = edge.get("/large").expect_broken_off();
    assert!(whole.content.starts_with(&part));
    edge.get("/large")
        .expect(200)
        .body(&whole.content)
        .cache_status("fwd=uri-miss");
    let ask = || edge.get("/large");
    edge.eventually("it is a hit", ask, |response| {
        response.has("hit") && response.content == whole.content
    });
    assert_eq!(edge.metric("selvedge_store_damaged_objects"), Some(1.0));
    assert_eq!(origin.requests("/large").len(), 2);
}

#[test]
fn a_damaged_slice_is_fetched_anew_where_it_is_met() {
    let origin = Origin::start();
    let object = Object::new(LENGTH);
    object.at(&origin, "/sliced");
    let edge = Edge::in_front_of(&origin)
        .behavior("range_slices = \"1100 KiB\"")
        .start();
    edge.get("/sliced")
        .expect(200)
        .body(object.bytes(0, LENGTH - 1));
    wait_until_stored(&edge, 3);
    assert_eq!(large(&edge).len(), 2, "those of over 1 MiB");
    let edge = edge.restart();
    let before = origin.requests("/sliced").len();
    flip(&edge, 1);
    edge.get("/sliced")
        .expect(200)
        .body(object.bytes(0, LENGTH - 1));
    assert_eq!(edge.metric("selvedge_store_damaged_objects"), Some(2.0));
    assert_eq!(origin.requests("/sliced").len(), before + 2);
}

#[test]
fn a_state_that_was_lost_brings_back_nothing_that_was_invalidated() {
    for is_emptied in [false, true] {
        let origin = Origin::start();
        origin
            .on("/a")
            .answers(Answer::ok("old").cache_control("max-age=6000"))
            .then(Answer::ok("new").cache_control("max-age=6000"));
        let mut edge = Edge::in_front_of(&origin).start();
        edge.get("/a").expect(200).body("old");
        wait_until_stored(&edge, 1);
        selvedge_on(&edge, &["invalidate", "main", "/a"]).code(0);
        edge.terminate();
        let state = edge.folder().join("store/state.redb");
        match is_emptied {
            true => fs::write(state, "").expect("the folder is ours"),
            false => fs::remove_file(state).expect("the folder is ours"),
        }
        let edge = edge.restart();
        edge.get("/a").expect(200).body("new");
        edge.wait_for_log("the durable state was missing or empty");
    }
}

#[test]
fn an_invalidation_that_a_restart_would_forget_does_not_succeed() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    selvedge_on(&edge, &["invalidate", "main", "/a"]).code(0);
    let state = edge.folder().join("store/state.redb");
    let kept = edge.folder().join("kept");
    fs::rename(&state, &kept).expect("the folder is ours");
    let refused = selvedge_on(&edge, &["invalidate", "main", "/b"]).code(1);
    refused.reports("removed or replaced");
    fs::copy(&kept, &state).expect("the folder is ours");
    selvedge_on(&edge, &["invalidate", "main", "/c"]).code(1);
    selvedge_on(&edge, &["kv", "main", "set", "key", "value"]).code(1);
    fs::rename(&kept, &state).expect("the folder is ours");
    selvedge_on(&edge, &["invalidate", "main", "/d"]).code(0);
}

#[test]
fn a_key_value_that_changed_on_disk_is_refused_until_it_is_set_again() {
    let origin = Origin::start();
    let mut edge = Edge::in_front_of(&origin).start();
    selvedge_on(&edge, &["kv", "main", "set", "key", "the value to flip"]).code(0);
    selvedge_on(&edge, &["kv", "main", "set", "other", "untouched"]).code(0);
    edge.terminate();
    let state = edge.folder().join("store/state.redb");
    let mut bytes = fs::read(&state).expect("the folder is ours");
    let value = b"the value to flip";
    for at in 0..bytes.len() - value.len() {
        if bytes[at..].starts_with(value) {
            bytes[at + 4] ^= 0x20;
        }
    }
    fs::write(&state, bytes).expect("the folder is ours");
    let edge = edge.restart();
    selvedge_on(&edge, &["kv", "main", "get", "key"])
        .code(1)
        .reports("changed on disk");
    let other = selvedge_on(&edge, &["kv", "main", "get", "other"]).code(0);
    assert_eq!(other.stdout, "untouched");
    selvedge_on(&edge, &["kv", "main", "set", "key", "new"]).code(0);
    let new = selvedge_on(&edge, &["kv", "main", "get", "key"]).code(0);
    assert_eq!(new.stdout, "new");
}
