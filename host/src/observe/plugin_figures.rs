//! Figures that plugins keep: counters and histograms under their own names, bounded in number.

use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// One plugin has so many figures at most.
const MOST_NAMES: usize = 50;

/// What histograms tell apart: from a thousandth to a million.
const BUCKETS: [f64; 10] = [
    0.001,
    0.01,
    0.1,
    1.0,
    10.0,
    100.0,
    1_000.0,
    10_000.0,
    100_000.0,
    1_000_000.0,
];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Labels {
    distribution: String,
    plugin: String,
    name: String,
}

/// The names that a plugin of a distribution has used.
type Names = HashMap<(String, String), HashSet<String>>;

/// The figures of all plugins.
#[derive(Clone)]
pub struct PluginFigures {
    counters: Family<Labels, Counter>,
    histograms: Family<Labels, Histogram>,
    names: Arc<Mutex<Names>>,
}

impl PluginFigures {
    /// None yet; they are registered.
    pub(super) fn new(registry: &mut Registry) -> PluginFigures {
        let figures = PluginFigures {
            counters: Family::default(),
            histograms: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            names: Arc::default(),
        };
        registry.register(
            "plugin_count",
            "What plugins count, by their own names",
            figures.counters.clone(),
        );
        registry.register(
            "plugin_value",
            "What plugins observe, by their own names",
            figures.histograms.clone(),
        );
        figures
    }

    /// Adds to a counter of a plugin.
    ///
    /// # Errors
    /// It has too many figures.
    pub fn count(
        &self,
        distribution: &str,
        plugin: &str,
        name: &str,
        by: u64,
    ) -> Result<(), String> {
        let labels = self.labels(distribution, plugin, name)?;
        self.counters.get_or_create(&labels).inc_by(by);
        Ok(())
    }

    /// Observes a value for a histogram of a plugin.
    ///
    /// # Errors
    /// It has too many figures.
    pub fn observe(
        &self,
        distribution: &str,
        plugin: &str,
        name: &str,
        value: f64,
    ) -> Result<(), String> {
        let labels = self.labels(distribution, plugin, name)?;
        self.histograms.get_or_create(&labels).observe(value);
        Ok(())
    }

    fn labels(&self, distribution: &str, plugin: &str, name: &str) -> Result<Labels, String> {
        let labels = Labels {
            distribution: distribution.to_owned(),
            plugin: plugin.to_owned(),
            name: name.to_owned(),
        };
        let whose = (labels.distribution.clone(), labels.plugin.clone());
        let mut all = self.names.lock();
        let names = all.entry(whose).or_default();
        if !names.contains(name) {
            if names.len() == MOST_NAMES {
                return Err(format!(
                    "the plugin has {MOST_NAMES} others, and no more are kept"
                ));
            }
            names.insert(name.to_owned());
        }
        Ok(labels)
    }
}
