//! Which objects can't be had in slices.

use crate::pipeline::bounded::Bounded;
use parking_lot::Mutex;
use selvedge_caching::Time;
use selvedge_store::Key;

/// For how many seconds it is remembered.
const REMEMBER: u64 = 300;

/// No more than this many keys are remembered.
const MAX_REMEMBERED: usize = 65_536;

/// Keys whose origin knows no ranges, or does not say which version a part is of: the whole is asked for.
#[derive(Default)]
pub(crate) struct WholeOnly(Mutex<Bounded<Key, Known, MAX_REMEMBERED>>);

/// The way in which it became known that an object can't be had in slices.
#[derive(Clone, Copy)]
pub(crate) struct Known {
    since: Time,
    /// The slice that was asked for when the whole came: it may still be arriving as the answer to that.
    pub(crate) asked_for: Option<u64>,
}

impl WholeOnly {
    pub(crate) fn find(&self, key: &Key, now: Time) -> Option<Known> {
        let mut all = self.0.lock();
        let found = all.get(key).copied()?;
        if now.secs_since(found.since) < REMEMBER {
            return Some(found);
        }
        all.remove(key);
        None
    }

    pub(crate) fn add(&self, key: Key, now: Time, asked_for: Option<u64>) {
        let since = now;
        self.0.lock().insert(key, Known { since, asked_for });
    }
}
