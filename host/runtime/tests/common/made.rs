//! Plugins written as WebAssembly text, for what no compiler of Rust makes.
#![allow(
    clippy::disallowed_methods,
    reason = "tests read and write files themselves"
)]

use wit_component::StringEncoding;
use wit_parser::Resolve;

/// A plugin whose `cache-key` hook runs these instructions and then leaves the decision to the policy; `around` are further
/// parts of its module. Its memory has 1024 pages (64 MiB).
pub fn cache_key(around: &str, instructions: &str) -> Vec<u8> {
    of_contract(module(around, instructions))
}

/// The module of such a plugin, without the contract's types.
pub fn module(around: &str, instructions: &str) -> Vec<u8> {
    module_with(1024, around, instructions)
}

/// A module with a memory of this many pages.
pub fn module_with(pages: u32, around: &str, instructions: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
            (import "selvedge:edge/types@0.1.0" "[resource-drop]request" (func $drop (param i32)))
            (memory (export "memory") {pages})
            {around}
            (func (export "selvedge:edge/cache-key@0.1.0#decide") (param $request i32) (result i32)
                (call $drop (local.get $request))
                {instructions}
                ;; Zeros: it is well, and decides nothing.
                (memory.fill (i32.const 64) (i32.const 0) (i32.const 64))
                (i32.const 64))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))"#
    );
    wat::parse_str(text).expect("it is WebAssembly")
}

/// A module with the types of a plugin with one hook, `cache-key`, inside.
pub fn of_contract(module: Vec<u8>) -> Vec<u8> {
    exporting(module, "")
}

/// A module with these lines more in its world.
pub fn exporting(mut module: Vec<u8>, more: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let contract = include_str!("../../../../sdk/wit/edge.wit");
    let plugin = format!(
        "package made:plugin;
        world plugin {{
            include selvedge:edge/imports@0.1.0;
            export selvedge:edge/cache-key@0.1.0;
            {more}
        }}"
    );
    resolve
        .push_str("edge.wit", contract)
        .expect("the contract is read");
    let package = resolve
        .push_str("plugin.wit", &plugin)
        .expect("it uses what the contract has");
    let world = resolve
        .select_world(&[package], Some("plugin"))
        .expect("it is there");
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .expect("its types are written");
    module
}

/// A file with this content, in a folder that is removed with it.
pub fn file(content: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("made.wasm");
    std::fs::write(&file, content).expect("the folder is ours");
    (folder, file)
}
