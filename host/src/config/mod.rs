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
mod distribution;
mod excerpt;
mod hosts;
mod load;
mod managed;
mod names;
mod origin;
mod path;
mod pattern;
mod plugin;
mod policy;
mod report;
mod scalar;
pub mod scenario;
mod server;
mod sets;
mod short_circuit;
mod suggest;
mod units;
mod walk;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

pub use behavior::{AllowedMethods, Behavior, CachedMethods, ViewerProtocol};
pub use capabilities::{Backend, BackendUrl, Secret, SecretSource};
pub use distribution::Distribution;
pub use hosts::HostIndex;
pub use load::{load, load_all, load_entry, load_files, load_one, load_scenario, load_server};
pub use names::{Alias, assigned};
pub use origin::{Origin, Protocol};
pub use path::normalise;
pub use pattern::PathPattern;
pub use plugin::{HOOKS, Isolation, Limits, OnError, PluginEntry};
pub use policy::{Coding, ForwardPolicy, KeyPolicy, X_FORWARDED_PROTO};
pub use report::{At, Placed, Problem, Report, Severity, Sources};
pub use server::{Server, StoreSettings};
pub use sets::{FieldSet, NamePattern, NameSet, is_method_override};
pub use short_circuit::ShortCircuit;
pub(crate) use units::{show_duration, show_size};

/// A whole configuration, without errors.
#[derive(Clone, Debug)]
pub struct Config {
    /// The server file.
    pub server: Server,
    /// All distributions, in the order of their files' names; disabled ones included.
    pub distributions: Vec<Distribution>,
    /// The distribution that a host name means: an index into `distributions`.
    pub hosts: HostIndex,
    /// Warnings: settings that are allowed and hardly meant. May be empty.
    pub warnings: Report,
    sources: Arc<Sources>,
}

impl Config {
    /// The distribution for a viewer's host name (without port), disabled ones included.
    pub fn distribution_for(&self, host: &str) -> Option<&Distribution> {
        self.distributions.get(self.hosts.find(host)?)
    }

    /// The distribution of that id.
    pub fn distribution(&self, id: &str) -> Option<&Distribution> {
        self.distributions
            .iter()
            .find(|distribution| *distribution.id == id)
    }

    /// An error at a place of this configuration, found by a later check. Complete it with
    /// [`Problem::exists`], [`Problem::help`] and so on, and hand it to [`Config::report`].
    pub fn problem(&self, at: &At, message: impl Into<String>) -> Problem {
        Problem::new(message).at(*at)
    }

    /// A report of problems that were found later.
    pub fn report(&self, problems: Vec<Problem>) -> Report {
        Report::new(problems, Arc::clone(&self.sources))
    }

    /// The files that it names without reading them: plugins, certificates, secrets and geo databases.
    pub fn named_files(&self) -> impl Iterator<Item = &Path> {
        let geo = self.server.geo_databases.iter();
        let of_distributions = self.distributions.iter().flat_map(|distribution| {
            let plugins = distribution
                .plugins
                .iter()
                .flat_map(PluginEntry::named_files);
            let origins = distribution.origins.iter();
            let certificates =
                origins.filter_map(|origin| Some(origin.ca_file.as_ref()?.value.as_path()));
            plugins.chain(certificates)
        });
        geo.map(|file| file.as_path()).chain(of_distributions)
    }

    /// The files that were read; a change to any of them may change the configuration.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.sources.paths()
    }
}
