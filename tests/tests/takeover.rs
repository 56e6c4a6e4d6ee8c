//! A new version of a plugin is compiled beside the serving threads and takes over without a failed request; a second start
//! compiles nothing.

use selvedge_tests::guests::marked;
use selvedge_tests::*;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The guests that the versions are made of, and the lifetime that each gives to a page.
const VERSIONS: [(&str, &str); 2] = [("lifetimes", "ttl=86400"), ("three-hooks", "ttl=10")];

/// The time after which a version counts as lost. A release build takes a fraction of a second; a debug build on a loaded
/// machine takes many, and is no slower than this.
const LOST: Duration = Duration::from_secs(120);

/// Puts a file in the place of another in one step.
fn replace(file: &Path, content: &[u8]) {
    let new = file.with_extension("new");
    fs::write(&new, content).expect("the folder is ours");
    fs::rename(&new, file).expect("the folder is ours");
}

/// The fate of the requests that came meanwhile.
#[derive(Default)]
struct Served {
    over: AtomicBool,
    count: AtomicU64,
    slowest_micros: AtomicU64,
}

impl Served {
    /// Asks for one new object after another; every answer must be one of a version.
    fn ask(&self, edge: &Edge, who: usize) {
        let mut viewer = edge.viewer();
        for number in 0.. {
            if self.over.load(Ordering::Relaxed) {
                return;
            }
            let asked = Instant::now();
            viewer.get(&format!("/{who}/{number}"));
            let response = viewer.response().expect(200).body("x");
            assert!(
                VERSIONS.iter().any(|(_, ttl)| response.has(ttl)),
                "{response:?}"
            );
            let micros = u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX);
            self.slowest_micros.fetch_max(micros, Ordering::Relaxed);
            self.count.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "what was measured")]
fn new_versions_take_over_under_load_without_a_failed_request() {
    let origin = Origin::start();
    origin
        .on("*")
        .answers(Answer::ok("x").field("Content-Type", "text/html"));
    let dir = tempfile::TempDir::with_prefix("selvedge-takeover-").expect("a temporary folder");
    let file = dir.path().join("changing.wasm");
    fs::write(&file, marked("lifetimes", 0)).expect("the folder is ours");
    let edge = Edge::in_front_of(&origin)
        .plugin("changing", &file, "")
        .start();
    let served = Served::default();
    std::thread::scope(|scope| {
        // Somebody writes a log beside the plugin, as `selvedge run > access.log` does.
        scope.spawn(|| {
            while !served.over.load(Ordering::Relaxed) {
                fs::write(dir.path().join("access.log"), "a line").expect("the folder is ours");
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        for who in 0..4 {
            let (served, edge) = (&served, &edge);
            scope.spawn(move || served.ask(edge, who));
        }
        let _end = OnDrop(&served.over);
        let mut asked = 0;
        let mut lifetime = || {
            asked += 1;
            edge.get(&format!("/new/{asked}")).expect(200)
        };
        for mark in 1..=6_u32 {
            let (guest, ttl) = VERSIONS[mark as usize % 2];
            let content = marked(guest, mark);
            let before = served.count.load(Ordering::Relaxed);
            let replaced = Instant::now();
            replace(&file, &content);
            while !lifetime().has(ttl) {
                assert!(
                    replaced.elapsed() < LOST,
                    "version {mark} does not take over"
                );
                std::thread::sleep(Duration::from_millis(5));
            }
            let took = replaced.elapsed();
            // From its first answer on, nobody gets the one before.
            for _ in 0..10 {
                lifetime().cache_status(ttl);
            }
            let meanwhile = served.count.load(Ordering::Relaxed) - before;
            assert!(meanwhile > 0, "nobody was served while it was compiled");
            eprintln!("version {mark} after {took:?}, {meanwhile} requests meanwhile");
        }
    });
    let slowest = Duration::from_micros(served.slowest_micros.into_inner());
    let count = served.count.into_inner();
    eprintln!("{count} requests, the slowest {slowest:?}");
    assert!(
        edge.processor_time_of_children() > Duration::ZERO,
        "children compile"
    );
}

struct OnDrop<'a>(&'a AtomicBool);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A distribution with so many plugins, each a file of its own.
fn many(distribution: Distribution, folder: &Path, count: u32) -> Distribution {
    (0..count).fold(distribution, |distribution, mark| {
        let file = folder.join(format!("plugin-{mark}.wasm"));
        fs::write(&file, marked("counter", mark)).expect("the folder is ours");
        distribution.plugin(&format!("plugin-{mark}"), &file, "")
    })
}

#[test]
fn a_second_start_compiles_nothing() {
    let origin = Origin::start();
    origin.on("*").answers(Answer::ok("x"));
    let dir = tempfile::TempDir::with_prefix("selvedge-many-").expect("a temporary folder");
    let edge = Edge::in_front_of(&origin)
        .distribution(|one| many(one, dir.path(), 12))
        .start();
    edge.get("/a").expect(200);
    assert!(edge.processor_time_of_children() > Duration::ZERO);
    let compiled = |edge: &Edge| {
        let files = fs::read_dir(edge.folder().join("store/compiled")).expect("it is there");
        let mut files: Vec<_> = files
            .map(|file| {
                let file = file.expect("it is there");
                let written = file.metadata().and_then(|metadata| metadata.modified());
                (file.file_name(), written.expect("a time"))
            })
            .collect();
        files.sort();
        files
    };
    let first = compiled(&edge);
    assert_eq!(first.len(), 12);
    let edge = edge.restart();
    edge.get("/a").expect(200);
    assert_eq!(edge.processor_time_of_children(), Duration::ZERO);
    assert_eq!(compiled(&edge), first);
}
