//! Making room on disk: the oldest unit is removed, and what was used since is retained.
//!
//! A large file that was used goes to the end of the line once; records of a segment that were used are moved to
//! the newest segment, at most half of the segment, so that eviction always ends. This is FIFO with a second chance, and only
//! a few get theirs in each call, so that a wait for room does not include all that was used.

use crate::disk::Disk;
use crate::error::WriteError;
use crate::index::Change;
use crate::key::Key;
use crate::record;
use crate::row::{Kind, Location};
use crate::shared::Shared;
use crate::writer::Writer;

/// Large files that are retained in one call because they were used.
const MAX_RETAINED: u32 = 32;
/// Variants per batch of removals.
const CHUNK: usize = 16_384;

impl Writer {
    /// Reserves `bytes`, evicting for them; false when that is not possible.
    pub(crate) fn make_room(&mut self, bytes: u64) -> bool {
        let mut retained = 0;
        loop {
            let Some(disk) = &self.shared.disk else {
                return false;
            };
            if disk.space.reserve(bytes) {
                return true;
            }
            // Nothing is evicted for what would not fit even then.
            if !disk.space.could_reserve(bytes, disk.units.totals().bytes) {
                return false;
            }
            let Some((unit, kind, size)) = disk.units.oldest() else {
                return false;
            };
            if kind == Kind::Large
                && retained < MAX_RETAINED
                && large_used(&self.shared, disk, unit)
            {
                retained += 1;
                self.shared.counters.kept_objects.add(1);
                disk.units.renew(unit);
                continue;
            }
            if let Err(error) = self.evict(unit, size) {
                self.fail(&error);
                return false;
            }
        }
    }

    /// Removes a unit and everything in it.
    fn evict(&mut self, unit: u64, size: u64) -> Result<(), WriteError> {
        if self.segment.active() == Some(unit) {
            self.segment.seal()?;
        }
        // The index must know all that is in the unit.
        self.commit();
        let mut may_move = size / 2;
        let mut offset = 0;
        loop {
            let Some(disk) = &self.shared.disk else {
                return Ok(());
            };
            let rows = disk.index.unit(unit, offset, CHUNK)?;
            let Some((last, ..)) = rows.last() else { break };
            offset = last + 1;
            let mut changes = Vec::with_capacity(rows.len());
            for (_, key, id) in rows {
                changes.push(self.move_or_remove(unit, key, id, &mut may_move)?);
            }
            let applied = self.apply(&changes)?;
            self.forget_removed(&changes, &applied.emptied);
        }
        let Some(disk) = &self.shared.disk else {
            return Ok(());
        };
        disk.space.release(disk.units.remove(unit));
        self.shared.counters.evicted_bytes.add(size);
        Ok(())
    }

    fn move_or_remove(
        &mut self,
        unit: u64,
        key: Key,
        id: u64,
        may_move: &mut u64,
    ) -> Result<Change, WriteError> {
        let remove = Change::Remove { key, id };
        let Some(disk) = &self.shared.disk else {
            return Ok(remove);
        };
        if !is_used(&self.shared, disk, &key) {
            return Ok(remove);
        }
        let rows = disk.index.read(&key)?;
        let row = rows.into_iter().find(|(other, _)| *other == id);
        let Some(row) = row.and_then(|(_, row)| row) else {
            return Ok(remove);
        };
        let from = row.location;
        let length = record::record_length(from.head, from.notes, from.body);
        if from.unit != unit || from.kind == Kind::Large || length > *may_move {
            return Ok(remove);
        }
        match self.move_record(&from, length)? {
            Some(to) => {
                *may_move -= length;
                self.shared.counters.kept_objects.add(1);
                // The other variants of the key, if they are in this unit, are as used as this one.
                Ok(Change::Move { key, id, from, to })
            }
            None => Ok(remove),
        }
    }

    /// Copies a record to the newest segment. It is verified when it is read.
    fn move_record(
        &mut self,
        from: &Location,
        length: u64,
    ) -> Result<Option<Location>, WriteError> {
        let Some(disk) = &self.shared.disk else {
            return Ok(None);
        };
        let Some(file) = disk.units.file(from.unit, from.kind)? else {
            return Ok(None);
        };
        let mut record = vec![0; length as usize];
        if file.read_exact_at(&mut record, from.offset).is_err() {
            return Ok(None);
        }
        if !disk.space.reserve_move(length) {
            return Ok(None);
        }
        let limit = self.shared.sizes.segment;
        let new_unit = || self.shared.new_id();
        let appended = self
            .segment
            .append(&disk.units, limit, length, new_unit, |out| {
                out.extend_from_slice(&record);
            });
        let (unit, offset) = appended.inspect_err(|_| disk.space.release(length))?;
        Ok(Some(Location {
            unit,
            offset,
            ..*from
        }))
    }

    /// Closes open files of removed variants, and notes which keys are no longer on disk.
    fn forget_removed(&self, changes: &[Change], emptied: &[Key]) {
        let Some(disk) = &self.shared.disk else {
            return;
        };
        for change in changes {
            let Change::Remove { key, id } = change else {
                continue;
            };
            self.shared.counters.evicted_objects.add(1);
            let entry = self.shared.memory.peek(key);
            let variant = entry.as_ref().and_then(|entry| entry.variant(*id));
            if variant.is_some_and(|variant| variant.bytes().is_none()) {
                self.shared.forget(key, *id);
            }
        }
        for key in emptied {
            let stripe = self.shared.stripes.lock(key);
            if !stripe.pending.contains_key(key) {
                disk.presence.remove(key);
            }
        }
    }
}

/// Returns true if a key was asked for since eviction last asked.
fn is_used(shared: &Shared, disk: &Disk, key: &Key) -> bool {
    let in_memory = shared
        .memory
        .peek(key)
        .is_some_and(|entry| entry.take_used());
    disk.presence.take_used(key) || in_memory
}

fn large_used(shared: &Shared, disk: &Disk, unit: u64) -> bool {
    let rows = disk.index.unit(unit, 0, 1).unwrap_or_default();
    rows.first()
        .is_some_and(|(_, key, _)| is_used(shared, disk, key))
}
