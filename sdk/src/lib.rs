//! Write plugins for Selvedge: small programs in WebAssembly that decide what a content delivery edge
//! usually keeps closed.
//!
//! A plugin is a library of functions, one for each hook that it implements:
//!
//! | Attribute | Decides | Runs |
//! |---|---|---|
//! | [`#[cache_key]`](prelude::cache_key) | what makes two requests the same for the cache | before the look-up |
//! | [`#[origin_selection]`](prelude::origin_selection) | which origin answers | when one has to be asked, not on a hit |
//! | [`#[ttl]`](prelude::ttl) | how long a response may be used | when an origin has answered, before it is stored |
//!
//! The contract (`wit/edge.wit`) knows four more hooks: `viewer-request`, `origin-request`, `origin-response` and
//! `viewer-response`. Hosts of version 0.1 do not run them, so this version has no attributes for them.
//!
//! # The smallest plugin
//!
//! ```
//! use selvedge_sdk::prelude::*;
//!
//! #[origin_selection]
//! fn origin(_request: &Request) -> Result<OriginDecision> {
//!     Ok(OriginDecision::origin("main"))
//! }
//! ```
//!
//! A hook reads the request and returns a decision. It changes nothing by itself: what the host does next stands
//! in the returned value, and `Policy` always means "as the configuration says". An [`Error`] is logged and
//! counted, and the plugin's `on_error` says how the request goes on.
//!
//! # Three hooks with logic
//!
//! This plugin keeps one variant of a page for each device class, lets no advertising parameter split the cache,
//! gives a short life to pages of which the origin says nothing, and sends testers to another origin:
//!
//! ```
//! use selvedge_sdk::prelude::*;
//!
//! #[cache_key]
//! fn key(request: &Request) -> Result<KeyDecision> {
//!     let agent = request.field_text("User-Agent").unwrap_or_default();
//!     let device = if agent.contains("Mobile") { "mobile" } else { "desktop" };
//!     Ok(KeyDecision::extend([
//!         KeyPart::query_except(["utm_*", "fbclid"]),
//!         KeyPart::literal(device),
//!         KeyPart::cookie("tester"),
//!     ]))
//! }
//!
//! #[origin_selection]
//! fn origin(request: &Request) -> Result<OriginDecision> {
//!     Ok(match request.cookie_text("tester") {
//!         Some(_) => OriginDecision::failover(["staging", "main"]),
//!         None => OriginDecision::Policy,
//!     })
//! }
//!
//! #[ttl]
//! fn lifetime(_request: &Request, response: &Response) -> Result<TtlDecision> {
//!     let kind = response.field_text("Content-Type").unwrap_or_default();
//!     if response.field("Cache-Control").is_some() || !kind.starts_with("text/html") {
//!         return Ok(TtlDecision::Policy);
//!     }
//!     let seconds = config::parse("page_seconds")?.unwrap_or(10);
//!     log::debug!("a page lives {seconds} s");
//!     Ok(TtlDecision::lifetime(Duration::from_secs(seconds)))
//! }
//!
//! // What picks the origin is in the key, and the test says so.
//! let tester = Request::builder("GET", "/").cookie("tester", "ann").build();
//! assert_eq!(origin(&tester), Ok(OriginDecision::failover(["staging", "main"])));
//! let KeyDecision::Extend(parts) = key(&tester).unwrap() else { panic!("the key is extended") };
//! assert!(parts.contains(&KeyPart::cookie("tester")));
//!
//! config::set("page_seconds", 30);
//! let page = Response::builder(200).field("Content-Type", "text/html; charset=utf-8").build();
//! assert_eq!(lifetime(&tester, &page), Ok(TtlDecision::lifetime(Duration::from_secs(30))));
//! ```
//!
//! # Keys
//!
//! A key is declared in parts and built by the host, so a plugin that drops `utm_*` need not read the query.
//! Whatever picks the origin or changes the answer must be in the key, or one viewer's answer is stored for all.
//! [`KeyDecision::Pass`] neither looks up nor stores.
//!
//! # Configuration and log
//!
//! [`config`] reads the plugin's own table of the distribution file; [`log`] writes to the host's log. What a
//! plugin prints to standard error arrives there too, a panic's message included. A plugin has no files, no
//! network, no environment and no arguments.
//!
//! # State
//!
//! By default each transaction gets a fresh instance of the plugin, so statics start anew every time. With
//! `isolation = "reuse"` they may live on, but the host drops instances when it likes: keep caches there, never facts.
//!
//! # Tests
//!
//! The attributes leave functions as they are, so `cargo test` calls them natively, with requests and responses
//! from [`Request::builder`] and [`Response::builder`]. Only WebAssembly builds export hooks.
//!
//! # Build and register
//!
//! ```toml
//! # Cargo.toml of the plugin
//! [lib]
//! crate-type = ["cdylib", "rlib"]
//! ```
//!
//! `selvedge plugin new` writes such a project, `selvedge plugin build` leaves `<package>.wasm` beside its
//! `Cargo.toml`, and a distribution file names it:
//!
//! ```toml
//! [default_behavior]
//! origin = "main"
//! plugins = ["my-plugin"]
//!
//! [[plugins]]
//! name = "my-plugin"
//! file = "../my-plugin/my-plugin.wasm"
//! [plugins.config]
//! page_seconds = 30
//! ```

mod bindings;
pub mod config;
mod decision;
mod error;
pub mod log;
#[cfg(not(target_family = "wasm"))]
mod native;
mod readers;

#[cfg(target_family = "wasm")]
pub use bindings::host::selvedge::edge::types::{Request, Response};
#[cfg(not(target_family = "wasm"))]
pub use native::{Request, RequestBuilder, Response, ResponseBuilder};

pub use bindings::host::selvedge::edge::types::{HttpVersion, Scheme};
pub use decision::{HostOrigin, KeyDecision, KeyPart, OriginDecision, TtlDecision, TtlSettings};
pub use error::{Error, Result};

/// What a plugin needs: `use selvedge_sdk::prelude::*;`.
pub mod prelude {
    pub use crate::{
        Error, HostOrigin, HttpVersion, KeyDecision, KeyPart, OriginDecision, Request, Response,
        Result, Scheme, TtlDecision, TtlSettings, config, log,
    };
    pub use selvedge_sdk_macros::{cache_key, origin_selection, ttl};
    pub use std::time::Duration;
}

/// What the attributes expand to; no part of the SDK's promises.
#[doc(hidden)]
pub mod __private {
    /// The decision as the contract wants it.
    pub fn answer<T>(decision: crate::Result<T>) -> core::result::Result<T, String> {
        decision.map_err(|error| error.to_string())
    }

    /// The glue of the hook `cache-key`.
    pub mod cache_key {
        pub use crate::bindings::cache_key::exports::selvedge::edge::cache_key::Guest;
        pub use crate::bindings::cache_key::{export_cache_key as export, exports};
    }

    /// The glue of the hook `origin-selection`.
    pub mod origin_selection {
        pub use crate::bindings::origin_selection::exports::selvedge::edge::origin_selection::Guest;
        pub use crate::bindings::origin_selection::{export_origin_selection as export, exports};
    }

    /// The glue of the hook `ttl`.
    pub mod ttl {
        pub use crate::bindings::ttl::exports::selvedge::edge::ttl::Guest;
        pub use crate::bindings::ttl::{export_ttl as export, exports};
    }
}
