//! The disk tier as readers see it: finds the variants of a key and opens or reads their bodies.
//!
//! All of it blocks the thread. Changes are the writer's business.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use tokio::sync::Semaphore;

use crate::block_cache::BlockCache;
use crate::blocks::{DiskBody, framed_length};
use crate::config::Sizes;
use crate::damage::DamageReport;
use crate::deferred::Deferred;
use crate::entry::Variant;
use crate::error::{BodyError, StateError};
use crate::generation;
use crate::handle::BodyHandle;
use crate::head::{self, Stored};
use crate::index::{Applied, Change, Index};
use crate::key::Key;
use crate::medium::{Medium, MediumFile};
use crate::pending::Freshened;
use crate::pool::Pool;
use crate::presence::Presence;
use crate::queue::{Command, Queue};
use crate::record;
use crate::row::{Kind, Location, Row};
use crate::stripes::Stripe;
use crate::units::{Space, Units};

/// No more ids are given between two commits: what a crash has left has a lower one than all that come after it.
const IDS: u64 = 1 << 20;
/// Loads that read at the same time; each holds a window of memory at most.
const LOADS: usize = 32;

/// See the module.
pub(crate) struct Disk {
    pub(crate) index: Index,
    pub(crate) units: Units,
    pub(crate) space: Space,
    pub(crate) presence: Presence,
    pub(crate) queue: Queue,
    /// Removals that wait until the disk works again.
    pub(crate) deferred: Deferred,
    pub(crate) loads: Arc<Semaphore>,
    pub(crate) pool: Pool,
    /// Blocks of large bodies that were read lately.
    pub(crate) blocks: Arc<BlockCache>,
    /// True if the last write failed: nothing new goes to disk until one succeeds.
    pub(crate) failed: AtomicBool,
    /// True while a request to open the index again waits in the queue.
    pub(crate) reopen_requested: AtomicBool,
    /// Bytes that were discarded before this was opened.
    pub(crate) discarded_bytes: Arc<AtomicU64>,
    /// The length from which a body that is read has pages of its own.
    pub(crate) mapped_from: u64,
    /// The first id that was not used before this start.
    pub(crate) first_id: u64,
    /// The bytes counted for large files until they are listed.
    large_before: u64,
}

/// The variants of a key, as they were read.
#[derive(Debug, Default)]
pub(crate) struct ReadKey {
    /// Newest first.
    pub(crate) variants: Vec<Variant>,
    /// Variants that don't check out.
    pub(crate) damaged: Vec<u64>,
    /// Variants whose file is not there: moved or removed meanwhile, or lost.
    pub(crate) missing: Vec<u64>,
    /// True if the disk could not be read.
    pub(crate) failed: bool,
}

/// Why the disk tier could not be opened.
#[derive(Debug)]
pub(crate) enum DiskError {
    Index(StateError),
    Files(io::Error),
}

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DiskError::Index(error) => write!(f, "index: {error}"),
            DiskError::Files(error) => write!(f, "files: {error}"),
        }
    }
}

impl From<io::Error> for DiskError {
    fn from(error: io::Error) -> DiskError {
        DiskError::Files(error)
    }
}

impl DiskError {
    /// Returns true if the disk refused something: the files may be in order.
    pub(crate) fn is_of_the_disk(&self) -> bool {
        match self {
            DiskError::Index(error) => error.is_of_the_disk(),
            // Something else is where a folder should be.
            DiskError::Files(error) => !matches!(
                error.kind(),
                io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory
            ),
        }
    }
}

