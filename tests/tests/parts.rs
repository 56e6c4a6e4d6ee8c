//! A 206 that is not what its Content-Range says: sent as it is framed or broken off, never stored, never combined
//! (RFC 9110, sections 8.6 and 15.3.7; RFC 9111, sections 3.3 and 3.4).

use selvedge_tests::*;

const WHOLE: &str = "0123456789";

/// How an origin says where its content ends.
const FRAMINGS: [&str; 3] = ["length", "chunked", "closed"];

/// Contents of `bytes 4-9/10` with one byte too few, and with one too many.
const WRONG: [&str; 2] = ["45678", "4567890"];

fn framed(answer: Answer, framing: &str) -> Answer {
    match framing {
        "chunked" => answer.chunked(),
        "closed" => answer.until_close(),
        _ => answer,
    }
}

/// An answer of this status that may be stored.
fn fresh(status: u16, content: &str) -> Answer {
    Answer::status(status)
        .field("ETag", "\"v1\"")
        .cache_control("max-age=60")
        .content(content)
}

/// `bytes 4-9/10` with this content.
fn part(content: &str) -> Answer {
    fresh(206, content).field("Content-Range", "bytes 4-9/10")
}

/// Puts an object at `path` whose whole is right, and whose part is this answer.
fn object(origin: &Origin, path: &str, part: Answer) {
    origin
        .on(path)
        .computes(move |seen| match seen.field("range") {
            None => fresh(200, WHOLE),
            Some(range) if range == "bytes=0-3" => {
                fresh(206, "0123").field("Content-Range", "bytes 0-3/10")
            }
            Some(_) => part.clone(),
        });
}

/// Every pair of a framing and a wrong content, with a path of its own.
fn wrong_parts() -> impl Iterator<Item = (&'static str, &'static str, String)> {
    FRAMINGS.into_iter().flat_map(|framing| {
        WRONG.map(|content| (framing, content, format!("/{framing}/{}", content.len())))
    })
}

/// Claims that the viewer gets what is framed as it came, and that its connection then goes on with the next response.
#[track_caller]
fn arrives_as_framed(ask: Ask, status: u16, content: &str) -> Response {
    let mut viewer = ask.start();
    let response = viewer.response().expect(status).body(content);
    viewer.get("/next");
    viewer.response().expect(200).body("next");
    response
}

fn ranged(edge: &Edge, path: &str) -> Ask {
    edge.get(path).with("Range", "bytes=4-9")
}

/// Claims that nothing of the part is used: the whole and its range are right, and the origin was asked for both.
#[track_caller]
fn was_not_stored(origin: &Origin, edge: &Edge, path: &str) {
    let asked = origin.requests(path).len();
    let whole = edge.get(path).expect(200).body(WHOLE);
    whole.field("Content-Length", "10").no_cache_status("hit");
    assert_eq!(origin.requests(path).len(), asked + 1, "{path}");
    ranged(edge, path)
        .expect(206)
        .body("456789")
        .cache_status("hit");
}

#[test]
fn a_part_of_the_wrong_length_is_sent_as_framed_or_broken_off_and_never_stored() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/next").answers(Answer::ok("next"));
    for (framing, content, path) in wrong_parts() {
        object(&origin, &path, framed(part(content), framing));
        for _ in 0..2 {
            if framing == "length" {
                let response = arrives_as_framed(ranged(&edge, &path), 206, content);
                response
                    .field("Content-Length", &content.len().to_string())
                    .cache_status("detail=part-length")
                    .no_cache_status("stored");
            } else {
                ranged(&edge, &path).expect_broken_off();
                edge.wait_for_log("than its Content-Range says");
            }
        }
        assert_eq!(origin.requests(&path).len(), 2, "{path}");
        was_not_stored(&origin, &edge, &path);
    }
}

#[test]
fn a_part_of_the_wrong_length_is_never_combined_with_a_stored_one() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    for (framing, content, path) in wrong_parts() {
        object(&origin, &path, framed(part(content), framing));
        let first = edge.get(&path).with("Range", "bytes=0-3");
        first.expect(206).body("0123").cache_status("stored");
        if framing == "length" {
            edge.get(&path).expect(200).body(WHOLE);
        } else {
            edge.get(&path).expect_broken_off();
            edge.get(&path)
                .expect(200)
                .body(WHOLE)
                .no_cache_status("hit");
        }
        edge.get(&path).expect(200).body(WHOLE).cache_status("hit");
    }
}

