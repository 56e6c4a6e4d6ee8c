//! Write plugins for Selvedge: small programs in WebAssembly that decide what a content delivery edge
//! usually keeps closed.
//!
//! A plugin is a library of functions, one for each hook that it implements:
//!
//! | Attribute | Decides | Runs |
//! |---|---|---|
//! | [`#[viewer_request]`](hooks::viewer_request) | change the request, or answer at once | first |
//! | [`#[cache_key]`](hooks::cache_key) | what makes two requests the same for the cache | before the look-up |
//! | [`#[origin_selection]`](hooks::origin_selection) | which origin answers | when one has to be asked, not on a hit |
//! | [`#[origin_request]`](hooks::origin_request) | change what goes out, or answer in the origin's place | when an origin was chosen |
//! | [`#[origin_response]`](hooks::origin_response) | change what is stored, its body too | when an origin has answered |
//! | [`#[ttl]`](hooks::ttl) | how long a response may be used | before it is stored |
//! | [`#[viewer_response]`](hooks::viewer_response) | change what leaves | last, on every response |
//!
//! Each has a page in [`hooks`] with a complete plugin.
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
//! # What a plugin can use
//!
//! | Module | For |
//! |---|---|
//! | [`config`] | the plugin's own table of the distribution file |
//! | [`log`] | lines in the host's log; what a plugin prints to standard error arrives there too, a panic's message included |
//! | [`kv`] | the distribution's key-value store, for reading |
//! | [`fetch`] | requests to the backends that the configuration names, several at once |
//! | [`cache`] | values stored for a time, and invalidation by tag |
//! | [`metrics`] | counters and histograms among the host's |
//! | [`secrets`] | values from files or the environment of the host |
//! | [`edits`], [`stream`] | ways to write edits, responses, transforms and producers |
//! | [`collections`] | maps with a fixed seed |
//! | [`pattern`] | patterns of paths, as behaviors have them |
//!
//! Clock and random numbers are the standard library's. There are no files, no network but [`fetch`], no environment and
//! no arguments.
//!
//! # State
//!
//! By default each transaction gets a fresh instance of the plugin, so statics start anew every time. With
//! `isolation = "reuse"` they may live on, but the host drops instances when it likes: keep caches there, never facts.
//!
//! `#[init]` marks a function that runs once for each instance, before its first hook: it prepares what the hooks use,
//! and an error from it is what `selvedge check` says of the configuration. The page of [`ttl`](hooks::ttl) has one.
//! With the feature `json` it may take the configuration as a type of your own, as [`config::read`](config) reads it.
//! In `init` there is no request: `kv`, `fetch` and `cache` can't be asked.
//!
//! # Tests
//!
//! The attributes leave functions as they are, so `cargo test` calls them natively, with requests and responses
//! from [`Request::builder`] and [`Response::builder`], and with what [`config::set`], [`kv::set`], [`fetch::set`] and
//! [`secrets::set`] say. Transforms and producers are run by [`stream::run`] and [`stream::collect`]. Only WebAssembly builds export hooks.
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

#[macro_use]
#[path = "../macros/src/hooks.rs"]
mod hook_table;

mod bindings;
pub mod cache;
pub mod collections;
pub mod config;
mod decision;
pub mod edits;
mod error;
mod export;
pub mod fetch;
pub mod hooks;
pub mod kv;
pub mod log;
pub mod metrics;
#[cfg(not(target_family = "wasm"))]
mod native;
pub mod pattern;
mod protected;
mod readers;
pub mod secrets;
pub mod stream;

#[cfg(target_family = "wasm")]
pub use bindings::host::selvedge::edge::types::{Request, Response};
#[cfg(not(target_family = "wasm"))]
pub use native::{Request, RequestBuilder, Response, ResponseBuilder};

pub use bindings::host::selvedge::edge::types::{HttpVersion, Scheme};
pub use decision::{
    HostOrigin, KeyDecision, KeyPart, OriginDecision, OriginRequestDecision,
    OriginResponseDecision, TtlDecision, TtlSettings, ViewerRequestDecision,
    ViewerResponseDecision,
};
pub use edits::{Field, FieldEdit, RequestEdits, ResponseEdits, SyntheticResponse};
pub use error::{Error, Result};
pub use fetch::{FetchError, FetchRequest, Fetched};
pub use stream::{Producer, Transform};

/// All that a plugin needs: `use selvedge_sdk::prelude::*;`.
pub mod prelude {
    pub use crate::{
        Error, FetchError, Fetched, Field, FieldEdit, HostOrigin, HttpVersion, KeyDecision,
        KeyPart, OriginDecision, OriginRequestDecision, OriginResponseDecision, Producer, Request,
        RequestEdits, Response, ResponseEdits, Result, Scheme, SyntheticResponse, Transform,
        TtlDecision, TtlSettings, ViewerRequestDecision, ViewerResponseDecision, cache, config,
        fetch, kv, log, metrics, secrets, stream,
    };
    pub use selvedge_sdk_macros::{
        cache_key, init, origin_request, origin_response, origin_selection, ttl, viewer_request,
        viewer_response,
    };
    pub use std::time::Duration;
}

/// The expansion of the attributes; no part of the SDK's promises.
#[doc(hidden)]
pub mod __private {
    /// The decision as the contract wants it.
    pub fn answer<T>(decision: crate::Result<T>) -> core::result::Result<T, String> {
        decision.map_err(|error| error.to_string())
    }

    /// The glue of one hook.
    macro_rules! glue {
        ($($hook:ident $export:ident),* $(,)?) => {
            $(pub mod $hook {
                pub use super::answer;
                pub use crate::bindings::$hook::exports::selvedge::edge::$hook::{Decision, Guest};
                pub use crate::bindings::$hook::{$export as export, exports};
            })*
        };
    }

    glue!(
        viewer_request export_viewer_request,
        cache_key export_cache_key,
        origin_selection export_origin_selection,
        origin_request export_origin_request,
        ttl export_ttl,
        viewer_response export_viewer_response,
    );

    /// The glue of the hook `origin-response`.
    pub mod origin_response {
        pub use crate::bindings::origin_response::exports::selvedge::edge::origin_response::{
            Decision, Guest,
        };
        pub use crate::bindings::origin_response::{export_origin_response as export, exports};
        pub use crate::export::{ExportedProducer, ExportedTransform, answer};
    }

    /// The glue of `init`.
    pub mod lifecycle {
        pub use super::answer;
        pub use crate::bindings::lifecycle::exports::selvedge::edge::lifecycle::Guest;
        pub use crate::bindings::lifecycle::{export_lifecycle as export, exports};
    }
}
