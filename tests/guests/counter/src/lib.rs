//! Counts its own calls in memory and makes the count part of the key.

use selvedge_sdk::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering};

static CALLS: AtomicU64 = AtomicU64::new(0);

#[cache_key]
fn key(_request: &Request) -> Result<KeyDecision> {
    let calls = CALLS.fetch_add(1, Ordering::Relaxed);
    Ok(KeyDecision::extend([KeyPart::literal(calls.to_string())]))
}
