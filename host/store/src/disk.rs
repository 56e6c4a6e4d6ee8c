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
use crate::damage::Owner;
use crate::entry::Variant;
use crate::error::{BodyError, StateError};
use crate::generation;
use crate::handle::BodyHandle;
use crate::head::{self, Stored};
use crate::index::{Applied, Change, Index};
use crate::key::Key;
use crate::medium::{Medium, MediumFile};
use crate::owed::Owed;
use crate::pending::Freshened;
use crate::pool::Pool;
use crate::presence::Presence;
use crate::queue::{Order, Queue};
use crate::record;
use crate::row::{Kind, Place, Row};
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
    /// What must go from a disk that fails.
    pub(crate) owed: Owed,
    pub(crate) loads: Arc<Semaphore>,
    pub(crate) pool: Pool,
    /// Blocks of large bodies that were read lately.
    pub(crate) blocks: Arc<BlockCache>,
    /// Whether the last write failed: nothing new goes to disk until one succeeds.
    pub(crate) failed: AtomicBool,
    /// Whether the writer has been told that the index cannot be read, and has not come to it yet.
    pub(crate) told: AtomicBool,
    /// What was thrown away before this was opened.
    pub(crate) discarded_bytes: Arc<AtomicU64>,
    /// From which length on a body that is read has pages of its own.
    pub(crate) mapped_from: u64,
    /// The first id that was not used before this start.
    pub(crate) first_id: u64,
    /// What large files are counted as until they are listed.
    large_before: u64,
}

/// What reading a key gave.
#[derive(Debug, Default)]
pub(crate) struct ReadKey {
    /// Newest first.
    pub(crate) variants: Vec<Variant>,
    /// Variants that don't check out.
    pub(crate) damaged: Vec<u64>,
    /// Variants whose file is not there: moved or removed meanwhile, or lost.
    pub(crate) missing: Vec<u64>,
    /// Whether the disk could not be read.
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
    /// Whether what is there may be in order.
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
            owed: Owed::default(),
            loads: Arc::new(Semaphore::new(LOADS)),
            pool: Pool::new().map_err(DiskError::Files)?,
            blocks: Arc::new(BlockCache::new(sizes.blocks)),
            failed: AtomicBool::new(is_read_only),
            told: AtomicBool::new(false),
            discarded_bytes: Arc::default(),
            mapped_from: sizes.mapped_from,
            index,
            units,
            space,
        })
    }

    /// Hands what becomes of a key to the writer, and notes what the disk does not have of it until then. The key's stripe
    /// is locked.
    pub(crate) fn order(
        &self,
        stripe: &mut Stripe,
        key: &Key,
        variants: &[Variant],
        orders: Vec<Order>,
        freshened: Option<Freshened>,
    ) {
        if orders.is_empty() && freshened.is_none() {
            return;
        }
        // What waits for the disk has all that is there of the key or will be.
        let is_gone: Vec<u64> = stripe.pending.get(key).map_or_else(Vec::new, |pending| {
            let removed = orders.iter().filter_map(Order::removed);
            removed.filter(|id| !pending.has(*id)).collect()
        });
        let is_new = !stripe.pending.contains_key(key);
        let mut is_dropped = false;
        let pending = stripe.pending.entry(*key).or_default();
        pending.set_variants(variants);
        for order in orders {
            if let Some(id) = order.removed() {
                pending.forget(id);
                if is_gone.contains(&id) {
                    continue;
                }
            }
            let put = order.put().cloned();
            let removed = order.removed();
            match self.queue.push(order) {
                Some(number) => pending.ordered(number, put),
                None => {
                    is_dropped = true;
                    let removal = removed.map(|id| Change::Remove { key: *key, id });
                    self.owed.add(&removal);
                }
            }
        }
        if let Some(freshened) = freshened {
            let (id, weight) = (freshened.id, freshened.room.bytes);
            if pending.freshen(freshened) {
                let order = Order::Head {
                    key: *key,
                    id,
                    weight,
                };
                match self.queue.push(order) {
                    Some(number) => pending.ordered(number, None),
                    None => is_dropped = true,
                }
            }
        }
        if is_new && is_dropped {
            // Nobody would settle it.
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
    /// Whoever has closed it is at that already.
    pub(crate) fn unreadable(&self, error: StateError, generation: u64) {
        let is_closed = matches!(error, StateError::Closed);
        if !is_closed && !self.told.swap(true, Ordering::Relaxed) {
            self.queue.push(Order::Failed {
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
    /// together; the others are opened. What is owed is left out.
    pub(crate) fn read(&self, owner: &Owner, mut eager: u64) -> Result<ReadKey, StateError> {
        let key = &owner.key;
        let mut read = ReadKey::default();
        // What is owed before is gone after the index was read, or was in it; what is owed after may be in it.
        let before = self.owed.of(key);
        if before.all {
            return Ok(read);
        }
        let rows = self.index.read(key)?;
        let after = self.owed.of(key);
        let is_hidden = |id: &u64| after.all || before.ids.contains(id) || after.ids.contains(id);
        for (id, row) in rows {
            if is_hidden(&id) {
                continue;
            }
            let Some(row) = row else {
                read.damaged.push(id);
                continue;
            };
            match self.read_variant(owner, id, &row, eager) {
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
        owner: &Owner,
        id: u64,
        row: &Row,
        eager: u64,
    ) -> Result<Variant, Unread> {
        let place = &row.place;
        let file = self
            .units
            .file(place.unit, place.kind)?
            .ok_or(Unread::Missing)?;
        let record = match place.kind {
            Kind::Segment => Some(read_front(&*file, place, &owner.key, id)?),
            Kind::Large => None,
        };
        let (encoded, notes) = row.inline.clone().or(record).ok_or(Unread::Damaged)?;
        let base = match place.kind {
            Kind::Segment => place.offset + record::front_length(place.head, place.notes),
            Kind::Large => 0,
        };
        let body = DiskBody {
            file,
            base,
            id,
            length: place.body,
            cache: Arc::clone(&self.blocks),
            pool: self.pool.handle(),
            owner: owner.clone(),
        };
        let body = match place.kind {
            Kind::Segment if place.body <= eager => {
                BodyHandle::Memory(body.read_whole(self.mapped_from)?)
            }
            Kind::Segment => BodyHandle::Disk(body),
            Kind::Large if body.file.length()? < framed_length(place.body) => {
                return Err(Unread::Damaged);
            }
            Kind::Large => BodyHandle::Disk(body),
        };
        let head = Stored::decode(&encoded).map_err(|_| Unread::Damaged)?;
        let (head, notes) = head::let_go_of_buffers(&head, &notes);
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
    place: &Place,
    key: &Key,
    id: u64,
) -> Result<(Bytes, Bytes), Unread> {
    let mut front = vec![0; record::front_length(place.head, place.notes) as usize];
    file.read_exact_at(&mut front, place.offset)?;
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
