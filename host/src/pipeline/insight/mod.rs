//! Commands of operators to a running host: list what is stored for a URL, explain a request, invalidate, and read
//! and change key-value data.
//!
//! Nothing here fetches. The admin socket hands these questions in and the answers out, as JSON (`admin/API.md`); the
//! commands `invalidate`, `cache ls`, `explain` and `kv` print them.

mod distributions;
mod explain;
mod invalidate;
mod kv;
mod list;
mod stats;

pub use distributions::{
    BrokenFile, DistributionListing, ListedDistribution, PendingName, distributions,
};
pub use explain::explain;
pub use invalidate::invalidate;
pub use kv::{
    KvChanges, KvFound, KvListing, KvRange, KvTotal, KvValue, kv_change, kv_get, kv_list,
};
pub use list::list;
pub use stats::{CacheStats, DistributionStats, stats, tiers_by_distribution};

use super::Edge;
use crate::distribution::Distribution;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The question is wrong.
    #[error("{0}")]
    Wrong(String),
    /// It is about something that this host does not have.
    #[error("{0}")]
    Unknown(String),
    /// It was right, and something failed.
    #[error("{0}")]
    Failed(String),
}

/// An invalidation command.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invalidate {
    /// The distribution's id.
    pub distribution: String,
    /// Paths, each with or without a query, or with `*` at its end.
    #[serde(default)]
    pub paths: Vec<String>,
    /// Tags.
    #[serde(default)]
    pub tags: Vec<String>,
    /// True if the responses become stale instead of being removed.
    #[serde(default)]
    pub soft: bool,
    /// Only say what would be concerned.
    #[serde(default)]
    pub dry_run: bool,
}

/// The result of an invalidation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Invalidated {
    /// The distribution's id.
    pub distribution: String,
    /// The number of paths and tags asked for, each once.
    pub asked: usize,
    /// As it was asked.
    pub soft: bool,
    /// For a dry run: what would be concerned. `None` where it was done: it takes effect without looking at what is stored.
    pub would_hit: Option<Listing>,
    /// The number of invalidations remembered for the distribution.
    pub kept: usize,
}

/// Some of what is stored.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Listing {
    /// The first [`MAX_LISTED`], in no order that means anything.
    pub stored: Vec<StoredObject>,
    /// The number of them.
    pub count: u64,
    /// The number of keys looked at.
    pub keys_seen: u64,
    /// True if all keys were looked at: looking stops after [`MAX_LOOK_TIME`].
    pub complete: bool,
}

/// No listing has more entries.
pub const MAX_LISTED: usize = 100;

/// No listing takes longer.
pub const MAX_LOOK_TIME: std::time::Duration = std::time::Duration::from_secs(20);

/// One stored response.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredObject {
    /// Path and query of the request that it was fetched for.
    pub target: String,
    /// The path after rewriting.
    pub path: String,
    /// The cache key for people.
    pub key: String,
    /// The status code.
    pub status: u16,
    /// Bytes of content that are stored.
    pub bytes: u64,
    /// Which part of the whole that is; `None` for the whole.
    #[serde(default)]
    pub part: Option<StoredPart>,
    /// Seconds.
    pub age: u64,
    /// Seconds.
    pub lifetime: u64,
    /// Where the lifetime comes from.
    pub lifetime_source: String,
    /// Seconds of freshness that are left, negative when stale.
    pub ttl: i64,
    /// Tags.
    pub tags: Vec<String>,
    /// The request fields that it was chosen by, in normal form; `null` for one that the request did not have.
    pub vary: Vec<(String, Option<String>)>,
    /// True if a request with this key and these fields would be answered from it now.
    pub usable: bool,
    /// Why, or why not: the word of Cache-Status.
    pub why: String,
    /// True if it would be used if the origin failed.
    pub usable_on_error: bool,
}

/// The stored part of a representation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredPart {
    /// Position of the first byte.
    pub first: u64,
    /// Position of the last byte.
    pub last: u64,
    /// Bytes of the whole, where that is known.
    pub of: Option<u64>,
}

/// A request to explain.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The absolute URL.
    pub url: String,
    /// The method; GET where it is left out.
    #[serde(default)]
    pub method: Option<String>,
    /// Names and values of the request's fields.
    #[serde(default)]
    pub fields: Vec<(String, String)>,
    /// The viewer's address; this machine where it is left out.
    #[serde(default)]
    pub viewer: Option<IpAddr>,
}

/// The explanation of a request.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Explanation {
    /// The action of the host: `hit`, `stale`, `collapse`, `miss`, `validate`, `pass`, `respond`, `refuse` or `fail`.
    pub outcome: String,
    /// Why: the words of Cache-Status or of the refusal.
    pub why: String,
    /// The status of a refusal.
    pub status: Option<u16>,
    /// The distribution's id.
    pub distribution: Option<String>,
    /// The path pattern of the behavior; `*` for the default behavior.
    pub behavior: Option<String>,
    /// The path after rewriting.
    pub path: Option<String>,
    /// The cache key for people.
    pub key: Option<String>,
    /// The decisions of the viewer-request hooks, in order.
    #[serde(default)]
    pub viewer_hooks: Vec<HookDecision>,
    /// The decisions of the cache-key hooks, in order.
    pub key_hooks: Vec<HookDecision>,
    /// The stored variants of the key; where the behavior has `range_slices`, those of the slices too.
    pub variants: Vec<StoredObject>,
    /// Which of them the request selects.
    pub selected: Option<usize>,
    /// The origin by the behavior: its id.
    pub origin: Option<String>,
    /// The origin's address.
    pub origin_address: Option<String>,
    /// The plugins whose origin-selection hooks would be asked, and may choose another origin.
    pub origin_hooks: Vec<String>,
}

/// The decision of a hook.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HookDecision {
    /// The plugin's name.
    pub plugin: String,
    /// The decision in a few words, or the error.
    pub decision: String,
    /// True if it failed.
    pub failed: bool,
}

/// The distribution of that id.
fn distribution_named(edge: &Edge, id: &str) -> Result<Arc<Distribution>, Refused> {
    let plan = edge.plan();
    if let Some(known) = plan.distribution(id) {
        return Ok(known.clone());
    }
    let ids: Vec<&str> = plan.distributions().iter().map(|one| &**one.id()).collect();
    Err(Refused::Unknown(format!(
        "there is no distribution '{}' here. There is: {}",
        id.escape_debug(),
        ids.join(", ")
    )))
}
