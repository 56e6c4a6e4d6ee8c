//! At once: the answer to a request for which nobody has to be waited for, which is a fresh response in memory.
//!
//! Where no plugin has a say on the viewer's side, the whole request takes the steps of [`super::viewer_side`] here, without
//! becoming a future; where one has, this stands behind its key. What is found out is handed on where it leads no further.

use super::edge::Edge;
use super::exchange::{Found, Keyed, Prepared, Received};
use super::{cache_key, look_up, respond, slices, viewer_side};
use selvedge_caching::LookupRule;

/// The outcome.
pub(crate) enum AtOnce {
    /// This is the answer.
    Answered(Prepared),
    /// Others have to be asked. The key, where it is already known.
    NotYet(Option<Keyed>),
}

/// Answers from memory, or says that it takes more.
pub(crate) fn answer(edge: &Edge, received: &Received) -> AtOnce {
    if received.gate.is_some() || !received.behavior.is_plain_for_viewers() {
        return AtOnce::NotYet(None);
    }
    let keyed = cache_key::by_policy(received);
    match hit(edge, received, &keyed) {
        Some(prepared) => AtOnce::Answered(prepared),
        None => AtOnce::NotYet(Some(keyed)),
    }
}

/// The answer to a request whose key is known, if it is fresh and in memory.
pub(crate) fn hit(edge: &Edge, received: &Received, keyed: &Keyed) -> Option<Prepared> {
    let Keyed::Key(key) = keyed else {
        return None;
    };
    let rule = selvedge_caching::may_look_up(&received.request(), received.behavior.policy());
    if rule != LookupRule::Use || received.upgrade.is_some() || slices::size(received).is_some() {
        return None;
    }
    let Some(Found::Fresh { variant, ttl }) = look_up::in_memory(edge, received, key) else {
        return None;
    };
    let mut prepared = respond::obtained(edge, received, viewer_side::hit(variant, ttl, None));
    if !prepared.body.begin_at_once() {
        return None;
    }
    if let Some(cache) = &mut prepared.cache {
        cache.key = viewer_side::shown_key(edge, received, key);
    }
    Some(prepared)
}
