//! One reading for all who want the same key from disk at the same time.
//!
//! The first one reads. Others that come meanwhile wait for its result, as long as nothing of the key's stripe has changed since
//! it began: each of them would find the same. The result goes to the memory tier before the reading ends, so that there is
//! no moment without either.

use std::sync::Arc;

use tokio::sync::watch;

use crate::config::WINDOW;
use crate::key::Key;
use crate::load::{Findings, Load};
use crate::pending::Waiting;
use crate::read::Read;
use crate::shared::Shared;
use crate::stripes::Stripe;

/// The duty to read. Dropped without that, it leaves those who wait to read for themselves.
pub(crate) struct Lead {
    shared: Arc<Shared>,
    key: Key,
    version: u64,
    /// The part of the key that the disk does not have yet.
    waiting: Option<Waiting>,
    found: watch::Sender<Option<Read>>,
}

/// A share in a reading; with the duty to read where there was none.
pub(crate) struct Share {
    lead: Option<Lead>,
    found: Findings,
}

impl Share {
    /// Takes part in the reading of a key that is under way, or begins one.
    pub(crate) fn of(shared: &Arc<Shared>, stripe: &mut Stripe, key: &Key) -> Share {
        let version = stripe.version;
        let under_way = stripe.loads.get(key);
        if let Some(load) = under_way.filter(|load| load.version == version) {
            return Share {
                lead: None,
                found: load.found.clone(),
            };
        }
        let (sender, found) = watch::channel(None);
        let load = Load {
            version,
            found: found.clone(),
        };
        stripe.loads.insert(*key, load);
        let lead = Lead {
            shared: Arc::clone(shared),
            key: *key,
            version,
            waiting: stripe
                .pending
                .get(key)
                .map(|pending| pending.waiting().clone()),
            found: sender,
        };
        Share {
            lead: Some(lead),
            found,
        }
    }

    /// Returns the result; `None` if the reading was given up.
    pub(crate) async fn found(mut self) -> Option<Read> {
        if let Some(lead) = self.lead.take() {
            lead.read().await;
        }
        let found = self.found.wait_for(Option::is_some).await;
        found.ok()?.clone()
    }
}

impl Lead {
    /// Reads on a blocking thread. From there on it goes on by itself.
    async fn read(self) {
        let shared = Arc::clone(&self.shared);
        let Some(disk) = &shared.disk else {
            return;
        };
        // The semaphore is never closed.
        let Ok(permit) = Arc::clone(&disk.loads).acquire_owned().await else {
            return;
        };
        disk.pool.run(move || {
            let mut read = self.shared.read_blocking(&self.key, WINDOW);
            drop(permit);
            if let Some(waiting) = &self.waiting {
                read = waiting.over(read);
            }
            self.end(read);
        });
    }

    /// Removes the reading before its result is given: a later request gets a reading of its own, and a store that is
    /// closed then is not in use.
    fn end(self, read: Read) {
        if let Read::Entry(entry) = &read {
            let stripe = self.shared.stripes.lock(&self.key);
            if stripe.version == self.version {
                self.shared.memory.insert(self.key, Arc::clone(entry));
            }
        }
        let found = self.found.clone();
        drop(self);
        found.send_replace(Some(read));
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        let mut stripe = self.shared.stripes.lock(&self.key);
        // A reading that began after a change has taken this one's place.
        let load = stripe.loads.get(&self.key);
        if load.is_some_and(|load| load.version == self.version) {
            stripe.loads.remove(&self.key);
        }
    }
}
