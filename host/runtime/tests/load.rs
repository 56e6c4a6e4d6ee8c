//! Files that are refused when a plugin is loaded, and the text of the refusal.
#![allow(
    clippy::disallowed_methods,
    reason = "tests read and write files themselves"
)]

mod common;

use std::path::{Path, PathBuf};

use common::{ask, guest, runtime, small, spec};
use selvedge_runtime::{
    Capability, Hook, LoadError, MemoryBounds, Options, PluginSpec, Runtime, RuntimeError,
};

/// Loads a file with this content. Its name is replaced by `FILE` in the error.
fn refusal(content: &[u8], hooks: &[Hook]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plugin.wasm");
    std::fs::write(&file, content).unwrap();
    refusal_of(&file, hooks, serde_json::Value::Null)
}

fn refusal_of(file: &Path, hooks: &[Hook], config: serde_json::Value) -> String {
    let spec = PluginSpec {
        file: file.to_owned(),
        hooks: hooks.to_vec(),
        config,
        ..spec()
    };
    let error = runtime()
        .load(&spec)
        .expect_err("it is refused")
        .to_string();
    error.replace(&file.display().to_string(), "FILE")
}

fn component(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

#[test]
fn a_missing_file_is_told_with_the_way_to_make_it() {
    let missing = PluginSpec {
        file: PathBuf::from("nowhere/plugin.wasm"),
        ..spec()
    };
    let error = runtime().load(&missing).unwrap_err();
    assert!(matches!(error, LoadError::Missing { .. }));
    assert_eq!(
        error.to_string(),
        "there is no plugin file nowhere/plugin.wasm; `selvedge plugin build` in the plugin's folder makes it"
    );
}

#[test]
fn what_is_no_webassembly_is_named() {
    let native = std::fs::read("/proc/self/exe").unwrap();
    let cases: [(&[u8], &str); 8] = [
        (
            &native,
            "a native program or shared library (ELF), built without `--target wasm32-wasip1`",
        ),
        (b"", "an empty file"),
        (b"#!/bin/sh\n", "a text file"),
        (
            b"(module)",
            "WebAssembly as text; `wasm-tools parse` makes a binary of it",
        ),
        (
            b"!<arch>\n",
            "a Rust or C library archive; the plugin's crate type must be `cdylib`",
        ),
        (b"\x1f\x8b\x08", "a gzip file; unpack it first"),
        (
            b"\0asm\x63\0\0\0",
            "WebAssembly of a version that does not exist, or cut off",
        ),
        (b"\xff\xfe\x00", "some other kind of file"),
    ];
    for (content, found) in cases {
        let expected = format!(
            "FILE is no WebAssembly: it is {found}; a plugin is a component or a wasm32-wasip1 module, as `selvedge plugin build` makes it"
        );
        assert_eq!(refusal(content, &[]), expected);
    }
}

#[test]
fn a_folder_is_not_a_plugin() {
    assert!(
        refusal_of(Path::new("/tmp"), &[], serde_json::Value::Null)
            .starts_with("cannot read the plugin file FILE:")
    );
}

#[test]
fn a_file_over_64_mib_is_not_even_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plugin.wasm");
    std::fs::File::create(&file)
        .unwrap()
        .set_len((64 << 20) + 1)
        .unwrap();
    let said = refusal_of(&file, &[], serde_json::Value::Null);
    assert!(
        said.starts_with("the plugin file FILE has 67108865 bytes, more than the 67108864"),
        "{said}"
    );
}

#[test]
fn a_plain_module_is_told_to_use_the_sdk() {
    let said = refusal(&wat::parse_str("(module)").unwrap(), &[]);
    assert!(
        said.starts_with(
            "FILE is a plain WebAssembly module without a component type; build it with"
        ),
        "{said}"
    );
}

#[test]
fn broken_webassembly_is_refused_with_what_is_wrong() {
    let said = refusal(b"\0asm\x0d\0\x01\0\xff\xff\xff", &[]);
    assert!(said.starts_with("FILE is not a valid plugin: "), "{said}");
    let mut cut = std::fs::read(guest("hooks")).unwrap();
    cut.truncate(cut.len() / 2);
    let said = refusal(&cut, &[]);
    assert!(said.starts_with("FILE is"), "{said}");
}

#[test]
fn an_import_that_the_host_lacks_is_named_with_what_there_is() {
    let offered = "which this host does not offer; it offers selvedge:edge@0.1 types, config, log, kv, fetch, cache, metrics, secrets; \
                   of WASI 0.2 io, clocks, random and cli (and empty or refusing filesystem and sockets)";
    let http = component(
        r#"(component (import "wasi:http/types@0.2.0" (instance)) (import "other" (instance)))"#,
    );
    assert_eq!(
        refusal(&http, &[]),
        format!("FILE imports wasi:http/types@0.2.0, other, {offered}")
    );
}

