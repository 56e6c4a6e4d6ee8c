//! Large objects in slices: `range_slices`.

use selvedge_tests::*;

const KIB: u64 = 1 << 10;

const GIB: u64 = 1 << 30;

#[test]
fn a_range_of_a_huge_object_costs_the_slices_that_it_lies_in() {
    let (origin, object) = (Origin::start(), Object::new(GIB));
    let edge = sliced(&origin);
    object.at(&origin, "/a");
    let first = 5000 * SLICE + 100;
    let last = first + 64 * KIB - 1;
    let ask = || {
        edge.get("/a")
            .with("Range", &format!("bytes={first}-{last}"))
    };
    ask()
        .expect(206)
        .body(object.bytes(first, last))
        .field("Content-Range", &format!("bytes {first}-{last}/{GIB}"))
        .field("Content-Length", "65536")
        .field("ETag", "\"v1\"")
        .cache_status("fwd=uri-miss")
        .cache_status("detail=slices");
    let slice = |index: u64| format!("bytes={}-{}", index * SLICE, (index + 1) * SLICE - 1);
    assert_eq!(ranges(&origin), [slice(5000), slice(5001)]);
    sends(&origin, 2 * SLICE);
    ask()
        .expect(206)
        .body(object.bytes(first, last))
        .cache_status("hit");
    let other = 5001 * SLICE;
    edge.get("/a")
        .with("Range", &format!("bytes={other}-{other}"))
        .expect(206)
        .body(object.bytes(other, other))
        .cache_status("hit");
    assert_eq!(origin.all_requests().len(), 2);
}

#[test]
fn the_whole_is_put_together_from_slices() {
    let length = 5 * SLICE + 1234;
    let (origin, object) = (Origin::start(), Object::new(length));
    let edge = sliced(&origin);
    object.at(&origin, "/a");
    edge.get("/a")
        .with("Range", "bytes=70000-70009")
        .expect(206);
    edge.get("/a")
        .expect(200)
        .body(object.whole())
        .field("Content-Length", &length.to_string())
        .no_field("Content-Range");
    sends(&origin, length);
    assert_eq!(origin.all_requests().len(), 6);
    edge.get("/a")
        .expect(200)
        .body(object.whole())
        .cache_status("hit");
    edge.get("/a")
        .with("Range", "bytes=0-0,-1")
        .expect(200)
        .body(object.whole());
    assert_eq!(origin.all_requests().len(), 6);
}

#[test]
fn a_range_from_the_end_and_one_behind_the_end_ask_the_first_slice_for_the_length() {
    let length = 5 * SLICE + 1234;
    let (origin, object) = (Origin::start(), Object::new(length));
    let edge = sliced(&origin);
    object.at(&origin, "/a");
    edge.get("/a")
        .with("Range", "bytes=-10")
        .expect(206)
        .body(object.bytes(length - 10, length - 1))
        .field(
            "Content-Range",
            &format!("bytes {}-{}/{length}", length - 10, length - 1),
        );
    let last = format!("bytes={}-{}", 5 * SLICE, 6 * SLICE - 1);
    assert_eq!(ranges(&origin), [String::from("bytes=0-65535"), last]);
    edge.get("/a")
        .with("Range", &format!("bytes={}-", 7 * SLICE))
        .expect(416)
        .field("Content-Range", &format!("bytes */{length}"));
    edge.get("/a")
        .with("Range", &format!("bytes={length}-"))
        .expect(416)
        .field("Content-Range", &format!("bytes */{length}"));
}

#[test]
fn a_small_object_is_one_slice() {
    let (origin, object) = (Origin::start(), Object::new(100));
    let edge = sliced(&origin);
    object.at(&origin, "/a");
    edge.get("/a").expect(200).body(object.whole());
    edge.get("/a")
        .expect(200)
        .body(object.whole())
        .cache_status("hit");
    assert_eq!(ranges(&origin), ["bytes=0-65535"]);
}

