//! Configuration: from files to a plan that the rest of the host reads.
//!
//! A server file says where to listen, where to store, and which folder holds the distributions; each
//! `*.toml` there is one distribution. Everything is checked before anything is used, and all problems of
//! all files come at once, as a [`Report`]. A running host therefore takes a new configuration whole or not
//! at all.
//!
//! Two layers: what was typed (read by small readers that keep the place of every value, see `walk`) and
//! what it means ([`Config`]: patterns compiled, policies resolved, names turned into indices). One file per
//! table of the format; the documentation of every key is at the field that it fills.
//!
//! Later stages can add to the report: the plugin loader, for instance, says that a file is missing at the
//! place of
//! `file` with [`Config::problem`] and [`Config::report`].
//!
//! The model, its names and ranges are CloudFront's, in snake_case.

mod behavior;
mod capabilities;
mod claims;
mod distribution;
mod document;
mod excerpt;
mod files;
mod hosts;
mod limits;
mod load;
mod managed;
mod names;
mod networks;
mod origin;
mod path;
mod pattern;
mod plugin;
mod policy;
mod printable;
mod report;
mod scalar;
pub mod scenario;
mod server;
mod sets;
mod short_circuit;
mod source;
mod suggest;
mod units;
mod walk;
mod whole;

#[cfg(test)]
mod tests;

pub use behavior::{AllowedMethods, Behavior, CachedMethods, ViewerProtocol};
pub use capabilities::{Backend, BackendUrl, Secret, SecretSource};
pub use claims::{called_twice, claimed_twice};
pub use distribution::Distribution;
pub use document::Document;
pub use files::{Files, Loaded};
pub use hosts::{HostIndex, Owner};
pub use limits::Limits;
pub use load::{load, load_all, load_entry, load_files, load_one, load_scenario, load_server};
pub use names::{Alias, HostName, assigned};
pub use networks::Network;
pub use origin::{Origin, Protocol};
pub use path::normalise;
pub use pattern::PathPattern;
pub use plugin::{HOOKS, Isolation, OnError, PluginEntry};
pub use policy::{Coding, ForwardPolicy, KeyPolicy, X_FORWARDED_PROTO};
pub use report::{Problem, Report, Severity};
pub use server::{Server, StoreSettings};
pub use sets::{FieldSet, NamePattern, NameSet, is_method_override};
pub use short_circuit::ShortCircuit;
pub use source::{At, Placed, Sources};
pub(crate) use units::{show_duration, show_size};
pub use whole::Config;
