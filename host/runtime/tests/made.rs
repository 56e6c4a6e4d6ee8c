//! Plugins of a kind that no compiler makes of Rust: tables that grow, and long runs of instructions that each take their time.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use common::{ask, load, made, runtime, spec};
use selvedge_runtime::{HookError, KeyDecision, Limits, Plugin, PluginSpec};

fn plugin(content: &[u8], limits: Limits) -> Arc<Plugin> {
    let (_folder, file) = made::file(content);
    load(&PluginSpec {
        file,
        limits,
        ..spec()
    })
}

/// Grows a table of ten elements by this many, and traps where that fails.
fn growing(elements: u32) -> Vec<u8> {
    made::cache_key(
        "(table $t 10 funcref)",
        &format!(
            "(if (i32.lt_s (table.grow $t (ref.null func) (i32.const {elements})) (i32.const 0)) (then (unreachable)))"
        ),
    )
}

#[tokio::test]
async fn a_table_grows_to_its_limit_and_no_further() {
    let limits = Limits {
        table_elements: 100,
        memory: 65 << 20,
        ..Limits::default()
    };
    let within = plugin(&growing(90), limits.clone());
    assert_eq!(ask(&within, "/").await.decision, Ok(KeyDecision::Policy));
    let beyond = plugin(&growing(91), limits);
    let error = ask(&beyond, "/").await.decision.unwrap_err();
    assert_eq!(error.as_str(), "table-limit", "{error}");
    let default = Limits::default();
    assert_eq!(default.table_elements, 10_000);
    let within = plugin(&growing(9_990), default.clone());
    assert_eq!(ask(&within, "/").await.decision, Ok(KeyDecision::Policy));
    let beyond = plugin(&growing(9_991), default);
    assert!(ask(&beyond, "/").await.decision.is_err());
}

#[test]
fn a_table_that_is_too_large_from_the_beginning_is_refused() {
    let (_folder, file) = made::file(&made::cache_key("(table $t 101 funcref)", ""));
    let limits = Limits {
        table_elements: 100,
        ..Limits::default()
    };
    let spec = PluginSpec {
        file,
        limits,
        ..spec()
    };
    let error = runtime().load(&spec).expect_err("it is refused");
    assert!(error.to_string().contains("cannot be started"), "{error}");
}

#[test]
fn a_plugin_of_thousands_of_parts_is_refused_since_others_need_some_too() {
    let parts = [
        ("(core module $m (memory 0))", 5, "5 Wasm linear memories"),
        ("(core module $m (table 0 funcref))", 17, "17 tables"),
        ("(core module $m)", 65, "65 core module instances"),
    ];
    for (module, count, said) in parts {
        let instances = "(core instance (instantiate $m))".repeat(count);
        let text = format!("(component {module} {instances})");
        let (_folder, file) = made::file(&wat::parse_str(text).unwrap());
        let spec = PluginSpec { file, ..spec() };
        let error = runtime()
            .load(&spec)
            .expect_err("it is refused")
            .to_string();
        assert!(error.contains(said), "{error}");
    }
}

/// Runs a plugin beside a task of the same thread that counts the milliseconds it could use.
async fn beside(plugin: &Arc<Plugin>) -> (Result<KeyDecision, HookError>, Duration, u32) {
    let count = Arc::new(AtomicU32::new(0));
    let counted = count.clone();
    let neighbour = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(1)).await;
            counted.fetch_add(1, Relaxed);
        }
    });
    let called = ask(plugin, "/").await;
    neighbour.abort();
    (called.decision, called.elapsed, count.load(Relaxed))
}

#[tokio::test]
async fn a_long_run_of_large_fills_gives_way_and_ends_at_its_limit() {
    // Neither a loop nor a call: nothing but instructions that take milliseconds each, one after another.
    let runs = [
        "(memory.fill (i32.const 128) (i32.const 7) (i32.const 67000000))",
        "(memory.copy (i32.const 128) (i32.const 256) (i32.const 67000000))",
    ];
    for run in runs {
        let limits = Limits {
            cpu: Duration::from_millis(50),
            wall: Duration::from_secs(60),
            ..Limits::default()
        };
        let plugin = plugin(&made::cache_key("", &run.repeat(500)), limits);
        let (decision, elapsed, progress) = beside(&plugin).await;
        assert!(
            progress >= 2,
            "the neighbour came to run {progress} times in {elapsed:?}"
        );
        let limit = Duration::from_millis(50);
        assert_eq!(decision, Err(HookError::CpuLimit { limit }), "{run}");
        assert!(elapsed < Duration::from_secs(2), "{run}: {elapsed:?}");
    }
}
