//! `selvedge kv`: the key-value data of a distribution, read and changed by the operator.

use super::{Refused, distribution_named};
use crate::pipeline::Edge;
use crate::pipeline::imports::KvError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The limit of keys in a page of a listing.
const MAX_LISTED: usize = 1000;

/// A value as JSON has it: text, or bytes that are no text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum KvValue {
    /// Text.
    Text(String),
    /// Bytes.
    Bytes {
        /// In base64, with padding.
        base64: String,
    },
}

impl KvValue {
    /// These bytes as a value.
    pub fn of(bytes: &[u8]) -> KvValue {
        match std::str::from_utf8(bytes) {
            Ok(text) => KvValue::Text(text.to_owned()),
            Err(_) => KvValue::Bytes {
                base64: STANDARD.encode(bytes),
            },
        }
    }

    /// The bytes; `None` for what is no base64.
    pub fn bytes(self) -> Option<Bytes> {
        match self {
            KvValue::Text(text) => Some(text.into()),
            KvValue::Bytes { base64 } => STANDARD.decode(base64).ok().map(Bytes::from),
        }
    }
}

/// Which keys to list.
#[derive(Clone, Debug, Default)]
pub struct KvRange {
    /// The beginning of the keys.
    pub prefix: String,
    /// The last key of the page before.
    pub after: Option<String>,
}

/// Some keys of a distribution.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KvListing {
    /// Each key with the bytes of its value, in the order of the keys.
    pub keys: Vec<(String, usize)>,
    /// True if there are more after the last one.
    pub more: bool,
    /// The totals of the distribution.
    pub total: KvTotal,
}

/// The totals of a distribution.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct KvTotal {
    /// The number of keys.
    pub keys: usize,
    /// The bytes that they count for.
    pub bytes: u64,
    /// The limit of these bytes (`kv_size`).
    pub limit: u64,
}

/// One value.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KvFound {
    /// The value.
    pub value: KvValue,
}

/// Changes that are made together.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KvChanges {
    /// The new value of each key; `null` removes it.
    pub changes: BTreeMap<String, Option<KvValue>>,
    /// True if all other keys are removed.
    #[serde(default)]
    pub replace: bool,
}

/// The value of a key.
///
/// # Errors
/// There is no such distribution or no such key.
pub fn kv_get(edge: &Edge, distribution: &str, key: &str) -> Result<KvFound, Refused> {
    let distribution = distribution_named(edge, distribution)?;
    match edge.kv().get(distribution.id(), key) {
        Err(damaged) => Err(Refused::Failed(format!(
            "the distribution '{}', the key '{}': {damaged}",
            distribution.id(),
            key.escape_debug()
        ))),
        Ok(Some(value)) => Ok(KvFound {
            value: KvValue::of(&value),
        }),
        Ok(None) => Err(Refused::Unknown(format!(
            "the distribution '{}' has no key '{}'",
            distribution.id(),
            key.escape_debug()
        ))),
    }
}

/// Lists keys.
///
/// # Errors
/// There is no such distribution.
pub fn kv_list(edge: &Edge, distribution: &str, range: &KvRange) -> Result<KvListing, Refused> {
    let distribution = distribution_named(edge, distribution)?;
    let (id, after) = (distribution.id(), range.after.as_deref());
    let page = edge.kv().keys(id, &range.prefix, after, MAX_LISTED);
    let keys = page.keys.iter();
    Ok(KvListing {
        keys: keys.map(|(key, bytes)| (key.to_string(), *bytes)).collect(),
        more: page.more,
        total: total(edge, id, distribution.settings().kv_size),
    })
}

/// Makes all changes or none. Durable, and seen by every hook that runs from now on, when it returns.
///
/// # Errors
/// The changes are wrong. Nothing has changed then, unless the error says so.
pub async fn kv_change(
    edge: &Edge,
    distribution: &str,
    asked: KvChanges,
) -> Result<KvTotal, Refused> {
    let distribution = distribution_named(edge, distribution)?;
    let (id, limit) = (distribution.id(), distribution.settings().kv_size);
    let mut changes = Vec::with_capacity(asked.changes.len());
    for (key, value) in asked.changes {
        let value = match value.map(KvValue::bytes) {
            Some(None) => {
                return Err(Refused::Wrong(format!(
                    "the value of '{}' is not base64",
                    key.escape_debug()
                )));
            }
            value => value.flatten(),
        };
        changes.push((key, value));
    }
    let count = changes.len();
    let changed = edge.kv().change(id, changes, asked.replace, limit).await;
    changed.map_err(refused)?;
    tracing::info!(
        target: "kv",
        distribution = &**id,
        changes = count,
        replace = asked.replace,
        "key-value data changed"
    );
    Ok(total(edge, id, limit))
}

/// Says whether anything is changed.
fn refused(error: KvError) -> Refused {
    match error {
        KvError::Key { .. } | KvError::Value { .. } | KvError::Full { .. } => {
            Refused::Wrong(format!("nothing is changed: {error}"))
        }
        KvError::State(_) | KvError::Ending => {
            Refused::Failed(format!("nothing is changed: {error}"))
        }
        KvError::Unseen | KvError::Unknown => Refused::Failed(error.to_string()),
    }
}

fn total(edge: &Edge, distribution: &str, limit: u64) -> KvTotal {
    let usage = edge.kv().usage(distribution);
    KvTotal {
        keys: usage.keys,
        bytes: usage.bytes,
        limit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_that_may_have_been_made_is_not_called_none() {
        let said = |error| refused(error).to_string();
        assert!(said(KvError::Ending).starts_with("nothing is changed"));
        assert!(said(KvError::Unseen).starts_with("the change is made and durable"));
        assert!(!said(KvError::Unknown).contains("nothing is changed"));
    }
}
