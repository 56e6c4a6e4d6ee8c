//! The writer's thread: the only one that changes the index and writes segments.
//!
//! Commands are gathered into batches: bodies are appended as they come, and at the end of a batch (a second, some
//! thousand changes, or a share of the queue) segments are synced, then the index is committed. So the index
//! never points at bytes that a crash could take away. Readers never wait for any of this.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::disk::Disk;
use crate::entry::Variant;
use crate::error::WriteError;
use crate::generation;
use crate::handle::BodyHandle;
use crate::index::{Applied, Change};
use crate::key::Key;
use crate::queue::{Closed, Command, Room};
use crate::record;
use crate::row::{Kind, Location, Row};
use crate::segment::SegmentWriter;
use crate::shared::Shared;

/// The limit of a change's wait for its batch.
const BATCH_TIME: Duration = Duration::from_secs(1);
/// Changes per batch.
const BATCH_CHANGES: usize = 4096;
/// The pause after a failure of the disk: at first, and at most. It doubles from failure to failure.
const RETRY: Duration = Duration::from_millis(50);
const MAX_RETRY: Duration = Duration::from_secs(5);
/// The time without a failure after which the next one counts as the first.
const FORGIVEN: Duration = Duration::from_secs(60);

/// See the module.
pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) segment: SegmentWriter,
    batch: Batch,
    /// When to try a failed disk again.
    retry: Option<Instant>,
    /// The try before which the index was opened again for readers.
    read_for: Option<Instant>,
    /// The pause after the next failure.
    pause: Duration,
    /// When it failed last.
    last_failure: Option<Instant>,
    /// The responses not written, when this failure began.
    skipped_before: u64,
}

/// The changes that were taken from the queue and are not durable yet.
#[derive(Default)]
struct Batch {
    changes: Vec<Change>,
    /// Variants with new heads, which are taken at the end.
    heads: Vec<(Key, u64)>,
    keys: HashSet<Key>,
    /// The queue's room that the batch takes, given back when it is settled.
    room: Vec<Room>,
    weight: u64,
    last: u64,
    due: Option<Instant>,
    flushes: Vec<oneshot::Sender<()>>,
}

/// Runs until the queue is closed and empty. Whatever ends it, no caller waits for it afterwards.
pub(crate) fn run(shared: Arc<Shared>) {
    let Some(disk) = &shared.disk else { return };
    // The disk may have failed when it was opened.
    let retry = disk.failed.load(Ordering::Relaxed).then(Instant::now);
    let writer = Writer {
        shared: Arc::clone(&shared),
        segment: SegmentWriter::default(),
        batch: Batch {
            due: retry,
            ..Batch::default()
        },
        retry,
        read_for: None,
        pause: RETRY,
        last_failure: None,
        skipped_before: 0,
    };
    if catch_unwind(AssertUnwindSafe(|| writer.work())).is_err() {
        tracing::error!(
            "the store's writer has panicked: nothing is written to the cache's disk until the next start"
        );
        disk.failed.store(true, Ordering::Relaxed);
    }
    disk.queue.end();
}

impl Writer {
    /// The disk tier; a writer only runs where there is one.
    pub(crate) fn with_disk<T>(&self, work: impl FnOnce(&Disk) -> T) -> Option<T> {
        self.shared.disk.as_ref().map(work)
    }

    fn work(mut self) {
        let shared = Arc::clone(&self.shared);
        let Some(disk) = &shared.disk else { return };
        if let Err(error) = disk.list_large() {
            self.fail(&error.into());
        }
        loop {
            match disk.queue.take(self.batch.due) {
                Ok(Some((number, command))) => self.accept(number, command),
                Ok(None) => {}
                Err(Closed) => break,
            }
            if self.is_due() {
                self.commit();
            }
        }
        // The last time to make deferred removals, whatever pause the disk has.
        self.retry = self.retry.map(|_| Instant::now());
        self.commit();
    }

    fn accept(&mut self, number: u64, command: Command) {
        let key = command.key();
        let mut taken = None;
        match command {
            Command::PutSmall { key, variant, room } => {
                self.put_small(key, &variant);
                taken = Some(room);
            }
            Command::PutLarge {
                key,
                variant,
                framed,
            } => self.put_large(key, &variant, framed),
            Command::Head { key, id, weight } => {
                self.batch.heads.push((key, id));
                self.batch.weight += weight;
            }
            Command::Remove { key, id } => self.batch.changes.push(Change::Remove { key, id }),
            Command::RemoveAll { key } => self.batch.changes.push(Change::RemoveAll { key }),
            Command::MakeRoom { bytes, reply } => {
                let made = !self.is_resting() && self.make_room(bytes);
                if reply.send(made).is_err() && made {
                    // The caller is gone.
                    self.with_disk(|disk| disk.space.release(bytes));
                }
            }
            Command::DropUnit { unit } => {
                self.with_disk(|disk| disk.space.release(disk.units.remove(unit)));
            }
            Command::Failed { error, generation } => self.hear_of(&error, generation),
            Command::Flush { reply } => self.batch.flushes.push(reply),
        }
        // Only now: making room may have committed the batch, and this command was not part of that.
        self.batch
            .due
            .get_or_insert_with(|| Instant::now() + BATCH_TIME);
        self.batch.last = number;
        self.batch.weight += taken.as_ref().map_or(0, |room| room.bytes);
        self.batch.room.extend(taken);
        self.batch.keys.extend(key);
    }

