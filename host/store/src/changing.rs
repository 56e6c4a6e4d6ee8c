//! Loading a key, and changing it so that memory, queue and disk agree.

use std::sync::Arc;

use crate::entry::{Entry, Variant};
use crate::key::Key;
use crate::loads::Share;
use crate::pending::Freshened;
use crate::queue::Command;
use crate::read::Read;
use crate::shared::Shared;

/// A change of a key: its variants afterwards, newest first, and the commands for the disk.
pub(crate) struct Changed {
    pub(crate) variants: Vec<Variant>,
    pub(crate) commands: Vec<Command>,
    /// A new head of one of the variants.
    pub(crate) freshened: Option<Freshened>,
}

/// Loads and changes that race others begin anew this often.
const ATTEMPTS: usize = 8;

impl Shared {
    /// The entry of a key as it is now, read from disk if need be, and the version of its stripe.
    async fn current(self: &Arc<Self>, key: &Key) -> (Read, u64) {
        let mut last = (Read::Failed, 0);
        for _ in 0..ATTEMPTS {
            let (version, share) = {
                let mut stripe = self.stripes.lock(key);
                if let Some(entry) = self.memory.peek(key) {
                    return (Read::Entry(entry), stripe.version);
                }
                let pending = stripe.pending.get(key);
                if let Some(read) = pending.and_then(|pending| pending.waiting().known()) {
                    return (read, stripe.version);
                }
                match &self.disk {
                    Some(disk) if disk.presence.may_have(key) => {}
                    _ => return (Read::Nothing, stripe.version),
                }
                (stripe.version, Share::of(self, &mut stripe, key))
            };
            let read = Box::pin(share.found()).await;
            let is_found = read.is_some();
            last = (read.unwrap_or(Read::Failed), version);
            if is_found && self.stripes.lock(key).version == version {
                break;
            }
        }
        last
    }

    /// As [`Store::load`](crate::Store::load).
    pub(crate) async fn load(self: &Arc<Self>, key: &Key) -> Option<Arc<Entry>> {
        if let Some(entry) = self.memory.get(key) {
            entry.mark_used();
            return Some(entry);
        }
        let (read, version) = self.current(key).await;
        let stripe = self.stripes.lock(key);
        if stripe.version != version {
            return read.entry();
        }
        match (&read, &self.disk) {
            (Read::Entry(entry), Some(disk)) => {
                disk.presence.mark_used(key);
                self.counters.disk_hits.add(1);
                // What was read is there already; what waits for the disk may have left.
                if self.memory.peek(key).is_none() {
                    self.memory.insert(*key, Arc::clone(entry));
                }
            }
            (Read::Part(_), Some(_)) => self.counters.disk_hits.add(1),
            (Read::Nothing, Some(disk)) if !stripe.pending.contains_key(key) => {
                disk.presence.remove(key);
            }
            _ => {}
        }
        read.entry()
    }

    /// Reads a key from disk on a blocking thread, and has what is damaged removed.
    pub(crate) async fn read(self: &Arc<Self>, key: Key, eager: u64) -> Read {
        let Some(disk) = &self.disk else {
            return Read::Nothing;
        };
        // The semaphore is never closed.
        let Ok(permit) = Arc::clone(&disk.loads).acquire_owned().await else {
            return Read::Failed;
        };
        let shared = Arc::clone(self);
        let read = disk.pool.run(move || {
            let read = shared.read_blocking(&key, eager);
            drop(permit);
            read
        });
        // An error means that the pool is gone.
        read.await.unwrap_or(Read::Failed)
    }

    /// Changes a key as `change` says; it may be called again when another change came between. `None` from it
    /// leaves the key as it is. Where the key cannot be read, this variant is removed instead; without one, nothing is known
    /// of the key, and everything on disk under it is removed. Visible to all when this
    /// returns.
    pub(crate) async fn change(
        self: &Arc<Self>,
        key: &Key,
        or_remove: Option<u64>,
        mut change: impl FnMut(&[Variant]) -> Option<Changed>,
    ) -> Option<Arc<Entry>> {
        for attempt in 1.. {
            let (read, version) = self.current(key).await;
            let mut is_whole = read.is_whole();
            let mut entry = read.entry();
            let mut stripe = self.stripes.lock(key);
            if stripe.version != version && attempt < ATTEMPTS {
                continue;
            }
            if !is_whole && let Some(known) = self.memory.peek(key) {
                // Another reading has brought the whole key meanwhile.
                (entry, is_whole) = (Some(known), true);
            }
            if let Some(id) = or_remove.filter(|_| !is_whole) {
                self.remove_unread(&mut stripe, key, id);
                return None;
            }
            let known = entry.as_ref().filter(|_| is_whole);
            let Some(changed) = change(known.map_or(&[], |entry| entry.variants())) else {
                return entry;
            };
            stripe.version += 1;
            let Changed {
                variants,
                mut commands,
                freshened,
            } = changed;
            if !is_whole {
                // What could not be read would be found again beside what is known now.
                commands.insert(0, Command::RemoveAll { key: *key });
            }
            let entry = (!variants.is_empty()).then(|| Arc::new(Entry::new(variants)));
            match &entry {
                Some(entry) => self.memory.insert(*key, Arc::clone(entry)),
                None => self.memory.remove(key),
            }
            if let Some(disk) = self.disk.as_ref() {
                let variants = entry.as_ref().map_or(&[][..], |entry| entry.variants());
                disk.command(&mut stripe, key, variants, commands, freshened);
            }
            return entry;
        }
        None
    }
}
