//! Plugin files made at random: each is run or refused, in bounded time, and a plugin that means well is served as ever.
//!
//! The files come from a seed that a failure prints; `SELVEDGE_SEED` runs one seed, `SELVEDGE_FILES` sets how many files there
//! are. `fuzz/fuzz_targets/plugin_file.rs` does the same with files that libFuzzer makes. Here they are compiled in this
//! process; what keeps hostile files within bounds when a host compiles them is tested in `host/tests/hostile_files.rs`.
#![allow(
    clippy::disallowed_methods,
    reason = "tests read and write files themselves"
)]

mod common;

use std::time::{Duration, Instant};

use common::numbers::Numbers;
use common::random::{self, Outcome};
use common::{ask, made, request, small};
use selvedge_runtime::Runtime;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// A good file with some bytes changed, moved, doubled or cut off.
fn damaged(good: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = good.to_vec();
    // One change more often than several, and a changed bit more often than a changed length, which few files survive.
    for _ in 0..=numbers.below(4) / 2 {
        let at = numbers.below(bytes.len());
        let length = numbers.below(40).min(bytes.len() - at);
        match numbers.below(12) {
            0 => bytes[at] = 0xff,
            1 => bytes.truncate(at.max(8)),
            2 => bytes.extend_from_within(at..at + length),
            3 => drop(bytes.drain(at..at + length)),
            4 => {
                let noise = numbers.bytes(length);
                bytes.splice(at..at, noise);
            }
            _ => bytes[at] ^= 1 << numbers.below(8),
        }
        if bytes.is_empty() {
            return bytes;
        }
    }
    bytes
}

/// Returns true if there were enough files for claims about most of them. One file that is run again is not enough.
fn many(outcomes: &[usize; 3]) -> bool {
    outcomes.iter().sum::<usize>() >= 50
}

/// Runs these files, and says how many were refused, failed and decided.
#[expect(clippy::print_stderr, reason = "how to run a failure again")]
async fn run_all(file: impl Fn(&mut Numbers) -> Vec<u8>) -> [usize; 3] {
    // Without a folder for compiled code: nobody needs it again.
    let runtime = Runtime::new(small()).unwrap();
    let request = request("/made");
    let seed = number("SELVEDGE_SEED").unwrap_or(11);
    let files = number("SELVEDGE_FILES").unwrap_or(80);
    let mut outcomes = [0; 3];
    for n in 0..files {
        eprintln!("SELVEDGE_SEED={} SELVEDGE_FILES=1", seed + n);
        let bytes = file(&mut Numbers(seed + n));
        let began = Instant::now();
        let outcome = random::outcome(&runtime, &bytes, &request).await;
        assert!(began.elapsed() < Duration::from_secs(20), "{outcome:?}");
        outcomes[outcome as usize] += 1;
    }
    assert!(ask(&common::plugin(), "/device").await.decision.is_ok());
    outcomes
}

#[tokio::test]
async fn plugins_of_random_code_are_run_within_their_limits() {
    let outcomes = run_all(random::plugin).await;
    assert!(
        outcomes[Outcome::Failed as usize] > 0 || !many(&outcomes),
        "random code traps and spins: {outcomes:?}"
    );
}

#[tokio::test]
async fn damaged_files_are_refused_or_run() {
    // Most of a small plugin are the contract's types: half of the damage is to the module alone.
    let module = made::module("(table 10 funcref)", "");
    let good = made::of_contract(module.clone());
    let outcomes = run_all(|numbers| match numbers.below(2) {
        0 => damaged(&good, numbers),
        _ => made::of_contract(damaged(&module, numbers)),
    })
    .await;
    assert!(
        outcomes[Outcome::Refused as usize] > 0 || !many(&outcomes),
        "{outcomes:?}"
    );
    let undamaged = run_all(|_| good.clone()).await;
    let decided = undamaged[Outcome::Decided as usize];
    assert_eq!(decided, undamaged.iter().sum::<usize>(), "{undamaged:?}");
}

#[tokio::test]
async fn bytes_that_mean_nothing_are_refused() {
    for header in [&b"\0asm\x01\0\0\0"[..], b"\0asm\x0d\0\x01\0", b""] {
        let random = |numbers: &mut Numbers| {
            let length = numbers.below(300);
            [header, &numbers.bytes(length)].concat()
        };
        let outcomes = run_all(random).await;
        assert_eq!(outcomes[Outcome::Decided as usize], 0, "{outcomes:?}");
    }
}
