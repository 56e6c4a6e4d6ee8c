//! The tiers together: looking up, loading, and changing a key so that memory, queue and disk agree.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use crate::config::Sizes;
use crate::counters::{Counters, Stats};
use crate::damage::{DamageReport, RemoveDamaged};
use crate::disk::{Disk, ReadKey};
use crate::entry::{Entry, Variant};
use crate::error::StateError;
use crate::head;
use crate::index::Change;
use crate::key::Key;
use crate::layout::Layout;
use crate::memory::MemoryTier;
use crate::pending::Freshened;
use crate::queue::Command;
use crate::read::Read;
use crate::row::Row;
use crate::state::State;
use crate::stripes::{Stripe, Stripes};
use crate::usage::Usage;

/// Everything that the handles of a store share.
pub(crate) struct Shared {
    pub(crate) sizes: Sizes,
    pub(crate) memory: MemoryTier,
    pub(crate) stripes: Stripes,
    pub(crate) disk: Option<Disk>,
    pub(crate) counters: Counters,
    pub(crate) next_id: AtomicU64,
    pub(crate) state: State,
    /// Keeps other processes out as long as anything of this store lives.
    pub(crate) _layout: Option<Layout>,
}

/// The result of [`Store::look_up`](crate::Store::look_up).
#[derive(Clone, Debug)]
pub enum Found {
    /// In memory, ready.
    Memory(Arc<Entry>),
    /// It may be on disk: ask [`Store::load`](crate::Store::load).
    OnDisk,
    /// Not stored.
    Absent,
}

impl Shared {
    pub(crate) fn new_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn look_up(&self, key: &Key) -> Found {
        if let Some(entry) = self.memory.get(key) {
            entry.mark_used();
            return Found::Memory(entry);
        }
        match &self.disk {
            Some(disk) if disk.presence.may_have(key) => Found::OnDisk,
            _ => Found::Absent,
        }
    }

    /// Tells the writer that a large response could not be written, which is then not stored.
    pub(crate) fn report(&self, error: std::io::Error) {
        self.counters.skipped_writes.add(1);
        if let Some(disk) = &self.disk {
            let error = error.into();
            disk.queue.push(Command::Failed {
                error,
                generation: None,
            });
        }
    }

    pub(crate) fn read_blocking(self: &Arc<Self>, key: &Key, eager: u64) -> Read {
        let Some(disk) = &self.disk else {
            return Read::Nothing;
        };
        let store = Arc::downgrade(self) as Weak<dyn RemoveDamaged>;
        let damage = Arc::new(DamageReport { store, key: *key });
        let mut read = ReadKey::default();
        // A variant that is moved is changed in the index first, so the second reading finds it.
        for _ in 0..2 {
            let generation = disk.index.generation();
            read = match disk.read(&damage, eager) {
                Ok(read) => read,
                Err(error) => {
                    tracing::warn!(%error, "the cache's index cannot be read");
                    disk.unreadable(error, generation);
                    return Read::Failed;
                }
            };
            if read.missing.is_empty() {
                break;
            }
        }
        for id in read.damaged.into_iter().chain(read.missing) {
            self.count_damaged(key, id);
            disk.queue.push(Command::Remove { key: *key, id });
        }
        match (read.variants.is_empty(), read.failed) {
            (false, false) => Read::Entry(Arc::new(Entry::new(read.variants))),
            (false, true) => Read::Part(Arc::new(Entry::new(read.variants))),
            (true, true) => Read::Failed,
            (true, false) => Read::Nothing,
        }
    }

    /// Removes a variant of a key that cannot be read. Its other variants stay.
    pub(crate) fn remove_unread(&self, stripe: &mut Stripe, key: &Key, id: u64) {
        let Some(disk) = &self.disk else { return };
        stripe.version += 1;
        // No look-up finds it from now on. The command ends the deferral.
        disk.deferred.add([&Change::Remove { key: *key, id }]);
        let command = disk.queue.push(Command::Remove { key: *key, id });
        if let Some(pending) = stripe.pending.get_mut(key) {
            pending.forget(id);
            command
                .into_iter()
                .for_each(|command| pending.commanded(command, None));
        }
    }

    /// Returns the commands that write the new head of a variant. If the queue has no room for that, the old one stays there, or
    /// goes with its body if it could be used where the new one could not.
    pub(crate) fn write_head(
        &self,
        key: &Key,
        variant: &Variant,
        is_stricter: bool,
    ) -> (Option<Freshened>, Vec<Command>) {
        let (id, head, notes) = (variant.id, Arc::clone(&variant.head), variant.notes.clone());
        let Some(disk) = &self.disk else {
            return (None, Vec::new());
        };
        let weight = head::weight(&head) + notes.len() as u64;
        let Some(room) = disk.queue.room_now(weight) else {
            self.counters.skipped_writes.add(1);
            let remove = is_stricter.then_some(Command::Remove { key: *key, id });
            return (None, Vec::from_iter(remove));
        };
        let freshened = Freshened {
            id,
            head,
            notes,
            is_stricter,
            room,
        };
        (Some(freshened), Vec::new())
    }

