//! A loss of power at every step: what was acknowledged is there, what is there is right, and the store always starts.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};

use selvedge_store::{Config, Store};

use crate::disk::TestDisk;
use crate::support::*;

/// The versions of a number that may be found: any between these two; none at all if the first is 0.
#[derive(Clone, Copy, Debug, Default)]
struct Allowed {
    from: u64,
    to: u64,
}

/// The content that may be found after a loss of power.
#[derive(Clone, Debug, Default)]
struct Promised {
    bodies: BTreeMap<u64, Allowed>,
    state: BTreeMap<u64, Allowed>,
}

type Promises = Arc<Mutex<Promised>>;

fn config(dir: &Path) -> Config {
    Config {
        dir: Some(dir.to_path_buf()),
        memory_bytes: 4 * MIB,
        disk_bytes: 16 * MIB,
        max_object_bytes: 4 * MIB,
        max_variants: 4,
    }
}

/// In memory where the system has a folder for that: hundreds of pictures are written and read.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .expect("a folder")
}

fn content(n: u64, version: u64) -> bytes::Bytes {
    let length = match n % 8 {
        0 => 700_000,
        1 => 1,
        _ => n * 1_117 % 30_000,
    };
    static NOISE: LazyLock<bytes::Bytes> = LazyLock::new(|| body(0, MIB));
    let mut place = n << 32 | version;
    let from = (next(&mut place) % (MIB - length)) as usize;
    NOISE.slice(from..from + length as usize)
}

/// Opens what a loss of power has left, and compares.
async fn check(dir: &Path, promised: &Promised, checks_bodies: bool, what: &str) {
    let store = Store::open_on(config(dir), TestDisk::new().medium());
    let store = store.unwrap_or_else(|error| panic!("{what}: {error}"));
    for (n, allowed) in &promised.state {
        let value = store.state().get("t", &n.to_le_bytes()).await.unwrap();
        let value = value.map_or(0, |value| u64::from_le_bytes(value.try_into().unwrap()));
        assert!(
            (allowed.from..=allowed.to).contains(&value),
            "{what}: state {n} is {value}, {allowed:?}"
        );
    }
    for (n, allowed) in &promised.bodies {
        let Some(entry) = find(&store, &key(*n)).await else {
            assert!(
                allowed.from == 0 || !checks_bodies,
                "{what}: body {n} is lost"
            );
            continue;
        };
        let version = etag(&entry).trim_matches('"').parse().unwrap();
        let got = read(entry.variants()[0].reader(None)).await.unwrap();
        assert_same(&got, &content(*n, version), what);
        let right = (1.max(allowed.from)..=allowed.to).contains(&version);
        assert!(
            right || !checks_bodies,
            "{what}: body {n} is of version {version}, {allowed:?}"
        );
    }
    assert_eq!(store.stats().damaged_objects, 0, "{what}");
    let new = content(3, 77);
    put(&store, key(3), head("\"77\""), &new).await.unwrap();
    store.flush().await;
    assert!(!store.stats().disk_failed, "{what}");
}

/// Has a loss of power tried before every `every`th step of the disk, beside what goes on.
fn watch(disk: &TestDisk, dir: &Path, promises: &Promises, every: u64, checks_bodies: bool) {
    let (dir, promises) = (dir.to_path_buf(), Arc::clone(promises));
    disk.watch(move |picture, step| {
        if step % every != 0 {
            return;
        }
        let promised = promises.lock().unwrap().clone();
        let left = folder();
        picture.after_power_loss(&dir, left.path(), step);
        let what = format!("power lost before step {step}");
        // A thread of its own: this may be called from a runtime's.
        let checked = std::thread::scope(|scope| {
            let check = || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build();
                runtime
                    .unwrap()
                    .block_on(check(left.path(), &promised, checks_bodies, &what));
            };
            scope.spawn(check).join()
        });
        if checked.is_err() {
            // The panic of a thread of the store would be taken for one of the store's own.
            std::process::abort();
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loss_of_power_before_any_step_loses_nothing_acknowledged_and_leaves_nothing_wrong() {
    let dir = folder();
    let promises = Promises::default();
    let promise = |change: &dyn Fn(&mut Promised)| change(&mut promises.lock().unwrap());
    let disk = TestDisk::new();
    watch(&disk, dir.path(), &promises, 1, true);
    let store = Store::open_on(config(dir.path()), disk.medium()).unwrap();
    let mut chance = 5;
    for version in 1..=12 {
        let mut changed = Vec::new();
        for _ in 0..4 {
            let n = next(&mut chance) % 16;
            changed.push(n);
            if next(&mut chance).is_multiple_of(4) {
                promise(&|promised| promised.bodies.entry(n).or_default().from = 0);
                store.remove(&key(n), None).await;
                store.flush().await;
                promise(&|promised| promised.bodies.entry(n).or_default().to = 0);
                continue;
            }
            promise(&|promised| promised.bodies.entry(n).or_default().to = version);
            let etag = format!("\"{version}\"");
            put(&store, key(n), head(&etag), &content(n, version))
                .await
                .unwrap();
        }
        let n = version % 3;
        promise(&|promised| promised.state.entry(n).or_default().to = version);
        let (name, value) = (n.to_le_bytes(), version.to_le_bytes());
        store.state().put("t", &name, &value).await.unwrap();
        promise(&|promised| promised.state.entry(n).or_default().from = version);
        store.flush().await;
        promise(&|promised| {
            for n in &changed {
                let allowed = promised.bodies.entry(*n).or_default();
                allowed.from = allowed.to;
            }
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loss_of_power_during_eviction_leaves_nothing_wrong() {
    let dir = folder();
    let promises = Promises::default();
    let disk = TestDisk::new();
    watch(&disk, dir.path(), &promises, 23, false);
    let store = Store::open_on(config(dir.path()), disk.medium()).unwrap();
    let mut chance = 5;
    for version in 1..=300 {
        let n = next(&mut chance) % 100 * 8;
        let n = if version % 2 == 0 { n } else { n + 7 };
        promises.lock().unwrap().bodies.entry(n).or_default().to = version;
        let etag = format!("\"{version}\"");
        let _ = put(&store, key(n), head(&etag), &content(n, version)).await;
        if version % 3 == 0 {
            find(&store, &key(next(&mut chance) % 100 * 8)).await;
        }
    }
    store.flush().await;
    assert!(store.stats().evicted_objects > 0, "{:?}", store.stats());
}
