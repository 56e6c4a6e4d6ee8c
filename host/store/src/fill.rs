//! Filling: a response's body comes in piece by piece, is passed to followers at once, and stored when it is whole.
//!
//! A small body is gathered in memory. One that grows beyond the window goes to a file of its own while it
//! comes: what is written is read from there by followers that are behind. One that cannot be stored is passed on,
//! and then the slowest reader sets the pace. Nothing of a fill can be looked up before `finish`.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use crate::blocks::framed_length;
use crate::body::BodyReader;
use crate::changing::Changed;
use crate::entry::{Entry, Variant};
use crate::error::{BodyError, NotStored};
use crate::fill_file::FillFile;
use crate::handle::BodyHandle;
use crate::head::{self, Stored};
use crate::key::Key;
use crate::pages::Whole;
use crate::progress::{Outcome, Progress, Retain};
use crate::queue::Command;
use crate::shared::Shared;

/// A response that is being stored while it arrives. Dropped without [`Fill::finish`] it is abandoned: its readers
/// get an error after the bytes they can still read, and nothing is stored.
#[must_use = "a fill that is dropped is abandoned"]
pub struct Fill {
    shared: Arc<Shared>,
    progress: Arc<Progress>,
    key: Key,
    id: u64,
    owner: u64,
    head: Arc<Stored>,
    notes: Bytes,
    expected: Option<u64>,
    destination: Destination,
}

/// The destination of the body.
enum Destination {
    Memory,
    File(FillFile),
    /// Nowhere: it is passed on.
    Unstored(NotStored),
}

/// A handle by which others follow a fill; cheap to clone, and it does not keep the fill alive.
#[derive(Clone, Debug)]
pub struct Follow {
    progress: Arc<Progress>,
}

impl Follow {
    /// A reader from byte 0; `None` when the body is only passed on and its beginning is gone.
    pub fn reader(&self) -> Option<BodyReader> {
        // The reader joins first: from then on nothing it needs is dropped.
        let reader = BodyReader::growing(Arc::clone(&self.progress));
        self.progress.can_join().then_some(reader)
    }

    /// The bytes that arrived so far.
    pub fn received(&self) -> u64 {
        self.progress.received()
    }
}

impl Fill {
    pub(crate) fn new(
        shared: Arc<Shared>,
        key: Key,
        head: Arc<Stored>,
        notes: Bytes,
        expected: Option<u64>,
    ) -> Fill {
        shared.counters.fills.add(1);
        let id = shared.new_id();
        let too_large = expected.is_some_and(|length| length > shared.sizes.object);
        let (destination, retain) = match too_large {
            true => (Destination::Unstored(NotStored::TooLarge), Retain::Unread),
            false => (Destination::Memory, Retain::All),
        };
        let progress = Arc::new(Progress::new(expected, retain));
        Fill {
            shared,
            progress,
            key,
            id,
            owner: 0,
            head,
            notes,
            expected,
            destination,
        }
    }

    /// Says for whom the response is counted in [`Store::usage`](crate::Store::usage); 0 where this is not called.
    pub fn owned_by(mut self, owner: u64) -> Fill {
        self.owner = owner;
        self
    }

    /// The id that the variant gets.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// A reader from byte 0, at its own pace.
    pub fn reader(&self) -> BodyReader {
        BodyReader::growing(Arc::clone(&self.progress))
    }

    /// A handle for others to read by.
    pub fn follow(&self) -> Follow {
        Follow {
            progress: Arc::clone(&self.progress),
        }
    }

    /// The bytes that arrived so far.
    pub fn received(&self) -> u64 {
        self.progress.received()
    }

    /// Returns true if the body is (still) being stored; otherwise it is only passed on.
    pub fn is_storing(&self) -> bool {
        !matches!(self.destination, Destination::Unstored(_))
    }

    /// Returns false if the body is neither stored nor read: fetching the rest is of no use.
    pub fn is_wanted(&self) -> bool {
        self.is_storing() || self.progress.has_readers()
    }

    /// Passes the body on without storing it, from now on.
    pub fn pass_on(&mut self) {
        self.give_up(NotStored::PassedOn);
    }

    /// Adds a piece. Waits while more than a window (1 MiB) is neither on disk nor, when the body is only passed
    /// on, read by the slowest reader. Failures to store show in [`Fill::finish`]. The piece is taken even when the
    /// future is dropped while it waits.
    pub async fn append(&mut self, piece: Bytes) {
        if piece.is_empty() {
            return;
        }
        let end = self.progress.received() + piece.len() as u64;
        if end > self.shared.sizes.object {
            self.give_up(NotStored::TooLarge);
        }
        self.progress.push(piece);
        if let Err(reason) = self.store_some(end).await {
            self.give_up(reason);
        }
        if !self.is_storing() {
            poll_fn(|cx| self.progress.poll_room(cx)).await;
        }
    }

