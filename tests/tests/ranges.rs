//! Ranges from what is stored: of the whole, and of a part.

use selvedge_tests::*;

#[test]
fn ranges_of_a_stored_whole_are_hits() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin
        .on("/a")
        .answers(Answer::ok("0123456789").field("ETag", "\"v1\""));
    edge.get("/a").expect(200);
    let range = |range: &str| edge.get("/a").with("Range", range);
    range("bytes=2-4")
        .expect(206)
        .body("234")
        .field("Content-Range", "bytes 2-4/10")
        .cache_status("hit");
    range("bytes=7-").expect(206).body("789");
    range("bytes=-3").expect(206).body("789");
    range("bytes=0-0,9-9")
        .expect(206)
        .field_contains("Content-Type", "multipart/byteranges")
        .says("Content-Range: bytes 9-9/10");
    range("bytes=10-")
        .expect(416)
        .field("Content-Range", "bytes */10");
    range("bytes=2-4")
        .with("If-Range", "\"v0\"")
        .expect(200)
        .body("0123456789");
    assert_eq!(origin.requests("/a").len(), 1);
}

// From a part.

#[test]
fn a_stored_part_answers_the_ranges_within_it() {
    let (origin, object) = (Origin::start(), Object::new(1000));
    let edge = Edge::in_front_of(&origin).start();
    object.at(&origin, "/a");
    let range = |range: &str| edge.get("/a").with("Range", range);
    range("bytes=100-199")
        .expect(206)
        .body(object.bytes(100, 199));
    range("bytes=120-129")
        .expect(206)
        .body(object.bytes(120, 129))
        .field("Content-Range", "bytes 120-129/1000")
        .field("Content-Length", "10")
        .cache_status("hit");
    assert_eq!(ranges(&origin), ["bytes=100-199"]);
}

#[test]
fn a_stored_part_that_is_stale_is_confirmed_with_its_range() {
    let (origin, object) = (Origin::start(), Object::new(1000));
    let edge = Edge::in_front_of(&origin).start();
    object.at(&origin, "/a");
    let range = |range: &str| edge.get("/a").with("Range", range);
    range("bytes=100-199").expect(206);
    edge.advance(Secs(61));
    range("bytes=120-129")
        .expect(206)
        .body(object.bytes(120, 129))
        .cache_status("fwd-status=304");
    range("bytes=130-139").expect(206).cache_status("hit");
    edge.advance(Secs(61));
    object.changes();
    range("bytes=120-129")
        .expect(206)
        .body(object.bytes(120, 129))
        .cache_status("fwd-status=206");
    assert_eq!(
        ranges(&origin),
        ["bytes=100-199", "bytes=120-129", "bytes=120-129"]
    );
}

#[test]
fn a_part_does_not_take_the_place_of_the_whole_that_was_stored_meanwhile() {
    let (origin, gate, object) = (Origin::start(), Gate::new(), Object::new(1000));
    let edge = Edge::in_front_of(&origin).start();
    let (late, held) = (object.clone(), gate.clone());
    origin
        .on("/a")
        .computes(move |seen| match seen.field("range") {
            Some(_) => late.answer(seen).waits(&held),
            None => late.answer(seen),
        });
    let mut part = edge.get("/a").with("Range", "bytes=100-199").start();
    gate.wait_for_arrivals(1);
    edge.get("/a").expect(200).body(object.whole());
    gate.open();
    part.response().expect(206).body(object.bytes(100, 199));
    edge.get("/a")
        .expect(200)
        .body(object.whole())
        .cache_status("hit");
    assert_eq!(origin.requests("/a").len(), 2);
}

#[test]
fn a_range_beyond_the_end_of_a_stored_part_is_416() {
    let (origin, object) = (Origin::start(), Object::new(100));
    let edge = Edge::in_front_of(&origin).start();
    object.at(&origin, "/a");
    let range = |range: &str| edge.get("/a").with("Range", range);
    range("bytes=60-").expect(206).body(object.bytes(60, 99));
    for beyond in [
        "bytes=100-",
        "bytes=100-200",
        "bytes=-0",
        "bytes=100-,200-300",
    ] {
        range(beyond)
            .expect(416)
            .field("Content-Range", "bytes */100")
            .cache_status("hit")
            .no_field("ETag");
        range(beyond).with("If-Range", "\"v1\"").expect(416);
    }
    range("bytes=-10").expect(206).body(object.bytes(90, 99));
    range("bytes=99-100").expect(206).body(object.bytes(99, 99));
    assert_eq!(ranges(&origin), ["bytes=60-"]);
    // A range does not count where If-Range names another version, nor for HEAD.
    range("bytes=100-")
        .with("If-Range", "\"v0\"")
        .expect(200)
        .body(object.whole());
    edge.head("/a").with("Range", "bytes=100-").expect(200);
}

#[test]
fn a_range_beyond_the_end_of_slices_is_416() {
    let (origin, object) = (Origin::start(), Object::new(100_000));
    let edge = Edge::in_front_of(&origin)
        .behavior("range_slices = \"64 KiB\"")
        .start();
    object.at(&origin, "/a");
    let range = |range: &str| edge.get("/a").with("Range", range);
    range("bytes=70000-").expect(206);
    for beyond in [
        "bytes=100000-",
        "bytes=200000-",
        "bytes=-0",
        "bytes=100000-,200000-",
    ] {
        let answer = range(beyond).expect(416);
        answer.field("Content-Range", "bytes */100000");
    }
    range("bytes=-10")
        .expect(206)
        .body(object.bytes(99_990, 99_999));
}
