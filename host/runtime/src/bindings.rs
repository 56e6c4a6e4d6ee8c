//! What `wasmtime` makes of the contract: one module per interface.
//!
//! The world `plugin` imports and exports everything; nothing is asked of a plugin by that. Imports are offered one by one
//! in `host/`, and each hook has indices of its own, looked up only in plugins that export it.

// The generated code calls functions whose types it has just checked without checking them again.
#![allow(unsafe_code, missing_docs, unreachable_pub)]

wasmtime::component::bindgen!({
    path: "../../sdk/wit",
    world: "selvedge:edge/plugin",
    imports: { default: trappable },
    exports: { default: async },
});

pub(crate) use exports::selvedge::edge as exported;
pub(crate) use selvedge::edge as imported;
