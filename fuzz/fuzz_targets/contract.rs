//! The host's side of the contract: a plugin that does its worst, by a program that is this target's input.
#![no_main]

use common::hostile::{all_hooks, hostile};
use libfuzzer_sys::fuzz_target;
use selvedge_runtime::{Isolation, Plugin};
use std::sync::{Arc, LazyLock};

// Not all of it is used here.
#[allow(dead_code, unused_imports)]
#[path = "../../host/runtime/tests/common/mod.rs"]
mod common;

static PLUGINS: LazyLock<[Arc<Plugin>; 2]> =
    LazyLock::new(|| [Isolation::Request, Isolation::Reuse].map(hostile));

fuzz_target!(|bytes: &[u8]| {
    let Some((which, program)) = bytes.split_first() else {
        return;
    };
    // The plugin gets it as a field's value, which holds all other bytes.
    let printable = |byte: &u8| match *byte {
        byte if byte < 32 || byte == 127 => byte + 128,
        byte => byte,
    };
    let program: Vec<u8> = program.iter().take(200).map(printable).collect();
    let waiting = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("it waits for timers only");
    waiting.block_on(all_hooks(&PLUGINS[usize::from(*which) % 2], &program));
});
