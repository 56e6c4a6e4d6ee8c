//! The queue of the writer's thread: commands that change the disk tier, as their changes became visible.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;

use crate::entry::Variant;
use crate::error::WriteError;
use crate::key::Key;

/// One command for the writer.
pub(crate) enum Command {
    /// Write a small variant to a segment and into the index.
    PutSmall {
        key: Key,
        variant: Variant,
        room: Room,
    },
    /// Enter a large body, which is in its file and synced, into the index.
    PutLarge {
        key: Key,
        variant: Variant,
        framed: u64,
    },
    /// Replace the head of a variant by the one that is pending when the batch is written.
    Head {
        key: Key,
        id: u64,
        weight: u64,
    },
    Remove {
        key: Key,
        id: u64,
    },
    RemoveAll {
        key: Key,
    },
    /// Evict until `bytes` are reserved; answers whether they are.
    MakeRoom {
        bytes: u64,
        reply: oneshot::Sender<bool>,
    },
    /// Remove a unit that no row points to, as found after a start.
    DropUnit {
        unit: u64,
    },
    /// A large response could not be written, or the index not be read: leave the disk alone for a while.
    Failed {
        error: WriteError,
        /// The generation of the index, if a reading has met the error.
        generation: Option<u64>,
    },
    /// Answer when all before is durable.
    Flush {
        reply: oneshot::Sender<()>,
    },
}

impl Command {
    /// The key whose pending entry this command settles.
    pub(crate) fn key(&self) -> Option<Key> {
        match self {
            Command::PutSmall { key, .. }
            | Command::PutLarge { key, .. }
            | Command::Head { key, .. }
            | Command::Remove { key, .. }
            | Command::RemoveAll { key } => Some(*key),
            Command::MakeRoom { .. }
            | Command::DropUnit { .. }
            | Command::Failed { .. }
            | Command::Flush { .. } => None,
        }
    }

    /// The variant that it enters.
    pub(crate) fn put(&self) -> Option<&Variant> {
        match self {
            Command::PutSmall { variant, .. } | Command::PutLarge { variant, .. } => Some(variant),
            _ => None,
        }
    }

    /// The variant that it removes.
    pub(crate) fn removed(&self) -> Option<u64> {
        match self {
            Command::Remove { id, .. } => Some(*id),
            _ => None,
        }
    }

    /// Returns true if a caller waits for it.
    fn is_urgent(&self) -> bool {
        matches!(
            self,
            Command::MakeRoom { .. } | Command::Failed { .. } | Command::Flush { .. }
        )
    }
}

/// Room in the queue for a body or a head; free again when dropped.
#[derive(Debug)]
pub(crate) struct Room {
    _permit: OwnedSemaphorePermit,
    pub(crate) bytes: u64,
}

/// Room is counted in units of this many bytes.
const UNIT: u64 = 1 << 10;
/// The time and the number for which commands are gathered if no caller waits: waking the writer's thread for each costs more
/// than writing it.
const GATHER: Duration = Duration::from_millis(20);
const GATHERED: usize = 1024;
/// The time that a finished body waits for room before it stays in memory only.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// See the module.
pub(crate) struct Queue {
    inner: Mutex<Inner>,
    arrived: Condvar,
    /// Units of room for bodies that are not durable yet.
    room: Arc<Semaphore>,
    units: u32,
    /// Bytes of bodies that wait for room.
    waiting: AtomicU64,
}

#[derive(Default)]
struct Inner {
    commands: VecDeque<(u64, Command)>,
    last: u64,
    closed: bool,
    /// True if a caller waits for the writer.
    hurry: bool,
    /// True while the writer lets commands gather.
    gathers: bool,
}

impl Inner {
    /// Returns true if the writer, while it lets commands gather, has waited enough.
    fn is_enough(&self) -> bool {
        self.hurry || self.closed || self.commands.len() >= GATHERED
    }
}

impl Queue {
    pub(crate) fn new(limit: u64) -> Queue {
        let units = u32::try_from(limit / UNIT).unwrap_or(u32::MAX).max(1);
        Queue {
            inner: Mutex::default(),
            arrived: Condvar::new(),
            room: Arc::new(Semaphore::new(units as usize)),
            units,
            waiting: AtomicU64::new(0),
        }
    }

