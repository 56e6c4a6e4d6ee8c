//! Parts of the pipeline that nobody but the benches calls by themselves.

use super::cache_key;
use crate::config::KeyPolicy;
use selvedge_runtime::RequestFacts;
use selvedge_store::Key;

/// The cache key of a request where no plugin has a say.
pub fn key(policy: &KeyPolicy, facts: &RequestFacts) -> Key {
    let parts = cache_key::policy_parts(policy, &facts.fields);
    cache_key::finish(facts, parts).hash
}
