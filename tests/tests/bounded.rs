//! Memory and disk of a host stay near what it was given, under any traffic.
//!
//! The bound is 1.1 times the configured size, and a fixed base that docs/operating.md names: the program itself, its
//! threads and pools, and what each connection takes.

use std::time::Duration;

use selvedge_tests::*;

const MIB: u64 = 1 << 20;
/// Memory and disk that the host is given.
const MEMORY: u64 = 256 * MIB;
const DISK: u64 = 512 * MIB;
/// The memory that it may take beside.
const BASE: u64 = 96 * MIB;
const VIEWERS: u64 = 24;

/// The most that was seen.
#[derive(Debug, Default)]
struct Peak {
    memory: u64,
    disk: u64,
}

impl Peak {
    fn look_at(&mut self, edge: &Edge) {
        self.memory = self.memory.max(edge.memory("VmRSS"));
        self.disk = self.disk.max(edge.disk_used());
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "figures for people")]
fn memory_and_disk_stay_within_a_tenth_and_a_base_of_what_was_given() {
    let origin = Origin::start();
    let store = "memory = \"256 MiB\"\ndisk = \"512 MiB\"\nmax_object = \"16 MiB\"";
    let edge = Edge::in_front_of(&origin)
        .server("access_log = false")
        .store(store)
        .start();
    // From one byte to some MiB, variants among them, 80 KiB in the mean: five times the disk.
    let corpus = Corpus::at(&origin, 32_000);
    let idle = edge.memory("VmRSS");
    let mut peak = Peak::default();
    corpus.load(edge.address(), VIEWERS, 7, || {
        let start = std::time::Instant::now();
        let written = || {
            edge.metric("selvedge_store_evicted_bytes")
                .unwrap_or_default()
        };
        while written() < 2.0 * DISK as f64 && start.elapsed() < Duration::from_secs(120) {
            peak.look_at(&edge);
            std::thread::sleep(Duration::from_millis(50));
        }
        corpus.may_break();
    });
    peak.look_at(&edge);
    corpus.assert_right();
    let figure = |name: &str| edge.metric(name).unwrap_or_default() as u64 / MIB;
    let (answers, hits) = corpus.answers();
    eprintln!(
        "{answers} answers, {hits} hits, {} MiB evicted; idle {} MiB; resident at most {} MiB, now {} MiB, {} MiB accounted; \
         disk at most {} MiB, now {} MiB, {} MiB accounted",
        figure("selvedge_store_evicted_bytes"),
        idle / MIB,
        edge.memory("VmHWM") / MIB,
        edge.memory("VmRSS") / MIB,
        figure("selvedge_store_memory_bytes"),
        peak.disk / MIB,
        edge.disk_used() / MIB,
        figure("selvedge_store_disk_bytes"),
    );
    let highest = edge.memory("VmHWM");
    let bound = MEMORY + MEMORY / 10 + BASE;
    assert!(
        highest <= bound,
        "{} KiB resident, {} allowed",
        highest >> 10,
        bound >> 10
    );
    let bound = DISK + DISK / 10 + BASE;
    assert!(
        peak.disk <= bound,
        "{} KiB on disk, {} allowed",
        peak.disk >> 10,
        bound >> 10
    );
}
