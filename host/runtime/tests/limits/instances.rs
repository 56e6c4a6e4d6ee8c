//! Instances: fresh ones, reused ones, and as many as there may be.

use super::*;

#[tokio::test]
async fn fresh_instances_share_nothing() {
    let plugin = plugin();
    for _ in 0..3 {
        assert_eq!(literal(ask(&plugin, "/count").await), "1");
    }
}

#[tokio::test]
async fn a_transaction_keeps_its_instance() {
    let plugin = plugin();
    let mut transaction = Transaction::new();
    for count in 1..4 {
        assert_eq!(
            literal(transaction.cache_key(&plugin, &request("/count")).await),
            count.to_string()
        );
    }
    transaction.release(&plugin);
    assert_eq!(
        literal(transaction.cache_key(&plugin, &request("/count")).await),
        "1"
    );
}

#[tokio::test]
async fn reused_instances_serve_until_a_failure() {
    let plugin = load(&PluginSpec {
        isolation: Isolation::Reuse,
        ..spec()
    });
    for count in 1..4 {
        assert_eq!(literal(ask(&plugin, "/count").await), count.to_string());
    }
    let _ = ask(&plugin, "/error").await;
    assert_eq!(
        literal(ask(&plugin, "/count").await),
        "4",
        "an error is no failure of the instance"
    );
    let _ = ask(&plugin, "/panic").await;
    assert_eq!(literal(ask(&plugin, "/count").await), "1");
}

#[tokio::test]
async fn reused_instances_are_renewed_after_a_thousand_calls() {
    let plugin = load(&PluginSpec {
        isolation: Isolation::Reuse,
        ..spec()
    });
    for _ in 0..1000 {
        ask(&plugin, "/pass").await.decision.unwrap();
    }
    assert_eq!(literal(ask(&plugin, "/count").await), "1");
    assert_eq!(
        plugin.counters().instances(),
        3,
        "one to check, one for a thousand calls, and the next"
    );
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_no_half_used_instance() {
    let plugin = load(&PluginSpec {
        isolation: Isolation::Reuse,
        ..spec()
    });
    assert_eq!(literal(ask(&plugin, "/count").await), "1");
    let gone = tokio::time::timeout(Duration::from_millis(20), ask(&plugin, "/sleep")).await;
    assert!(gone.is_err());
    assert_eq!(literal(ask(&plugin, "/count").await), "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_calls_at_once_on_several_threads_do_not_mix() {
    let cpu = Duration::from_millis(5);
    let limits = Limits {
        cpu,
        wall: Duration::from_secs(60),
        ..Limits::default()
    };
    for isolation in [Isolation::Request, Isolation::Reuse] {
        let plugin = load(&PluginSpec {
            isolation,
            limits: limits.clone(),
            ..spec()
        });
        let tasks: Vec<_> = (0..32)
            .map(|task| {
                let plugin = plugin.clone();
                tokio::spawn(async move {
                    for call in 0..20 {
                        match (task + call) % 8 {
                            0 => assert_eq!(
                                error(ask(&plugin, "/loop").await),
                                HookError::CpuLimit { limit: cpu }
                            ),
                            1 => assert!(matches!(
                                error(ask(&plugin, "/panic").await),
                                HookError::Trap(_)
                            )),
                            2 => assert_eq!(
                                ask(&plugin, "/nap").await.decision,
                                Ok(KeyDecision::Policy)
                            ),
                            _ => assert_eq!(
                                ask(&plugin, "/pass").await.decision,
                                Ok(KeyDecision::Pass)
                            ),
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no assertion fails");
        }
    }
}

#[tokio::test]
async fn when_all_instances_are_in_use_a_call_says_so() {
    let options = selvedge_runtime::Options {
        max_instances: 2,
        ..common::small()
    };
    let runtime = selvedge_runtime::Runtime::new(options).unwrap();
    let asked_each_time = PluginSpec {
        remember: false,
        ..spec()
    };
    let plugin = runtime.load(&asked_each_time).unwrap();
    let mut transactions: Vec<_> = (0..3).map(|_| Transaction::new()).collect();
    let mut outcomes = Vec::new();
    for transaction in &mut transactions {
        outcomes.push(
            transaction
                .cache_key(&plugin, &request("/pass"))
                .await
                .decision,
        );
    }
    let expected = [
        Ok(KeyDecision::Pass),
        Ok(KeyDecision::Pass),
        Err(HookError::NoInstance { limit: 2 }),
    ];
    assert_eq!(outcomes, expected);
    transactions.clear();
    assert_eq!(ask(&plugin, "/pass").await.decision, Ok(KeyDecision::Pass));
}

#[tokio::test]
async fn one_plugin_leaves_instances_for_others() {
    let options = selvedge_runtime::Options {
        max_instances: 8,
        ..common::small()
    };
    let runtime = selvedge_runtime::Runtime::new(options).unwrap();
    let asked_each_time = PluginSpec {
        remember: false,
        ..spec()
    };
    let [greedy, other] = [(); 2].map(|()| runtime.load(&asked_each_time).unwrap());
    let mut held = Vec::new();
    for _ in 0..6 {
        let mut transaction = Transaction::new();
        let called = transaction.cache_key(&greedy, &request("/pass")).await;
        assert_eq!(called.decision, Ok(KeyDecision::Pass));
        held.push(transaction);
    }
    let full = Err(HookError::NoInstance { limit: 6 });
    assert_eq!(ask(&greedy, "/pass").await.decision, full);
    assert_eq!(ask(&other, "/pass").await.decision, Ok(KeyDecision::Pass));
    held.pop();
    assert_eq!(ask(&greedy, "/pass").await.decision, Ok(KeyDecision::Pass));
}
