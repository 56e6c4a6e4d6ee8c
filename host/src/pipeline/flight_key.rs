//! Which requests may share one fetch.

use super::edge::Edge;
use super::exchange::{CacheKey, Completing, Conditions, Received};
use super::flights::FlightKey;
use super::origin_request;
use super::sent::Sent;
use http::{HeaderMap, HeaderName, Method};
use selvedge_caching::SentFields;
use selvedge_store::Variant;

/// One fetch serves those whose requests differ in nothing that its response depends on: the key, the variant, the
/// method, the ranges that go to the origin because nothing is stored, and the invalidations before it.
pub(crate) fn flight_key(
    edge: &Edge,
    received: &Received,
    method: &Method,
    key: &CacheKey,
    validating: Option<&Variant>,
    completing: Option<&Completing>,
    nominated: &[HeaderName],
) -> FlightKey {
    let mut hash = blake3::Hasher::new();
    hash.update(&key.hash.0);
    let head: &[u8] = if *method == Method::HEAD { b"h" } else { b"g" };
    hash.update(head);
    let since = edge
        .invalidations()
        .since(received.distribution.id(), received.names(key));
    hash.update(&since.0.to_be_bytes());
    match validating.or(completing.map(|completing| &completing.part)) {
        Some(variant) => {
            hash.update(&variant.id.to_be_bytes());
        }
        None => put_nominated(&mut hash, nominated, Sent::of(received, key)),
    }
    let own: HeaderMap;
    let sent = match completing {
        Some(completing) => &completing.fields,
        None => {
            own = origin_request::selecting(
                &received.facts.fields,
                validating.map(|stored| &*stored.head),
                Conditions::Evaluated,
            );
            &own
        }
    };
    for (name, value) in sent {
        put(&mut hash, name, value.as_bytes());
    }
    FlightKey(*hash.finalize().as_bytes())
}

/// Which variant is meant, as far as is known. The names may come several times and in any order.
fn put_nominated(hash: &mut blake3::Hasher, nominated: &[HeaderName], sent: Sent<'_>) {
    let mut names: Vec<&HeaderName> = nominated.iter().collect();
    names.sort_by_key(|name| name.as_str());
    names.dedup();
    for name in names {
        match sent.normal_form(name) {
            Some(value) => put(hash, name, &value),
            // Not the same as not being nominated: that is a request for whichever variant comes first.
            None => {
                hash.update(name.as_str().as_bytes());
                hash.update(&u64::MAX.to_be_bytes());
            }
        }
    }
}

fn put(hash: &mut blake3::Hasher, name: &HeaderName, value: &[u8]) {
    hash.update(name.as_str().as_bytes());
    hash.update(&(value.len() as u64).to_be_bytes());
    hash.update(value);
}
