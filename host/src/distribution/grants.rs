//! Capabilities of plugins: backends and secrets of their configuration, and what the running host keeps for
//! them.
#![expect(
    clippy::disallowed_methods,
    reason = "a plan is made on a thread that may block"
)]

use super::backends::Backends;
use crate::config::{self, Config, Problem, SecretSource};
use crate::origin::Tls;
use bytes::Bytes;
use selvedge_runtime::Capabilities;
use selvedge_runtime::capabilities::{Answer, Cache, Kv, Metrics, Secrets};
use std::collections::HashMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// The largest secret in bytes.
const MOST_SECRET: u64 = 64 << 10;

/// Data that a running host keeps for plugins.
pub trait Keeps {
    /// The key-value data of a distribution.
    fn kv(&self, distribution: &str) -> Arc<dyn Kv>;
    /// The values that plugins of a distribution store.
    fn cache(&self, distribution: &str) -> Arc<dyn Cache>;
    /// The figures of a plugin.
    fn metrics(&self, distribution: &str, plugin: &str) -> Arc<dyn Metrics>;
}

/// Data that no host keeps, for a configuration that is only checked.
pub struct KeepsNothing;

impl Keeps for KeepsNothing {
    fn kv(&self, _: &str) -> Arc<dyn Kv> {
        Arc::new(KeepsNothing)
    }

    fn cache(&self, _: &str) -> Arc<dyn Cache> {
        Arc::new(KeepsNothing)
    }

    fn metrics(&self, _: &str, _: &str) -> Arc<dyn Metrics> {
        Arc::new(KeepsNothing)
    }
}

impl Kv for KeepsNothing {
    fn get(&self, _: &str) -> Answer<Result<Option<Bytes>, String>> {
        Answer::Now(Ok(None))
    }
}

impl Cache for KeepsNothing {
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

impl Metrics for KeepsNothing {
    fn count(&self, _: &str, _: u64) -> Result<(), String> {
        Ok(())
    }

    fn observe(&self, _: &str, _: f64) -> Result<(), String> {
        Ok(())
    }
}

/// Returns all capabilities. A plugin may well import more than its configuration needs, as where keys come from
/// secrets or from the configuration; a backend or a secret that is not configured is answered as one that is not there. What
/// is wrong with those that are becomes problems.
pub(super) fn capabilities(
    config: &Config,
    id: &str,
    entry: &config::PluginEntry,
    keeps: &dyn Keeps,
    web: &Arc<Tls>,
    problems: &mut Vec<Problem>,
) -> Capabilities {
    let backends = Backends::new(config, entry, web, problems);
    Capabilities {
        kv: Some(keeps.kv(id)),
        fetch: Some(Arc::new(backends)),
        cache: Some(keeps.cache(id)),
        metrics: Some(keeps.metrics(id, &entry.name)),
        secrets: Some(Arc::new(Values::read(config, entry, problems))),
    }
}

/// The secrets of one plugin. They have no `Debug`: nothing prints them.
struct Values(HashMap<String, Bytes>);

impl Values {
    fn read(config: &Config, entry: &config::PluginEntry, problems: &mut Vec<Problem>) -> Values {
        let mut values = HashMap::new();
        for secret in &entry.secrets {
            let value = match &secret.source {
                SecretSource::File(file) => of_file(file),
                SecretSource::Env(name) => of_environment(name),
            };
            match value {
                Ok(value) => _ = values.insert(secret.name.value.clone(), value),
                Err(why) => {
                    let message = format!("the secret `{}` can't be read: {why}", secret.name);
                    problems.push(config.problem(&secret.name.at, message));
                }
            }
        }
        Values(values)
    }
}

fn of_file(file: &Path) -> Result<Bytes, String> {
    let wrong = |error: std::io::Error| format!("{}: {error}", file.display());
    let mut value = Vec::new();
    let opened = std::fs::File::open(file).map_err(wrong)?;
    opened
        .take(MOST_SECRET + 1)
        .read_to_end(&mut value)
        .map_err(wrong)?;
    if value.ends_with(b"\n") {
        value.pop();
        if value.ends_with(b"\r") {
            value.pop();
        }
    }
    bounded(value).map_err(|why| format!("{} {why}", file.display()))
}

fn of_environment(name: &str) -> Result<Bytes, String> {
    use std::os::unix::ffi::OsStringExt;
    let value = std::env::var_os(name)
        .ok_or_else(|| format!("the environment has no variable {}", name.escape_debug()))?;
    bounded(value.into_vec()).map_err(|why| format!("the variable {} {why}", name.escape_debug()))
}

fn bounded(value: Vec<u8>) -> Result<Bytes, String> {
    match value.len() as u64 > MOST_SECRET {
        true => Err(format!("has more than {MOST_SECRET} bytes")),
        false => Ok(value.into()),
    }
}

impl Secrets for Values {
    fn get(&self, name: &str) -> Option<Bytes> {
        self.0.get(name).cloned()
    }

    fn all(&self) -> Vec<Bytes> {
        self.0.values().cloned().collect()
    }
}
