//! The files of bodies: segments of small records, and one file for each large body. Each is a unit of eviction.
//!
//! `Units` knows every unit on disk with its size, oldest first; `Space` counts what they take. Segments are few and listed
//! when the store is opened. Large files may be very many: the writer's thread lists them before anything else, and until
//! then they are found by their name.
#![expect(
    clippy::disallowed_methods,
    reason = "folders are made and listed before anything is served"
)]

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::medium::{Medium, MediumFile, close_path_to_others, make_folder};
use crate::row::Kind;

/// Bytes that are written to see if the disk works again.
const TRIAL: usize = 1 << 20;

/// See the module.
pub(crate) struct Units {
    segments: PathBuf,
    large: PathBuf,
    medium: Arc<dyn Medium>,
    list: Mutex<List>,
    /// True if the large files of earlier runs are in the list.
    is_listed: AtomicBool,
}

#[derive(Default)]
struct List {
    units: HashMap<u64, Unit>,
    /// All units by their turn, the next to evict first.
    by_turn: BTreeMap<u64, u64>,
    /// The last turn that was given.
    last_turn: u64,
    totals: Totals,
}

struct Unit {
    kind: Kind,
    bytes: u64,
    turn: u64,
    /// Segments stay open once they were read; large files as long as they are read.
    open: Open,
}

/// Sums over all units.
#[derive(Copy, Clone, Debug, Default)]
pub(crate) struct Totals {
    /// The bytes of segments and large files.
    pub(crate) bytes: u64,
    pub(crate) segments: u64,
    pub(crate) segment_bytes: u64,
    pub(crate) large_files: u64,
}

impl Totals {
    fn add(&mut self, kind: Kind, bytes: u64) {
        self.bytes += bytes;
        match kind {
            Kind::Segment => {
                self.segments += 1;
                self.segment_bytes += bytes;
            }
            Kind::Large => self.large_files += 1,
        }
    }

    fn take(&mut self, kind: Kind, bytes: u64) {
        self.bytes -= bytes;
        match kind {
            Kind::Segment => {
                self.segments -= 1;
                self.segment_bytes -= bytes;
            }
            Kind::Large => self.large_files -= 1,
        }
    }
}

impl List {
    /// Puts a unit behind all others.
    fn add(&mut self, unit: u64, kind: Kind, bytes: u64, open: Open) {
        self.insert(self.last_turn + 1, unit, kind, bytes, open);
    }

    fn insert(&mut self, turn: u64, unit: u64, kind: Kind, bytes: u64, open: Open) {
        self.take(unit);
        self.last_turn = self.last_turn.max(turn);
        self.by_turn.insert(turn, unit);
        self.totals.add(kind, bytes);
        let new = Unit {
            kind,
            bytes,
            turn,
            open,
        };
        self.units.insert(unit, new);
    }

    fn take(&mut self, unit: u64) -> Option<Unit> {
        let taken = self.units.remove(&unit)?;
        self.by_turn.remove(&taken.turn);
        self.totals.take(taken.kind, taken.bytes);
        Some(taken)
    }

    fn resize(&mut self, unit: u64, size: impl FnOnce(u64) -> u64) {
        if let Some(unit) = self.units.get_mut(&unit) {
            self.totals.take(unit.kind, unit.bytes);
            unit.bytes = size(unit.bytes);
            self.totals.add(unit.kind, unit.bytes);
        }
    }
}

enum Open {
    Kept(Option<Arc<dyn MediumFile>>),
    Shared(Option<Weak<dyn MediumFile>>),
}

impl Open {
    fn new(kind: Kind, file: Option<&Arc<dyn MediumFile>>) -> Open {
        match kind {
            Kind::Segment => Open::Kept(file.cloned()),
            Kind::Large => Open::Shared(file.map(Arc::downgrade)),
        }
    }

    fn get(&self) -> Option<Arc<dyn MediumFile>> {
        match self {
            Open::Kept(file) => file.clone(),
            Open::Shared(file) => file.as_ref().and_then(Weak::upgrade),
        }
    }
}

impl Units {
    /// Lists the segments.
    pub(crate) fn open(folder: &Path, medium: Arc<dyn Medium>) -> io::Result<Units> {
        let units = Units {
            segments: folder.join("segments"),
            large: folder.join("large"),
            medium,
            list: Mutex::default(),
            is_listed: AtomicBool::new(false),
        };
        for folder in [folder, &units.large, &units.segments] {
            make_folder(folder)?;
            close_path_to_others(folder, &fs::metadata(folder)?)?;
        }
        units.list(Kind::Segment, u64::MAX)?;
        Ok(units)
    }

    /// Lists the large files whose numbers are below this one, and says how many bytes they have; others are of this run.
    pub(crate) fn list_large(&self, end: u64) -> io::Result<u64> {
        let listed = self.list(Kind::Large, end)?;
        self.is_listed.store(true, Ordering::Release);
        Ok(listed)
    }

