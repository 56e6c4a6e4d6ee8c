//! Capabilities of plugins: backends and secrets of their configuration, and services of the running host.

use super::backends::Backends;
use super::work::Work;
use crate::config::{self, Problem, SecretSource};
use crate::files::{Digest, Ledger};
use bytes::Bytes;
use selvedge_runtime::Capabilities;
use selvedge_runtime::capabilities::Secrets;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// The largest secret in bytes.
const MAX_SECRET: u64 = 64 << 10;

/// Returns all capabilities. A plugin may well import more than its configuration needs, as where keys come from
/// secrets or from the configuration; a backend or a secret that is not configured is answered as one that is not there. What
/// is wrong with those that are becomes problems. The digests are those of secrets and `ca_file`s that are files, in their order.
pub(super) fn capabilities(
    work: &mut Work<'_>,
    id: &str,
    entry: &config::PluginEntry,
) -> (Capabilities, Vec<Option<Digest>>) {
    let (values, mut digests) = Values::read(work, entry);
    let (backends, of_backends) = Backends::new(work, entry);
    digests.extend(of_backends);
    let capabilities = Capabilities {
        kv: Some(work.services.kv(id)),
        fetch: Some(Arc::new(backends)),
        cache: Some(work.services.cache(id)),
        metrics: Some(work.services.metrics(id, &entry.name)),
        secrets: Some(Arc::new(values)),
    };
    (capabilities, digests)
}

/// The secrets of one plugin. They have no `Debug`: nothing prints them.
struct Values(HashMap<String, Bytes>);

impl Values {
    fn read(work: &mut Work<'_>, entry: &config::PluginEntry) -> (Values, Vec<Option<Digest>>) {
        let mut values = HashMap::new();
        let mut digests = Vec::new();
        for secret in &entry.secrets {
            let value = match &secret.source {
                SecretSource::File(file) => of_file(file, work.ledger),
                SecretSource::Env(name) => of_environment(name).map(|value| (value, None)),
            };
            match value {
                Ok((value, digest)) => {
                    values.insert(secret.name.value.clone(), value);
                    digests.push(digest);
                }
                Err(why) => {
                    let message = format!("the secret `{}` can't be read: {why}", secret.name);
                    work.problems.push(Problem::new(message).at(secret.name.at));
                }
            }
        }
        (Values(values), digests)
    }
}

fn of_file(file: &Path, ledger: &mut Ledger) -> Result<(Bytes, Option<Digest>), String> {
    // Two bytes more, for the line end.
    let read = ledger.read(file, MAX_SECRET + 2);
    let (mut value, digest) = read.map_err(|error| format!("{}: {error}", file.display()))?;
    if value.ends_with(b"\n") {
        value.pop();
        if value.ends_with(b"\r") {
            value.pop();
        }
    }
    let value = bounded(value).map_err(|why| format!("{} {why}", file.display()))?;
    Ok((value, Some(digest)))
}

fn of_environment(name: &str) -> Result<Bytes, String> {
    use std::os::unix::ffi::OsStringExt;
    let value = std::env::var_os(name)
        .ok_or_else(|| format!("the environment has no variable {}", name.escape_debug()))?;
    bounded(value.into_vec()).map_err(|why| format!("the variable {} {why}", name.escape_debug()))
}

fn bounded(value: Vec<u8>) -> Result<Bytes, String> {
    match value.len() as u64 > MAX_SECRET {
        true => Err(format!("has more than {MAX_SECRET} bytes")),
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
