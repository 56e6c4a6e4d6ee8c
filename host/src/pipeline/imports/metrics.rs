//! The import `metrics`: figures of plugins among those of the host.

use crate::observe::metrics::Metrics;
use selvedge_runtime::capabilities;
use std::sync::Arc;

/// The figures of one plugin.
pub(super) struct Figures {
    metrics: Arc<Metrics>,
    distribution: String,
    plugin: String,
}

impl Figures {
    pub(super) fn new(metrics: &Arc<Metrics>, distribution: &str, plugin: &str) -> Figures {
        Figures {
            metrics: metrics.clone(),
            distribution: distribution.to_owned(),
            plugin: plugin.to_owned(),
        }
    }
}

impl capabilities::Metrics for Figures {
    fn count(&self, name: &str, by: u64) -> Result<(), String> {
        let figures = self.metrics.of_plugins();
        figures.count(&self.distribution, &self.plugin, name, by)
    }

    fn observe(&self, name: &str, value: f64) -> Result<(), String> {
        let figures = self.metrics.of_plugins();
        figures.observe(&self.distribution, &self.plugin, name, value)
    }
}
