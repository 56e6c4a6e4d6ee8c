//! Plugin files that cannot be used: refused with the reason, at `check`, at the start and at a reload, while a
//! running edge keeps what it had.

use selvedge_tests::guests::{file, guest};
use selvedge_tests::*;
use std::path::Path;

/// `(module (func (export "f")))`: WebAssembly, but no plugin.
const PLAIN: &[u8] = b"\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x07\x05\x01\x01f\x00\x00\x0a\x04\x01\x02\x00\x0b";

/// `(module (import "env" "open_the_door" (func)) (memory (export "memory") 1))`
const FOREIGN_MODULE: &[u8] =
    b"\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x02\x15\x01\x03env\x0dopen_the_door\x00\x00\x05\x03\x01\x00\x01\x07\x0a\x01\x06memory\x02\x00";

/// `(component (import "example:door/open@1.0.0" (instance (export "open" (func)))))`
const FOREIGN: &[u8] =
    b"\x00asm\x0d\x00\x01\x00\x07\x11\x01B\x02\x01@\x00\x01\x00\x04\x00\x04open\x01\x00\x0a\x1c\x01\x00\x17example:door/open@1.0.0\x05\x00";

/// A component whose only function is asynchronous:
/// `(component (core module $m (func (export "run") (result i32) i32.const 0)
///    (func (export "back") (param i32 i32 i32) (result i32) i32.const 0))
///  (core instance $i (instantiate $m)) (type $t (func async (result u32)))
///  (func $f (type $t) (canon lift (core func $i "run") async (callback (core func $i "back"))))
///  (export "run" (func $f)))`
const ASYNCHRONOUS: &[u8] = b"\x00asm\x0d\x00\x01\x00\x01C\x00asm\x01\x00\x00\x00\x01\x0c\x02\x60\x00\x01\x7f\x60\x03\x7f\x7f\x7f\x01\x7f\x03\x03\x02\x00\x01\x07\x0e\x02\x03run\x00\x00\x04back\x00\x01\x0a\x0b\x02\x04\x00A\x00\x0b\x04\x00A\x00\x0b\x00\x09\x04name\x00\x02\x01m\x02\x04\x01\x00\x00\x00\x07\x05\x01C\x00\x00y\x06\x12\x02\x00\x00\x01\x00\x03run\x00\x00\x01\x00\x04back\x08\x09\x01\x00\x00\x00\x02\x06\x07\x01\x00\x0b\x09\x01\x00\x03run\x01\x00\x00\x00-\x0ecomponent-name\x01\x06\x00\x11\x01\x00\x01m\x01\x06\x00\x12\x01\x00\x01i\x01\x05\x01\x01\x00\x01f\x01\x05\x03\x01\x00\x01t";

/// Claims that `check` refuses the file, naming it, its place in the configuration, and this reason.
#[track_caller]
fn refused(path: &Path, lines: &str, reason: &str) -> Run {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).plugin("bad", path, lines);
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .expect("a file name");
    edge.check()
        .code(2)
        .reports(name)
        .reports("main.toml:")
        .reports(reason)
}

#[test]
fn a_file_that_is_missing_is_refused() {
    refused(
        Path::new("/nowhere/missing.wasm"),
        "",
        "selvedge plugin build",
    );
}

#[test]
fn a_file_that_is_no_wasm_is_refused() {
    for bytes in [
        &b"#!/bin/sh\n"[..],
        b"",
        b"\0asm",
        b"\0asm\x01\0\0\0\xff\xff\xff",
    ] {
        let (_dir, path) = file("bad.wasm", bytes);
        refused(&path, "", "bad.wasm");
    }
}

#[test]
fn a_text_in_place_of_wasm_is_called_that() {
    let (_dir, path) = file("bad.wasm", b"fn main() {}");
    refused(&path, "", "no WebAssembly");
}

#[test]
fn a_folder_is_refused() {
    refused(Path::new("/tmp"), "", "/tmp");
}

#[test]
fn a_module_without_a_component_type_is_refused() {
    let (_dir, path) = file("bad.wasm", PLAIN);
    refused(&path, "", "component type");
}

#[test]
fn a_module_that_imports_something_else_is_refused() {
    let (_dir, path) = file("bad.wasm", FOREIGN_MODULE);
    refused(&path, "", "bad.wasm");
}

#[test]
fn a_component_that_imports_what_the_host_does_not_offer_is_refused() {
    let (_dir, path) = file("bad.wasm", FOREIGN);
    refused(&path, "", "example:door/open@1.0.0").reports("offers");
}

#[test]
fn a_component_that_needs_asynchronous_calls_is_refused() {
    let (_dir, path) = file("bad.wasm", ASYNCHRONOUS);
    refused(&path, "", "async");
}

#[test]
fn a_hook_that_the_plugin_lacks_is_refused_with_those_it_has() {
    refused(&guest("lifetimes"), "hooks = [\"cache-key\"]", "cache-key").reports("exports ttl");
}

#[test]
fn a_hook_that_does_not_exist_is_refused_with_those_that_do() {
    let origin = Origin::start();
    let edge =
        Edge::in_front_of(&origin).plugin("lifetimes", &guest("lifetimes"), "hooks = [\"tll\"]");
    edge.check()
        .code(2)
        .reports("main.toml:")
        .reports("tll")
        .reports("`ttl`");
}

#[test]
fn a_hook_that_this_host_does_not_run_yet_is_refused() {
    refused(
        &guest("lifetimes"),
        "hooks = [\"viewer-request\"]",
        "viewer-request",
    );
}

#[test]
fn all_bad_plugins_are_reported_at_once() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).plugin("one", Path::new("/nowhere/one.wasm"), "");
    edge.plugin("two", Path::new("/nowhere/two.wasm"), "")
        .check()
        .code(2)
        .reports("one.wasm")
        .reports("two.wasm");
}

#[test]
fn run_refuses_a_bad_plugin_too() {
    let origin = Origin::start();
    let (_dir, path) = file("bad.wasm", PLAIN);
    Edge::in_front_of(&origin)
        .plugin("bad", &path, "")
        .run_in_vain()
        .code(2)
        .reports("component type");
}

#[test]
fn a_good_plugin_passes_the_check() {
    let origin = Origin::start();
    Edge::in_front_of(&origin)
        .plugin("three-hooks", &guest("three-hooks"), "")
        .check()
        .code(0);
}

#[test]
fn a_running_edge_keeps_its_plugin_when_the_new_one_is_bad() {
    let origin = Origin::start();
    let good = guest("lifetimes");
    let mut edge = Edge::in_front_of(&origin)
        .plugin("lifetimes", &good, "")
        .start();
    origin.on("*").answers(Answer::ok("x"));
    edge.get("/seven").expect(200).cache_status("ttl=7");
    for (number, bytes) in [PLAIN, FOREIGN, ASYNCHRONOUS, b"nothing"]
        .into_iter()
        .enumerate()
    {
        let (_dir, bad) = file(&format!("bad-{number}.wasm"), bytes);
        let main = Distribution::new("main", origin.address()).alias(ALIAS);
        edge.write_distribution(&main.plugin("lifetimes", &bad, ""));
        edge.reload();
        edge.wait_for_log(&format!("bad-{number}.wasm"));
        edge.advance(Secs(7));
        edge.get("/seven")
            .expect(200)
            .no_cache_status("hit")
            .cache_status("ttl=7");
    }
    assert!(edge.runs());
}