#[test]
fn an_import_that_the_plugin_is_not_given_is_named_with_the_reason() {
    assert_eq!(
        refusal_of(&guest("imports"), &[], serde_json::Value::Null),
        "FILE imports `kv`, which it is not given: this host keeps no key-value store for it"
    );
}

#[test]
fn component_model_async_is_refused_with_the_reason() {
    let text = r#"(component
        (core module $m (func (export "f") (result i32) i32.const 0) (func (export "cb") (param i32 i32 i32) (result i32) i32.const 0))
        (core instance $i (instantiate $m))
        (func (export "f") async (canon lift (core func $i "f") async (callback (core func $i "cb"))))
    )"#;
    let said = refusal(&component(text), &[]);
    assert!(
        said.starts_with("FILE needs the asynchronous calls of the component model"),
        "{said}"
    );
}

#[test]
fn another_version_of_the_contract_is_named() {
    let newer = component(
        r#"(component (instance $i) (export "selvedge:edge/cache-key@0.2.0" (instance $i)))"#,
    );
    assert_eq!(
        refusal(&newer, &[]),
        "FILE was built for `selvedge:edge/cache-key@0.2.0`, and this host runs selvedge:edge@0.1; \
         rebuild the plugin with the SDK of this host's version"
    );
}

#[test]
fn a_hook_that_the_plugin_lacks_is_told_with_those_it_has() {
    let said = refusal_of(
        &guest("init"),
        &[Hook::CacheKey, Hook::Ttl],
        serde_json::Value::Null,
    );
    assert_eq!(
        said,
        "FILE has no hook `ttl`; it exports cache-key, lifecycle"
    );
}

#[test]
fn a_component_without_any_hook_is_refused() {
    let said = refusal(&component("(component)"), &[]);
    assert_eq!(
        said,
        "FILE exports no hook; the hooks are viewer-request, cache-key, origin-selection, origin-request, origin-response, ttl, viewer-response; it exports nothing"
    );
}

#[test]
fn a_hook_of_the_wrong_type_is_refused() {
    let text = r#"(component
        (core module $m (func (export "f")))
        (core instance $i (instantiate $m))
        (func $f (canon lift (core func $i "f")))
        (instance $hook (export "decide" (func $f)))
        (export "selvedge:edge/cache-key@0.1.0" (instance $hook))
    )"#;
    let said = refusal(&component(text), &[]);
    assert!(
        said.starts_with("FILE cannot be started: the plugin failed: "),
        "{said}"
    );
    let empty = component(
        r#"(component (instance $i) (export "selvedge:edge/cache-key@0.1.0" (instance $i)))"#,
    );
    let said = refusal(&empty, &[]);
    assert!(
        said.starts_with("FILE is not a valid plugin: ") && said.contains("`decide`"),
        "{said}"
    );
}

#[test]
fn a_plugin_may_refuse_its_configuration() {
    let refused = refusal_of(&guest("init"), &[], serde_json::json!({ "init": "refuse" }));
    assert_eq!(
        refused,
        "FILE refuses its configuration: `init` must not be \"refuse\""
    );
    let panicked = refusal_of(&guest("init"), &[], serde_json::json!({ "init": "panic" }));
    assert!(
        panicked
            .starts_with("FILE cannot be started: the plugin failed: panicked at init/src/lib.rs:"),
        "{panicked}"
    );
}

#[test]
fn a_plugin_that_needs_more_memory_than_it_may_have_is_refused() {
    let limits = selvedge_runtime::Limits {
        memory: 64 << 10,
        ..Default::default()
    };
    let error = runtime()
        .load(&PluginSpec { limits, ..spec() })
        .unwrap_err()
        .to_string();
    assert!(
        error.ends_with(
            "cannot be started: the plugin needs more than its 64 KiB of memory (limits.memory)"
        ),
        "{error}"
    );
}

#[test]
fn a_plugin_that_needs_a_larger_table_than_it_may_have_is_refused() {
    // As large as allowed, one more, and one that grows there when it starts and gives up.
    let plugin = |table: &str, start: &str| {
        component(&format!(
            r#"(component
                (core module $m (table $t {table} funcref) (func (export "f")) {start})
                (core instance $i (instantiate $m))
                (func $f (canon lift (core func $i "f")))
                (instance $hook (export "decide" (func $f)))
                (export "selvedge:edge/cache-key@0.1.0" (instance $hook))
            )"#
        ))
    };
    let grows = r#"(func $g
        (i32.eq (table.grow $t (ref.null func) (i32.const 1)) (i32.const -1))
        (if (then unreachable)))
        (start $g)"#;
    let limit = "FILE cannot be started: the plugin needs a table of more than its 10000 entries (limits.table_elements)";
    let said = refusal(&plugin("10000", ""), &[]);
    assert!(!said.contains("table"), "{said}");
    assert_eq!(refusal(&plugin("10001", ""), &[]), limit);
    assert_eq!(refusal(&plugin("10000", grows), &[]), limit);
    let said = refusal(&plugin("9999", grows), &[]);
    assert!(!said.contains("table"), "{said}");
}