    /// Takes room for a body of this weight; waits a little while the disk is slower than the fills. As much again
    /// as the queue holds may wait; beyond that, and after a while, the answer is no.
    pub(crate) async fn room(&self, bytes: u64) -> Option<Room> {
        if let Some(room) = self.room_now(bytes) {
            return Some(room);
        }
        let units = self.units_of(bytes);
        let limit = u64::from(self.units) * UNIT;
        let waiting = Waiting::enter(&self.waiting, bytes);
        if waiting.before > 0 && waiting.before + bytes > limit {
            return None;
        }
        self.hurry();
        let permit = Arc::clone(&self.room).acquire_many_owned(units);
        let permit = timeout(MAX_WAIT, permit).await.ok()?.ok()?;
        Some(Room {
            _permit: permit,
            bytes,
        })
    }

    /// Takes room if there is any.
    pub(crate) fn room_now(&self, bytes: u64) -> Option<Room> {
        let units = self.units_of(bytes);
        let permit = Arc::clone(&self.room).try_acquire_many_owned(units).ok()?;
        Some(Room {
            _permit: permit,
            bytes,
        })
    }

    fn units_of(&self, bytes: u64) -> u32 {
        let units = u32::try_from(bytes / UNIT + 1).unwrap_or(u32::MAX);
        units.min(self.units)
    }

    /// Adds a command and gives its number. After the end, commands are dropped and never settled.
    pub(crate) fn push(&self, command: Command) -> Option<u64> {
        let mut inner = self.inner.lock();
        if inner.closed {
            return None;
        }
        inner.last += 1;
        let number = inner.last;
        inner.hurry |= command.is_urgent();
        inner.commands.push_back((number, command));
        if !inner.gathers || inner.is_enough() {
            self.arrived.notify_one();
        }
        Some(number)
    }

    /// Has the writer take what is there at once: a caller waits for the room that it takes.
    fn hurry(&self) {
        self.inner.lock().hurry = true;
        self.arrived.notify_one();
    }

    /// The next command; waits for it until `until`. Commands without a waiting caller come a little later, many at once. `Err`
    /// once closed and empty.
    pub(crate) fn take(&self, until: Option<Instant>) -> Result<Option<(u64, Command)>, Closed> {
        let mut inner = self.inner.lock();
        loop {
            if let Some(command) = inner.commands.pop_front() {
                return Ok(Some(command));
            }
            inner.hurry = false;
            if inner.closed {
                return Err(Closed);
            }
            match until {
                Some(until) => {
                    if self.arrived.wait_until(&mut inner, until).timed_out() {
                        return Ok(inner.commands.pop_front());
                    }
                }
                None => self.arrived.wait(&mut inner),
            }
            self.gather(&mut inner);
        }
    }

    /// Lets more commands come.
    fn gather(&self, inner: &mut MutexGuard<'_, Inner>) {
        inner.gathers = true;
        let until = Instant::now() + GATHER;
        while !inner.is_enough() && !self.arrived.wait_until(inner, until).timed_out() {}
        inner.gathers = false;
    }

    /// Takes no more commands; the writer finishes what is there.
    pub(crate) fn close(&self) {
        self.inner.lock().closed = true;
        self.arrived.notify_one();
    }

    /// Takes no more commands, and drops those that are left with their waiting callers.
    pub(crate) fn end(&self) {
        let mut inner = self.inner.lock();
        inner.closed = true;
        inner.commands.clear();
        self.room.close();
    }

    /// Bytes of bodies and heads that are not durable yet, and of the commands.
    pub(crate) fn bytes(&self) -> u64 {
        let free = self.room.available_permits() as u64;
        let commands = self.inner.lock().commands.len() * size_of::<(u64, Command)>();
        let taken = u64::from(self.units).saturating_sub(free) * UNIT;
        taken + self.waiting.load(Ordering::Relaxed) + commands as u64
    }
}

/// Counts a body that waits, until dropped.
struct Waiting<'q> {
    waiting: &'q AtomicU64,
    bytes: u64,
    before: u64,
}

impl Waiting<'_> {
    fn enter(waiting: &AtomicU64, bytes: u64) -> Waiting<'_> {
        let before = waiting.fetch_add(bytes, Ordering::Relaxed);
        Waiting {
            waiting,
            bytes,
            before,
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.waiting.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The queue was closed and is empty.
#[derive(Debug)]
pub(crate) struct Closed;
