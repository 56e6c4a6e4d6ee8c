//! Which objects can't be had in slices.

use parking_lot::Mutex;
use selvedge_caching::Time;
use selvedge_store::Key;
use std::collections::HashMap;

/// For how many seconds it is remembered.
const REMEMBER: u64 = 300;

/// No more than this many keys are remembered.
const MOST_REMEMBERED: usize = 65_536;

/// Keys whose origin knows no ranges, or does not say which version a part is of: the whole is asked for.
#[derive(Default)]
pub(crate) struct WholeOnly(Mutex<HashMap<Key, Time>>);

impl WholeOnly {
    pub(crate) fn contains(&self, key: &Key, now: Time) -> bool {
        let mut since = self.0.lock();
        let found = since
            .get(key)
            .map(|since| now.secs_since(*since) < REMEMBER);
        if found == Some(false) {
            since.remove(key);
        }
        found == Some(true)
    }

    pub(crate) fn add(&self, key: Key, now: Time) {
        let mut since = self.0.lock();
        if since.len() >= MOST_REMEMBERED {
            since.retain(|_, since| now.secs_since(*since) < REMEMBER);
        }
        if since.len() < MOST_REMEMBERED {
            since.insert(key, now);
        }
    }
}
