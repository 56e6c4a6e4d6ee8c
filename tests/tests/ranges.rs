//! Ranges from what is stored: of the whole, of a part, of a part that is completed, and of slices.

use selvedge_tests::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const KIB: u64 = 1 << 10;
const SLICE: u64 = 64 * KIB;
const GIB: u64 = 1 << 30;

/// An object at the origin that can be had in ranges. Its content differs from one version to the next in every byte.
#[derive(Clone)]
struct Object {
    length: u64,
    version: Arc<AtomicU64>,
}

impl Object {
    fn new(length: u64) -> Object {
        Object {
            length,
            version: Arc::new(AtomicU64::new(1)),
        }
    }

    fn changes(&self) {
        self.version.fetch_add(1, Ordering::SeqCst);
    }

    /// The bytes of the present version from the first to the last.
    fn bytes(&self, first: u64, last: u64) -> Vec<u8> {
        let version = self.version.load(Ordering::SeqCst);
        let byte = |at: u64| (at.wrapping_mul(0x9e37_79b9) >> 13) as u8 ^ (at >> 16) as u8;
        (first..=last)
            .map(|at| byte(at).wrapping_add(version as u8))
            .collect()
    }

    fn whole(&self) -> Vec<u8> {
        self.bytes(0, self.length - 1)
    }

    fn etag(&self) -> String {
        format!("\"v{}\"", self.version.load(Ordering::SeqCst))
    }

    /// What an origin that knows conditions and ranges answers.
    fn answer(&self, seen: &Seen) -> Answer {
        let answer = |status| {
            Answer::status(status)
                .cache_control("max-age=60")
                .field("ETag", self.etag())
        };
        if seen.field("if-none-match") == Some(self.etag()) {
            return answer(304);
        }
        let counts = seen
            .field("if-range")
            .is_none_or(|asked| asked == self.etag());
        let Some(range) = seen.field("range").filter(|_| counts) else {
            return answer(200).content(self.whole());
        };
        let (first, last) = range
            .strip_prefix("bytes=")
            .and_then(|range| range.split_once('-'))
            .expect("one plain range");
        let (first, last) = match (first.parse::<u64>(), last.parse::<u64>()) {
            (Ok(first), last) => (
                first,
                last.map_or(self.length - 1, |last| last.min(self.length - 1)),
            ),
            (Err(_), last) => (self.length - last.expect("a suffix"), self.length - 1),
        };
        if first >= self.length {
            return answer(416).field("Content-Range", format!("bytes */{}", self.length));
        }
        answer(206)
            .field(
                "Content-Range",
                format!("bytes {first}-{last}/{}", self.length),
            )
            .content(self.bytes(first, last))
    }

    fn at(&self, origin: &Origin, path: &str) {
        let object = self.clone();
        origin.on(path).computes(move |seen| object.answer(seen));
    }
}

fn ranges(origin: &Origin) -> Vec<String> {
    let all = origin.all_requests();
    all.iter()
        .map(|seen| seen.field("range").unwrap_or_default())
        .collect()
}

fn sliced(origin: &Origin) -> Edge {
    Edge::in_front_of(origin)
        .behavior("range_slices = \"64 KiB\"")
        .start()
}

/// Claims that so many bytes of content leave the origin: it counts them after the viewer may have got them.
fn sends(origin: &Origin, bytes: u64) {
    eventually("the origin counts what it sent", || origin.sent() >= bytes);
    assert_eq!(origin.sent(), bytes);
}

/// Asks for a byte, and again until the slice that it lies in is stored.
fn store_slice(edge: &Edge, position: u64) {
    let ask = || {
        edge.get("/a")
            .with("Range", &format!("bytes={position}-{position}"))
    };
    edge.eventually("the slice is stored", ask, |response| response.has("hit"));
}

