//! Data of plugins in a running host: key-value data, stored values, metrics. Each import of the contract in a file of its
//! own; the runtime reaches them by its traits.

mod cache;
mod kv;
mod metrics;

pub use kv::Kv;
pub(crate) use kv::KvError;

use super::Invalidations;
use crate::distribution::{Plan, Services};
use crate::observe::clock::Clock;
use crate::observe::metrics::Metrics;
use cache::{PluginCache, PluginCaches};
use selvedge_runtime::capabilities;
use std::sync::Arc;

/// Data for the plugins of all distributions.
pub struct Imports {
    kv: Kv,
    caches: PluginCaches,
    metrics: Arc<Metrics>,
}

impl Imports {
    /// Puts it together.
    pub fn new(
        kv: Kv,
        invalidations: Arc<Invalidations>,
        clock: Arc<Clock>,
        metrics: Arc<Metrics>,
    ) -> Imports {
        Imports {
            kv,
            caches: PluginCaches::new(invalidations, clock),
            metrics,
        }
    }

    /// Key-value data of the distributions.
    pub(crate) fn kv(&self) -> &Kv {
        &self.kv
    }

    /// Forgets what it keeps for distributions and plugins that a new plan has not. Key-value data stays: it is the operator's.
    pub(crate) fn follow(&self, plan: &Plan) {
        self.caches
            .retain(|distribution| plan.distribution(distribution).is_some());
        let has_plugin = |distribution: &str, name: &str| {
            plan.distribution(distribution).is_some_and(|one| {
                let mut plugins = one.plugins().iter();
                plugins.any(|plugin| plugin.name() == name)
            })
        };
        self.metrics.retain(
            |distribution| plan.distribution(distribution).is_some(),
            has_plugin,
        );
    }
}

impl Services for Imports {
    fn kv(&self, distribution: &str) -> Arc<dyn capabilities::Kv> {
        Arc::new(kv::Of::new(&self.kv, distribution))
    }

    fn cache(&self, distribution: &str) -> Arc<dyn capabilities::Cache> {
        let cache: Arc<PluginCache> = self.caches.of(distribution);
        cache
    }

    fn metrics(&self, distribution: &str, plugin: &str) -> Arc<dyn capabilities::Metrics> {
        Arc::new(metrics::Figures::new(&self.metrics, distribution, plugin))
    }
}
