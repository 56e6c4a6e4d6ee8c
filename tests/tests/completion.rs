//! A stored part gets the bytes that it lacks (RFC 9111, sections 3.3 and 3.4).

use selvedge_tests::*;

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
            .chunked()
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