// From the whole.

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
fn a_stored_part_is_completed_by_what_is_missing_behind_it() {
    let (origin, object) = (Origin::start(), Object::new(1000));
    let edge = Edge::in_front_of(&origin).start();
    object.at(&origin, "/a");
    edge.get("/a").with("Range", "bytes=0-399").expect(206);
    edge.get("/a")
        .expect(200)
        .body(object.whole())
        .field("Content-Length", "1000")
        .no_field("Content-Range")
        .cache_status("fwd=partial")
        .cache_status("fwd-status=206")
        .cache_status("stored");
    edge.get("/a")
        .expect(200)
        .body(object.whole())
        .cache_status("hit");
    edge.get("/a")
        .with("Range", "bytes=390-409")
        .expect(206)
        .body(object.bytes(390, 409))
        .cache_status("hit");
    assert_eq!(ranges(&origin), ["bytes=0-399", "bytes=400-999"]);
    assert_eq!(
        origin.all_requests()[1].field("if-range").as_deref(),
        Some("\"v1\"")
    );
    sends(&origin, 1000);
}

#[test]
fn a_stored_part_is_completed_by_what_is_missing_before_it() {
    let (origin, object) = (Origin::start(), Object::new(1000));
    let edge = Edge::in_front_of(&origin).start();
    object.at(&origin, "/a");
    edge.get("/a").with("Range", "bytes=600-799").expect(206);
    edge.get("/a")
        .with("Range", "bytes=500-699")
        .expect(206)
        .body(object.bytes(500, 699))
        .field("Content-Range", "bytes 500-699/1000")
        .cache_status("fwd=partial");
    edge.get("/a")
        .with("Range", "bytes=500-799")
        .expect(206)
        .body(object.bytes(500, 799))
        .cache_status("hit");
    assert_eq!(ranges(&origin), ["bytes=600-799", "bytes=500-599"]);
}

#[test]
fn a_range_wider_than_the_stored_part_gets_only_what_it_asked_for() {
    let (origin, object) = (Origin::start(), Object::new(1000));
    let edge = Edge::in_front_of(&origin).start();
    object.at(&origin, "/a");
    edge.get("/a").with("Range", "bytes=0-99").expect(206);
    edge.get("/a")
        .with("Range", "bytes=50-149")
        .expect(206)
        .body(object.bytes(50, 149))
        .field("Content-Range", "bytes 50-149/1000")
        .field("Content-Length", "100");
    assert_eq!(ranges(&origin), ["bytes=0-99", "bytes=100-149"]);
}

#[test]
fn a_part_of_another_version_is_never_combined() {
    let (origin, object) = (Origin::start(), Object::new(1000));
    let edge = Edge::in_front_of(&origin).start();
    object.at(&origin, "/a");
    edge.get("/a").with("Range", "bytes=0-399").expect(206);
    object.changes();
    edge.get("/a").expect(200).body(object.whole());
    edge.get("/a")
        .expect(200)
        .body(object.whole())
        .cache_status("hit");
    assert_eq!(ranges(&origin), ["bytes=0-399", "bytes=400-999"]);
}

#[test]
fn an_origin_that_ignores_if_range_does_not_mix_versions() {
    let (origin, object) = (Origin::start(), Object::new(1000));
    let edge = Edge::in_front_of(&origin).start();
    let careless = object.clone();
    origin.on("/a").computes(move |seen| {
        let (first, last) = match seen.field("range").as_deref() {
            Some("bytes=0-399") => (0, 399),
            Some(_) => (400, 999),
            None => return Answer::ok(careless.whole()).field("ETag", careless.etag()),
        };
        Answer::status(206)
            .field("ETag", careless.etag())
            .field("Content-Range", format!("bytes {first}-{last}/1000"))
            .content(careless.bytes(first, last))
    });
    edge.get("/a").with("Range", "bytes=0-399").expect(206);
    object.changes();
    edge.get("/a").expect(200).body(object.whole());
    assert_eq!(ranges(&origin), ["bytes=0-399", "bytes=400-999", ""]);
}

#[test]
fn a_part_with_a_weak_validator_is_not_completed() {
    let (origin, object) = (Origin::start(), Object::new(1000));
    let edge = Edge::in_front_of(&origin).start();
    let weak = object.clone();
    origin
        .on("/a")
        .computes(move |seen| match seen.field("range") {
            None => Answer::ok(weak.whole()).field("ETag", "W/\"v1\""),
            Some(_) => Answer::status(206)
                .field("ETag", "W/\"v1\"")
                .field("Content-Range", "bytes 0-399/1000")
                .content(weak.bytes(0, 399)),
        });
    edge.get("/a").with("Range", "bytes=0-399").expect(206);
    edge.get("/a").expect(200).body(object.whole());
    assert_eq!(ranges(&origin), ["bytes=0-399", ""]);
}

