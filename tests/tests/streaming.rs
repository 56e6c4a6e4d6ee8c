//! Bodies pass without being held: memory stays where it was, and each side waits for the slower one.

use selvedge_tests::guests::guest;
use selvedge_tests::*;

const GIB: u64 = 1 << 30;
const MIB: u64 = 1 << 20;
const POST: &str =
    "allowed_methods = [\"GET\", \"HEAD\", \"OPTIONS\", \"PUT\", \"POST\", \"PATCH\", \"DELETE\"]";

/// Runs `transfer` and claims that the edge's memory grew by less than this at its highest.
#[track_caller]
fn grows_by_less_than(edge: &Edge, bound: u64, transfer: impl FnOnce()) {
    edge.get("/warm").expect(200);
    let before = edge.memory("VmRSS");
    transfer();
    let grown = edge.memory("VmHWM").saturating_sub(before);
    assert!(grown < bound, "grew by {} MiB", grown / MIB);
}

#[test]
fn a_gibibyte_passes_to_the_viewer_within_64_mib() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/warm").answers(Answer::ok("x"));
    origin
        .on("/large")
        .answers(Answer::generated(GIB).cache_control("no-store"));
    grows_by_less_than(&edge, 64 * MIB, || {
        let mut viewer = edge.get("/large").start();
        let head = viewer.head(200);
        assert_eq!(viewer.generated(&head), (GIB, End::Complete));
    });
}

#[test]
fn a_gibibyte_passes_to_the_origin_within_64_mib() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).behavior(POST).start();
    origin.on("*").answers(Answer::ok("thanks"));
    grows_by_less_than(&edge, 64 * MIB, || {
        let mut viewer = edge.sent(format!(
            "POST /large HTTP/1.1\r\nHost: {ALIAS}\r\nContent-Length: {GIB}\r\n\r\n"
        ));
        assert_eq!(viewer.send_generated(GIB), GIB);
        viewer.response().expect(200).body("thanks");
    });
    let seen = origin.request("/large");
    assert_eq!((seen.content_length, seen.is_generated), (GIB, true));
}

#[test]
fn a_large_object_is_stored_on_disk_and_served_from_there() {
    let origin = Origin::start();
    let store = "memory = \"8 MiB\"\ndisk = \"512 MiB\"\nmax_object = \"256 MiB\"";
    let edge = Edge::in_front_of(&origin).store(store).start();
    origin.on("/warm").answers(Answer::ok("x"));
    origin
        .on("/large")
        .answers(Answer::generated(128 * MIB).cache_control("max-age=60"));
    grows_by_less_than(&edge, 64 * MIB, || {
        for _ in 0..2 {
            let mut viewer = edge.get("/large").start();
            let head = viewer.head(200);
            assert_eq!(viewer.generated(&head), (128 * MIB, End::Complete));
        }
    });
    edge.head("/large").expect(200).cache_status("hit");
    assert_eq!(origin.requests("/large").len(), 1);
}

#[test]
fn an_object_over_the_size_limit_passes_and_is_not_stored() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .store("memory = \"8 MiB\"\ndisk = \"64 MiB\"\nmax_object = \"1 MiB\"")
        .start();
    for answer in [
        Answer::generated(3 * MIB),
        Answer::generated(3 * MIB).chunked(),
    ] {
        origin
            .on("/large")
            .answers(answer.cache_control("max-age=60"));
        let before = origin.requests("/large").len();
        for _ in 0..2 {
            let mut viewer = edge.get("/large").start();
            let head = viewer.head(200);
            assert_eq!(viewer.generated(&head), (3 * MIB, End::Complete));
        }
        assert_eq!(origin.requests("/large").len(), before + 2);
    }
}

#[test]
fn a_chunked_upload_passes_to_the_origin_as_it_is_sent() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).behavior(POST).start();
    origin.on("/a").answers(Answer::ok("thanks"));
    let mut viewer = edge.sent(format!(
        "POST /a HTTP/1.1\r\nHost: {ALIAS}\r\nTransfer-Encoding: chunked\r\n\r\n"
    ));
    let mut content = Generated::new();
    for _ in 0..500 {
        let piece = content.next_piece(50_000).to_vec();
        viewer
            .send(format!("{:x}\r\n", piece.len()))
            .send(&piece)
            .send("\r\n");
    }
    viewer.send("0\r\n\r\n");
    viewer.response().expect(200);
    let seen = origin.request("/a");
    assert_eq!((seen.content_length, seen.is_generated), (25_000_000, true));
}

#[test]
fn the_first_bytes_arrive_before_the_origin_has_sent_the_last() {
    let (origin, gate) = (Origin::start(), Gate::new());
    let edge = Edge::in_front_of(&origin).start();
    origin
        .on("/a")
        .answers(Answer::ok("first ").then_waits(&gate).content("second"));
    let mut viewer = edge.get("/a").start();
    viewer.head(200);
    assert_eq!(viewer.bytes(6), b"first ");
    gate.open();
    assert_eq!(viewer.bytes(6), b"second");
}

#[test]
fn the_head_arrives_before_the_first_byte_of_the_body() {
    let (origin, gate) = (Origin::start(), Gate::new());
    let edge = Edge::in_front_of(&origin).start();
    origin
        .on("/a")
        .answers(Answer::status(200).then_waits(&gate).content("late"));
    let mut viewer = edge.get("/a").start();
    viewer.head(200);
    gate.open();
    assert_eq!(viewer.bytes(4), b"late");
}

