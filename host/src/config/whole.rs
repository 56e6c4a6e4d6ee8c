//! A configuration as a whole.

use std::path::Path;
use std::sync::Arc;

use super::distribution::Distribution;
use super::hosts::{HostIndex, Owner};
use super::report::{Problem, Report};
use super::server::Server;
use super::source::{At, Sources};

/// A whole configuration, without errors.
#[derive(Clone, Debug)]
pub struct Config {
    /// Settings of the server file.
    pub server: Server,
    /// All distributions, in the order of their files' names; disabled ones included.
    pub distributions: Vec<Arc<Distribution>>,
    /// Which distribution a host name means, by its index in `distributions`.
    pub hosts: HostIndex,
    /// Warnings: text that is not wrong, but hardly meant. May be empty.
    pub warnings: Report,
    sources: Arc<Sources>,
}

impl Config {
    pub(super) fn new(
        server: Server,
        distributions: Vec<Arc<Distribution>>,
        warnings: Report,
        sources: Arc<Sources>,
    ) -> Config {
        let mut hosts = HostIndex::default();
        for (number, distribution) in distributions.iter().enumerate() {
            for name in distribution.names(true) {
                hosts.insert(name, Owner::Serves(number));
            }
        }
        Config {
            server,
            distributions,
            hosts,
            warnings,
            sources,
        }
    }

    /// The distribution for a viewer's host name (without port), disabled ones included.
    pub fn distribution_for(&self, host: &str) -> Option<&Arc<Distribution>> {
        match self.hosts.find(host)? {
            Owner::Serves(number) => self.distributions.get(number),
            Owner::Broken(_) => None,
        }
    }

    /// The distribution of that id.
    pub fn distribution(&self, id: &str) -> Option<&Arc<Distribution>> {
        self.distributions
            .iter()
            .find(|distribution| *distribution.id == id)
    }

    /// The distributions, to fill in what no file says.
    pub fn distributions_mut(&mut self) -> impl Iterator<Item = &mut Distribution> {
        self.distributions.iter_mut().map(Arc::make_mut)
    }

    /// An error at a position of this configuration, found by a later check. Complete it with
    /// [`Problem::exists`], [`Problem::help`] and so on, and hand it to [`Config::report`].
    pub fn problem(&self, at: &At, message: impl Into<String>) -> Problem {
        Problem::new(message).at(*at)
    }

    /// A report of problems that were found later.
    pub fn report(&self, problems: Vec<Problem>) -> Report {
        Report::new(problems, Arc::clone(&self.sources))
    }

    /// The files that were read; a change to any of them may change the configuration.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.sources.paths()
    }

    pub(super) fn sources(&self) -> &Arc<Sources> {
        &self.sources
    }

    /// Itself, or the report if that has an error.
    pub(super) fn without_errors(self) -> Result<Config, Report> {
        match self.warnings.has_errors() {
            true => Err(self.warnings),
            false => Ok(self),
        }
    }
}
