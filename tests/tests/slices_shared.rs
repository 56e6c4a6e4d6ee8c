//! Slices and several viewers: one fetch for all, and streaming while the origin sends.

use selvedge_tests::*;

const GIB: u64 = 1 << 30;

#[test]
fn slices_of_two_versions_are_never_mixed() {
    let (origin, object) = (Origin::start(), Object::new(4 * SLICE));
    let edge = sliced(&origin);
    object.at(&origin, "/a");
    store_slice(&edge, 0);
    edge.advance(Secs(30));
    object.changes();
    // The first slice is stored and fresh, the others come in the new version: nothing was sent yet, and it begins anew.
    edge.get("/a")
        .expect(200)
        .body(object.whole())
        .field("ETag", "\"v2\"");
    edge.get("/a")
        .expect(200)
        .body(object.whole())
        .cache_status("hit");
}

#[test]
fn an_older_slice_behind_a_newer_one_is_fetched_anew() {
    let (origin, object) = (Origin::start(), Object::new(4 * SLICE));
    let edge = sliced(&origin);
    object.at(&origin, "/a");
    for index in [1, 3] {
        store_slice(&edge, index * SLICE);
    }
    edge.advance(Secs(30));
    object.changes();
    edge.get("/a")
        .expect(200)
        .body(object.whole())
        .field("ETag", "\"v2\"");
    assert_eq!(origin.all_requests().len(), 6);
}

#[test]
fn a_change_after_bytes_went_out_breaks_the_response_off() {
    let (origin, object) = (Origin::start(), Object::new(64 * SLICE));
    let edge = sliced(&origin);
    let changing = object.clone();
    origin.on("/a").computes(move |seen| {
        if seen
            .field("range")
            .is_some_and(|range| range.starts_with(&format!("bytes={}-", 8 * SLICE)))
        {
            changing.changes();
        }
        changing.answer(seen)
    });
    let old = object.whole();
    let sent = edge.get("/a").expect_broken_off();
    assert!(!sent.is_empty() && sent.len() <= 8 * SLICE as usize && old.starts_with(&sent));
    object.at(&origin, "/a");
    edge.get("/a")
        .expect(200)
        .body(object.whole())
        .field("ETag", "\"v2\"");
}

#[test]
fn viewers_of_one_slice_cause_one_fetch() {
    let (origin, gate, object) = (Origin::start(), Gate::new(), Object::new(GIB));
    let edge = sliced(&origin);
    let (waiting, at) = (object.clone(), gate.clone());
    origin
        .on("/a")
        .computes(move |seen| waiting.answer(seen).waits(&at));
    let ask = |index: u64| {
        let (first, last) = (index * SLICE + 5, index * SLICE + 5 + index);
        edge.get("/a")
            .with("Range", &format!("bytes={first}-{last}"))
            .start()
    };
    let mut viewers: Vec<(u64, Viewer)> = [7, 7, 7, 9, 9, 9]
        .into_iter()
        .map(|index| (index, ask(index)))
        .collect();
    gate.wait_for_arrivals(2);
    gate.open();
    for (index, viewer) in &mut viewers {
        let (first, last) = (*index * SLICE + 5, *index * SLICE + 5 + *index);
        viewer
            .response()
            .expect(206)
            .body(object.bytes(first, last));
    }
    assert_eq!(origin.all_requests().len(), 2);
}

#[test]
fn a_viewer_that_leaves_costs_no_more_than_the_slices_ahead() {
    let (origin, object) = (Origin::start(), Object::new(GIB));
    let edge = sliced(&origin);
    object.at(&origin, "/a");
    let mut viewer = edge.get("/a").start();
    viewer.head(200);
    viewer.bytes(1000);
    viewer.abort();
    edge.access("/a");
    let asked = origin.all_requests().len();
    assert!(asked < 300, "{asked} slices for a viewer that read none");
}

#[test]
fn a_slice_arrives_at_the_viewer_while_the_origin_is_still_sending_it() {
    let (origin, gate, object) = (Origin::start(), Gate::new(), Object::new(3 * SLICE));
    let edge = sliced(&origin);
    let (waiting, at) = (object.clone(), gate.clone());
    origin
        .on("/a")
        .computes(move |seen| match seen.field("range").as_deref() {
            Some("bytes=0-65535") => Answer::status(206)
                .cache_control("max-age=60")
                .field("ETag", waiting.etag())
                .field(
                    "Content-Range",
                    format!("bytes 0-{}/{}", SLICE - 1, 3 * SLICE),
                )
                .content(waiting.bytes(0, 9999))
                .then_waits(&at)
                .content(waiting.bytes(10_000, SLICE - 1)),
            _ => waiting.answer(seen),
        });
    let mut viewer = edge.get("/a").start();
    viewer.head(200);
    assert_eq!(viewer.bytes(10_000), object.bytes(0, 9999));
    gate.open();
    assert_eq!(
        viewer.bytes(3 * SLICE as usize - 10_000),
        object.bytes(10_000, 3 * SLICE - 1)
    );
}

#[test]
fn while_the_first_whole_is_arriving_nobody_asks_for_another() {
    let (origin, gate) = (Origin::start(), Gate::new());
    let edge = sliced(&origin);
    origin.on("/a").answers(
        Answer::ok("first ")
            .then_waits(&gate)
            .content("second")
            .cache_control("max-age=60"),
    );
    let mut first = edge.get("/a").start();
    first.head(200);
    assert_eq!(first.bytes(6), b"first ");
    let mut others: Vec<Viewer> = (0..5).map(|_| edge.get("/a").start()).collect();
    for viewer in &mut others {
        viewer.head(200);
        assert_eq!(viewer.bytes(6), b"first ");
    }
    gate.open();
    for viewer in &mut others {
        assert_eq!(viewer.bytes(6), b"second");
    }
    assert_eq!(origin.all_requests().len(), 1);
}
