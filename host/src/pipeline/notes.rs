//! What the host remembers of a stored response beside its head: for listing and invalidation.

use super::cache_key::CacheKey;
use super::fetch_side::Job;
use bytes::Bytes;

/// Carried by the store unread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notes {
    /// The distribution's id.
    pub(crate) distribution: String,
    /// The path and query as the viewer asked.
    pub(crate) target: String,
    /// The path after rewriting.
    pub(crate) path: String,
    /// The key before hashing.
    pub(crate) key: Vec<u8>,
}

impl Notes {
    pub(crate) fn of(job: &Job, key: &CacheKey) -> Notes {
        Notes {
            distribution: job.distribution.id().to_string(),
            target: job
                .uri
                .path_and_query()
                .map_or("/", |target| target.as_str())
                .to_owned(),
            path: job.facts.path.clone(),
            key: key.bytes.clone(),
        }
    }

    /// Four parts, each with its length before it.
    pub(crate) fn encode(&self) -> Bytes {
        let parts: [&[u8]; 4] = [
            self.distribution.as_bytes(),
            self.target.as_bytes(),
            self.path.as_bytes(),
            &self.key,
        ];
        let mut out = Vec::with_capacity(parts.iter().map(|part| part.len() + 4).sum());
        for part in parts {
            out.extend_from_slice(&(part.len() as u32).to_be_bytes());
            out.extend_from_slice(part);
        }
        out.into()
    }
}
