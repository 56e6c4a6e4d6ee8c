//! Capabilities of plugins: the key-value store, backends, stored values, metrics, secrets.

mod common;
#[path = "capabilities/secrets.rs"]
mod secrets;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::capabilities::{Recorded, SECRETS, editor, editor_with, everything, recording};
use common::{Lines, facts, load, runtime};
use selvedge_runtime::{
    Capabilities, Capability, HookError, Isolation, Limits, Plugin, PluginSpec, Read, RequestFacts,
    Transaction, ViewerRequestDecision,
};

async fn called(
    plugin: &Arc<Plugin>,
    what: &str,
    query: &str,
) -> (Result<String, HookError>, Vec<Read>) {
    let request = Arc::new(RequestFacts {
        query: Some(query.into()),
        ..facts(&format!("/use/{what}"))
    });
    let mut transaction = Transaction::new();
    let called = transaction.viewer_request(plugin, &request).await;
    let text = called.decision.map(|decision| match decision {
        ViewerRequestDecision::Respond(made) => String::from_utf8_lossy(&made.body).into_owned(),
        other => panic!("{what}: {other:?}"),
    });
    (text, called.reads)
}

async fn said(what: &str, query: &str) -> String {
    let (text, _) = called(&editor(), what, query).await;
    text.unwrap_or_else(|error| panic!("{what}: {error}"))
}

#[tokio::test]
async fn a_plugin_reads_the_key_value_store() {
    assert_eq!(said("kv", "a").await, "Some(\"value of a\")");
    assert_eq!(said("kv", "absent").await, "None");
    assert_eq!(said("kv", "later").await, "Some(\"late\")");
    let (error, _) = called(&editor(), "kv", "broken").await;
    assert_eq!(error, Err(HookError::Guest("the store is broken".into())));
    assert_eq!(
        said("kv-long", "").await,
        "Err(\"the key has 513 bytes, more than the 512 that keys may have\")"
    );
}

#[tokio::test]
async fn a_plugin_keeps_values_and_invalidates_them() {
    assert_eq!(said("cache", "").await, "Some(\"v\") None");
}

#[tokio::test]
async fn a_plugin_puts_a_value_in_place_of_the_one_that_it_read() {
    let (plugin, _) = recording();
    let (text, reads) = called(&plugin, "cache-if", "").await;
    assert_eq!(text, Ok("true false true Some(\"2\")".into()));
    assert!(reads.contains(&Read::Cache), "{reads:?}");
}

#[tokio::test]
async fn a_plugin_counts_and_observes_and_wrong_figures_are_not_taken() {
    let (plugin, recorded) = recording();
    assert_eq!(called(&plugin, "metrics", "").await.0, Ok("done".into()));
    assert_eq!(recorded.take(), ["count things 2", "observe seconds 0.5"]);
}

#[tokio::test]
async fn a_plugin_asks_a_backend() {
    assert_eq!(
        said("fetch", "b").await,
        "200 Some(\"GET /a?b\") [\"x-path\", \"x-request\"] 1 answer of b"
    );
    assert!(said("fetch", "unknown").await.contains("UnknownBackend"));
    assert!(said("fetch", "denied").await.contains("Denied"));
    assert!(said("fetch", "late").await.contains("TimedOut"));
    assert!(said("fetch", "large").await.contains("TooLarge"));
    assert!(
        said("fetch", "down")
            .await
            .contains("Failed(\"no connection\")")
    );
}

#[tokio::test]
async fn what_is_sent_to_a_backend_arrives() {
    let (plugin, recorded) = recording();
    called(&plugin, "fetch-request", "").await.0.unwrap();
    assert_eq!(
        recorded.take(),
        ["fetch b POST /p {\"x-a\": \"1\"} sent for 0000000000000001"]
    );
}

#[tokio::test]
async fn several_requests_to_backends_run_at_once() {
    let (plugin, recorded) = recording();
    let (text, _) = called(&plugin, "fetch-all", "").await;
    let text = text.unwrap();
    for n in 0..3 {
        assert!(text.contains(&format!("GET /{n}")), "{text}");
    }
    assert_eq!(recorded.take().len(), 3);
}

#[tokio::test]
async fn an_answer_is_waited_for_once() {
    assert_eq!(
        said("fetch-twice", "").await,
        "FetchError::Failed(\"this answer was waited for before\")"
    );
}

#[tokio::test]
async fn a_request_to_a_backend_cannot_take_the_hosts_place() {
    for name in [
        "Host",
        "Via",
        "CDN-Loop",
        "Content-Length",
        "Transfer-Encoding",
        "Connection",
    ] {
        let text = said("fetch-field", name).await;
        let expected = format!("the host sets the field `{}` itself", name.to_lowercase());
        assert!(text.contains(&expected), "{text}");
    }
    for target in ["", "no-slash", "http://other.test/", "/a_b", "/a#b"] {
        let text = said("fetch-target", target).await;
        assert!(text.contains("Failed"), "{target}: {text}");
    }
    for method in ["", "CONNECT", "GET_/"] {
        let text = said("fetch-method", method).await;
        assert!(text.contains("is no method"), "{method}: {text}");
    }
}

