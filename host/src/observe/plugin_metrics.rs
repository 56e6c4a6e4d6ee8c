//! Figures that plugins keep: counters and histograms under their own names, bounded in number.

use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The most metrics of one plugin.
const MAX_NAMES: usize = 50;

/// The histograms' bounds, from a thousandth to a million.
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

/// The names that plugins have used, by distribution and plugin.
type Names = HashMap<(String, String), OfOne>;

/// The names that one plugin has used.
#[derive(Default)]
struct OfOne {
    names: HashSet<String>,
    /// True if it asked for more than the limit.
    wanted_more: bool,
}

/// The metrics of all plugins.
#[derive(Clone)]
pub struct PluginMetrics {
    counters: Family<Labels, Counter>,
    histograms: Family<Labels, Histogram>,
    names: Arc<Mutex<Names>>,
}

impl PluginMetrics {
    /// None yet; they are registered.
    pub(super) fn new(registry: &mut Registry) -> PluginMetrics {
        let metrics = PluginMetrics {
            counters: Family::default(),
            histograms: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            names: Arc::default(),
        };
        registry.register(
            "plugin_count",
            "What plugins count, by their own names",
            metrics.counters.clone(),
        );
        registry.register(
            "plugin_value",
            "What plugins observe, by their own names",
            metrics.histograms.clone(),
        );
        metrics
    }

    /// Adds to a counter of a plugin.
    ///
    /// # Errors
    /// It has too many metrics.
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
    /// It has too many metrics.
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
        let OfOne { names, wanted_more } = all.entry(whose).or_default();
        if !names.contains(name) {
            if names.len() == MAX_NAMES {
                *wanted_more = true;
                return Err(format!(
                    "the plugin has {MAX_NAMES} others, and no more are kept"
                ));
            }
            names.insert(name.to_owned());
        }
        Ok(labels)
    }

    /// Forgets the metrics of plugins that are not there any more, and of those that wanted more than the limit: they have
    /// been loaded anew, and may be better now.
    pub fn retain(&self, is_there: impl Fn(&str, &str) -> bool) {
        let mut all = self.names.lock();
        all.retain(|(distribution, plugin), of_one| {
            let keep = is_there(distribution, plugin) && !of_one.wanted_more;
            for name in of_one.names.iter().filter(|_| !keep) {
                let labels = Labels {
                    distribution: distribution.clone(),
                    plugin: plugin.clone(),
                    name: name.clone(),
                };
                self.counters.remove(&labels);
                self.histograms.remove(&labels);
            }
            keep
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(registry: &Registry) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
        text
    }

    #[test]
    fn what_plugins_that_are_gone_have_counted_goes() {
        let mut registry = Registry::default();
        let metrics = PluginMetrics::new(&mut registry);
        metrics.count("main", "stays", "things", 1).unwrap();
        metrics.count("main", "goes", "things", 1).unwrap();
        metrics.observe("other", "stays", "seconds", 1.0).unwrap();
        metrics.retain(|distribution, plugin| (distribution, plugin) == ("main", "stays"));
        let text = shown(&registry);
        assert!(text.contains("plugin=\"stays\",name=\"things\""), "{text}");
        assert!(!text.contains("goes") && !text.contains("other"), "{text}");
    }

    #[test]
    fn a_plugin_that_wanted_too_many_names_begins_anew_with_a_reload() {
        let metrics = PluginMetrics::new(&mut Registry::default());
        let use_up = |plugin| {
            for n in 0..MAX_NAMES {
                metrics.count("main", plugin, &format!("n{n}"), 1).unwrap();
            }
        };
        use_up("full");
        use_up("overfull");
        assert!(metrics.count("main", "overfull", "more", 1).is_err());
        metrics.retain(|_, _| true);
        assert_eq!(metrics.count("main", "overfull", "more", 1), Ok(()));
        assert!(metrics.count("main", "full", "more", 1).is_err());
    }
}