#[test]
fn a_completion_that_breaks_off_is_visible_and_not_stored() {
    let (origin, object) = (Origin::start(), Object::new(1000));
    let edge = Edge::in_front_of(&origin).start();
    object.at(&origin, "/a");
    edge.get("/a").with("Range", "bytes=0-399").expect(206);
    let breaking = object.clone();
    origin
        .on("/a")
        .computes(move |seen| breaking.answer(seen).cut_after(100));
    edge.get("/a").expect_broken_off();
    object.at(&origin, "/a");
    edge.get("/a")
        .expect(200)
        .body(object.whole())
        .no_cache_status("hit");
    edge.get("/a")
        .expect(200)
        .body(object.whole())
        .cache_status("hit");
}

#[test]
fn an_origin_that_sends_more_than_is_missing_is_cut_to_fit() {
    let (origin, object) = (Origin::start(), Object::new(1000));
    let edge = Edge::in_front_of(&origin).start();
    object.at(&origin, "/a");
    edge.get("/a").with("Range", "bytes=300-599").expect(206);
    let generous = object.clone();
    origin.on("/a").computes(move |_| {
        Answer::status(206)
            .field("ETag", generous.etag())
            .field("Content-Range", "bytes 200-449/1000")
            .content(generous.bytes(200, 449))
    });
    let range = |range: &str| edge.get("/a").with("Range", range);
    range("bytes=250-599")
        .expect(206)
        .body(object.bytes(250, 599));
    range("bytes=200-599")
        .expect(206)
        .body(object.bytes(200, 599))
        .cache_status("hit");
    assert_eq!(ranges(&origin), ["bytes=300-599", "bytes=250-299"]);
}

#[test]
fn an_answer_shorter_than_its_content_range_puts_no_byte_in_a_wrong_place() {
    let (origin, object) = (Origin::start(), Object::new(1000));
    let edge = Edge::in_front_of(&origin).start();
    object.at(&origin, "/a");
    edge.get("/a").with("Range", "bytes=600-799").expect(206);
    let short = object.clone();
    origin.on("/a").computes(move |_| {
        Answer::status(206)
            .field("ETag", short.etag())
            .field("Content-Range", "bytes 500-599/1000")
            .content(short.bytes(500, 549))
    });
    let cut = edge.get("/a").with("Range", "bytes=500-699").send();
    assert_eq!(cut.end, End::CutShort);
    assert!(object.bytes(500, 549).starts_with(&cut.content));
}

#[test]
fn concurrent_requests_for_different_ranges_of_a_stale_part_get_their_own() {
    let (origin, gate, object) = (Origin::start(), Gate::new(), Object::new(1000));
    let edge = Edge::in_front_of(&origin).start();
    object.at(&origin, "/a");
    edge.get("/a").with("Range", "bytes=0-99").expect(206);
    edge.advance(Secs(61));
    object.changes();
    let (waiting, at) = (object.clone(), gate.clone());
    origin
        .on("/a")
        .computes(move |seen| waiting.answer(seen).waits(&at));
    let range = |range: &str| edge.get("/a").with("Range", range).start();
    let (mut one, mut other) = (range("bytes=10-19"), range("bytes=20-29"));
    gate.wait_for_arrivals(2);
    gate.open();
    one.response().expect(206).body(object.bytes(10, 19));
    other.response().expect(206).body(object.bytes(20, 29));
}

#[test]
fn many_viewers_share_one_completion() {
    let (origin, gate, object) = (Origin::start(), Gate::new(), Object::new(1000));
    let edge = Edge::in_front_of(&origin).start();
    object.at(&origin, "/a");
    edge.get("/a").with("Range", "bytes=0-399").expect(206);
    let (waiting, at) = (object.clone(), gate.clone());
    origin
        .on("/a")
        .computes(move |seen| waiting.answer(seen).waits(&at));
    let mut viewers: Vec<Viewer> = (0..10).map(|_| edge.get("/a").start()).collect();
    gate.wait_for_arrivals(1);
    gate.open();
    for viewer in &mut viewers {
        viewer.response().expect(200).body(object.whole());
    }
    assert_eq!(ranges(&origin), ["bytes=0-399", "bytes=400-999"]);
}

// In slices.

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
