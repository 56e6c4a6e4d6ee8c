//! One call of each hook, so that a plugin that fails at every call is found when it is checked.

mod common;

use common::{load, made, plugin, runtime, spec};
use selvedge_runtime::{Hook, HookError, PluginSpec};

#[test]
fn a_rehearsal_finds_a_plugin_that_holds_its_handles() {
    let module = r#"(module
        (memory (export "memory") 2)
        (func (export "selvedge:edge/cache-key@0.1.0#decide") (param $request i32) (result i32)
            (i32.const 64))
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))"#;
    let module = wat::parse_str(module).unwrap();
    let (_folder, file) = made::file(&made::of_contract(module));
    let holder = load(&PluginSpec { file, ..spec() });
    let failed = runtime().rehearse(&holder).unwrap();
    assert_eq!(failed, [(Hook::CacheKey, HookError::HeldHandle)]);
    let sound = plugin();
    assert_eq!(runtime().rehearse(&sound).unwrap(), []);
}
