//! A plugin that spins takes its limits from nobody: neither a worker thread, nor the time of other distributions.
//!
//! Bounds are counts and processor time of the host, which other programs of the machine do not change. Time on the clock is
//! printed and not judged.

use selvedge_tests::guests::guest;
use selvedge_tests::*;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The host that the spinning plugin is for.
const SPINS: &str = "spins.example.test";

/// The default of `limits.cpu`.
const CPU: Duration = Duration::from_millis(50);

/// `main` without a plugin, and beside it a distribution whose plugin spins.
fn edge(origin: &Origin, lines: &str, server: &str) -> Edge {
    origin
        .on("*")
        .answers(Answer::ok("x").cache_control("max-age=100000"));
    let spins = Distribution::new("spins", origin.address())
        .alias(SPINS)
        .plugin("misbehaves", &guest("misbehaves"), lines);
    let edge = Edge::in_front_of(origin).server(server).and(spins).start();
    edge.get("/a").expect(200);
    edge
}

/// Asks for hits, one after another on one connection. Returns the longest time that one took.
fn hits(viewer: &mut Viewer, count: usize) -> Duration {
    let hit = |_| {
        std::thread::sleep(Duration::from_millis(2));
        let asked = Instant::now();
        viewer.get("/a");
        viewer.response().expect(200).cache_status("hit");
        asked.elapsed()
    };
    (0..count).map(hit).max().unwrap_or_default()
}

/// One hundred requests a second into an endless loop, from twenty viewers that wait for their answers, until the end.
fn flood<T>(edge: SocketAddr, meanwhile: impl FnOnce() -> T) -> T {
    let over = AtomicBool::new(false);
    let spin = Ask::new(edge, "GET", "/key/loop").host(SPINS).bytes();
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                let mut viewer = Viewer::connect(edge);
                while !over.load(Ordering::Relaxed) {
                    let next = Instant::now() + Duration::from_millis(200);
                    let status = viewer.send(&spin).response().status();
                    assert!([500, 503].contains(&status), "{status}");
                    std::thread::sleep(next.saturating_duration_since(Instant::now()));
                }
            });
        }
        // Also when `meanwhile` panics: the scope waits for the viewers.
        let _end = OnDrop(&over);
        meanwhile()
    })
}

struct OnDrop<'a>(&'a AtomicBool);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn outcomes(edge: &Edge, outcome: &str) -> f64 {
    let labels = format!("hook=\"cache-key\",outcome=\"{outcome}\"");
    edge.metric_sum("selvedge_hook_calls_total", &labels)
}

#[test]
fn a_spinning_plugin_does_not_hold_the_only_worker() {
    let origin = Origin::start();
    let lines = "limits = { cpu = \"3 s\", wall = \"60 s\" }";
    let edge = edge(&origin, lines, "workers = 1");
    let mut spinning = edge.get("/key/loop").host(SPINS).start();
    // Before it is called, nothing is proven: its distribution's line for a hook comes when it ends, so wait for CPU time.
    let before = edge.processor_time();
    eventually("it spins", || {
        edge.processor_time() > before + Duration::from_millis(200)
    });
    let mut viewer = edge.viewer();
    for _ in 0..50 {
        viewer.get("/a");
        viewer.response().expect(200).cache_status("hit");
    }
    spinning.hears_nothing(Duration::from_millis(1));
    spinning.response().expect(500);
    assert_eq!(outcomes(&edge, "cpu-limit"), 1.0);
}

#[test]
#[expect(clippy::print_stderr, reason = "what was measured")]
fn a_flood_into_an_endless_loop_leaves_other_distributions_alone() {
    let origin = Origin::start();
    let lines = "limits = { wall = \"60 s\" }\nshort_circuit = { pause = \"1 h\" }";
    let edge = edge(&origin, lines, "");
    let mut viewer = edge.viewer();
    let alone = hits(&mut viewer, 100);
    flood(edge.address(), || {
        let mut slowest = Duration::ZERO;
        while edge.metric("selvedge_plugins_short_circuited") != Some(1.0) {
            slowest = slowest.max(hits(&mut viewer, 5));
        }
        // Calls of other viewers were under way. After 60 answers each of the twenty has had one since.
        while outcomes(&edge, "short-circuited") < 60.0 {
            slowest = slowest.max(hits(&mut viewer, 5));
        }
        let calls = outcomes(&edge, "cpu-limit");
        // 16 of its last 20 calls, and those that were under way.
        assert!((16.0..=36.0).contains(&calls), "{calls} calls");

        let (processor, before) = (edge.processor_time(), outcomes(&edge, "short-circuited"));
        let (mut asked, mut after) = (0, Duration::ZERO);
        while outcomes(&edge, "short-circuited") < before + 60.0 {
            after = after.max(hits(&mut viewer, 20));
            asked += 20;
        }
        let answered = outcomes(&edge, "short-circuited") - before;
        let each = (edge.processor_time() - processor).div_f64(answered + f64::from(asked));
        // Each request of the flood would have spun for 50 ms. Answered at once, it costs what a hit costs.
        assert!(
            each < CPU / 4,
            "{each:?} of processor time for each request"
        );
        eprintln!(
            "the slowest hit: {alone:?} alone, {slowest:?} at first, {after:?} after {calls} calls; {each:?} for each request"
        );
        assert_eq!(
            outcomes(&edge, "cpu-limit"),
            calls,
            "no call is let through"
        );
    });
}
