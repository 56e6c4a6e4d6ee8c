//! Ten thousand traps and ten thousand limit hits leave memory, file handles, mappings and threads where they were.
#![allow(
    clippy::disallowed_methods,
    reason = "tests read and write files themselves"
)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{ask, small, spec};
use selvedge_runtime::{Isolation, Limits, Options, Plugin, PluginSpec, Runtime};

/// How much the process may grow. A leak of one kilobyte in ten thousand failures is more.
const ROOM: u64 = 8 << 20;

/// The tests measure their process: one at a time.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Limits that are hit soon.
fn limits() -> Limits {
    Limits {
        cpu: Duration::from_millis(1),
        wall: Duration::from_secs(60),
        memory: 4 << 20,
        host_calls: 50,
        passed_bytes: 9_000,
        ..Limits::default()
    }
}

/// How many instances there may be at a time, and how many calls wait at a time.
const INSTANCES: u32 = 8;

/// Few slots, which keep little of what was in them: they would be warm only after a while, and hide what leaks.
fn runtime() -> Arc<Runtime> {
    let options = Options {
        max_instances: INSTANCES,
        keep_resident: 64 << 10,
        ..small()
    };
    Runtime::new(options).expect("the runtime starts")
}

fn plugins(runtime: &Runtime, limits: &Limits) -> [Arc<Plugin>; 2] {
    [Isolation::Request, Isolation::Reuse].map(|isolation| {
        let spec = PluginSpec {
            isolation,
            limits: limits.clone(),
            ..spec()
        };
        runtime
            .load(&spec)
            .unwrap_or_else(|error| panic!("{error}"))
    })
}

/// Fails so many times, in turn in each of these ways, with fresh and with reused instances.
async fn fail(plugins: &[Arc<Plugin>; 2], ways: &[&str], count: usize) {
    for n in 0..count {
        let called = ask(&plugins[n % 2], ways[(n / 2) % ways.len()]).await;
        assert!(called.decision.is_err(), "{called:?}");
    }
}

/// Fails by the wall time, many at a time.
async fn wait_too_long(plugin: &Arc<Plugin>, count: usize) {
    // What one plugin may have of them.
    let at_once = INSTANCES as usize * 3 / 4;
    for _ in 0..count.div_ceil(at_once) {
        let waiting: Vec<_> = (0..at_once)
            .map(|_| {
                let plugin = plugin.clone();
                tokio::spawn(async move { ask(&plugin, "/sleep").await.decision })
            })
            .collect();
        for waits in waiting {
            let error = waits.await.unwrap().unwrap_err();
            assert_eq!(error.as_str(), "wall-limit");
        }
    }
}

#[tokio::test]
async fn ten_thousand_traps_leave_the_process_as_it_was() {
    let _alone = ALONE.lock().await;
    let runtime = runtime();
    let plugins = plugins(&runtime, &Limits::default());
    let ways = ["/panic", "/exit"];
    fail(&plugins, &ways, 1000).await;
    let before = Usage::now();
    fail(&plugins, &ways, 10_000).await;
    before.is_kept();
}

#[tokio::test]
async fn ten_thousand_limit_hits_leave_the_process_as_it_was() {
    let _alone = ALONE.lock().await;
    let runtime = runtime();
    let plugins = plugins(&runtime, &limits());
    let ways = [
        "/flood",
        "/flood-bytes",
        "/flood-one",
        "/flood-clock",
        "/large",
        "/huge",
        "/many",
        "/allocate",
        "/recurse",
    ];
    // These cost their limit each.
    let spinning = ["/loop"];
    let impatient = Limits {
        cpu: Duration::from_secs(10),
        wall: Duration::from_millis(2),
        ..limits()
    };
    let [waiting, _] = self::plugins(&runtime, &impatient);
    fail(&plugins, &ways, 900).await;
    fail(&plugins, &spinning, 100).await;
    wait_too_long(&waiting, 200).await;
    let before = Usage::now();
    fail(&plugins, &ways, 8000).await;
    fail(&plugins, &spinning, 1000).await;
    wait_too_long(&waiting, 1000).await;
    before.is_kept();
}

/// The resources that the process holds.
#[derive(Debug)]
struct Usage {
    resident: u64,
    handles: usize,
    mappings: usize,
    threads: usize,
}

impl Usage {
    fn now() -> Usage {
        // Walks the pages; the counters of `statm` lag behind.
        let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
        let resident = rollup.lines().find_map(|line| line.strip_prefix("Rss:"));
        let kib = resident.unwrap().trim().trim_end_matches(" kB");
        let entries = |folder: &str| std::fs::read_dir(folder).unwrap().count();
        Usage {
            resident: kib.parse::<u64>().unwrap() << 10,
            handles: entries("/proc/self/fd"),
            mappings: std::fs::read_to_string("/proc/self/maps")
                .unwrap()
                .lines()
                .count(),
            threads: entries("/proc/self/task"),
        }
    }

    fn is_kept(&self) {
        let after = Usage::now();
        let grown = after.resident.saturating_sub(self.resident);
        assert!(grown < ROOM, "{grown} bytes: {self:?} -> {after:?}");
        assert!(after.handles <= self.handles, "{self:?} -> {after:?}");
        // The other test's thread may begin or end.
        assert!(after.threads <= self.threads + 2, "{self:?} -> {after:?}");
        assert!(
            after.mappings <= self.mappings + 64,
            "{self:?} -> {after:?}"
        );
    }
}
