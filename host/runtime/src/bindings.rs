//! Bindings that `wasmtime` makes of the contract: one module per interface.
//!
//! The world `plugin` imports and exports everything; nothing is asked of a plugin by that. Imports are offered one by one
//! in `host/`, and each hook has indices of its own, looked up only in plugins that export it.

// The generated code calls functions whose types it has just checked without checking them again.
#![allow(unsafe_code, missing_docs, unreachable_pub)]

wasmtime::component::bindgen!({
    path: "../../sdk/wit",
    world: "selvedge:edge/plugin",
    imports: {
        // What may wait: the guest's call blocks, the worker thread does not.
        "selvedge:edge/types.[method]request.body": async | trappable,
        "selvedge:edge/kv": async | trappable,
        "selvedge:edge/fetch.[method]pending.wait": async | trappable,
        "selvedge:edge/cache": async | trappable,
        default: trappable,
    },
    with: {
        "selvedge:edge/fetch.pending": crate::fetching::Pending,
        "selvedge:edge/fetch.fetched": crate::fetching::Fetched,
    },
    exports: { default: async },
});

pub(crate) use exports::selvedge::edge as exported;
pub(crate) use selvedge::edge as imported;