#[test]
fn an_empty_object_is_answered_whole() {
    let origin = Origin::start();
    let edge = sliced(&origin);
    origin.on("/a").computes(|seen| match seen.field("range") {
        None => Answer::ok("").field("ETag", "\"v1\""),
        Some(_) => Answer::status(416).field("Content-Range", "bytes */0"),
    });
    edge.get("/a").expect(200).body("");
    edge.get("/a").expect(200).body("").cache_status("hit");
    assert_eq!(ranges(&origin), ["bytes=0-65535", ""]);
}

#[test]
fn conditions_are_evaluated_against_the_slices_head() {
    let (origin, object) = (Origin::start(), Object::new(3 * SLICE));
    let edge = sliced(&origin);
    object.at(&origin, "/a");
    edge.get("/a").with("If-None-Match", "\"v1\"").expect(304);
    assert_eq!(origin.all_requests()[0].field("if-none-match"), None);
    edge.get("/a")
        .with("Range", "bytes=70000-70009")
        .with("If-Range", "\"v1\"")
        .expect(206)
        .body(object.bytes(70_000, 70_009));
    edge.get("/a")
        .with("Range", "bytes=70000-70009")
        .with("If-Range", "\"v0\"")
        .expect(200)
        .body(object.whole());
    assert_eq!(origin.all_requests().len(), 3);
}

#[test]
fn stale_slices_are_confirmed_one_by_one() {
    let (origin, object) = (Origin::start(), Object::new(2 * SLICE));
    let edge = sliced(&origin);
    object.at(&origin, "/a");
    edge.get("/a").expect(200).body(object.whole());
    edge.advance(Secs(61));
    edge.get("/a")
        .expect(200)
        .body(object.whole())
        .cache_status("fwd=stale");
    sends(&origin, 2 * SLICE);
    assert_eq!(origin.all_requests().len(), 4);
}

#[test]
fn an_origin_without_ranges_is_asked_for_the_whole_from_then_on() {
    let origin = Origin::start();
    let edge = sliced(&origin);
    origin
        .on("/a")
        .answers(Answer::generated(20_000).cache_control("max-age=60"));
    let whole = Generated::bytes(20_000);
    edge.get("/a")
        .expect(200)
        .body(&whole)
        .cache_status("stored");
    edge.get("/a")
        .with("Range", "bytes=10000-10099")
        .expect(206)
        .body(&whole[10_000..10_100])
        .cache_status("hit");
    edge.advance(Secs(61));
    edge.get("/a").expect(200).body(&whole);
    assert_eq!(ranges(&origin), ["bytes=0-65535", ""]);
}

#[test]
fn an_origin_whose_versions_cannot_be_told_apart_is_asked_for_the_whole() {
    let (origin, object) = (Origin::start(), Object::new(3 * SLICE));
    let edge = sliced(&origin);
    let nameless = object.clone();
    origin
        .on("/a")
        .computes(move |seen| match seen.field("range") {
            None => Answer::ok(nameless.whole()),
            Some(_) => Answer::status(206)
                .field(
                    "Content-Range",
                    format!("bytes 0-{}/{}", SLICE - 1, 3 * SLICE),
                )
                .content(nameless.bytes(0, SLICE - 1)),
        });
    edge.get("/a").expect(200).body(object.whole());
    edge.get("/a")
        .expect(200)
        .body(object.whole())
        .cache_status("hit");
    assert_eq!(ranges(&origin), ["bytes=0-65535", ""]);
}

#[test]
fn an_error_in_place_of_a_slice_is_the_answer_and_is_stored_as_such() {
    let origin = Origin::start();
    let edge = sliced(&origin);
    origin.on("/a").answers(Answer::status(404).content("none"));
    edge.get("/a").expect(404).body("none");
    edge.get("/a")
        .with("Range", "bytes=200000-")
        .expect(404)
        .cache_status("hit");
    assert_eq!(origin.all_requests().len(), 1);
}

