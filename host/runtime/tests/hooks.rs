//! Reads, decisions and log lines of hooks.

mod common;

use common::{Lines, ask, guest, literal, load, plugin, request, response, spec};
use selvedge_runtime::{
    Hook, HookError, KeyDecision, KeyPart, OriginDecision, PluginSpec, Read, Scheme, Transaction,
    TtlDecision,
};

#[tokio::test]
async fn a_plugin_without_an_opinion_leaves_all_to_the_policy() {
    let plugin = plugin();
    let mut transaction = Transaction::new();
    let request = request("/");
    assert_eq!(
        transaction.cache_key(&plugin, &request).await.decision,
        Ok(KeyDecision::Policy)
    );
    assert_eq!(
        transaction
            .origin_selection(&plugin, &request)
            .await
            .decision,
        Ok(OriginDecision::Policy)
    );
    assert_eq!(
        transaction
            .ttl(&plugin, &request, &response())
            .await
            .decision,
        Ok(TtlDecision::Policy)
    );
    assert_eq!(
        plugin.hooks(),
        [Hook::CacheKey, Hook::OriginSelection, Hook::Ttl]
    );
}

#[tokio::test]
async fn every_kind_of_key_decision_arrives() {
    let plugin = plugin();
    let extend = KeyDecision::Extend(vec![
        KeyPart::Path,
        KeyPart::QueryOnly(vec!["id".into()]),
        KeyPart::QueryExcept(vec!["utm_*".into()]),
        KeyPart::Field("accept".into()),
        KeyPart::Cookie("group".into()),
        KeyPart::Literal(b"\xff\x00".to_vec()),
    ]);
    assert_eq!(ask(&plugin, "/extend").await.decision, Ok(extend));
    assert_eq!(
        ask(&plugin, "/replace").await.decision,
        Ok(KeyDecision::Replace(vec![KeyPart::Path]))
    );
    assert_eq!(ask(&plugin, "/pass").await.decision, Ok(KeyDecision::Pass));
}

#[tokio::test]
async fn every_kind_of_origin_decision_arrives() {
    let plugin = plugin();
    let mut transaction = Transaction::new();
    let host = OriginDecision::Host {
        scheme: Scheme::Https,
        name: "tenant.test".into(),
        port: Some(8443),
    };
    let cases = [
        ("/origin", OriginDecision::Origin("canary".into())),
        (
            "/failover",
            OriginDecision::Failover(vec!["main".into(), "spare".into()]),
        ),
        ("/host", host),
    ];
    for (path, expected) in cases {
        let called = transaction.origin_selection(&plugin, &request(path)).await;
        assert_eq!(called.decision, Ok(expected), "{path}");
    }
}

#[tokio::test]
async fn every_kind_of_ttl_decision_arrives() {
    let plugin = plugin();
    let mut transaction = Transaction::new();
    let set = TtlDecision::Set {
        lifetime: Some(60),
        stale_while_revalidate: None,
        stale_if_error: Some(600),
        tags: vec!["product-1".into()],
    };
    assert_eq!(
        transaction
            .ttl(&plugin, &request("/set"), &response())
            .await
            .decision,
        Ok(set)
    );
    let called = transaction
        .ttl(&plugin, &request("/dont-store"), &response())
        .await;
    assert_eq!(called.decision, Ok(TtlDecision::DontStore));
}

