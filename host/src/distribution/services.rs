//! Services of a running host for its plugins: key-value data, stored values, metrics.

use bytes::Bytes;
use selvedge_runtime::capabilities::{Answer, Cache, Kv, Metrics};
use std::sync::Arc;

/// Data and metrics of plugins, which outlive a configuration.
pub trait Services {
    /// The key-value data of a distribution.
    fn kv(&self, distribution: &str) -> Arc<dyn Kv>;
    /// The values that plugins of a distribution store.
    fn cache(&self, distribution: &str) -> Arc<dyn Cache>;
    /// The metrics of a plugin.
    fn metrics(&self, distribution: &str, plugin: &str) -> Arc<dyn Metrics>;
}

/// Services for a configuration that is only checked. No hook runs then.
pub struct NoServices;

impl Services for NoServices {
    fn kv(&self, _: &str) -> Arc<dyn Kv> {
        Arc::new(NoServices)
    }

    fn cache(&self, _: &str) -> Arc<dyn Cache> {
        Arc::new(NoServices)
    }

    fn metrics(&self, _: &str, _: &str) -> Arc<dyn Metrics> {
        Arc::new(NoServices)
    }
}

impl Kv for NoServices {
    fn get(&self, _: &str) -> Answer<Result<Option<Bytes>, String>> {
        Answer::Now(Ok(None))
    }
}

impl Cache for NoServices {
    fn get(&self, _: &[u8]) -> Answer<Result<Option<Bytes>, String>> {
        Answer::Now(Ok(None))
    }

    fn put(&self, _: Vec<u8>, _: Bytes, _: u64, _: Vec<String>) -> Answer<Result<(), String>> {
        Answer::Now(Ok(()))
    }

    fn put_if(
        &self,
        _: Vec<u8>,
        _: Option<Bytes>,
        _: Bytes,
        _: u64,
        _: Vec<String>,
    ) -> Answer<Result<bool, String>> {
        Answer::Now(Ok(true))
    }

    fn invalidate(&self, _: &str) -> Answer<Result<(), String>> {
        Answer::Now(Ok(()))
    }
}

impl Metrics for NoServices {
    fn count(&self, _: &str, _: u64) -> Result<(), String> {
        Ok(())
    }

    fn observe(&self, _: &str, _: f64) -> Result<(), String> {
        Ok(())
    }
}
