//! Plugin files: whatever they are, they are refused, or their plugin ends within its limits. The first byte says whether the
//! rest is a file (`0`) or what a module with random code is made of.
#![no_main]

use arbitrary::Unstructured;
use common::{made, random, request, small};
use libfuzzer_sys::fuzz_target;
use selvedge_runtime::Runtime;
use std::sync::{Arc, LazyLock};
use wasm_smith::{Config, Module};

// Not all of it is used here.
#[allow(dead_code, unused_imports)]
#[path = "../../host/runtime/tests/common/mod.rs"]
mod common;

static RUNTIME: LazyLock<Arc<Runtime>> =
    LazyLock::new(|| Runtime::new(small()).expect("the runtime starts"));

/// Functions of the host as a module sees them.
static IMPORTS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let text = r#"(module
        (import "selvedge:edge/types@0.1.0" "[resource-drop]request" (func (param i32)))
        (import "selvedge:edge/types@0.1.0" "[method]request.path" (func (param i32 i32)))
        (import "selvedge:edge/types@0.1.0" "[method]request.query-params" (func (param i32 i32)))
        (import "selvedge:edge/types@0.1.0" "[method]request.field" (func (param i32 i32 i32 i32)))
        (import "selvedge:edge/types@0.1.0" "[method]request.field-names" (func (param i32 i32)))
        (import "selvedge:edge/types@0.1.0" "[method]request.body" (func (param i32 i32 i32)))
        (import "selvedge:edge/types@0.1.0" "[method]request.viewer-port" (func (param i32) (result i32)))
        (import "selvedge:edge/types@0.1.0" "[method]request.elapsed" (func (param i32) (result i64)))
        (import "selvedge:edge/config@0.1.0" "get" (func (param i32 i32 i32)))
        (import "selvedge:edge/log@0.1.0" "write" (func (param i32 i32 i32 i32 i32))))"#;
    wat::parse_str(text).expect("it is WebAssembly")
});

/// The exports of a plugin with one hook.
static EXPORTS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let text = r#"(module
        (memory (export "memory") 1 64)
        (func (export "selvedge:edge/cache-key@0.1.0#decide") (param i32) (result i32) unreachable)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable))"#;
    wat::parse_str(text).expect("it is WebAssembly")
});

/// A plugin of random code, the same for the same bytes. `None` where they do not suffice.
fn of_random_code(bytes: &[u8]) -> Option<Vec<u8>> {
    let config = Config {
        available_imports: Some(IMPORTS.clone()),
        exports: Some(EXPORTS.clone()),
        max_imports: 12,
        min_imports: 2,
        max_funcs: 12,
        max_instructions: 400,
        max_memories: 1,
        max_tables: 3,
        max_table_elements: 50_000,
        exceptions_enabled: false,
        gc_enabled: false,
        memory64_enabled: false,
        relaxed_simd_enabled: false,
        tail_call_enabled: false,
        threads_enabled: false,
        ..Config::default()
    };
    let module = Module::new(config, &mut Unstructured::new(bytes)).ok()?;
    Some(made::of_contract(module.to_bytes()))
}

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else {
        return;
    };
    let file = match kind {
        b'0' => Some(rest.to_vec()),
        _ => of_random_code(rest),
    };
    let Some(file) = file else { return };
    let waiting = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("it waits for timers only");
    waiting.block_on(random::outcome(&RUNTIME, &file, &request("/made")));
});
