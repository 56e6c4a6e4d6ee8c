//! The costs of the parts of the store: `cargo bench -p selvedge-store --bench store`
#![allow(
    clippy::disallowed_methods,
    reason = "tests read and write files themselves"
)]

#[allow(dead_code, reason = "the benches need a part of what the tests do")]
#[path = "../tests/store/support.rs"]
mod support;

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use selvedge_store::{Config, Found, Store};
use support::*;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// The lengths of the bodies, in KiB.
const LENGTHS: [u64; 4] = [1, 4, 64, 1024];

fn main() {
    divan::main();
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
});

/// A store in a folder of its own, which goes with it.
struct Stored {
    store: Store,
    content: Bytes,
    _dir: TempDir,
}

impl Stored {
    /// With so many bodies of so many KiB, which are on disk.
    fn new(count: u64, length: u64, memory_bytes: u64) -> Stored {
        let dir = tempfile::tempdir().expect("a folder");
        let config = Config {
            memory_bytes,
            disk_bytes: 1 << 30,
            ..config(dir.path())
        };
        let stored = Stored {
            store: Store::open(config).expect("it opens"),
            content: body(1, length * KIB),
            _dir: dir,
        };
        (0..count).for_each(|n| stored.put(n));
        stored.flush();
        stored
    }

    fn put(&self, n: u64) {
        let done = RUNTIME.block_on(put(&self.store, key(n), head("\"b\""), &self.content));
        done.expect("stored");
    }

    fn flush(&self) {
        RUNTIME.block_on(self.store.flush());
    }
}

#[divan::bench]
fn look_up_in_memory(bencher: Bencher<'_, '_>) {
    let stored = Stored::new(1, 4, 64 * MIB);
    let key = key(0);
    bencher.bench_local(|| {
        let found = stored.store.look_up(black_box(&key));
        assert!(matches!(found, Found::Memory(_)));
        found
    });
}

#[divan::bench]
fn look_up_of_what_is_nowhere(bencher: Bencher<'_, '_>) {
    let stored = Stored::new(1, 4, 64 * MIB);
    let key = key(1);
    bencher.bench_local(|| stored.store.look_up(black_box(&key)));
}

/// The memory is small, and the keys are asked for in turn, so that none is in memory when its turn comes.
#[divan::bench(args = [1, 64])]
fn look_up_on_disk(bencher: Bencher<'_, '_>, length: u64) {
    let keys = 16 * KIB / length;
    let stored = Stored::new(keys, length, 2 * MIB);
    let next = AtomicU64::new(0);
    bencher
        .counter(BytesCount::new(length * KIB))
        .bench_local(|| {
            let n = next.fetch_add(1, Ordering::Relaxed) % keys;
            let found = RUNTIME.block_on(stored.store.load(&key(n)));
            found.expect("it is on disk")
        });
}

/// Until it can be looked up; the write follows.
#[divan::bench(args = LENGTHS)]
fn fill(bencher: Bencher<'_, '_>, length: u64) {
    let stored = Stored::new(0, length, 64 * MIB);
    let next = AtomicU64::new(0);
    bencher
        .counter(BytesCount::new(length * KIB))
        .bench_local(|| stored.put(next.fetch_add(1, Ordering::Relaxed)));
}

/// Sixteen bodies into a segment and the index, durably.
#[divan::bench(args = LENGTHS, sample_size = 1, sample_count = 20)]
fn segment_write(bencher: Bencher<'_, '_>, length: u64) {
    let stored = Stored::new(0, length, 64 * MIB);
    let next = AtomicU64::new(0);
    bencher
        .counter(BytesCount::new(16 * length * KIB))
        .bench_local(|| {
            (0..16).for_each(|_| stored.put(next.fetch_add(1, Ordering::Relaxed)));
            stored.flush();
        });
}
