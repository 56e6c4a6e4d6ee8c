//! Facts that the guard and the service of one connection share.
//!
//! Requests are numbered on both sides, so a refusal meets the request it stands for whatever that request looks like: nothing that
//! a viewer sends can pass for a refusal, or make one pass for a request.
//!
//! Both sides run in the task of their connection, one after the other. So the counters need no atomic additions, and a
//! request takes no lock unless one has been refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};

use super::refusal::Refusal;

/// The state that a connection's [`Guard`](super::Guard) shares with its service.
#[derive(Debug, Default)]
pub struct GuardState {
    facts: Mutex<Facts>,
    /// Written under the lock of `facts`, read without it: the guard asks before every read.
    tunnel: AtomicBool,
    /// Written under the lock of `facts`: a head or content was refused.
    has_refused: AtomicBool,
    /// Requests that the service has begun.
    begun: AtomicU64,
    /// Responses whose heads the service has given to hyper.
    answered: AtomicU64,
    /// Responses that are over.
    ended: AtomicU64,
}

/// Kept under one lock: a head is approved, and a tunnel opened, one at a time.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Heads given to hyper, a refused head's replacement among them.
    pub(super) approved: u64,
    /// The refused head and its number. It is the connection's last.
    pub(super) refused_head: Option<(u64, Refusal)>,
    /// The refused content and its request's number.
    pub(super) refused_content: Option<(u64, Refusal)>,
}

/// A response under way, from the request's beginning to the end of the response's content.
#[derive(Debug)]
pub struct UnderWay(Arc<GuardState>);

impl UnderWay {
    /// The response has a head.
    pub fn answered(&self) {
        count(&self.0.answered);
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        count(&self.0.ended);
    }
}

fn count(counter: &AtomicU64) {
    counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

impl GuardState {
    /// Begins a request. The service calls this exactly once for every request, before anything else, and holds the value
    /// until its response is over.
    pub fn begin(self: &Arc<Self>) -> UnderWay {
        count(&self.begun);
        UnderWay(self.clone())
    }

    /// The refusal to answer the latest request with, where it stands for a head that was refused. Nothing else of that
    /// request has a meaning.
    pub fn head_refusal(&self) -> Option<Refusal> {
        if !self.has_refused.load(Ordering::Relaxed) {
            return None;
        }
        let begun = self.begun.load(Ordering::Relaxed);
        let refused = self.facts.lock().refused_head;
        refused
            .filter(|(number, _)| *number <= begun)
            .map(|(_, refusal)| refusal)
    }

    /// The refusal of the latest request's content, if its framing was found broken. The same that
    /// [`refusal_of`](super::refusal_of) finds in the content's error; here also for a service that no longer reads the
    /// content.
    pub fn content_refusal(&self) -> Option<Refusal> {
        let begun = self.begun.load(Ordering::Relaxed);
        let refused = self.facts.lock().refused_content;
        refused
            .filter(|(number, _)| *number == begun)
            .map(|(_, refusal)| refusal)
    }

    /// Makes the guard let everything through from the end of the present request on: call it before answering 101 (RFC 9110
    /// section 7.8).
    ///
    /// Returns `false`, and changes nothing, when bytes behind the present request were already taken for another request: the
    /// viewer did not wait for the 101, and the upgrade must be refused.
    #[must_use = "without a tunnel the upgrade must be refused"]
    pub fn become_tunnel(&self) -> bool {
        let facts = self.facts.lock();
        let is_last = facts.approved == self.begun.load(Ordering::Relaxed)
            && facts.refused_head.is_none()
            && facts.refused_content.is_none();
        if is_last {
            self.tunnel.store(true, Ordering::Release);
        }
        is_last
    }

    /// Returns true if a response is awaited or under way.
    pub(super) fn is_under_way(&self) -> bool {
        self.facts.lock().approved != self.ended.load(Ordering::Relaxed)
    }

    /// Returns true if the next bytes to the viewer begin a response, and are not there yet.
    pub(super) fn awaits_head(&self) -> bool {
        let answered = self.answered.load(Ordering::Relaxed);
        self.begun.load(Ordering::Relaxed) > answered
            && answered == self.ended.load(Ordering::Relaxed)
    }

    pub(super) fn is_tunnel(&self) -> bool {
        self.tunnel.load(Ordering::Acquire)
    }

    /// Notes a refusal.
    pub(super) fn refused(&self) {
        self.has_refused.store(true, Ordering::Relaxed);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock()
    }
}
