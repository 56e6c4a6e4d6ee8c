//! Selvedge: a content delivery edge that you run yourself and program in WebAssembly.
//!
//! The folders in the order in which they use each other: `cli` starts a host ([`running`]), [`server`] reads viewers'
//! requests, [`pipeline`] takes each through its stages, asking the plugins (`selvedge-runtime`), the origins ([`origin`])
//! and the store (`selvedge-store`), by the rules of `selvedge-caching`. [`config`] is what users write, [`distribution`]
//! what it means at run time, [`observe`] what operators see, [`admin`] what they ask.
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used)]
#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        reason = "tests read and write files themselves"
    )
)]

#[macro_use]
#[path = "../../sdk/macros/src/hooks.rs"]
mod hook_table;

pub mod admin;
pub mod cli;
pub mod config;
pub mod deploy;
pub mod distribution;
pub mod files;
pub mod observe;
pub mod origin;
pub mod pipeline;
pub mod running;
pub mod scaffold;
pub mod server;
#[cfg(test)]
mod structure;
pub mod viewer_body;
mod watch;
