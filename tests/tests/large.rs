//! One object that is larger than memory should hold: it passes through the host, and memory does not notice.

use selvedge_tests::*;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// The object's length in GiB.
const GIBIBYTES: u64 = 5;

/// Asks for all of it and compares it while it comes.
#[track_caller]
fn read_whole(edge: &Edge, path: &str, length: u64) {
    let mut viewer = edge.get(path).start();
    let head = viewer.head(200);
    assert_eq!(viewer.generated(&head), (length, End::Complete));
}

/// Asks for a range and compares it.
#[track_caller]
fn read_range(edge: &Edge, path: &str, range: &str, first: u64, length: u64) {
    let asked = format!("bytes={range}");
    let mut viewer = edge.get(path).with("Range", &asked).start();
    let head = viewer.head(206);
    let status = head.fields.get("cache-status").unwrap_or_default();
    assert!(status.contains("; hit"), "{range}: {status}");
    let got = viewer.generated_from(first, &head);
    assert_eq!(got, (length, End::Complete), "{range}");
}

#[test]
#[expect(
    clippy::print_stderr,
    reason = "figures for people, and why nothing was claimed"
)]
fn an_object_of_5_gib_streams_through_is_stored_ranged_into_and_evicted_in_64_mib_of_memory() {
    let length = GIBIBYTES << 30;
    let origin = Origin::start();
    // Two of them do not fit, and one takes no more than half.
    let store = format!(
        "memory = \"16 MiB\"\ndisk = \"{} GiB\"\nmax_object = \"{GIBIBYTES} GiB\"",
        2 * GIBIBYTES
    );
    let edge = Edge::in_front_of(&origin).store(&store).start();
    let needed = 2 * length + (2 << 30);
    if edge.free_disk() < needed {
        eprintln!(
            "skipped: {} MiB of disk are free, {} MiB are needed",
            edge.free_disk() / MIB,
            needed / MIB
        );
        return;
    }
    origin
        .on("*")
        .answers(Answer::generated(length).cache_control("max-age=6000"));
    origin.on("/warm").answers(Answer::ok("x"));
    edge.get("/warm").expect(200);
    let before = edge.memory("VmRSS");

    let start = std::time::Instant::now();
    read_whole(&edge, "/one", length);
    let streamed = start.elapsed();
    edge.eventually(
        "it is stored",
        || edge.head("/one"),
        |response| response.has("hit"),
    );
    let middle = length / 2 + 12_345;
    let most = 3 * MIB;
    read_range(&edge, "/one", &format!("0-{}", most - 1), 0, most);
    read_range(
        &edge,
        "/one",
        &format!("{middle}-{}", middle + most - 1),
        middle,
        most,
    );
    read_range(&edge, "/one", &format!("{}-", length - 5), length - 5, 5);
    read_range(&edge, "/one", &format!("-{most}"), length - most, most);
    let after_ranges = edge.memory("VmHWM");
    let stored = edge.disk_used();
    assert!(stored >= length, "{stored} bytes on disk");
    let asked = origin.requests("/one");
    let whole = asked.iter().filter(|seen| seen.method() == "GET");
    assert_eq!(whole.count(), 1);

    read_whole(&edge, "/two", length);
    edge.eventually(
        "the other is stored",
        || edge.head("/two"),
        |response| response.has("hit"),
    );
    edge.head("/one").expect(200).cache_status("fwd=uri-miss");
    read_range(&edge, "/two", "0-99", 0, 100);
    let left = edge.disk_used();
    assert!(
        left < length + length / 8 + 64 * MIB,
        "{left} bytes on disk"
    );

    let most = edge.memory("VmHWM");
    eprintln!(
        "{GIBIBYTES} GiB: streamed and stored in {streamed:.1?}; resident {} KiB before, at most {} KiB with ranges, \
         {} KiB with eviction, {} KiB at the end",
        before / KIB,
        after_ranges / KIB,
        most / KIB,
        edge.memory("VmRSS") / KIB
    );
    let grown = most - before;
    assert!(grown < 64 * MIB, "grown by {} KiB", grown / KIB);
}