    /// Hears that the disk does not work. If the index was opened again since, that changes nothing. If the disk has a pause
    /// already, its content must still be found.
    fn hear_of(&mut self, error: &WriteError, generation: Option<u64>) {
        let now = self.with_disk(|disk| disk.index.generation());
        let is_over = generation.is_some() && generation != now;
        let is_closed = matches!(error, WriteError::Index(_)) && !error.is_damage();
        match self.retry {
            _ if is_over => {}
            None => {
                if is_closed {
                    self.commit_anew();
                }
                self.fail(error);
            }
            // Once between two tries: a page that cannot be read is met again and again.
            Some(_) if is_closed && self.read_for != self.retry => {
                self.read_for = self.retry;
                if let Some(Err(error)) = self.with_disk(|disk| disk.index.reopen_to_read()) {
                    tracing::warn!(%error, "what is on the cache's disk cannot be found either");
                }
            }
            Some(_) => {}
        }
        self.with_disk(|disk| disk.reopen_requested.store(false, Ordering::Relaxed));
    }

    /// Commits what was accepted, where a reading that failed has closed the index: nothing is wrong with that.
    fn commit_anew(&mut self) {
        let opened = self.with_disk(|disk| disk.index.reopen());
        if matches!(opened, Some(Ok(()))) {
            self.commit();
        }
    }

    fn is_due(&self) -> bool {
        let batch = &self.batch;
        !batch.flushes.is_empty()
            || batch.changes.len() + batch.heads.len() >= BATCH_CHANGES
            || batch.weight >= self.shared.sizes.queue / 2
            || batch.due.is_some_and(|due| due <= Instant::now())
    }

    /// Returns true if the disk failed a moment ago and is left alone.
    fn is_resting(&self) -> bool {
        self.retry.is_some_and(|retry| Instant::now() < retry)
    }

    fn put_small(&mut self, key: Key, variant: &Variant) {
        if self.is_resting() {
            return self.shared.counters.skipped_writes.add(1);
        }
        let BodyHandle::Memory(body) = &variant.body else {
            return;
        };
        let (head, notes) = encoded(variant);
        let (Ok(head_length), Ok(notes_length)) =
            (u32::try_from(head.len()), u32::try_from(notes.len()))
        else {
            return;
        };
        let length = record::record_length(head_length, notes_length, body.len() as u64);
        if !self.make_room(length) {
            self.shared.counters.skipped_writes.add(1);
            return;
        }
        let limit = self.shared.sizes.segment;
        let id = variant.id;
        let new_unit = || self.shared.new_id();
        let Some(disk) = &self.shared.disk else {
            return;
        };
        let written = self
            .segment
            .append(&disk.units, limit, length, new_unit, |out| {
                record::write(&key, id, &head, &notes, body, out);
            });
        match written {
            Ok((unit, offset)) => {
                let location = Location {
                    kind: Kind::Segment,
                    unit,
                    offset,
                    head: head_length,
                    notes: notes_length,
                    body: body.len() as u64,
                };
                let row = Row {
                    location,
                    owner: variant.owner,
                    inline: None,
                };
                self.batch.changes.push(Change::Put { key, id, row });
            }
            Err(error) => {
                disk.space.release(length);
                self.fail(&error.into());
            }
        }
    }

    fn put_large(&mut self, key: Key, variant: &Variant, framed: u64) {
        let BodyHandle::Disk(body) = &variant.body else {
            return;
        };
        let unit = variant.id;
        if self.is_resting() {
            self.with_disk(|disk| {
                disk.units.discard(Kind::Large, unit);
                disk.space.release(framed);
            });
            self.shared.counters.skipped_writes.add(1);
            self.shared.forget(&key, variant.id);
            return;
        }
        self.with_disk(|disk| disk.units.add(unit, Kind::Large, framed, Some(&body.file)));
        self.segment.new_large();
        let (head, notes) = encoded(variant);
        let location = Location {
            kind: Kind::Large,
            unit,
            offset: 0,
            head: 0,
            notes: 0,
            body: body.length,
        };
        let row = Row {
            location,
            owner: variant.owner,
            inline: Some((head, notes)),
        };
        self.batch.changes.push(Change::Put {
            key,
            id: variant.id,
            row,
        });
    }