    pub(crate) fn is_listed(&self) -> bool {
        self.is_listed.load(Ordering::Acquire)
    }

    /// Lists what is there: the lower its number, the older it is. Files with names that are not ours are left alone.
    fn list(&self, kind: Kind, end: u64) -> io::Result<u64> {
        let mut listed = 0;
        for item in fs::read_dir(self.folder(kind))? {
            let item = item?;
            let unit = unit_of(&item.file_name());
            if let Some(unit) = unit.filter(|unit| *unit < end) {
                let metadata = item.metadata()?;
                let bytes = metadata.len();
                if metadata.is_file() {
                    close_path_to_others(&item.path(), &metadata)?;
                }
                let open = Open::new(kind, None);
                self.list.lock().insert(unit, unit, kind, bytes, open);
                listed += bytes;
            }
        }
        Ok(listed)
    }

    pub(crate) fn folder(&self, kind: Kind) -> &Path {
        match kind {
            Kind::Segment => &self.segments,
            Kind::Large => &self.large,
        }
    }

    fn path(&self, kind: Kind, unit: u64) -> PathBuf {
        self.folder(kind).join(format!("{unit:016x}"))
    }

    /// Makes the file of a new unit, which is not in the list yet. One of that name is what a crash has left, before
    /// anything pointed to it.
    pub(crate) fn create(&self, kind: Kind, unit: u64) -> io::Result<Arc<dyn MediumFile>> {
        let path = self.path(kind, unit);
        match self.medium.create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.medium.remove(&path)?;
                self.medium.create(&path)
            }
            created => created,
        }
    }

    /// Removes the file of a unit that is not in the list.
    pub(crate) fn discard(&self, kind: Kind, unit: u64) {
        let path = self.path(kind, unit);
        if let Err(error) = self.medium.remove(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %path.display(), %error, "a file of the cache cannot be removed");
        }
    }

    /// Tries to make, write and sync a file: after a failure, before anything is entrusted to the disk again.
    pub(crate) fn try_out(&self) -> io::Result<()> {
        let path = self.large.join("trial");
        match self.medium.remove(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = self.medium.create(&path)?;
        file.write_all_at(&vec![0; TRIAL], 0)?;
        file.sync()?;
        self.medium.remove(&path)
    }

    pub(crate) fn sync_folder(&self, kind: Kind) -> io::Result<()> {
        self.medium.sync_folder(self.folder(kind))
    }

    /// Puts a unit at the end of the list.
    pub(crate) fn add(
        &self,
        unit: u64,
        kind: Kind,
        bytes: u64,
        file: Option<&Arc<dyn MediumFile>>,
    ) {
        let open = Open::new(kind, file);
        self.list.lock().add(unit, kind, bytes, open);
    }

    pub(crate) fn grow(&self, unit: u64, bytes: u64) {
        self.list.lock().resize(unit, |before| before + bytes);
    }

    /// A unit is as long as this; says what it was counted as.
    pub(crate) fn measured(&self, unit: u64, length: u64) -> u64 {
        let mut counted = 0;
        self.list.lock().resize(unit, |before| {
            counted = before;
            length
        });
        counted
    }

    /// Takes a unit out of the list, removes its file and says how large it was. Open readers may read on.
    pub(crate) fn remove(&self, unit: u64) -> u64 {
        let removed = self.list.lock().take(unit);
        let Some(removed) = removed else { return 0 };
        self.discard(removed.kind, unit);
        removed.bytes
    }

    /// The unit to evict next.
    pub(crate) fn oldest(&self) -> Option<(u64, Kind, u64)> {
        let list = self.list.lock();
        let (_, oldest) = list.by_turn.first_key_value()?;
        let unit = list.units.get(oldest)?;
        Some((*oldest, unit.kind, unit.bytes))
    }

    /// Puts a unit behind all others.
    pub(crate) fn renew(&self, unit: u64) {
        let mut list = self.list.lock();
        if let Some(Unit {
            kind, bytes, open, ..
        }) = list.take(unit)
        {
            list.add(unit, kind, bytes, open);
        }
    }

    /// The file of a unit; `None` when the unit is gone. Blocks the thread.
    pub(crate) fn file(&self, unit: u64, kind: Kind) -> io::Result<Option<Arc<dyn MediumFile>>> {
        match self.list.lock().units.get(&unit) {
            Some(found) => {
                if let Some(file) = found.open.get() {
                    return Ok(Some(file));
                }
            }
            None if self.is_listed() => return Ok(None),
            None => {}
        }
        let file = match self.medium.open(&self.path(kind, unit)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        if let Some(found) = self.list.lock().units.get_mut(&unit) {
            found.open = Open::new(kind, Some(&file));
        }
        Ok(Some(file))
    }

    /// All units, oldest first.
    pub(crate) fn all(&self) -> Vec<u64> {
        self.list.lock().by_turn.values().copied().collect()
    }

    /// The sums over all units.
    pub(crate) fn totals(&self) -> Totals {
        self.list.lock().totals
    }

    /// The highest number of a unit that is listed.
    pub(crate) fn highest(&self) -> u64 {
        self.list.lock().units.keys().max().copied().unwrap_or(0)
    }
}

fn unit_of(name: &std::ffi::OsStr) -> Option<u64> {
    let name = name.to_str().filter(|name| name.len() == 16)?;
    u64::from_str_radix(name, 16).ok()
}

/// Counts the bytes of the disk tier: units, what is reserved for new ones, and the index.
pub(crate) struct Space {
    units: AtomicU64,
    index: AtomicU64,
    limit: u64,
    /// Bytes left free for records that eviction moves before it removes their segment.
    headroom: u64,
}

impl Space {
    pub(crate) fn new(limit: u64, headroom: u64) -> Space {
        Space {
            units: AtomicU64::new(0),
            index: AtomicU64::new(0),
            limit,
            headroom,
        }
    }

    /// Takes `bytes` if they are free.
    pub(crate) fn reserve(&self, bytes: u64) -> bool {
        self.reserve_below(bytes, self.limit.saturating_sub(self.headroom))
    }

    /// Returns true if `bytes` would be free without these bytes of units.
    pub(crate) fn could_reserve(&self, bytes: u64, evictable: u64) -> bool {
        let left = self.used().saturating_sub(evictable);
        left.saturating_add(bytes) <= self.limit.saturating_sub(self.headroom)
    }

    /// As `reserve`, with the headroom.
    pub(crate) fn reserve_move(&self, bytes: u64) -> bool {
        self.reserve_below(bytes, self.limit)
    }

    fn reserve_below(&self, bytes: u64, limit: u64) -> bool {
        let index = self.index.load(Ordering::Relaxed);
        let fits = |units: u64| {
            let sum = units.checked_add(bytes)?;
            (sum.saturating_add(index) <= limit).then_some(sum)
        };
        self.units
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
            .is_ok()
    }

    pub(crate) fn release(&self, bytes: u64) {
        let less = |units: u64| Some(units.saturating_sub(bytes));
        let _ = self
            .units
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// Takes `bytes` that are taken already, whether they fit or not.
    pub(crate) fn count(&self, bytes: u64) {
        self.units.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts what is there already, whether it fits or not.
    pub(crate) fn set_units(&self, bytes: u64) {
        self.units.store(bytes, Ordering::Relaxed);
    }

    pub(crate) fn set_index(&self, bytes: u64) {
        self.index.store(bytes, Ordering::Relaxed);
    }

    pub(crate) fn used(&self) -> u64 {
        self.units.load(Ordering::Relaxed) + self.index.load(Ordering::Relaxed)
    }

    pub(crate) fn index(&self) -> u64 {
        self.index.load(Ordering::Relaxed)
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::medium::Files;

    #[test]
    fn files_of_this_run_are_not_among_those_that_are_listed_late() {
        let dir = tempfile::tempdir().expect("a folder");
        let units = Units::open(dir.path(), Arc::new(Files)).expect("it opens");
        let file = units.path(Kind::Large, 1);
        fs::write(&file, [0; 100]).expect("ours");
        let (large, away) = (units.folder(Kind::Large), dir.path().join("away"));
        fs::rename(large, &away).expect("ours");
        units.list_large(10).expect_err("there is no folder");
        fs::rename(&away, large).expect("ours");
        units.add(10, Kind::Large, 1_000, None);
        assert_eq!(units.list_large(10).expect("there is one"), 100);
        assert_eq!(units.totals().bytes, 1_100);
    }

    #[test]
    fn the_time_for_a_unit_does_not_grow_with_their_number() {
        let dir = tempfile::tempdir().expect("a folder");
        let units = Units::open(dir.path(), Arc::new(Files)).expect("it opens");
        let count = 100_000;
        for unit in 1..=count {
            units.add(unit, Kind::Large, unit, None);
        }
        let began = Instant::now();
        for unit in 1..=count {
            assert_eq!(units.oldest(), Some((unit, Kind::Large, unit)));
            assert_eq!(units.totals().bytes, count * (count + 1) / 2);
            units.renew(unit);
        }
        assert_eq!(units.all(), Vec::from_iter(1..=count));
        for unit in (1..=count).rev() {
            assert_eq!(units.remove(unit), unit);
        }
        let totals = units.totals();
        assert_eq!((totals.bytes, totals.large_files), (0, 0));
        // Some 200 ms; where each step walks through all of them, minutes.
        let taken = began.elapsed();
        assert!(taken < Duration::from_secs(20), "{taken:?}");
    }
}
