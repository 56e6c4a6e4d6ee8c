//! A plugin that keeps failing is not called for a while, and what that costs while it lasts.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{ask, load, spec};
use selvedge_runtime::{HookError, KeyDecision, Limits, Plugin, PluginSpec, ShortCircuit};

fn plugin(pause: Duration) -> Arc<Plugin> {
    load(&PluginSpec {
        short_circuit: ShortCircuit {
            failures: 3,
            calls: 4,
            pause,
            probes: 1,
        },
        limits: Limits {
            cpu: Duration::from_millis(20),
            wall: Duration::from_secs(60),
            ..Limits::default()
        },
        ..spec()
    })
}

fn is_short_circuited(error: &HookError) -> bool {
    matches!(error, HookError::ShortCircuited { .. })
}

#[tokio::test]
async fn a_plugin_that_keeps_failing_is_not_called_any_more() {
    let plugin = plugin(Duration::from_secs(3600));
    for _ in 0..3 {
        let error = ask(&plugin, "/loop").await.decision.unwrap_err();
        assert_eq!(error.as_str(), "cpu-limit");
    }
    assert!(plugin.is_short_circuited());
    let (calls, instances) = (plugin.counters().calls(), plugin.counters().instances());
    for path in ["/loop", "/replace"] {
        let error = ask(&plugin, path).await.decision.unwrap_err();
        assert!(is_short_circuited(&error), "{error}");
        assert_eq!(
            error.to_string(),
            "the plugin is short-circuited: 3 of its last 4 calls failed, the last one by cpu-limit (short_circuit)"
        );
    }
    // Counted as calls, by a word of their own, but made without an instance.
    assert_eq!(plugin.counters().calls(), calls + 2);
    assert_eq!(plugin.counters().instances(), instances);
}

#[tokio::test]
async fn it_is_called_again_after_the_pause_once_a_probe_has_succeeded() {
    let plugin = plugin(Duration::from_millis(50));
    for path in ["/panic", "/recurse", "/flood"] {
        assert!(ask(&plugin, path).await.decision.is_err());
    }
    assert!(plugin.is_short_circuited());
    // A probe that fails is followed by another pause.
    tokio::time::sleep(Duration::from_millis(60)).await;
    let error = ask(&plugin, "/panic").await.decision.unwrap_err();
    assert_eq!(error.as_str(), "trap");
    assert!(is_short_circuited(
        &ask(&plugin, "/extend").await.decision.unwrap_err()
    ));
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!(
        ask(&plugin, "/none").await.decision,
        Ok(KeyDecision::Policy)
    );
    assert!(!plugin.is_short_circuited());
}

#[tokio::test]
async fn what_is_remembered_is_still_answered() {
    let plugin = plugin(Duration::from_secs(3600));
    let first = ask(&plugin, "/device").await.decision;
    for _ in 0..4 {
        let _ = ask(&plugin, "/panic").await;
    }
    assert!(plugin.is_short_circuited());
    let again = ask(&plugin, "/device").await;
    assert!(again.remembered);
    assert_eq!(again.decision, first);
}

#[tokio::test]
async fn errors_that_a_plugin_returns_are_answers() {
    let plugin = plugin(Duration::from_secs(3600));
    for _ in 0..10 {
        let error = ask(&plugin, "/error").await.decision.unwrap_err();
        assert_eq!(error.as_str(), "guest-error");
    }
    assert!(!plugin.is_short_circuited());
}