    /// Makes what was accepted durable and settles it. On failure it is dropped from disk.
    pub(crate) fn commit(&mut self) {
        let mut batch = std::mem::take(&mut self.batch);
        batch.changes.extend(self.new_heads(&batch.heads));
        // After a failure there is something to do even without changes: the index must be opened again to be read.
        let is_tried = !self.is_resting() && (!batch.changes.is_empty() || self.retry.is_some());
        let tried = is_tried.then(|| self.apply(&batch.changes));
        if let Some(Err(error)) = &tried {
            self.fail(error);
            self.lose(&batch.changes);
        }
        if !matches!(tried, Some(Ok(_))) {
            self.defer(&batch.changes);
        }
        if self.retry.is_some() {
            self.batch.due = self.retry;
        }
        self.shared.settle(&batch.keys, batch.last);
        drop(batch.room);
        for flush in batch.flushes {
            // Who asked may have left.
            let _ = flush.send(());
        }
    }

    /// The changes that write these variants' heads as they are by now.
    fn new_heads(&self, heads: &[(Key, u64)]) -> Vec<Change> {
        let change = |(key, id): &(Key, u64)| {
            let freshened = {
                let mut stripe = self.shared.stripes.lock(key);
                stripe.pending.get_mut(key)?.take_head(*id)?
            };
            Some(Change::Head {
                key: *key,
                id: *id,
                head: Bytes::from(freshened.head.encode()),
                notes: freshened.notes.clone(),
                is_stricter: freshened.is_stricter,
            })
        };
        heads.iter().filter_map(change).collect()
    }

    /// Syncs the bodies, then commits the deferred removals and the changes.
    pub(crate) fn apply(&mut self, changes: &[Change]) -> Result<Applied, WriteError> {
        let Some(disk) = &self.shared.disk else {
            return Ok(Applied::default());
        };
        self.shared.state.mark_cache();
        let deferred = disk.deferred.removals();
        if self.retry.is_some() || deferred.is_everything() {
            disk.list_large()?;
            disk.units.try_out()?;
            if deferred.is_everything() {
                disk.index.discard()?;
            }
            disk.index.reopen()?;
        }
        self.segment.sync(&disk.units)?;
        let next_id = self.shared.next_id.load(Ordering::Relaxed);
        let removals = deferred.changes();
        if !removals.is_empty() {
            disk.free(&disk.index.apply(&removals, next_id)?);
        }
        let applied = disk.index.apply(changes, next_id)?;
        disk.free(&applied);
        if deferred.is_everything() {
            self.shared.forget_disk(self.segment.active())?;
        }
        disk.deferred.done(&deferred);
        disk.space
            .set_index(disk.index.file_length() + generation::BYTES);
        self.shared.counters.commits.add(1);
        if self.retry.take().is_some() {
            disk.failed.store(false, Ordering::Relaxed);
            let not_written = self.shared.counters.skipped_writes.get() - self.skipped_before;
            tracing::info!(
                not_written,
                "the cache's disk works again; so many responses were not written to it meanwhile"
            );
        }
        Ok(applied)
    }

    /// Stops writing for a while: what is in memory is served on.
    pub(crate) fn fail(&mut self, error: &WriteError) {
        if self.retry.is_none() {
            self.skipped_before = self.shared.counters.skipped_writes.get();
        }
        let is_new = self
            .last_failure
            .is_none_or(|last| last.elapsed() > FORGIVEN);
        self.pause = match is_new {
            true => RETRY,
            false => (self.pause * 2).min(MAX_RETRY),
        };
        self.last_failure = Some(Instant::now());
        tracing::error!(
            %error, retry_ms = self.pause.as_millis(),
            "the cache's disk cannot be written; new responses are kept in memory only until it works again"
        );
        self.with_disk(|disk| disk.failed.store(true, Ordering::Relaxed));
        self.shared.counters.disk_errors.add(1);
        if let Some(disk) = &self.shared.disk {
            self.segment.abandon(&disk.units, &disk.space);
        }
        let changes = std::mem::take(&mut self.batch.changes);
        self.lose(&changes);
        if error.is_damage() {
            tracing::error!(%error, "the cache's index is damaged: all stored responses on disk are lost");
            self.with_disk(|disk| disk.deferred.add_everything());
        }
        self.defer(&changes);
        self.retry = Some(Instant::now() + self.pause);
        self.batch.due = self.retry;
    }

    /// Notes what is left to do of changes that are not made.
    fn defer(&self, changes: &[Change]) {
        let Some(disk) = &self.shared.disk else {
            return;
        };
        disk.deferred.add(changes);
        if disk.deferred.is_everything()
            && let Err(error) = disk.index.discard()
        {
            tracing::error!(%error, "the cache's index cannot be removed; it is once the disk works again");
        }
    }

    /// Counts the responses among changes that are given up, and lets go of large ones, whose files nothing points to.
    fn lose(&self, changes: &[Change]) {
        for change in changes {
            let Change::Put { key, id, row } = change else {
                continue;
            };
            self.shared.counters.skipped_writes.add(1);
            if row.location.kind == Kind::Large {
                self.with_disk(|disk| disk.space.release(disk.units.remove(row.location.unit)));
                self.shared.forget(key, *id);
            }
        }
    }
}

/// Head and notes as they are written.
fn encoded(variant: &Variant) -> (Bytes, Bytes) {
    (Bytes::from(variant.head.encode()), variant.notes.clone())
}