#[test]
fn what_may_not_be_stored_is_passed_whole() {
    let (origin, object) = (Origin::start(), Object::new(3 * SLICE));
    let edge = sliced(&origin);
    let private = object.clone();
    origin
        .on("/a")
        .computes(move |seen| private.answer(seen).cache_control("no-store"));
    edge.get("/a").expect(200).body(object.whole());
    edge.get("/a")
        .with("Range", "bytes=5-6")
        .expect(206)
        .body(object.bytes(5, 6));
    assert_eq!(ranges(&origin), ["bytes=0-65535", "", "bytes=5-6"]);
    // Only for a while.
    edge.advance(Secs(300));
    edge.get("/a").expect(200).body(object.whole());
    assert_eq!(ranges(&origin)[3..], ["bytes=0-65535", ""]);
}

#[test]
fn an_unsafe_request_invalidates_the_slices() {
    let (origin, object) = (Origin::start(), Object::new(3 * SLICE));
    let edge = Edge::in_front_of(&origin)
        .behavior("range_slices = \"64 KiB\"\nallowed_methods = [\"GET\", \"HEAD\", \"OPTIONS\", \"PUT\", \"POST\", \"PATCH\", \"DELETE\"]")
        .start();
    let changing = object.clone();
    origin.on("/a").computes(move |seen| {
        if seen.method() == "PUT" {
            changing.changes();
            return Answer::status(204);
        }
        changing.answer(seen)
    });
    edge.get("/a").expect(200).body(object.whole());
    edge.request("PUT", "/a").content("new").expect(204);
    edge.get("/a")
        .with("Range", "bytes=70000-70009")
        .expect(206)
        .body(object.bytes(70_000, 70_009));
    edge.get("/a")
        .expect(200)
        .body(object.whole())
        .field("ETag", "\"v2\"");
}

#[test]
fn head_is_passed_on_as_it_is() {
    let (origin, object) = (Origin::start(), Object::new(3 * SLICE));
    let edge = sliced(&origin);
    object.at(&origin, "/a");
    edge.head("/a")
        .expect(200)
        .body("")
        .field("Content-Length", &(3 * SLICE).to_string());
    assert_eq!(ranges(&origin), [""]);
}

#[test]
fn head_is_answered_from_a_fresh_slice() {
    let (origin, object) = (Origin::start(), Object::new(3 * SLICE));
    let edge = sliced(&origin);
    object.at(&origin, "/a");
    store_slice(&edge, 0);
    let length = (3 * SLICE).to_string();
    edge.head("/a")
        .expect(200)
        .body("")
        .field("Content-Length", &length)
        .no_field("Content-Range")
        .cache_status("hit");
    edge.head("/a").with("If-None-Match", "\"v1\"").expect(304);
    assert_eq!(ranges(&origin), ["bytes=0-65535"]);
    edge.advance(Secs(61));
    edge.head("/a")
        .expect(200)
        .field("Content-Length", &length)
        .no_cache_status("hit");
    assert_eq!(ranges(&origin), ["bytes=0-65535", ""]);
}

#[test]
fn an_origin_that_forbids_storing_between_two_slices_is_asked_for_the_whole() {
    let (origin, object) = (Origin::start(), Object::new(3 * SLICE));
    let edge = sliced(&origin);
    let answering = object.clone();
    origin
        .on("/a")
        .computes(move |seen| match seen.field("range") {
            Some(range) if range.starts_with("bytes=0-") => answering.answer(seen),
            _ => answering.answer(seen).cache_control("no-store"),
        });
    store_slice(&edge, 0);
    edge.get("/a")
        .with("Range", "bytes=-10")
        .expect(206)
        .body(object.bytes(3 * SLICE - 10, 3 * SLICE - 1));
    edge.get("/a").expect(200).body(object.whole());
}
