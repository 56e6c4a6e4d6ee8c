//! A disk for tests: real files, which fill up on demand, and of which a loss of power keeps what was synced
//! and any part of what was not: dropped, torn, or without what was written before it.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use selvedge_store::{FileId, Files, Medium, MediumFile};

use crate::support::next;

/// The unit that a disk writes as a whole.
const SECTOR: usize = 512;

/// See the module. Cloning gives another handle of the same disk.
#[derive(Clone, Debug)]
pub(crate) struct TestDisk(Arc<Inner>);

struct Inner {
    faults: Faults,
    world: Mutex<World>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TestDisk")
    }
}

/// The operations that fail.
struct Faults {
    /// Writes until they fail.
    left: AtomicI64,
    /// True if a failing write leaves half of its data.
    tears: bool,
    /// True if reads fail.
    reads: AtomicBool,
    /// True if reads fail of files that are no database.
    reads_of_bodies: AtomicBool,
    /// Reads until they fail.
    reads_left: AtomicI64,
    /// Files whose content reads as something else.
    garbled: Mutex<HashSet<u64>>,
    /// The name of a file that is not opened.
    refused: Mutex<Option<&'static str>>,
    /// True if syncs wait.
    stalled: Arc<(Mutex<bool>, Condvar)>,
}

/// Lets syncs wait until it is dropped.
pub(crate) struct Stall(Arc<(Mutex<bool>, Condvar)>);

impl Drop for Stall {
    fn drop(&mut self) {
        *self.0.0.lock().unwrap() = false;
        self.0.1.notify_all();
    }
}

/// The synced content of each file, and the writes since.
#[derive(Default)]
struct World {
    files: HashMap<u64, Content>,
    /// The names as they are, and as they are after a loss of power at the earliest.
    names: HashMap<PathBuf, u64>,
    synced_names: HashMap<PathBuf, u64>,
    steps: u64,
    watch: Option<Watch>,
}

/// Called before every step with its number.
type Watch = Box<dyn FnMut(&Picture<'_>, u64) + Send>;

#[derive(Default)]
struct Content {
    synced: Vec<u8>,
    unsynced: Vec<Change>,
}

enum Change {
    Write { offset: usize, data: Vec<u8> },
    Length(usize),
}

/// The disk as it is at an instant.
pub(crate) struct Picture<'w>(&'w World);

impl TestDisk {
    /// A disk that works.
    pub(crate) fn new() -> TestDisk {
        TestDisk::tearing(false)
    }

    /// As `new`; `tears` says whether a write that is made to fail leaves half of its data.
    pub(crate) fn tearing(tears: bool) -> TestDisk {
        TestDisk(Arc::new(Inner {
            faults: Faults {
                left: AtomicI64::new(i64::MAX),
                tears,
                reads: AtomicBool::new(false),
                reads_of_bodies: AtomicBool::new(false),
                reads_left: AtomicI64::new(i64::MAX),
                garbled: Mutex::default(),
                refused: Mutex::default(),
                stalled: Arc::default(),
            },
            world: Mutex::default(),
        }))
    }

    pub(crate) fn medium(&self) -> Arc<dyn Medium> {
        Arc::new(self.clone())
    }