impl Disk {
    pub(crate) fn open(
        folder: &Path,
        sizes: &Sizes,
        medium: Arc<dyn Medium>,
    ) -> Result<Disk, DiskError> {
        let units = Units::open(folder, Arc::clone(&medium)).map_err(DiskError::Files)?;
        let path = folder.join("index.redb");
        let (index, is_read_only) =
            Index::open(path, sizes.index_cache, medium).map_err(DiskError::Index)?;

        let next_id = index.next_id().map_err(DiskError::Index)?;
        let space = Space::new(sizes.disk, sizes.segment);
        // Until they are listed, large files are what the index says.
        let large: u64 = index.usage().values().map(|usage| usage.in_large).sum();
        space.set_units(units.totals().bytes + large);
        space.set_index(index.file_length() + generation::BYTES);
        Ok(Disk {
            first_id: next_id.max(units.highest() + 1) + IDS,
            large_before: large,
            presence: Presence::new(false),
            queue: Queue::new(sizes.queue),
            deferred: Deferred::default(),
            loads: Arc::new(Semaphore::new(LOADS)),
            pool: Pool::new().map_err(DiskError::Files)?,
            blocks: Arc::new(BlockCache::new(sizes.blocks)),
            failed: AtomicBool::new(is_read_only),
            reopen_requested: AtomicBool::new(false),
            discarded_bytes: Arc::default(),
            mapped_from: sizes.mapped_from,
            index,
            units,
            space,
        })
    }

    /// Hands the commands for a key to the writer, and notes what the disk does not have of the key until then. The key's stripe
    /// is locked.
    pub(crate) fn command(
        &self,
        stripe: &mut Stripe,
        key: &Key,
        variants: &[Variant],
        commands: Vec<Command>,
        freshened: Option<Freshened>,
    ) {
        if commands.is_empty() && freshened.is_none() {
            return;
        }
        // What waits for the disk has all that is there of the key or will be.
        let is_gone: Vec<u64> = stripe.pending.get(key).map_or_else(Vec::new, |pending| {
            let removed = commands.iter().filter_map(Command::removed);
            removed.filter(|id| !pending.has(*id)).collect()
        });
        let is_new = !stripe.pending.contains_key(key);
        let mut is_dropped = false;
        let pending = stripe.pending.entry(*key).or_default();
        pending.set_variants(variants);
        for command in commands {
            if let Some(id) = command.removed() {
                pending.forget(id);
                if is_gone.contains(&id) {
                    continue;
                }
            }
            let put = command.put().cloned();
            let removed = command.removed();
            match self.queue.push(command) {
                Some(number) => pending.commanded(number, put),
                None => {
                    is_dropped = true;
                    let removal = removed.map(|id| Change::Remove { key: *key, id });
                    self.deferred.add(&removal);
                }
            }
        }
        if let Some(freshened) = freshened {
            let (id, weight) = (freshened.id, freshened.room.bytes);
            if pending.freshen(freshened) {
                let command = Command::Head {
                    key: *key,
                    id,
                    weight,
                };
                match self.queue.push(command) {
                    Some(number) => pending.commanded(number, None),
                    None => is_dropped = true,
                }
            }
        }
        if is_new && is_dropped {
            // It would never be settled.
            stripe.pending.remove(key);
        }
        match variants.is_empty() {
            false => self.presence.insert(key),
            true => self.presence.remove(key),
        }
    }

    /// Finds the large files of earlier runs, if that is still to be done. Before anything is taken out of the list.
    pub(crate) fn list_large(&self) -> io::Result<()> {
        if self.units.is_listed() {
            return Ok(());
        }
        let listed = self.units.list_large(self.first_id)?;
        self.space.count(listed);
        self.space.release(self.large_before);
        Ok(())
    }

    /// Has the writer open the index again, which gives no more after an error; `generation` is that of before the reading.
    /// One that was closed is being opened again already.
    pub(crate) fn unreadable(&self, error: StateError, generation: u64) {
        let is_closed = matches!(error, StateError::Closed);
        if !is_closed && !self.reopen_requested.swap(true, Ordering::Relaxed) {
            self.queue.push(Command::Failed {
                error: error.into(),
                generation: Some(generation),
            });
        }
    }

    /// Removes the files that nothing points to any more.
    pub(crate) fn free(&self, applied: &Applied) {
        for unit in &applied.freed {
            self.space.release(self.units.remove(*unit));
        }
    }