/// Waits until the origin has sent nothing for a moment, and says how much it had sent.
fn settled(origin: &Origin) -> u64 {
    let mut last = (origin.sent(), 0);
    while last.1 < 20 {
        std::thread::sleep(std::time::Duration::from_millis(20));
        last = if origin.sent() == last.0 {
            (last.0, last.1 + 1)
        } else {
            (origin.sent(), 0)
        };
    }
    last.0
}

#[test]
fn a_slow_viewer_holds_the_origin_back() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin
        .on("/large")
        .answers(Answer::generated(GIB).cache_control("no-store"));
    let mut viewer = edge.get("/large").start();
    viewer.head(200);
    let sent = settled(&origin);
    assert!(
        sent < 64 * MIB,
        "the origin could send {} MiB to nobody",
        sent / MIB
    );
    viewer.bytes(16 << 20);
    assert!(settled(&origin) > sent, "reading on lets the origin go on");
}

/// An edge whose plugin passes every body through itself, and an origin with a large one.
fn through_a_plugin(cache_control: &str) -> (Origin, Edge) {
    let origin = Origin::start();
    origin.on("/warm").answers(Answer::ok("x"));
    origin
        .on("/large")
        .answers(Answer::generated(256 * MIB).cache_control(cache_control));
    let edge = Edge::in_front_of(&origin)
        .store("memory = \"8 MiB\"\ndisk = \"1 GiB\"\nmax_object = \"300 MiB\"")
        .plugin(
            "acts",
            &guest("acts"),
            "[plugins.config]\norigin-response = \"transform same\"",
        )
        .start();
    (origin, edge)
}

#[test]
fn a_slow_viewer_holds_a_transform_and_its_origin_back() {
    let (origin, edge) = through_a_plugin("no-store");
    grows_by_less_than(&edge, 64 * MIB, || {
        let mut viewer = edge.get("/large").start();
        let head = viewer.head(200);
        assert_eq!(head.fields.get("accept-ranges").as_deref(), Some("none"));
        let sent = settled(&origin);
        assert!(
            sent < 64 * MIB,
            "the origin could send {} MiB to nobody",
            sent / MIB
        );
        assert_eq!(viewer.generated(&head), (256 * MIB, End::Complete));
    });
}

#[test]
fn what_a_transform_makes_is_stored_on_disk_while_a_viewer_is_slow() {
    let (origin, edge) = through_a_plugin("max-age=60");
    grows_by_less_than(&edge, 96 * MIB, || {
        let mut viewer = edge.get("/large").start();
        let head = viewer.head(200);
        assert_eq!(head.fields.get("accept-ranges").as_deref(), Some("none"));
        // Nobody has to wait for this viewer: what is stored goes on.
        eventually("the origin has sent all", || origin.sent() >= 256 * MIB);
        assert_eq!(viewer.generated(&head), (256 * MIB, End::Complete));
        let mut viewer = edge.get("/large").start();
        let head = viewer.head(200);
        assert_eq!(viewer.generated(&head), (256 * MIB, End::Complete));
    });
    // The last bytes reach a viewer before they are durable.
    eventually("it is stored", || {
        edge.metric_sum("selvedge_store_large_files", "") >= 1.0
    });
    edge.head("/large").expect(200).cache_status("hit");
    assert_eq!(origin.requests("/large").len(), 1);
}

#[test]
fn a_fetch_that_nobody_wants_any_more_ends() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin
        .on("/large")
        .answers(Answer::generated(GIB).cache_control("no-store"));
    let mut viewer = edge.get("/large").start();
    viewer.head(200);
    viewer.abort();
    eventually("the edge leaves the origin", || origin.broken() == 1);
}

#[test]
fn a_body_that_ends_with_the_connection_is_passed_on() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin
        .on("/a")
        .answers(Answer::ok("until the end").until_close());
    edge.get("/a").expect(200).body("until the end");
}

#[test]
fn a_chunked_body_is_stored_with_its_length() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/a").answers(
        Answer::ok("one")
            .content("two")
            .chunked()
            .cache_control("max-age=60"),
    );
    edge.get("/a").expect(200).body("onetwo");
    edge.get("/a")
        .expect(200)
        .body("onetwo")
        .field("Content-Length", "6")
        .cache_status("hit");
}

#[test]
fn an_empty_body_is_stored_too() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin
        .on("/a")
        .answers(Answer::ok("").cache_control("max-age=60"));
    origin
        .on("/204")
        .answers(Answer::status(204).cache_control("max-age=60"));
    edge.get("/a").expect(200).body("");
    edge.get("/a")
        .expect(200)
        .body("")
        .cache_status("hit")
        .field("Content-Length", "0");
    edge.get("/204").expect(204).body("");
    edge.get("/204")
        .expect(204)
        .body("")
        .cache_status("hit")
        .no_field("Content-Length");
}

#[test]
fn an_empty_response_that_is_being_stored_counts_as_whole() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin
        .on("/a")
        .answers(Answer::ok("").cache_control("max-age=60"));
    edge.get("/a").expect(200).cache_status("stored");
    edge.get("/a").expect(200).cache_status("hit");
    eventually("both are counted", || {
        edge.metric_sum("selvedge_requests_total", "") == 2.0
    });
    assert_eq!(edge.metric_sum("selvedge_responses_aborted_total", ""), 0.0);
}
