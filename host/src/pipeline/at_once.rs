//! At once: the answer to a request for which nobody has to be waited for, which is a fresh response in memory.
//!
//! Where no plugin has a say on the viewer's side, the whole request is answered here, without becoming a future; where one has,
//! this stands behind its key. What is found out is handed on where it leads no further.

use super::edge::Edge;
use super::exchange::{Found, Keyed, Looked, Obtained, Prepared, Received};
use super::{cache_key, look_up, respond, slices};

/// The outcome.
#[allow(
    clippy::large_enum_variant,
    reason = "it is taken apart where it is returned; a box would cost each hit an allocation"
)]
pub(crate) enum AtOnce {
    /// This is the answer.
    Answered(Prepared),
    /// Others have to be asked.
    NotYet(Known),
}

/// Facts known of a request by then.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) keyed: Option<Keyed>,
    /// The look-up, where it needed no wait.
    pub(crate) looked: Option<Box<Looked>>,
}

/// Answers from memory, or says that it takes more.
pub(crate) fn answer(edge: &Edge, received: &Received) -> AtOnce {
    if received.gate.is_some() || !received.behavior.is_plain_for_viewers() {
        return AtOnce::NotYet(Known::default());
    }
    let keyed = cache_key::by_policy(received);
    match hit(edge, received, &keyed) {
        Ok(prepared) => AtOnce::Answered(prepared),
        Err(looked) => AtOnce::NotYet(Known {
            keyed: Some(keyed),
            looked,
        }),
    }
}

/// The answer to a request whose key is known, if it is fresh and in memory.
///
/// # Errors
/// The look-up, where it says that others have to be asked.
pub(crate) fn hit(
    edge: &Edge,
    received: &Received,
    keyed: &Keyed,
) -> Result<Prepared, Option<Box<Looked>>> {
    let Keyed::Key(key) = keyed else {
        return Err(None);
    };
    if received.upgrade.is_some() || slices::size(received).is_some() {
        return Err(None);
    }
    let Some(looked) = look_up::in_memory(edge, received, key) else {
        return Err(None);
    };
    let Found::Fresh { variant, ttl } = looked.found else {
        return Err(Some(Box::new(looked)));
    };
    let hit = Obtained::hit(variant, ttl, None);
    let mut prepared = respond::obtained(edge, received, hit);
    if !prepared.body.begin_at_once() {
        return Err(None);
    }
    if let Some(cache) = &mut prepared.cache {
        cache.key = cache_key::shown(received, &key.bytes);
    }
    Ok(prepared)
}
