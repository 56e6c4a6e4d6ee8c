//! What the guard and the service of one connection tell each other.
//!
//! Requests are numbered on both sides, so a refusal meets the request it stands for whatever that request looks like: nothing that
//! a viewer sends can pass for a refusal, or make one pass for a request.

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, MutexGuard};

use super::refusal::Refusal;

/// The state that a connection's [`Guard`](super::Guard) shares with its service.
#[derive(Debug, Default)]
pub struct GuardState {
    facts: Mutex<Facts>,
    /// Written under the lock of `facts`, read without it: the guard asks before every read.
    tunnel: AtomicBool,
}

/// Kept under one lock: a head is approved, a request begun, and a tunnel opened one at a time.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Heads given to hyper, a refused head's replacement among them.
    pub(super) approved: u64,
    /// Requests that the service has begun.
    begun: u64,
    /// The refused head and its number. It is the connection's last.
    pub(super) refused_head: Option<(u64, Refusal)>,
    /// The refused content and its request's number.
    pub(super) refused_content: Option<(u64, Refusal)>,
}

impl GuardState {
    /// Begins a request. The service calls this exactly once for every request, before anything else.
    ///
    /// # Errors
    ///
    /// The refusal to answer with, when the request stands for a head that was refused. Nothing else of that request has a meaning.
    pub fn begin_request(&self) -> Result<(), Refusal> {
        let mut facts = self.facts.lock();
        facts.begun += 1;
        match facts.refused_head {
            Some((number, refusal)) if number <= facts.begun => Err(refusal),
            _ => Ok(()),
        }
    }

    /// The refusal of the present request's content, if its framing was found broken. The same that [`refusal_of`](super::refusal_of)
    /// finds in the content's error; here also for a service that no longer reads the content.
    pub fn content_refusal(&self) -> Option<Refusal> {
        let facts = self.facts.lock();
        match facts.refused_content {
            Some((number, refusal)) if number == facts.begun => Some(refusal),
            _ => None,
        }
    }

    /// Makes the guard let everything through from the end of the present request on: call it before answering 101 (RFC 9110
    /// section 7.8).
    ///
    /// Returns `false`, and changes nothing, when bytes behind the present request were already taken for another request: the
    /// viewer did not wait for the 101, and the upgrade must be refused.
    #[must_use = "without a tunnel the upgrade must be refused"]
    pub fn become_tunnel(&self) -> bool {
        let facts = self.facts.lock();
        let is_last = facts.approved == facts.begun
            && facts.refused_head.is_none()
            && facts.refused_content.is_none();
        if is_last {
            self.tunnel.store(true, Ordering::Release);
        }
        is_last
    }

    pub(super) fn is_tunnel(&self) -> bool {
        self.tunnel.load(Ordering::Acquire)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock()
    }
}