    /// Lets `watch` see every step before it is made.
    pub(crate) fn watch(&self, watch: impl FnMut(&Picture<'_>, u64) + Send + 'static) {
        self.0.world.lock().unwrap().watch = Some(Box::new(watch));
    }

    /// Lets so many more writes succeed.
    pub(crate) fn fail_after(&self, writes: i64) {
        self.0.faults.left.store(writes, Ordering::Relaxed);
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.0.faults.left.load(Ordering::Relaxed) < 0
    }

    pub(crate) fn heal(&self) {
        self.0.faults.left.store(i64::MAX, Ordering::Relaxed);
    }

    /// Lets so many more reads succeed.
    pub(crate) fn fail_reads_after(&self, reads: i64) {
        self.0.faults.reads_left.store(reads, Ordering::Relaxed);
    }

    pub(crate) fn have_reads_failed(&self) -> bool {
        self.0.faults.reads_left.load(Ordering::Relaxed) < 0
    }

    pub(crate) fn fail_reads(&self, fail: bool) {
        self.0.faults.reads.store(fail, Ordering::Relaxed);
    }

    /// As `fail_reads`; the index and the state can be read.
    pub(crate) fn fail_reads_of_bodies(&self, fail: bool) {
        let faults = &self.0.faults;
        faults.reads_of_bodies.store(fail, Ordering::Relaxed);
    }

    /// From now on, the file of this name is damaged; one that is made in its place is not.
    pub(crate) fn garble(&self, path: &Path) {
        let number = self.0.world.lock().unwrap().names[path];
        self.0.faults.garbled.lock().unwrap().insert(number);
    }

    /// From now on, files of this name are not opened, as where there are too many open ones.
    pub(crate) fn refuse_to_open(&self, name: &'static str) {
        *self.0.faults.refused.lock().unwrap() = Some(name);
    }

    fn check_open(&self, path: &Path) -> io::Result<()> {
        let refused = self.0.faults.refused.lock().unwrap();
        match refused.is_some_and(|name| path.ends_with(name)) {
            true => Err(io::Error::from_raw_os_error(24)),
            false => Ok(()),
        }
    }

    /// Lets syncs wait.
    pub(crate) fn stall(&self) -> Stall {
        let stalled = Arc::clone(&self.0.faults.stalled);
        *stalled.0.lock().unwrap() = true;
        Stall(stalled)
    }

    fn wait_while_stalled(&self) {
        let (stalled, ended) = &*self.0.faults.stalled;
        drop(ended.wait_while(stalled.lock().unwrap(), |stalled| *stalled));
    }

    fn check(&self) -> io::Result<()> {
        match self.0.faults.left.fetch_sub(1, Ordering::Relaxed) {
            ..=0 => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }

    /// Makes one step.
    fn step<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.0.world.lock().unwrap();
        world.steps += 1;
        if let Some(mut watch) = world.watch.take() {
            watch(&Picture(&world), world.steps);
            world.watch = Some(watch);
        }
        change(&mut world)
    }

    /// The file of this name, which is on the real disk already.
    fn file(&self, path: &Path, real: Arc<dyn MediumFile>) -> Arc<dyn MediumFile> {
        let mut world = self.0.world.lock().unwrap();
        let new = world.files.len() as u64;
        let number = *world.names.entry(path.to_owned()).or_insert(new);
        world.files.entry(number).or_default();
        Arc::new(TestFile {
            disk: self.clone(),
            number,
            is_database: path.extension().is_some(),
            real,
        })
    }
}

impl Medium for TestDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn MediumFile>> {
        self.check()?;
        let real = Files.create(path)?;
        self.step(|world| world.names.remove(path));
        Ok(self.file(path, real))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn MediumFile>> {
        self.check_open(path)?;
        Ok(self.file(path, Files.open(path)?))
    }

    fn database(&self, path: &Path) -> io::Result<Arc<dyn MediumFile>> {
        self.check_open(path)?;
        Ok(self.file(path, Files.database(path)?))
    }