#[tokio::test]
async fn a_hook_reads_every_fact_of_the_request() {
    let expected = [
        "method=GET",
        "scheme=https",
        "host=www.example.test",
        "query=Some(\"q=a+b%21&utm_source=x&q=2\")",
        "params=[(\"q\", \"a b!\"), (\"utm_source\", \"x\"), (\"q\", \"2\")]",
        "param=Some(\"a b!\") None",
        "field=Some(\"text/html, text/plain\") None",
        "lines=2",
        "names=[\"accept\", \"user-agent\", \"cookie\", \"accept-language\"]",
        "cookie=Some(\"b=c\") None",
        "body=true",
        "viewer=192.0.2.7 4711",
        "version=1.1",
        "tls=Some(\"TLSv1.3\") Some(\"TLS_AES_128_GCM_SHA256\")",
        "geo=Some(\"CH\")",
        "ids=0000000000000001 d1 edge-1",
        "origin=Some(\"main\")",
        "cache=Some(\"hit\") Some(9) None",
        "elapsed=true",
    ];
    let read = literal(ask(&plugin(), "/facts").await);
    assert_eq!(read.lines().collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_hook_reads_every_fact_of_the_response() {
    let called = Transaction::new()
        .ttl(&plugin(), &request("/facts"), &response())
        .await;
    let text = r#"200 Some("text/html") 2 ["content-type", "cache-control"] Some("main")"#;
    assert_eq!(called.decision, Err(HookError::Guest(text.into())));
    let content_type = Read::ResponseField(http::header::CONTENT_TYPE);
    assert!(
        called.reads.contains(&content_type) && called.reads.contains(&Read::ResponseStatus),
        "{:?}",
        called.reads
    );
}

#[tokio::test]
async fn the_host_knows_what_a_decision_was_based_on() {
    let called = ask(&plugin(), "/device").await;
    let expected = [
        Read::Path,
        Read::Field(http::header::USER_AGENT),
        Read::Field(http::header::ACCEPT_LANGUAGE),
    ];
    assert_eq!(called.reads, expected);
    assert_eq!(
        ask(&plugin(), "/random").await.reads,
        [Read::Path, Read::Random]
    );
    assert_eq!(
        ask(&plugin(), "/nap").await.reads,
        [Read::Path, Read::Clock]
    );
}

#[tokio::test]
async fn a_plugin_reads_its_configuration() {
    let config = serde_json::json!({ "device": { "mobile": 3 } });
    let plugin = load(&PluginSpec { config, ..spec() });
    assert_eq!(
        literal(ask(&plugin, "/config").await),
        r#"Some("3") {"device":{"mobile":3}}"#
    );
}

#[tokio::test]
async fn only_the_hooks_asked_for_are_called() {
    let plugin = load(&PluginSpec {
        hooks: vec![Hook::Ttl],
        ..spec()
    });
    assert_eq!(plugin.hooks(), [Hook::Ttl]);
    assert!(plugin.has(Hook::Ttl) && !plugin.has(Hook::CacheKey));
    let called = ask(&plugin, "/").await;
    assert_eq!(called.decision, Err(HookError::NoHook(Hook::CacheKey)));
}

#[tokio::test]
async fn init_runs_once_for_each_instance_before_its_first_hook() {
    let plugin = load(&PluginSpec {
        file: guest("init"),
        ..spec()
    });
    let mut transaction = Transaction::new();
    for _ in 0..2 {
        assert_eq!(
            literal(transaction.cache_key(&plugin, &request("/")).await),
            "1"
        );
    }
    assert_eq!(literal(ask(&plugin, "/").await), "1");
}

#[tokio::test]
async fn a_guest_reaches_nothing_outside() {
    let outcome = literal(ask(&plugin(), "/outside").await);
    let (files, rest) = outcome.split_at(
        outcome
            .find(" 0 0 ")
            .expect("no environment and no arguments"),
    );
    assert!(!files.contains("Ok"), "{outcome}");
    assert!(!rest.contains("Ok"), "{outcome}");
}

#[test]
fn what_a_guest_logs_lands_in_the_hosts_log() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(lines.clone())
        .finish();
    let plugin = plugin();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    tracing::subscriber::with_default(subscriber, || {
        runtime.block_on(async {
            ask(&plugin, "/log").await.decision.unwrap();
            ask(&plugin, "/flood-log").await.decision.unwrap();
        })
    });
    let logged = lines.of_plugins();
    let expected = [
        ("WARN", "a warning\\nwith a second line"),
        ("INFO", "printed"),
        ("WARN", "complained"),
        ("INFO", "unfinished"),
        ("INFO", "line 0"),
    ];
    assert!(logged.len() > expected.len(), "{logged:?}");
    for (line, (level, message)) in logged.iter().zip(expected) {
        assert_eq!(
            (line["level"].as_str(), line["fields"]["message"].as_str()),
            (Some(level), Some(message))
        );
        assert_eq!(line["target"], "plugin");
        assert_eq!(line["fields"]["plugin"], "under-test");
        assert_eq!(line["fields"]["distribution"], "d1");
        assert_eq!(line["fields"]["request_id"], "0000000000000001");
    }
    assert_eq!(logged[0]["fields"]["fields"], "tenant=acme");
    assert_eq!(logged.len(), 4 + 100 + 1, "the flood is cut");
    let last = logged.last().unwrap()["fields"]["message"]
        .as_str()
        .unwrap();
    assert_eq!(
        last,
        "4900 further log lines dropped (limits.log_lines, limits.log_bytes)"
    );
}

#[tokio::test]
async fn hooks_run_on_any_thread() {
    let plugin = plugin();
    let called = tokio::spawn(async move { ask(&plugin, "/pass").await })
        .await
        .unwrap();
    assert_eq!(called.decision, Ok(KeyDecision::Pass));
}
