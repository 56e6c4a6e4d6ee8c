//! The host's side of the contract against a plugin that does its worst: texts that are no UTF-8, values with CR and LF,
//! lengths beyond limits, handles that are made up, of another type, used after they were dropped, or never dropped.
//!
//! The programs are random, from a seed that a failure prints; `SELVEDGE_SEED` runs one seed, `SELVEDGE_PROGRAMS` sets how
//! many programs there are.
#![allow(
    clippy::disallowed_methods,
    reason = "tests read and write files themselves"
)]

mod common;

use std::time::{Duration, Instant};

use common::hostile::{all_hooks, hostile, told};
use common::numbers::Numbers;
use selvedge_runtime::{Isolation, Transaction};

#[tokio::test]
#[expect(clippy::print_stderr, reason = "how to run a failure again")]
async fn whatever_a_plugin_does_the_host_gets_a_sound_decision_or_an_error() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seed: u64 = number("SELVEDGE_SEED").unwrap_or(7);
    let programs: u64 = number("SELVEDGE_PROGRAMS").unwrap_or(300);
    let plugins = [Isolation::Request, Isolation::Reuse].map(hostile);
    for n in 0..programs {
        let program = Numbers(seed.wrapping_add(n)).program();
        let began = Instant::now();
        eprintln!("SELVEDGE_SEED={} SELVEDGE_PROGRAMS=1", seed.wrapping_add(n));
        all_hooks(&plugins[n as usize % 2], &program).await;
        // Seven hooks and four calls of a stream, each with its wall time, on a machine that does other things as well.
        assert!(began.elapsed() < Duration::from_secs(20), "{program:?}");
    }
    // A plugin that means well is served as ever, and nothing was left behind.
    let plugin = common::plugin();
    assert!(common::ask(&plugin, "/device").await.decision.is_ok());
    for plugin in &plugins {
        let counters = plugin.counters();
        assert!(counters.failed() > 0, "the programs do their worst");
        assert!(
            counters.failed() < counters.calls(),
            "some come to their end"
        );
    }
}

/// The outcome of single operations: the first byte of a program is the operation.
#[tokio::test]
async fn handles_are_what_the_host_gave_or_the_call_ends() {
    let plugin = hostile(Isolation::Request);
    let cases: [(&str, &[u8], &str); 4] = [
        // 26 + 160: 40 operations, so 186 is `wait` on handle 200.
        ("waiting for what was never started", &[186, 200], "trap"),
        ("an answer that never came", &[187, 200], "trap"),
        ("dropping what is not there", &[188, 200], "trap"),
        ("reading another request", &[191, 200], "trap"),
    ];
    for (what, program, expected) in cases {
        let mut transaction = Transaction::new();
        let called = transaction.cache_key(&plugin, &told(program)).await;
        let error = called.decision.expect_err(what);
        assert_eq!(error.as_str(), expected, "{what}: {error}");
    }
}

#[tokio::test]
async fn text_that_is_no_utf8_ends_the_call() {
    let plugin = hostile(Isolation::Request);
    // Operation 6 reads a field by a name of three bytes, which are no UTF-8.
    let program = [166, 195, 255, 254, 253];
    let mut transaction = Transaction::new();
    let called = transaction.cache_key(&plugin, &told(&program)).await;
    let error = called.decision.expect_err("it is no text");
    assert!(error.to_string().contains("utf-8"), "{error}");
}