#[tokio::test]
async fn requests_to_backends_are_bounded_in_number() {
    assert_eq!(said("fetch-many", "16").await, "done");
    let (error, _) = called(&editor(), "fetch-many", "17").await;
    let error = error.unwrap_err();
    assert_eq!(error, HookError::Fetches { limit: 16 });
    assert_eq!(
        error.to_string(),
        "the plugin started or held more than its 16 requests to backends (limits.fetches)"
    );
    // Those that an instance holds count over calls.
    let plugin = editor_with(Limits::default(), Isolation::Reuse);
    assert_eq!(
        called(&plugin, "fetch-keep", "10").await.0,
        Ok("done".into())
    );
    let (error, _) = called(&plugin, "fetch-keep", "10").await;
    assert_eq!(error, Err(HookError::Fetches { limit: 16 }));
}

#[tokio::test]
async fn as_many_requests_to_backends_are_held_as_the_limit_says() {
    let limits = Limits {
        fetches: 1000,
        ..Limits::default()
    };
    let plugin = editor_with(limits, Isolation::Request);
    for what in ["fetch-keep", "fetch-keep-answers"] {
        let (text, _) = called(&plugin, what, "1000").await;
        assert_eq!(text, Ok("done".into()), "{what}");
        let (error, _) = called(&plugin, what, "1001").await;
        assert_eq!(error, Err(HookError::Fetches { limit: 1000 }), "{what}");
    }
}

#[tokio::test]
async fn waiting_costs_no_cpu_time_and_holds_no_thread() {
    let limits = Limits {
        cpu: Duration::from_millis(30),
        wall: Duration::from_secs(10),
        ..Limits::default()
    };
    let plugin = editor_with(limits, Isolation::Request);
    let began = Instant::now();
    // One thread: thirty waits of 300 ms each are over in little more than one.
    let waits: Vec<_> = (0..30)
        .map(|_| {
            let plugin = plugin.clone();
            tokio::spawn(async move { called(&plugin, "spin-and-wait", "").await.0 })
        })
        .collect();
    for wait in waits {
        let text = wait.await.unwrap().unwrap();
        assert!(text.starts_with("200"), "{text}");
    }
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(300), "{took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test]
async fn a_fetch_ends_before_the_hook_does() {
    let limits = Limits {
        wall: Duration::from_millis(300),
        ..Limits::default()
    };
    let plugin = editor_with(limits, Isolation::Request);
    let (told, _) = called(&plugin, "never", "").await;
    // The guest hears of it, and has time to answer.
    assert_eq!(told, Ok("FetchError::TimedOut".into()));
    assert!(!plugin.is_short_circuited());
}

#[tokio::test]
async fn waiting_for_anything_but_the_viewer_costs_wall_time() {
    let limit = Duration::from_millis(100);
    let limits = Limits {
        wall: limit,
        ..Limits::default()
    };
    let plugin = editor_with(limits, Isolation::Request);
    let (error, _) = called(&plugin, "kv", "never").await;
    assert_eq!(error, Err(HookError::WallLimit { limit }));
}

#[tokio::test]
async fn what_was_used_is_told_and_cannot_be_remembered() {
    let cases = [
        ("kv", "a", Read::Kv),
        ("cache", "", Read::Cache),
        ("fetch", "b", Read::Fetch),
        ("metrics", "", Read::Metrics),
        ("secret", "key", Read::Secret),
        ("secret", "key", Read::Log),
    ];
    for (what, query, read) in cases {
        let (_, reads) = called(&editor(), what, query).await;
        assert!(reads.contains(&read), "{what}: {reads:?}");
        assert!(!read.is_of_message());
    }
    let (_, reads) = called(&editor(), "nothing", "").await;
    assert!(reads.iter().all(Read::is_of_message), "{reads:?}");
}

#[test]
fn a_plugin_that_is_not_given_what_it_imports_is_refused() {
    type Take = fn(&mut Capabilities);
    let cases: [(Capability, Take, &str); 5] = [
        (
            Capability::Kv,
            |p| p.kv = None,
            "this host keeps no key-value store for it",
        ),
        (
            Capability::Fetch,
            |p| p.fetch = None,
            "this host lets it ask no backends",
        ),
        (
            Capability::Cache,
            |p| p.cache = None,
            "this host stores no values for it",
        ),
        (
            Capability::Metrics,
            |p| p.metrics = None,
            "this host keeps no metrics for it",
        ),
        (
            Capability::Secrets,
            |p| p.secrets = None,
            "this host keeps no secrets for it",
        ),
    ];
    for (capability, take, why) in cases {
        let mut spec = everything();
        take(&mut spec.capabilities);
        let error = runtime()
            .load(&spec)
            .expect_err("it is refused")
            .to_string();
        let expected = format!("imports `{capability}`, which it is not given: {why}");
        assert!(error.ends_with(&expected), "{error}");
    }
}

#[test]
fn what_is_given_shows_by_name_only() {
    let spec = everything();
    assert_eq!(
        format!("{:?}", spec.capabilities),
        "{Kv, Fetch, Cache, Metrics, Secrets}"
    );
}

#[tokio::test]
async fn one_plugins_capabilities_are_not_anothers() {
    let recorded = Recorded::default();
    let mut other = everything();
    other.capabilities = recorded.capabilities("other");
    let other = load(&PluginSpec {
        name: "other".into(),
        distribution: "d2".into(),
        ..other
    });
    assert_eq!(
        called(&other, "kv", "a").await.0,
        Ok("Some(\"other's value of a\")".into())
    );
    assert_eq!(said("kv", "a").await, "Some(\"value of a\")");
}
