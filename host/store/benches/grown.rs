//! The cost of a grown or busy store: `cargo bench -p selvedge-store --bench grown -- grown` for a million
//! objects, `-- busy` for hits while it is filled. Without a word it does nothing, since both take their time.
#![allow(
    clippy::disallowed_methods,
    reason = "tests read and write files themselves"
)]
// Its output is what it is for.
#![allow(clippy::print_stdout)]

#[allow(dead_code, reason = "the benches need a part of what the tests do")]
#[path = "../tests/store/support.rs"]
mod support;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use selvedge_store::{Config, Found, Store};
use support::*;

/// Objects of the grown store.
const GROWN: u64 = 1_000_000;

fn config(dir: &Path) -> Config {
    Config {
        dir: Some(dir.to_path_buf()),
        memory_bytes: 64 * MIB,
        disk_bytes: 8 << 30,
        max_object_bytes: 64 * MIB,
        max_variants: 4,
    }
}

/// How often something took how many nanoseconds; what took longer than the last counts for that.
struct Times(Vec<u64>);

impl Times {
    /// Up to a millisecond.
    fn new() -> Times {
        Times(vec![0; 1_000_001])
    }

    fn add(&mut self, time: Duration) {
        let last = self.0.len() - 1;
        let nanos = usize::try_from(time.as_nanos()).unwrap_or(last);
        self.0[nanos.min(last)] += 1;
    }

    /// Of a thousand, so many took no longer than this, in microseconds.
    fn at(&self, thousandths: u64) -> f64 {
        let wanted = self.0.iter().sum::<u64>() * thousandths / 1000;
        let mut seen = 0;
        let nanos = self.0.iter().position(|count| {
            seen += count;
            seen > wanted
        });
        nanos.unwrap_or(self.0.len() - 1) as f64 / 1e3
    }

    /// Prints some of them, and gives the 99th percentile.
    fn report(&self, name: &str) -> f64 {
        let (median, p99, p999) = (self.at(500), self.at(990), self.at(999));
        println!("{name:<44} {median:>9.2} us median {p99:>9.2} us p99 {p999:>9.2} us p99.9");
        p99
    }
}

async fn fill(store: &Store, from: u64, count: u64, length: u64) {
    let content = body(1, length);
    for n in from..from + count {
        put(store, key(n), head("\"b\""), &content)
            .await
            .expect("stored");
    }
}

/// Look-ups of keys in memory for five seconds, each timed for itself: in a mean of many, the slow one that a viewer waits
/// for disappears. Reading the clock is in the times; `clock` says how long that takes.
fn hits(store: &Store) -> Times {
    let keys: Vec<_> = (0..100).map(key).collect();
    let mut times = Times::new();
    let (mut asked, mut missed) = (0_u64, 0_u64);
    let until = Instant::now() + Duration::from_secs(5);
    while Instant::now() < until {
        for key in &keys {
            let start = Instant::now();
            let found = store.look_up(key);
            times.add(start.elapsed());
            missed += u64::from(!matches!(found, Found::Memory(_)));
        }
        asked += 100;
    }
    // At most one in a hundred.
    assert!(missed * 100 < asked, "{missed} were not in memory");
    times
}

/// The time that reading the clock takes.
fn clock() -> Times {
    let mut times = Times::new();
    for _ in 0..1_000_000 {
        times.add(Instant::now().elapsed());
    }
    times
}

/// Hits in a store that is being filled as fast as it goes.
async fn hits_while_filling() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(Config {
        disk_bytes: 256 * MIB,
        ..config(dir.path())
    });
    let store = store.expect("it opens");
    fill(&store, 0, 100, 4 * KIB).await;
    clock().report("the clock alone");
    let alone = hits(&store).report("hit, nothing else to do");
    let (stop, filled) = (AtomicBool::new(false), std::sync::atomic::AtomicU64::new(0));
    let beside = std::thread::scope(|scope| {
        let handle = tokio::runtime::Handle::current();
        let (stop, filled, filling) = (&stop, &filled, store.clone());
        scope.spawn(move || {
            let mut n = 1_000;
            while !stop.load(Ordering::Relaxed) {
                handle.block_on(fill(&filling, n, 100, 64 * KIB));
                n += 100;
                filled.fetch_add(100, Ordering::Relaxed);
            }
        });
        let times = hits(&store);
        stop.store(true, Ordering::Relaxed);
        times.report("hit, while filling at full speed")
    });
    println!(
        "{:<44} {:.2} ({} MiB filled, {} evicted)",
        "p99 while filling by p99 without",
        beside / alone,
        filled.load(Ordering::Relaxed) / 16,
        store.stats().evicted_objects
    );
}

/// Set for the process that fills a store and is killed.
const FILLED: &str = "SELVEDGE_STORE_BENCH_DIR";

async fn grown() {
    let dir = tempfile::tempdir().expect("a folder");
    let me = std::env::current_exe().expect("a path");
    let mut child = std::process::Command::new(me)
        .env(FILLED, dir.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    let out = child.stdout.take().expect("piped");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line).expect("a line");
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    for what in ["start after a kill", "start after an orderly end"] {
        let before = resident();
        let start = Instant::now();
        let store = Store::open(config(dir.path())).expect("it opens");
        println!("{what:<44} {:>9.2} ms", start.elapsed().as_secs_f64() * 1e3);
        let start = Instant::now();
        store.load(&key(7)).await.expect("stored");
        println!(
            "{:<44} {:>9.2} ms",
            "first load",
            start.elapsed().as_secs_f64() * 1e3
        );
        while !store.stats().disk_known {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let known = start.elapsed().as_secs_f64();
        let grown = resident().saturating_sub(before);
        println!(
            "{:<44} {known:>9.2} s, {} objects, {} bytes of memory for each",
            "all keys known after",
            store.stats().disk_objects,
            grown / GROWN
        );
    }
}

async fn fill_and_wait(dir: &Path) {
    let store = Store::open(config(dir)).expect("it opens");
    fill(&store, 0, GROWN, 200).await;
    store.flush().await;
    println!("filled");
    // Full write load until it is killed.
    fill(&store, GROWN, GROWN, 200).await;
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    if let Some(dir) = std::env::var_os(FILLED) {
        return runtime.block_on(fill_and_wait(dir.as_ref()));
    }
    runtime.block_on(async {
        for word in std::env::args() {
            match word.as_str() {
                "grown" => grown().await,
                "busy" => hits_while_filling().await,
                _ => {}
            }
        }
    });
}
