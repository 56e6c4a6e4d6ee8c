//! The file of a large body while it grows: room is reserved ahead, blocks are written on blocking threads.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::block_cache::BlockCache;
use crate::blocks::{DiskBody, Framer, READ, framed_length};
use crate::config::WINDOW;
use crate::damage::{DamageReport, RemoveDamaged};
use crate::error::NotStored;
use crate::key::Key;
use crate::medium::MediumFile;
use crate::progress::Progress;
use crate::queue::Command;
use crate::row::Kind;
use crate::shared::Shared;

/// Room that a body of unknown length reserves at a time.
const RESERVE: u64 = 8 << 20;

/// See the module. Dropped before [`FillFile::keep`], the file is removed and its room is free again; readers that
/// have it open read on.
pub(crate) struct FillFile {
    shared: Arc<Shared>,
    progress: Arc<Progress>,
    damage: Arc<DamageReport>,
    id: u64,
    file: Arc<dyn MediumFile>,
    blocks: Arc<BlockCache>,
    /// The threads that read and write it.
    pool: Handle,
    /// Bytes of disk that were reserved.
    reserved: u64,
    /// Bytes of the body that were handed to the writing task.
    handed: u64,
    framer: Framing,
    is_stored: bool,
}

/// The framer, at rest or at work on a blocking thread.
enum Framing {
    Idle(Framer),
    Busy(JoinHandle<io::Result<Framer>>),
    /// Writing failed, or was abandoned halfway: the content of the file is unknown.
    Lost,
}

impl FillFile {
    /// Reserves room, for the whole body where its length is known, and makes the file.
    pub(crate) async fn create(
        shared: &Arc<Shared>,
        progress: &Arc<Progress>,
        (key, id): (Key, u64),
        expected: Option<u64>,
    ) -> Result<FillFile, NotStored> {
        let length = expected.unwrap_or(RESERVE.min(shared.sizes.object));
        let reserved = framed_length(length);
        reserve(shared, reserved).await?;
        let disk = shared.disk.as_ref().ok_or(NotStored::DiskFailed)?;
        let creating = Arc::clone(shared);
        let created = disk.pool.run(move || {
            let disk = creating.disk.as_ref()?;
            let file = disk.units.create(Kind::Large, id);
            if file.is_err() {
                disk.space.release(reserved);
            }
            let file = file.map_err(|error| creating.report(error)).ok()?;
            Some((file, Arc::clone(&disk.blocks)))
        });
        // The task fails only when the runtime is shutting down.
        let (file, blocks) = created.await.ok().flatten().ok_or(NotStored::DiskFailed)?;
        Ok(FillFile {
            shared: Arc::clone(shared),
            progress: Arc::clone(progress),
            damage: Arc::new(DamageReport {
                store: Arc::downgrade(shared) as Weak<dyn RemoveDamaged>,
                key,
            }),
            id,
            file,
            blocks,
            pool: disk.pool.handle(),
            reserved,
            handed: 0,
            framer: Framing::Idle(Framer::new(id)),
            is_stored: false,
        })
    }

    /// The first `length` bytes of the body, as they are in the file.
    pub(crate) fn body(&self, length: u64) -> DiskBody {
        DiskBody {
            file: Arc::clone(&self.file),
            base: 0,
            id: self.id,
            length,
            cache: Arc::clone(&self.blocks),
            pool: self.pool.clone(),
            damage: Arc::clone(&self.damage),
        }
    }

    /// The file belongs to the store from now on; room that it did not need is free again.
    pub(crate) fn keep(mut self, length: u64) {
        self.is_stored = true;
        if let Some(disk) = &self.shared.disk {
            disk.space
                .release(self.reserved.saturating_sub(framed_length(length)));
        }
    }

    /// Starts writing when there is enough to write; waits only when too much is unwritten. `end` is what arrived.
    pub(crate) async fn write_some(&mut self, end: u64) -> Result<(), NotStored> {
        let unwritten = end - self.handed;
        let busy = matches!(&self.framer, Framing::Busy(task) if !task.is_finished());
        if unwritten < READ || (busy && unwritten < WINDOW / 2) {
            return Ok(());
        }
        let framer = self.written().await?;
        self.hand_over(framer, end, false).await
    }

    /// Writes and syncs all that is left.
    pub(crate) async fn write_rest(&mut self, end: u64) -> Result<(), NotStored> {
        let framer = self.written().await?;
        self.hand_over(framer, end, true).await?;
        self.framer = Framing::Idle(self.written().await?);
        Ok(())
    }

    /// Waits for the writing task, tells the readers how far the file is, and gives the framer.
    async fn written(&mut self) -> Result<Framer, NotStored> {
        if let Framing::Busy(task) = &mut self.framer {
            self.framer = match task.await {
                Ok(Ok(framer)) => Framing::Idle(framer),
                Ok(Err(error)) => {
                    self.shared.report(error);
                    Framing::Lost
                }
                // The runtime is shutting down.
                Err(_) => Framing::Lost,
            };
        }
        let Framing::Idle(framer) = std::mem::replace(&mut self.framer, Framing::Lost) else {
            return Err(NotStored::DiskFailed);
        };
        self.progress
            .set_file(self.body(framer.complete().min(self.handed)));
        Ok(framer)
    }

    /// Has everything up to `end` written on a blocking thread.
    async fn hand_over(&mut self, framer: Framer, end: u64, last: bool) -> Result<(), NotStored> {
        let needed = framed_length(end);
        if needed > self.reserved {
            let more = needed - self.reserved + RESERVE;
            reserve(&self.shared, more).await?;
            self.reserved += more;
        }
        let pieces = self.progress.pieces_from(self.handed);
        let file = Arc::clone(&self.file);
        let writing = move || write(&*file, framer, &pieces, last);
        self.framer = Framing::Busy(self.pool.spawn_blocking(writing));
        self.handed = end;
        Ok(())
    }
}

impl Drop for FillFile {
    fn drop(&mut self) {
        if let Some(disk) = self.shared.disk.as_ref().filter(|_| !self.is_stored) {
            disk.space.release(self.reserved);
            disk.units.discard(Kind::Large, self.id);
        }
    }
}

/// Takes room on disk, evicting for it if need be.
async fn reserve(shared: &Shared, bytes: u64) -> Result<(), NotStored> {
    let disk = shared.disk.as_ref().ok_or(NotStored::TooLarge)?;
    if disk.failed.load(Ordering::Relaxed) {
        shared.counters.skipped_writes.add(1);
        return Err(NotStored::DiskFailed);
    }
    if disk.space.reserve(bytes) {
        return Ok(());
    }
    let (reply, made) = oneshot::channel();
    disk.queue.push(Command::MakeRoom { bytes, reply });
    match made.await {
        Ok(true) => Ok(()),
        _ => Err(NotStored::NoRoom),
    }
}

/// Writes pieces as blocks where the framer stands; the last ones are synced.
fn write(
    file: &dyn MediumFile,
    mut framer: Framer,
    pieces: &[Bytes],
    last: bool,
) -> io::Result<Framer> {
    let position = framer.position();
    let length: usize = pieces.iter().map(Bytes::len).sum();
    let mut out = Vec::with_capacity(framed_length(length as u64) as usize + 8);
    pieces.iter().for_each(|piece| framer.push(piece, &mut out));
    if last {
        framer.finish(&mut out);
    }
    file.write_all_at(&out, position)?;
    if last {
        file.sync()?;
    }
    Ok(framer)
}