    /// Takes variants out of the memory tier whose files are gone.
    pub(crate) fn forget(&self, key: &Key, id: u64) {
        let mut stripe = self.stripes.lock(key);
        let without = |entry: &Entry| {
            let left: Vec<_> = entry
                .variants()
                .iter()
                .filter(|v| v.id != id)
                .cloned()
                .collect();
            (!left.is_empty()).then(|| Arc::new(Entry::new(left)))
        };
        if let Some(entry) = self
            .memory
            .peek(key)
            .filter(|entry| entry.variant(id).is_some())
        {
            stripe.version += 1;
            match without(&entry) {
                Some(entry) => self.memory.insert(*key, entry),
                None => self.memory.remove(key),
            }
        }
        if let Some(pending) = stripe.pending.get_mut(key) {
            pending.forget(id);
        }
    }

    /// Forgets what waited for the disk up to this command.
    pub(crate) fn settle(&self, keys: &HashSet<Key>, command: u64) {
        for key in keys {
            let mut stripe = self.stripes.lock(key);
            let pending = stripe.pending.get_mut(key);
            if pending.is_some_and(|pending| pending.settle(command)) {
                stripe.pending.remove(key);
            }
        }
    }

    /// After the index was made anew: all but what waits is gone from disk. `active` is a segment that is written.
    pub(crate) fn forget_disk(&self, active: Option<u64>) -> Result<(), StateError> {
        let Some(disk) = &self.disk else {
            return Ok(());
        };
        disk.presence.clear();
        self.stripes.each(|stripe| {
            let stored = stripe.pending.iter().filter(|(_, one)| !one.is_removed());
            stored.for_each(|(key, _)| disk.presence.insert(key));
        });
        for unit in disk.units.all() {
            if Some(unit) != active && disk.index.unit(unit, 0, 1)?.is_empty() {
                disk.space.release(disk.units.remove(unit));
            }
        }
        self.close_removed_files(disk)
    }

    /// Takes variants out of the memory tier whose files are gone and still open.
    fn close_removed_files(&self, disk: &Disk) -> Result<(), StateError> {
        let mut opened = Vec::new();
        self.memory.each(|key, entry| {
            let variants = entry.variants().iter();
            let on_disk = variants.filter(|variant| variant.bytes().is_none());
            opened.extend(on_disk.map(|variant| (*key, variant.id)));
        });
        for (key, id) in opened {
            let waits = {
                let stripe = self.stripes.lock(&key);
                let pending = stripe.pending.get(&key);
                pending.is_some_and(|pending| pending.puts(id))
            };
            let has = |rows: Vec<(u64, Option<Row>)>| rows.iter().any(|(row, _)| *row == id);
            if !waits && !has(disk.index.read(&key)?) {
                self.forget(&key, id);
            }
        }
        Ok(())
    }

    /// As [`Store::usage`](crate::Store::usage).
    pub(crate) fn usage(&self) -> HashMap<u64, Usage> {
        let mut usage = HashMap::<u64, Usage>::new();
        self.memory.each(|_, entry| {
            for variant in entry.variants() {
                let usage = usage.entry(variant.owner).or_default();
                usage.memory_objects += 1;
                usage.memory_bytes += variant.weight();
            }
        });
        let on_disk = self.disk.as_ref().map(|disk| disk.index.usage());
        for (owner, on_disk) in on_disk.unwrap_or_default() {
            let usage = usage.entry(owner).or_default();
            usage.disk_objects = on_disk.objects;
            usage.disk_bytes = on_disk.in_segments + on_disk.in_large;
        }
        usage.retain(|_, usage| *usage != Usage::default());
        usage
    }

    pub(crate) fn stats(&self) -> Stats {
        let counters = &self.counters;
        let mut stats = Stats {
            memory_objects: self.memory.objects(),
            memory_bytes: self.memory.bytes(),
            memory_limit: self.memory.capacity(),
            disk_known: true,
            fills: counters.fills.get(),
            stored: counters.stored.get(),
            disk_hits: counters.disk_hits.get(),
            evicted_objects: counters.evicted_objects.get(),
            evicted_bytes: counters.evicted_bytes.get(),
            kept_objects: counters.kept_objects.get(),
            skipped_writes: counters.skipped_writes.get(),
            damaged_objects: counters.damaged_objects.get(),
            commits: counters.commits.get(),
            disk_errors: counters.disk_errors.get(),
            ..Stats::default()
        };
        if let Some(disk) = &self.disk {
            let totals = disk.units.totals();
            stats.queued_bytes = disk.queue.bytes();
            stats.block_bytes = disk.blocks.bytes();
            stats.disk_objects = disk.presence.len();
            stats.disk_known = disk.presence.is_known();
            stats.disk_bytes = disk.space.used();
            stats.disk_limit = disk.space.limit();
            stats.index_bytes = disk.space.index();
            stats.segments = totals.segments;
            stats.segment_bytes = totals.segment_bytes;
            let owners = disk.index.usage();
            stats.live_segment_bytes = owners.values().map(|owner| owner.in_segments).sum();
            stats.large_files = totals.large_files;
            stats.discarded_bytes = disk.discarded_bytes.load(Ordering::Relaxed);
            stats.disk_failed = disk.failed.load(Ordering::Relaxed);
        }
        stats
    }
}
