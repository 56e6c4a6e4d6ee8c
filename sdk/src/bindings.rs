//! Code that wit-bindgen makes of the contract in `wit/edge.wit`: the decision types of the hooks, the glue that exports
//! them, and the calls to the host.
//!
//! Each hook is a world of its own, so that a plugin exports what it has; all of them share the types of
//! [`host`]. Of the host's interfaces a plugin imports only those that it calls: the others leave no trace in
//! the built module.

#![allow(missing_docs, unreachable_pub)]

/// The nouns of the contract and the calls to the host.
pub mod host {
    wit_bindgen::generate!({
        path: "wit",
        inline: "
            package selvedge:sdk;

            world host {
                include selvedge:edge/imports@0.1.0;
            }
        ",
        world: "selvedge:sdk/host",
        additional_derives: [PartialEq, Hash],
        generate_all,
    });
}

/// The hook `viewer-request`.
pub mod viewer_request {
    wit_bindgen::generate!({
        path: "wit",
        world: "viewer-request-hook",
        with: { "selvedge:edge/types@0.1.0": crate::bindings::host::selvedge::edge::types },
        additional_derives: [PartialEq],
        pub_export_macro: true,
        export_macro_name: "export_viewer_request",
    });
}

/// The hook `cache-key`.
pub mod cache_key {
    wit_bindgen::generate!({
        path: "wit",
        world: "cache-key-hook",
        with: { "selvedge:edge/types@0.1.0": crate::bindings::host::selvedge::edge::types },
        additional_derives: [PartialEq, Eq, Hash],
        pub_export_macro: true,
        export_macro_name: "export_cache_key",
    });
}

/// The hook `origin-selection`.
pub mod origin_selection {
    wit_bindgen::generate!({
        path: "wit",
        world: "origin-selection-hook",
        with: { "selvedge:edge/types@0.1.0": crate::bindings::host::selvedge::edge::types },
        additional_derives: [PartialEq, Eq, Hash],
        pub_export_macro: true,
        export_macro_name: "export_origin_selection",
    });
}

/// The hook `origin-request`.
pub mod origin_request {
    wit_bindgen::generate!({
        path: "wit",
        world: "origin-request-hook",
        with: { "selvedge:edge/types@0.1.0": crate::bindings::host::selvedge::edge::types },
        additional_derives: [PartialEq],
        pub_export_macro: true,
        export_macro_name: "export_origin_request",
    });
}

/// The hook `origin-response`.
pub mod origin_response {
    wit_bindgen::generate!({
        path: "wit",
        world: "origin-response-hook",
        with: { "selvedge:edge/types@0.1.0": crate::bindings::host::selvedge::edge::types },
        pub_export_macro: true,
        export_macro_name: "export_origin_response",
    });
}

/// The hook `ttl`.
pub mod ttl {
    wit_bindgen::generate!({
        path: "wit",
        world: "ttl-hook",
        with: { "selvedge:edge/types@0.1.0": crate::bindings::host::selvedge::edge::types },
        additional_derives: [PartialEq, Eq, Hash],
        pub_export_macro: true,
        export_macro_name: "export_ttl",
    });
}

/// The hook `viewer-response`.
pub mod viewer_response {
    wit_bindgen::generate!({
        path: "wit",
        world: "viewer-response-hook",
        with: { "selvedge:edge/types@0.1.0": crate::bindings::host::selvedge::edge::types },
        additional_derives: [PartialEq],
        pub_export_macro: true,
        export_macro_name: "export_viewer_response",
    });
}

/// The optional `init`.
pub mod lifecycle {
    wit_bindgen::generate!({
        path: "wit",
        world: "lifecycle-hook",
        pub_export_macro: true,
        export_macro_name: "export_lifecycle",
    });
}
