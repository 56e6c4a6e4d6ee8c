//! Remembered decisions: never another one than the plugin would give, and only where that can be known.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{Country, ask, facts, guest, load, request, response, spec};
use http::{HeaderName, HeaderValue};
use selvedge_runtime::{
    HookError, Isolation, Limits, Plugin, PluginSpec, RequestFacts, RequestId, Transaction,
};

/// Numbers from a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % sides
    }

    fn of<T: Copy>(&mut self, among: &[T]) -> T {
        among[self.roll(among.len())]
    }

    /// A request out of few values of each kind, so that many have something in common.
    fn request(&mut self) -> Arc<RequestFacts> {
        let mut facts = facts(self.of(&["/", "/a", "/ab", "/abc", "/b?", "/%61"]));
        facts.method = self.of(&[&http::Method::GET, &http::Method::HEAD]).clone();
        facts.host = self.of(&["a.test", "b.test"]).into();
        facts.query = self
            .of(&[
                None,
                Some(""),
                Some("a=1"),
                Some("a=1&b=%31"),
                Some("b=1&a=2"),
            ])
            .map(str::to_owned);
        facts.request_id = RequestId(self.roll(1 << 30) as u64);
        facts.viewer = self
            .of(&["192.0.2.1:1", "[::ffff:192.0.2.1]:2", "[2001:db8::1]:3"])
            .parse()
            .expect("an address");
        facts.geo = match self.roll(3) {
            0 => None,
            1 => Some(Arc::new(Country("CH"))),
            _ => Some(Arc::new(Country("DE"))),
        };
        for name in ["accept", "x-one", "x-two"] {
            let name = HeaderName::from_static(name);
            facts.fields.remove(&name);
            for _ in 0..self.roll(3) {
                let value = HeaderValue::from_static(self.of(&["", "1", "1, 1", "2"]));
                facts.fields.append(&name, value);
            }
        }
        facts.fields.remove("cookie");
        if self.roll(2) == 0 {
            let value = HeaderValue::from_static(self.of(&["group=a", "group=", "x=1"]));
            facts.fields.insert("cookie", value);
        }
        Arc::new(facts)
    }
}

/// Everything that a hook call says, apart from the time that it took.
async fn call(
    transaction: &mut Transaction,
    plugin: &Arc<Plugin>,
    request: &Arc<RequestFacts>,
    hook: usize,
) -> String {
    match hook {
        0 => {
            let called = transaction.cache_key(plugin, request).await;
            format!("{:?} {:?}", called.decision, called.reads)
        }
        1 => {
            let called = transaction.origin_selection(plugin, request).await;
            format!("{:?} {:?}", called.decision, called.reads)
        }
        _ => {
            let called = transaction.ttl(plugin, request, &response()).await;
            format!("{:?} {:?}", called.decision, called.reads)
        }
    }
}

fn stateful(remember: bool) -> Arc<Plugin> {
    load(&PluginSpec {
        file: guest("state"),
        config: serde_json::json!({ "word": "x" }),
        remember,
        limits: Limits {
            cpu: Duration::from_secs(10),
            wall: Duration::from_secs(60),
            ..Limits::default()
        },
        ..spec()
    })
}

#[tokio::test]
async fn whatever_is_asked_in_whatever_order_memory_changes_no_answer() {
    let (with, without) = (stateful(true), stateful(false));
    let mut dice = Dice(0x5e1_4ed6e);
    let mut calls = 0;
    for turn in 0..2500 {
        let mut transactions = [Transaction::new(), Transaction::new()];
        for step in 0..1 + dice.roll(3) {
            let (request, hook) = (dice.request(), dice.roll(3));
            let answer = call(&mut transactions[0], &with, &request, hook).await;
            let expected = call(&mut transactions[1], &without, &request, hook).await;
            assert_eq!(answer, expected, "turn {turn}, step {step}, {request:?}");
            calls += 1;
        }
    }
    let remembered = with.counters().remembered();
    assert!(
        remembered > calls / 10,
        "{remembered} of {calls} remembered"
    );
    assert_eq!(without.counters().remembered(), 0);
    assert_eq!(without.counters().calls(), calls);
}

#[tokio::test]
async fn the_same_request_is_answered_from_memory_without_an_instance() {
    let plugin = load(&spec());
    let first = ask(&plugin, "/device").await;
    let instances = plugin.counters().instances();
    let second = ask(&plugin, "/device").await;
    assert!(!first.remembered && second.remembered);
    assert_eq!(first.decision, second.decision);
    assert_eq!(first.reads, second.reads);
    assert_eq!(plugin.counters().instances(), instances);
}

#[tokio::test]
async fn a_field_that_is_absent_is_told_from_an_empty_one() {
    let plugin = stateful(true);
    let without = stateful(false);
    let mut absent = facts("/device");
    absent.fields.clear();
    let mut empty = absent.clone();
    for name in ["accept", "x-one", "x-two", "cookie"] {
        empty.fields.insert(name, HeaderValue::from_static(""));
    }
    for facts in [&absent, &empty, &absent, &empty] {
        let request = Arc::new(facts.clone());
        for hook in [0, 1] {
            let mut with = Transaction::new();
            let mut plain = Transaction::new();
            assert_eq!(
                call(&mut with, &plugin, &request, hook).await,
                call(&mut plain, &without, &request, hook).await
            );
        }
    }
}

#[tokio::test]
async fn what_depends_on_more_than_the_request_is_asked_each_time() {
    let plugin = load(&spec());
    // Log lines, random numbers, the clock, the request's id and age, an error.
    for path in ["/log", "/random", "/nap", "/facts", "/error"] {
        for _ in 0..3 {
            assert!(!ask(&plugin, path).await.remembered, "{path}");
        }
    }
}

#[tokio::test]
async fn an_instance_that_is_used_again_is_asked_each_time() {
    let plugin = load(&PluginSpec {
        isolation: Isolation::Reuse,
        ..spec()
    });
    let counts: Vec<String> = [
        common::literal(ask(&plugin, "/count").await),
        common::literal(ask(&plugin, "/count").await),
    ]
    .into();
    assert_eq!(counts, ["1", "2"]);
    assert_eq!(plugin.counters().remembered(), 0);
}

#[tokio::test]
async fn a_plugin_that_is_told_not_to_remember_is_asked_each_time() {
    let plugin = load(&PluginSpec {
        remember: false,
        ..spec()
    });
    for _ in 0..3 {
        assert!(!ask(&plugin, "/device").await.remembered);
    }
}

#[tokio::test]
async fn a_failure_is_never_remembered() {
    let plugin = load(&PluginSpec {
        limits: Limits {
            host_calls: 100,
            ..Limits::default()
        },
        ..spec()
    });
    for _ in 0..3 {
        let called = ask(&plugin, "/flood").await;
        assert_eq!(called.decision, Err(HookError::HostCalls { limit: 100 }));
    }
    assert_eq!(plugin.counters().remembered(), 0);
}

#[tokio::test]
async fn a_hook_after_a_remembered_one_finds_what_that_one_left() {
    let plugin = load(&spec());
    let request = request("/count");
    for _ in 0..3 {
        let mut transaction = Transaction::new();
        let first = transaction.cache_key(&plugin, &request).await;
        assert_eq!(common::literal(first), "1");
        let second = transaction.origin_selection(&plugin, &request).await;
        assert_eq!(
            second.decision,
            Ok(selvedge_runtime::OriginDecision::Origin("2".into()))
        );
    }
    assert_eq!(plugin.counters().remembered(), 2);
}
