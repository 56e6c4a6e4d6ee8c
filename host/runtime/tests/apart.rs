//! Instances have nothing in common: neither memory, one after another in the same slot, nor requests, at the same time.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{ask, facts, guest, literal, load, small, spec};
use selvedge_runtime::{
    Isolation, Limits, Options, Plugin, PluginSpec, RequestFacts, RequestId, Runtime, Transaction,
};

/// Neither a decision that is remembered, nor a limit that a slow machine hits.
fn patient(name: &str) -> PluginSpec {
    PluginSpec {
        name: name.into(),
        remember: false,
        limits: Limits {
            cpu: Duration::from_secs(10),
            wall: Duration::from_secs(60),
            ..Limits::default()
        },
        ..spec()
    }
}

#[tokio::test]
async fn nothing_is_left_in_a_slot_for_the_next_instance() {
    // One slot, and more of its memory stays resident than a guest begins with.
    let options = Options {
        max_instances: 1,
        ..small()
    };
    let runtime = Runtime::new(options).unwrap();
    let plugins = ["one", "other"].map(|name| runtime.load(&patient(name)).unwrap());
    let mut told = Vec::new();
    for turn in 0..20 {
        told.push(literal(ask(&plugins[turn % 2], "/scribble").await));
    }
    assert!(told[0].starts_with("0 "), "{}", told[0]);
    // The first instances of their slots, and all later ones, begin with the same memory to the last byte.
    assert!(told.iter().all(|one| *one == told[0]), "{told:?}");
}

#[tokio::test]
async fn an_instance_that_was_cut_off_leaves_nothing_either() {
    let options = Options {
        max_instances: 1,
        ..small()
    };
    let runtime = Runtime::new(options).unwrap();
    let plugin = runtime.load(&patient("one")).unwrap();
    let limits = Limits {
        cpu: Duration::from_millis(2),
        ..Limits::default()
    };
    let spinning = runtime.load(&PluginSpec {
        limits,
        ..patient("spinning")
    });
    let spinning = spinning.unwrap();
    let first = literal(ask(&plugin, "/scribble").await);
    for path in [
        "/loop",
        "/panic",
        "/recurse",
        "/allocate",
        "/large",
        "/flood",
    ] {
        assert!(ask(&spinning, path).await.decision.is_err(), "{path}");
        assert_eq!(literal(ask(&plugin, "/scribble").await), first, "{path}");
    }
}

/// The facts of a request: its own number in each.
fn numbered(number: usize) -> Arc<RequestFacts> {
    Arc::new(RequestFacts {
        query: Some(format!("n={number}")),
        request_id: RequestId(number as u64),
        ..facts(&format!("/mine/{number}"))
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_at_the_same_time_see_their_own_facts_only() {
    for isolation in [Isolation::Request, Isolation::Reuse] {
        let plugin = load(&PluginSpec {
            isolation,
            ..patient("one")
        });
        let tasks: Vec<_> = (0..32)
            .map(|task| {
                let plugin = plugin.clone();
                tokio::spawn(async move {
                    for call in 0..10 {
                        its_own(&plugin, task * 1000 + call).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no assertion fails");
        }
    }
}

async fn its_own(plugin: &Arc<Plugin>, number: usize) {
    let mut transaction = Transaction::new();
    let called = transaction.cache_key(plugin, &numbered(number)).await;
    let expected = format!("/mine/{number} Some(\"n={number}\") {number:016x}");
    assert_eq!(literal(called), expected);
}

#[tokio::test]
async fn each_plugin_of_a_file_has_its_own_configuration() {
    let of = |name: &str, mobile: &str| {
        load(&PluginSpec {
            config: serde_json::json!({ "device": { "mobile": mobile } }),
            ..patient(name)
        })
    };
    let (one, other) = (of("one", "1"), of("other", "2"));
    for _ in 0..3 {
        let told = [&one, &other].map(|plugin| async { literal(ask(plugin, "/config").await) });
        let [of_one, of_other] = told;
        assert!(of_one.await.starts_with("Some(\"1\") "));
        assert!(of_other.await.starts_with("Some(\"2\") "));
    }
    let without = load(&PluginSpec {
        file: guest("hooks"),
        ..patient("without")
    });
    assert_eq!(literal(ask(&without, "/config").await), "None null");
}