#[tokio::test]
async fn a_module_and_its_component_are_the_same_plugin() {
    // Loading works inside of an async runtime too.
    let plugin = runtime().load(&spec()).unwrap();
    assert!(ask(&plugin, "/pass").await.decision.is_ok());
}

#[test]
fn a_file_can_be_looked_into_without_running_it() {
    let found = runtime().inspect(&guest("hooks")).unwrap();
    let size = std::fs::metadata(guest("hooks")).unwrap().len();
    assert_eq!((found.bytes, found.is_component), (size, false));
    assert_eq!(
        found.hooks,
        [Hook::CacheKey, Hook::OriginSelection, Hook::Ttl]
    );
    assert_eq!(found.contract, ["selvedge:edge@0.1.0"]);
    assert!(!found.has_init && !found.memories.is_empty());
    assert!(found.producers.contains(&"language: Rust".to_owned()));
    assert!(runtime().inspect(&guest("init")).unwrap().has_init);

    // What it wants to be given, and what it declares, without any configuration.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("made.wasm");
    let text = r#"(component
        (import "selvedge:edge/kv@0.1.0" (instance))
        (core module $m (memory 1 2) (func (export "f")))
        (core instance $i (instantiate $m))
        (func $f (canon lift (core func $i "f")))
        (instance $hook (export "decide" (func $f)))
        (export "selvedge:edge/cache-key@0.1.0" (instance $hook))
    )"#;
    std::fs::write(&file, component(text)).unwrap();
    let found = runtime().inspect(&file).unwrap();
    assert!(found.is_component);
    assert_eq!(found.imports, ["selvedge:edge/kv@0.1.0"]);
    assert_eq!(found.capabilities, [Capability::Kv]);
    let declared = MemoryBounds {
        initial: 64 << 10,
        maximum: Some(128 << 10),
    };
    assert_eq!(found.memories, [declared]);
}

#[test]
fn what_no_configuration_could_load_is_not_looked_into() {
    let said = |content: &[u8]| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("plugin.wasm");
        std::fs::write(&file, content).unwrap();
        runtime().inspect(&file).unwrap_err().to_string()
    };
    assert!(said(b"text").contains("is no WebAssembly"));
    assert!(said(&component("(component)")).contains("exports no hook"));
    let empty =
        r#"(component (instance $i) (export "selvedge:edge/cache-key@0.1.0" (instance $i)))"#;
    assert!(said(&component(empty)).contains("`decide`"));
}

/// A runtime that keeps compiled code in this folder.
fn keeping(folder: &Path) -> Result<std::sync::Arc<Runtime>, RuntimeError> {
    Runtime::new(Options {
        cache_dir: Some(folder.to_owned()),
        ..small()
    })
}

fn only_file(folder: &Path) -> PathBuf {
    let files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files.into_iter().next().unwrap()
}

#[test]
fn compiled_code_is_kept_for_its_owner_only_and_used_again() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("compiled");
    let init = PluginSpec {
        file: guest("init"),
        ..spec()
    };
    keeping(&kept).unwrap().load(&init).unwrap();
    let file = only_file(&kept);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&kept), mode(&file)), (0o700, 0o600));

    let identity = |path: &Path| std::fs::metadata(path).unwrap().ino();
    let first = identity(&file);
    keeping(&kept).unwrap().load(&init).unwrap();
    assert_eq!(identity(&file), first, "it was not compiled again");
}

#[test]
fn compiled_code_that_is_damaged_or_open_to_others_is_compiled_again() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("compiled");
    let init = PluginSpec {
        file: guest("init"),
        ..spec()
    };
    let load = || keeping(&kept).unwrap().load(&init).unwrap();
    load();
    let file = only_file(&kept);
    let identity = || std::fs::metadata(&file).unwrap().ino();

    let first = identity();
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    load();
    let second = identity();
    assert_ne!(first, second, "damaged");

    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o666)).unwrap();
    load();
    assert_ne!(identity(), second, "writable for others");
}

#[test]
fn a_folder_that_others_may_write_is_not_used_for_compiled_code() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o777)).unwrap();
    let Err(error) = keeping(folder.path()) else {
        panic!("it was used")
    };
    assert!(
        error
            .to_string()
            .contains("others may write there (mode 777)"),
        "{error}"
    );
}