    fn id(&self, path: &Path) -> io::Result<FileId> {
        Files.id(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.check()?;
        Files.rename(from, to)?;
        self.step(|world| {
            let number = world.names.remove(from);
            world
                .names
                .extend(number.map(|number| (to.to_owned(), number)));
        });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        Files.remove(path)?;
        self.step(|world| world.names.remove(path));
        Ok(())
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.check()?;
        self.step(|world| {
            let inside = |name: &PathBuf| name.parent() == Some(path);
            world.synced_names.retain(|name, _| !inside(name));
            let names = world.names.iter().filter(|(name, _)| inside(name));
            world
                .synced_names
                .extend(names.map(|(name, number)| (name.clone(), *number)));
        });
        Ok(())
    }
}

#[derive(Debug)]
struct TestFile {
    disk: TestDisk,
    number: u64,
    is_database: bool,
    real: Arc<dyn MediumFile>,
}

impl TestFile {
    fn change(&self, change: Change) {
        self.disk.step(|world| {
            if let Some(content) = world.files.get_mut(&self.number) {
                content.unsynced.push(change);
            }
        });
    }
}

impl MediumFile for TestFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let faults = &self.disk.0.faults;
        if faults.reads.load(Ordering::Relaxed)
            || (!self.is_database && faults.reads_of_bodies.load(Ordering::Relaxed))
            || faults.reads_left.fetch_sub(1, Ordering::Relaxed) <= 0
        {
            return Err(io::Error::other("the disk does not answer"));
        }
        self.real.read_exact_at(buffer, offset)?;
        if faults.garbled.lock().unwrap().contains(&self.number) {
            buffer.iter_mut().for_each(|byte| *byte ^= 0xa5);
        }
        Ok(())
    }

    fn write_all_at(&self, data: &[u8], offset: u64) -> io::Result<()> {
        if let Err(error) = self.disk.check() {
            if self.disk.0.faults.tears {
                self.real.write_all_at(&data[..data.len() / 2], offset)?;
            }
            return Err(error);
        }
        self.change(Change::Write {
            offset: offset as usize,
            data: data.to_vec(),
        });
        self.real.write_all_at(data, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.wait_while_stalled();
        self.disk.check()?;
        self.disk.step(|world| {
            if let Some(content) = world.files.get_mut(&self.number) {
                for change in content.unsynced.drain(..) {
                    change.apply(&mut content.synced, |_| true);
                }
            }
        });
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        self.real.length()
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.disk.check()?;
        self.change(Change::Length(length as usize));
        self.real.set_length(length)
    }
}

impl Change {
    /// Makes the change, of a write only those sectors that `keeps` wants.
    fn apply(&self, to: &mut Vec<u8>, mut keeps: impl FnMut(usize) -> bool) {
        match self {
            Change::Length(length) => to.resize(*length, 0),
            Change::Write { offset, data } => {
                let mut at = 0;
                while at < data.len() {
                    let end = (SECTOR - (offset + at) % SECTOR + at).min(data.len());
                    if keeps(at) {
                        if to.len() < offset + end {
                            to.resize(offset + end, 0);
                        }
                        to[offset + at..offset + end].copy_from_slice(&data[at..end]);
                    }
                    at = end;
                }
            }
        }
    }
}

impl Picture<'_> {
    /// Writes what a loss of power at this instant leaves into another folder; `chance` decides what is left of what
    /// was not synced. The other files of the store's folder, which have no content that matters, are copied.
    pub(crate) fn after_power_loss(&self, store: &Path, into: &Path, mut chance: u64) {
        for name in ["format", "lock"] {
            let _ = std::fs::copy(store.join(name), into.join(name));
        }
        let coin = |chance: &mut u64| next(chance).is_multiple_of(2);
        let mut names: Vec<_> = self
            .0
            .names
            .keys()
            .chain(self.0.synced_names.keys())
            .collect();
        names.sort();
        names.dedup();
        let all_or_nothing = next(&mut chance) % 4;
        for name in names {
            let (old, new) = (self.0.synced_names.get(name), self.0.names.get(name));
            let Some(number) = (if coin(&mut chance) { old } else { new }) else {
                continue;
            };
            let content = &self.0.files[number];
            let mut left = content.synced.clone();
            for change in &content.unsynced {
                // Nothing, everything, each change or not, each sector or not.
                let kept = match all_or_nothing {
                    0 => false,
                    1 => true,
                    _ => coin(&mut chance),
                };
                if kept {
                    change.apply(&mut left, |_| all_or_nothing < 3 || coin(&mut chance));
                }
            }
            let place = into.join(name.strip_prefix(store).expect("inside of the store"));
            std::fs::create_dir_all(place.parent().expect("a folder")).expect("ours");
            std::fs::write(place, left).expect("ours");
        }
    }
}