    /// Moves the body to a file when it has become large, and writes what is worth a write.
    async fn store_some(&mut self, end: u64) -> Result<(), NotStored> {
        if matches!(self.destination, Destination::Memory) && end > self.shared.sizes.small {
            let (shared, progress) = (&self.shared, &self.progress);
            let file =
                FillFile::create(shared, progress, (self.key, self.id), self.expected).await?;
            self.destination = Destination::File(file);
            self.progress.set_retained(Retain::Newest);
        }
        match &mut self.destination {
            Destination::File(file) => file.write_some(end).await,
            Destination::Memory | Destination::Unstored(_) => Ok(()),
        }
    }

    /// Ends the body. The response can be looked up when this returns; `head` replaces the one given at the
    /// beginning. On an error it is not stored, and readers have the whole body unless its length was wrong.
    pub async fn finish(mut self, head: Option<Stored>) -> Result<Arc<Entry>, NotStored> {
        let actual = self.progress.received();
        if let Some(expected) = self.expected.filter(|expected| *expected != actual) {
            let error = NotStored::LengthMismatch { expected, actual };
            self.progress
                .end(Outcome::Failed(BodyError::Failed(error.to_string())));
            return Err(error);
        }
        // Readers have, or still find, every byte, also if storing fails.
        self.progress.end(Outcome::Complete);
        if let Destination::File(file) = &mut self.destination
            && let Err(reason) = file.write_rest(actual).await
        {
            self.give_up(reason);
        }
        let body = self.body(actual)?;
        let head = head.as_ref().unwrap_or(&self.head);
        let (head, notes) = head::in_own_buffer(head, &self.notes);
        let variant = Variant {
            id: self.id,
            owner: self.owner,
            head: Arc::new(head),
            notes,
            body,
        };
        self.store(variant, actual)
            .await
            .ok_or(NotStored::DiskFailed)
    }

    /// Abandons the body; readers get `reason` after the bytes they can still read.
    pub fn fail(self, reason: impl Into<String>) {
        self.progress
            .end(Outcome::Failed(BodyError::Failed(reason.into())));
    }

    /// Makes the variant visible and queues it for the disk.
    async fn store(&mut self, variant: Variant, length: u64) -> Option<Arc<Entry>> {
        let shared = Arc::clone(&self.shared);
        let mut put = self.put_command(&variant, length).await;
        let entry = shared
            .change(&self.key, None, |variants| {
                let (mut left, gone) = arrange(variants, &variant, shared.sizes.variants);
                // The new one first: a crash in between leaves both, and the newer one is used.
                let mut commands = Vec::from_iter(put.take());
                commands.extend(
                    gone.into_iter()
                        .map(|id| Command::Remove { key: self.key, id }),
                );
                left.insert(0, variant.clone());
                Some(Changed {
                    variants: left,
                    commands,
                    freshened: None,
                })
            })
            .await;
        if let Destination::File(file) =
            std::mem::replace(&mut self.destination, Destination::Memory)
        {
            file.keep(length);
        }
        shared.counters.stored.add(1);
        entry
    }

    /// Returns the writer's command for the new variant; none without disk, or if a small one finds the queue full.
    async fn put_command(&self, variant: &Variant, length: u64) -> Option<Command> {
        let disk = self.shared.disk.as_ref()?;
        let (key, variant) = (self.key, variant.clone());
        if matches!(self.destination, Destination::File(_)) {
            return Some(Command::PutLarge {
                key,
                variant,
                framed: framed_length(length),
            });
        }
        let room = match disk.failed.load(Ordering::Relaxed) {
            true => None,
            false => disk.queue.room(variant.weight()).await,
        };
        if room.is_none() {
            self.shared.counters.skipped_writes.add(1);
        }
        Some(Command::PutSmall {
            key,
            variant,
            room: room?,
        })
    }

    /// The complete body, where it is.
    fn body(&self, length: u64) -> Result<BodyHandle, NotStored> {
        match &self.destination {
            Destination::Unstored(reason) => Err(*reason),
            Destination::File(file) => Ok(BodyHandle::Disk(file.body(length))),
            Destination::Memory => {
                // Copied, so that the memory is what is counted: pieces are cut from larger read buffers.
                let mut whole = Whole::with_room(length, self.shared.sizes.mapped_from);
                for piece in self.progress.pieces_from(0) {
                    whole.push(&piece);
                }
                Ok(BodyHandle::Memory(whole.finish()))
            }
        }
    }

    /// From now on the body is passed on only.
    fn give_up(&mut self, reason: NotStored) {
        if self.is_storing() {
            self.destination = Destination::Unstored(reason);
        }
        self.progress.set_retained(Retain::Unread);
    }
}

impl Drop for Fill {
    fn drop(&mut self) {
        self.progress.end(Outcome::Failed(BodyError::Aborted));
    }
}

/// The variants that stay beside a new one, and the ids of those that don't: what it replaces, and the oldest
/// ones above the limit.
fn arrange(variants: &[Variant], new: &Variant, limit: usize) -> (Vec<Variant>, Vec<u64>) {
    let (mut left, mut gone) = (Vec::with_capacity(variants.len() + 1), Vec::new());
    for variant in variants {
        if head::same_variant(&variant.head, &new.head) || left.len() + 1 >= limit {
            gone.push(variant.id);
        } else {
            left.push(variant.clone());
        }
    }
    (left, gone)
}
