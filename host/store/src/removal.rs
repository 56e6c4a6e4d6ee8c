//! Removing stored responses that turned out to be damaged while they were read.

use std::fmt::Debug;

use crate::damage::RemoveDamaged;
use crate::disk::Disk;
use crate::entry::{Entry, Variant};
use crate::key::Key;
use crate::queue::Command;
use crate::shared::Shared;

impl RemoveDamaged for Shared {
    fn remove_damaged(&self, key: &Key, id: u64) {
        let Some(disk) = &self.disk else { return };
        // Before the lock: a stripe is locked by look-ups too, and must not wait for the disk.
        let is_on_disk = disk.has(key, id);
        let mut stripe = self.stripes.lock(key);
        let entry = self.memory.peek(key);
        let entry = entry.filter(|entry| entry.variant(id).is_some());
        let pending = stripe.pending.get(key);
        let is_stored = entry.is_some() || pending.map_or(is_on_disk, |pending| pending.has(id));
        // Another reader may have met the same damage.
        if !is_stored {
            return;
        }
        self.count_damaged(key, id);
        let Some(entry) = entry else {
            return self.remove_unread(&mut stripe, key, id);
        };
        stripe.version += 1;
        let left: Vec<Variant> = entry
            .variants()
            .iter()
            .filter(|variant| variant.id != id)
            .cloned()
            .collect();
        match left.is_empty() {
            true => self.memory.remove(key),
            false => self.memory.insert(*key, Entry::new(left.clone()).into()),
        }
        let remove = vec![Command::Remove { key: *key, id }];
        disk.command(&mut stripe, key, &left, remove, None);
    }
}

impl Shared {
    pub(crate) fn count_damaged(&self, key: &Key, id: u64) {
        tracing::warn!(
            ?key,
            id,
            "a stored response does not check out and is removed: it is fetched anew when it is next asked for"
        );
        self.counters.damaged_objects.add(1);
    }
}

impl Disk {
    /// Returns true if the index has this variant, and it is not to be removed.
    fn has(&self, key: &Key, id: u64) -> bool {
        let rows = self.index.read(key).unwrap_or_default();
        let hidden = self.deferred.of(key);
        rows.iter().any(|(row, _)| *row == id) && !hidden.all && !hidden.ids.contains(&id)
    }
}

impl Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shared")
    }
}