    /// Reads the variants of a key. Bodies in segments are read and verified as long as they come to `eager` bytes
    /// together; the others are opened. Deferred removals are left out.
    pub(crate) fn read(
        &self,
        damage: &Arc<DamageReport>,
        mut eager: u64,
    ) -> Result<ReadKey, StateError> {
        let key = &damage.key;
        let mut read = ReadKey::default();
        // A removal may be deferred, or made, while the index is read: both sides count.
        let before = self.deferred.of(key);
        if before.all {
            return Ok(read);
        }
        let rows = self.index.read(key)?;
        let after = self.deferred.of(key);
        let is_hidden = |id: &u64| after.all || before.ids.contains(id) || after.ids.contains(id);
        for (id, row) in rows {
            if is_hidden(&id) {
                continue;
            }
            let Some(row) = row else {
                read.damaged.push(id);
                continue;
            };
            match self.read_variant(damage, id, &row, eager) {
                Ok(variant) => {
                    eager = eager.saturating_sub(variant.bytes().map_or(0, |b| b.len() as u64));
                    read.variants.push(variant);
                }
                Err(Unread::Missing) => read.missing.push(id),
                Err(Unread::Damaged) => read.damaged.push(id),
                Err(Unread::Disk(error)) => {
                    read.failed = true;
                    tracing::warn!(%error, "a stored response cannot be read from disk");
                }
            }
        }
        Ok(read)
    }

    fn read_variant(
        &self,
        damage: &Arc<DamageReport>,
        id: u64,
        row: &Row,
        eager: u64,
    ) -> Result<Variant, Unread> {
        let location = &row.location;
        let file = self
            .units
            .file(location.unit, location.kind)?
            .ok_or(Unread::Missing)?;
        let record = match location.kind {
            Kind::Segment => Some(read_front(&*file, location, &damage.key, id)?),
            Kind::Large => None,
        };
        let (encoded, notes) = row.inline.clone().or(record).ok_or(Unread::Damaged)?;
        let base = match location.kind {
            Kind::Segment => location.offset + record::front_length(location.head, location.notes),
            Kind::Large => 0,
        };
        let body = DiskBody {
            file,
            base,
            id,
            length: location.body,
            cache: Arc::clone(&self.blocks),
            pool: self.pool.handle(),
            damage: Arc::clone(damage),
        };
        let body = match location.kind {
            Kind::Segment if location.body <= eager => {
                BodyHandle::Memory(body.read_whole(self.mapped_from)?)
            }
            Kind::Segment => BodyHandle::Disk(body),
            Kind::Large if body.file.length()? < framed_length(location.body) => {
                return Err(Unread::Damaged);
            }
            Kind::Large => BodyHandle::Disk(body),
        };
        let head = Stored::decode(&encoded).map_err(|_| Unread::Damaged)?;
        let (head, notes) = head::in_own_buffer(&head, &notes);
        Ok(Variant {
            id,
            owner: row.owner,
            head: Arc::new(head),
            notes,
            body,
        })
    }
}

fn read_front(
    file: &dyn MediumFile,
    location: &Location,
    key: &Key,
    id: u64,
) -> Result<(Bytes, Bytes), Unread> {
    let mut front = vec![0; record::front_length(location.head, location.notes) as usize];
    file.read_exact_at(&mut front, location.offset)?;
    record::read_front(&Bytes::from(front), key, id).ok_or(Unread::Damaged)
}

/// Why a variant that the index knows was not read.
enum Unread {
    Missing,
    Damaged,
    Disk(io::Error),
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Unread {
        match error.kind() {
            // The second is anything but a regular file.
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => Unread::Damaged,
            _ => Unread::Disk(error),
        }
    }
}

impl From<BodyError> for Unread {
    fn from(error: BodyError) -> Unread {
        match error {
            BodyError::Unreadable(kind) => Unread::Disk(kind.into()),
            _ => Unread::Damaged,
        }
    }
}
