//! Guests that want too much: each ends as the failure it is, within its limit, while other tasks of the same thread go on.

mod common;
#[path = "limits/instances.rs"]
mod instances;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use common::{ask, guest, literal, load, plugin, plugin_with, request, runtime, spec};
use selvedge_runtime::{
    Called, HookError, Isolation, KeyDecision, Limits, Plugin, PluginSpec, Transaction,
};

/// Asks while another task of this thread counts the milliseconds it could use.
async fn ask_beside(plugin: &Arc<Plugin>, path: &str) -> (Called<KeyDecision>, u32) {
    let count = Arc::new(AtomicU32::new(0));
    let counted = count.clone();
    let neighbour = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(1)).await;
            counted.fetch_add(1, Relaxed);
        }
    });
    let called = ask(plugin, path).await;
    neighbour.abort();
    (called, count.load(Relaxed))
}

fn error(called: Called<KeyDecision>) -> HookError {
    called.decision.expect_err("the guest fails")
}

#[tokio::test]
async fn an_endless_loop_ends_at_its_cpu_limit_and_others_go_on() {
    let cpu = Duration::from_millis(50);
    let plugin = plugin_with(Limits {
        cpu,
        wall: Duration::from_secs(60),
        ..Limits::default()
    });
    let (called, progress) = ask_beside(&plugin, "/loop").await;
    assert!(called.elapsed >= cpu, "{called:?}");
    assert_eq!(error(called), HookError::CpuLimit { limit: cpu });
    assert!(progress >= 3, "the neighbour came to run {progress} times");
}

