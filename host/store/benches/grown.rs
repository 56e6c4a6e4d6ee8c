//! What the store costs when it is grown or busy: `cargo bench -p selvedge-store --bench grown -- grown` for a million
//! objects, `-- busy` for hits while it is filled. Without a word it does nothing, since both take their time.

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

/// Prints the median and the 99th percentile.
fn report(name: &str, mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    let at = |part: usize| times[(times.len() - 1) * part / 100];
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    println!(
        "{name:<44} {:>9.2} us median {:>9.2} us p99",
        micros(at(50)),
        micros(at(99))
    );
    at(99)
}

async fn fill(store: &Store, from: u64, count: u64, length: u64) {
    let content = body(1, length);
    for n in from..from + count {
        put(store, key(n), head("\"b\""), &content)
            .await
            .expect("stored");
    }
}

/// Each hit is 100 look-ups of keys in memory: one is too short for the clock.
fn hits(store: &Store, rounds: u64) -> Vec<Duration> {
    let keys: Vec<_> = (0..100).map(key).collect();
    let mut missed = 0;
    let hit = |_| {
        let start = Instant::now();
        for key in &keys {
            missed += u64::from(!matches!(store.look_up(key), Found::Memory(_)));
        }
        start.elapsed() / 100
    };
    let times = (0..rounds).map(hit).collect();
    // At most one in a hundred.
    assert!(missed < rounds, "{missed} were not in memory");
    times
}

/// Whether hits wait for a store that is being filled as fast as it goes.
async fn hits_while_filling() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(Config {
        disk_bytes: 256 * MIB,
        ..config(dir.path())
    });
    let store = store.expect("it opens");
    fill(&store, 0, 100, 4 * KIB).await;
    let alone = report("hit, nothing else to do", hits(&store, 50_000));
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
        let mut times = hits(&store, 50_000);
        let until = Instant::now() + Duration::from_secs(5);
        while Instant::now() < until {
            times.extend(hits(&store, 5_000));
        }
        stop.store(true, Ordering::Relaxed);
        report("hit, while filling at full speed", times)
    });
    println!(
        "{:<44} {:.2} ({} MiB filled, {} evicted)",
        "p99 while filling by p99 without",
        beside.as_secs_f64() / alone.as_secs_f64(),
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