#[test]
fn a_part_of_the_wrong_length_that_passes_is_sent_as_framed() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/next").answers(Answer::ok("next"));
    for (framing, content, path) in wrong_parts() {
        let answer = Answer::status(206)
            .field("Content-Range", "bytes 4-9/10")
            .cache_control("no-store")
            .content(content);
        object(&origin, &path, framed(answer, framing));
        arrives_as_framed(ranged(&edge, &path), 206, content);
    }
}

#[test]
fn a_part_in_answer_to_head_is_sent_as_it_is_and_nothing_follows_it() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/next").answers(Answer::ok("next"));
    for content in WRONG {
        let path = format!("/head/{}", content.len());
        object(&origin, &path, part(content));
        let mut viewer = edge.head(&path).with("Range", "bytes=4-9").start();
        viewer.response_to("HEAD").body("");
        viewer.get("/next");
        viewer.response().expect(200).body("next");
        edge.get(&path).expect(200).body(WHOLE);
    }
}

#[test]
fn slices_of_the_wrong_length_are_never_put_together() {
    const SLICE: u64 = 65_536;
    let (origin, object) = (Origin::start(), Object::new(2 * SLICE + 100));
    let edge = Edge::in_front_of(&origin)
        .behavior("range_slices = \"64 KiB\"")
        .start();
    for (number, framing) in FRAMINGS.into_iter().enumerate() {
        for longer in [false, true] {
            let path = format!("/{number}/{longer}");
            let (answers, second) = (object.clone(), object.bytes(SLICE, 2 * SLICE - 1));
            origin.on(&path).computes(move |seen| {
                let is_second =
                    seen.field("range") == Some(format!("bytes={SLICE}-{}", 2 * SLICE - 1));
                if !is_second {
                    return answers.answer(seen);
                }
                let mut content = second.clone();
                content.truncate(SLICE as usize - 1);
                if longer {
                    content.extend_from_slice(b"xx");
                }
                let range = format!("bytes {SLICE}-{}/{}", 2 * SLICE - 1, 2 * SLICE + 100);
                let answer = Answer::status(206)
                    .cache_control("max-age=60")
                    .field("ETag", "\"v1\"")
                    .field("Content-Range", range)
                    .content(content);
                framed(answer, framing)
            });
            let came = edge.get(&path).expect_broken_off();
            assert!(object.whole().starts_with(&came), "{framing}: other bytes");
            if framing == "length" {
                // Known to be of no use before anything is sent: the whole is asked for.
                edge.get(&path).expect(200).body(object.whole());
                continue;
            }
            let again = edge.get(&path).expect_broken_off();
            assert!(object.whole().starts_with(&again), "{framing}: other bytes");
        }
    }
}

#[test]
fn a_part_that_says_no_position_is_never_stored() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/next").answers(Answer::ok("next"));
    let with = |range: &str| fresh(206, "456789").field("Content-Range", range);
    for (kind, answer) in [
        ("none", fresh(206, "456789")),
        ("out-of-order", with("bytes 9-4/10")),
        ("beyond", with("bytes 4-10/10")),
        ("unit", with("lines 4-9/10")),
        ("unsatisfied", with("bytes */10")),
        ("endless", with("bytes 0-18446744073709551615/*")),
        ("two", part("456789").field("Content-Range", "bytes 4-9/10")),
        (
            "multipart",
            part("456789").field("Content-Type", "multipart/byteranges; boundary=b"),
        ),
    ] {
        let path = format!("/{kind}");
        object(&origin, &path, answer);
        arrives_as_framed(ranged(&edge, &path), 206, "456789");
        was_not_stored(&origin, &edge, &path);
    }
}

#[test]
fn a_part_that_was_not_asked_for_is_never_stored() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/next").answers(Answer::ok("next"));
    let all = fresh(206, WHOLE).field("Content-Range", "bytes 0-9/10");
    for (path, answer, content) in [("/part", part("456789"), "456789"), ("/all", all, WHOLE)] {
        origin.on(path).answers(answer).then(fresh(200, WHOLE));
        arrives_as_framed(edge.get(path), 206, content)
            .cache_status("detail=part-unasked")
            .no_cache_status("stored");
        was_not_stored(&origin, &edge, path);
    }
}