#[tokio::test]
async fn the_limit_holds_after_a_pause_too() {
    // The thread that interrupts guests rests when there are none.
    let plugin = plugin_with(Limits {
        wall: Duration::from_secs(60),
        ..Limits::default()
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(
        error(ask(&plugin, "/loop").await),
        HookError::CpuLimit {
            limit: Duration::from_millis(50)
        }
    );
}

#[tokio::test]
async fn cpu_time_is_not_time_on_the_clock() {
    let limits = Limits {
        cpu: Duration::from_millis(10),
        ..Limits::default()
    };
    let called = ask(&plugin_with(limits), "/nap").await;
    assert!(called.elapsed >= Duration::from_millis(20), "{called:?}");
    assert_eq!(called.decision, Ok(KeyDecision::Policy));
}

#[tokio::test]
async fn a_guest_that_waits_ends_at_its_wall_limit() {
    let wall = Duration::from_millis(100);
    let plugin = plugin_with(Limits {
        wall,
        ..Limits::default()
    });
    let (called, progress) = ask_beside(&plugin, "/sleep").await;
    assert!(called.elapsed < Duration::from_secs(10), "{called:?}");
    assert_eq!(error(called), HookError::WallLimit { limit: wall });
    assert!(progress >= 3, "the neighbour came to run {progress} times");
}

#[tokio::test]
async fn an_endless_loop_ends_at_its_wall_limit_too() {
    let wall = Duration::from_millis(50);
    let plugin = plugin_with(Limits {
        wall,
        cpu: Duration::from_secs(60),
        ..Limits::default()
    });
    assert_eq!(
        error(ask(&plugin, "/loop").await),
        HookError::WallLimit { limit: wall }
    );
}

#[tokio::test]
async fn a_guest_that_allocates_4_gib_ends_at_its_memory_limit() {
    let limit = 64 << 20;
    let plugin = plugin_with(Limits {
        memory: limit,
        cpu: Duration::from_secs(10),
        wall: Duration::from_secs(60),
        ..Limits::default()
    });
    assert_eq!(
        error(ask(&plugin, "/allocate").await),
        HookError::MemoryLimit { limit }
    );
    let large = plugin_with(Limits {
        memory: 300 << 20,
        cpu: Duration::from_secs(10),
        wall: Duration::from_secs(60),
        ..Limits::default()
    });
    assert_eq!(
        error(ask(&large, "/allocate").await),
        HookError::MemoryLimit { limit: 300 << 20 }
    );
}

#[tokio::test]
async fn a_guest_may_live_with_refused_memory() {
    assert_eq!(literal(ask(&plugin(), "/try-allocate").await), "true");
}

#[tokio::test]
async fn a_panic_is_reported_with_its_message_and_source_line() {
    let HookError::Trap(message) = error(ask(&plugin(), "/panic").await) else {
        panic!("no trap")
    };
    assert!(
        message.starts_with("panicked at hooks/src/lib.rs:") && message.ends_with(": boom: 7"),
        "{message}"
    );
}

#[tokio::test]
async fn exit_is_a_failure() {
    assert_eq!(
        error(ask(&plugin(), "/exit").await),
        HookError::Trap("it ended itself (`exit`) with an error code".into())
    );
}

#[tokio::test]
async fn endless_recursion_is_named_whichever_stack_it_uses_up() {
    assert_eq!(
        error(ask(&plugin(), "/recurse").await),
        HookError::StackOverflow
    );
    assert_eq!(
        error(ask(&plugin(), "/recurse-wide").await),
        HookError::StackOverflow
    );
}

#[tokio::test]
async fn an_error_of_the_plugin_arrives_without_control_characters() {
    let text = "no such tenant\\r\\nforged: line";
    assert_eq!(
        error(ask(&plugin(), "/error").await),
        HookError::Guest(text.into())
    );
}

#[tokio::test]
async fn a_decision_has_a_largest_size() {
    let plugin = plugin_with(Limits {
        cpu: Duration::from_secs(10),
        wall: Duration::from_secs(60),
        ..Limits::default()
    });
    let limit = 64 << 10;
    for path in ["/huge", "/large", "/many"] {
        assert_eq!(
            error(ask(&plugin, path).await),
            HookError::OutputLimit { limit },
            "{path}"
        );
    }
}

#[tokio::test]
async fn host_calls_are_counted() {
    let roomy = Limits {
        cpu: Duration::from_secs(60),
        wall: Duration::from_secs(60),
        ..Limits::default()
    };
    let plugin = plugin_with(roomy);
    assert_eq!(
        error(ask(&plugin, "/flood").await),
        HookError::HostCalls { limit: 10_000 }
    );
    assert_eq!(
        error(ask(&plugin, "/flood-clock").await),
        HookError::HostCalls { limit: 10_000 }
    );
}

#[tokio::test]
async fn bytes_passed_to_the_host_are_counted() {
    let plugin = plugin();
    let limit = 1 << 20;
    assert_eq!(
        error(ask(&plugin, "/flood-bytes").await),
        HookError::PassedBytes { limit }
    );
    assert_eq!(
        error(ask(&plugin, "/flood-one").await),
        HookError::PassedBytes { limit }
    );
}

#[tokio::test]
async fn log_floods_are_cut_and_are_no_failure() {
    for path in ["/flood-log", "/flood-print"] {
        assert_eq!(
            ask(&plugin(), path).await.decision,
            Ok(KeyDecision::Policy),
            "{path}"
        );
    }
}

#[tokio::test]
async fn failures_are_counted_by_kind() {
    let plugin = plugin();
    for path in ["/panic", "/panic", "/error", "/recurse", "/pass"] {
        let _ = ask(&plugin, path).await;
    }
    let counted: Vec<_> = plugin
        .counters()
        .failures()
        .filter(|(_, count)| *count > 0)
        .collect();
    assert_eq!(
        counted,
        [("guest-error", 1), ("trap", 2), ("stack-overflow", 1)]
    );
    assert_eq!(
        (plugin.counters().calls(), plugin.counters().failed()),
        (5, 4)
    );
}

#[tokio::test]
async fn an_init_that_fails_fails_the_hook() {
    // Loading makes a first instance, so a plugin whose init always fails does not get this far. This one's limits do it.
    let config = serde_json::json!({ "init": "loop" });
    let refused = runtime().load(&PluginSpec {
        file: guest("init"),
        config,
        ..spec()
    });
    assert!(refused.is_err_and(|error| error.to_string().contains("50 ms of CPU time")));
}
