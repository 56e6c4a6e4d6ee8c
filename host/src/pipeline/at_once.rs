//! At once: the answer to a request for which nobody has to be waited for, which is a fresh response in memory in a behavior
//! whose plugins have no say on the viewer's side.
//!
//! The steps are those of the viewer's side ([`super::viewer_side`]): key, look-up, response. What they find out on the way
//! is handed on where they lead no further.

use super::Edge;
use super::cache_key::{self, Keyed};
use super::look_up::{self, Found};
use super::receive::Received;
use super::respond::Prepared;
use super::{slices, viewer_side};
use selvedge_caching::LookupRule;
use std::sync::Arc;

/// What came of it.
pub(crate) enum AtOnce {
    /// This is the answer.
    Answered(Prepared),
    /// Others have to be asked. The key, where it is already known.
    NotYet(Option<Keyed>),
}

/// Answers from memory, or says that it takes more.
pub(crate) fn answer(edge: &Arc<Edge>, received: &Received) -> AtOnce {
    if received.gate.is_some() || !received.behavior.is_plain_for_viewers() {
        return AtOnce::NotYet(None);
    }
    let keyed = cache_key::by_policy(received);
    let is_for_the_store = received.upgrade.is_none()
        && slices::size(received).is_none()
        && selvedge_caching::may_look_up(&received.request(), received.behavior.policy())
            == LookupRule::Use;
    let Keyed::Key(key) = &keyed else {
        return AtOnce::NotYet(Some(keyed));
    };
    if !is_for_the_store {
        return AtOnce::NotYet(Some(keyed));
    }
    match look_up::in_memory(edge, received, key) {
        Some(Found::Fresh { variant, ttl }) => {
            let mut prepared = viewer_side::hit(variant, ttl, None).respond(edge, received);
            if let Some(cache) = &mut prepared.cache {
                cache.key = viewer_side::shown_key(edge, received, key);
            }
            AtOnce::Answered(prepared)
        }
        _ => AtOnce::NotYet(Some(keyed)),
    }
}
