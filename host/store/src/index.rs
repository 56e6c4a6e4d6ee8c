//! The index of the disk tier: where the variants of a key lie, and which records a segment holds.
//!
//! Two tables: `entries` (key and id, to the row) and `units` (unit and offset, to key and id), so that eviction
//! knows what goes with a unit without reading it; a third counts by owner (`usage`). All changes come in batches from the writer's thread.
#![expect(clippy::disallowed_methods, reason = "statistics: one call of stat")]

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use redb::{Database, ReadableDatabase, ReadableTable, Table, TableDefinition};

use crate::database::{Format, begin_write, get_meta, guarded, open, open_or_read, set_meta};
use crate::error::StateError;
use crate::key::Key;
use crate::medium::Medium;
use crate::row::{Kind, Location, Row};
use crate::usage::{self, Deltas, OnDisk};

/// The format of the index and of the files that it points into. Another one is discarded.
const FORMAT: Format = Format {
    number: NUMBER,
    migrate: |_, found| {
        Err(StateError::UnknownFormat {
            found,
            expected: NUMBER,
        })
    },
};
const NUMBER: u64 = 2;
const ENTRIES: TableDefinition<[u8; 40], &[u8]> = TableDefinition::new("entries");
const UNITS: TableDefinition<(u64, u64), [u8; 40]> = TableDefinition::new("units");

/// One change of the index.
#[derive(Debug)]
pub(crate) enum Change {
    Put {
        key: Key,
        id: u64,
        row: Row,
    },
    /// Nothing when the variant is gone.
    Head {
        key: Key,
        id: u64,
        head: Bytes,
        notes: Bytes,
        /// True if the variant may not be used with the head that it has.
        is_stricter: bool,
    },
    /// Nothing when the variant is not where `from` says.
    Move {
        key: Key,
        id: u64,
        from: Location,
        to: Location,
    },
    Remove {
        key: Key,
        id: u64,
    },
    RemoveAll {
        key: Key,
    },
}

/// The consequences of a batch of changes.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    /// Files of large bodies that nothing points to any more.
    pub(crate) freed: Vec<u64>,
    /// Keys of which the last variant was removed.
    pub(crate) emptied: Vec<Key>,
    pub(crate) deltas: Deltas,
}

/// See the module. After an error the database is closed, and `reopen` may bring it back.
pub(crate) struct Index {
    path: PathBuf,
    medium: Arc<dyn Medium>,
    cache: u64,
    /// Locked for writing only to open it again: two databases on one file would be one too many.
    database: RwLock<Option<Database>>,
    /// The objects and bytes on disk by owner.
    usage: Mutex<HashMap<u64, OnDisk>>,
    /// Counts how often it was opened or discarded.
    generation: AtomicU64,
}

impl Index {
    /// Opens it; where the disk cannot be written, only to be read, which `true` says: `reopen` is for before it is changed.
    pub(crate) fn open(
        path: PathBuf,
        cache: u64,
        medium: Arc<dyn Medium>,
    ) -> Result<(Index, bool), StateError> {
        let index = Index {
            path,
            medium,
            cache,
            database: RwLock::new(None),
            usage: Mutex::default(),
            generation: AtomicU64::new(0),
        };
        let (opened, is_read_only) = open_or_read(&*index.medium, &index.path, cache, &FORMAT)?;
        index.take(&mut index.database.write(), opened)?;
        Ok((index, is_read_only))
    }

    /// Closes and opens again, after an error. Who reads meanwhile waits for that.
    pub(crate) fn reopen(&self) -> Result<(), StateError> {
        let mut database = self.database.write();
        close(&mut database);
        let opened = open(&*self.medium, &self.path, self.cache, &FORMAT)?;
        self.take(&mut database, opened)
    }

    /// Closes and opens again to be read, if the disk can't be written.
    pub(crate) fn reopen_to_read(&self) -> Result<(), StateError> {
        let mut database = self.database.write();
        close(&mut database);
        let (opened, _) = open_or_read(&*self.medium, &self.path, self.cache, &FORMAT)?;
        self.take(&mut database, opened)
    }

    fn take(&self, database: &mut Option<Database>, opened: Database) -> Result<(), StateError> {
        *self.usage.lock() = guarded(|| usage::read(&opened))?;
        *database = Some(opened);
        self.generation.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// An error that a reading met is about the database of the generation before it, and says nothing of a later one.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    /// Closes the file and removes it; `reopen` makes a new one.
    pub(crate) fn discard(&self) -> Result<(), StateError> {
        close(&mut self.database.write());
        self.generation.fetch_add(1, Ordering::Relaxed);
        match self.medium.remove(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn with<T>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, StateError>,
    ) -> Result<T, StateError> {
        let database = self.database.read();
        let database = database.as_ref().ok_or(StateError::Closed)?;
        guarded(|| work(database))
    }

    /// Returns the objects and bytes on disk by owner.
    pub(crate) fn usage(&self) -> HashMap<u64, OnDisk> {
        self.usage.lock().clone()
    }

    /// The length of the index file in bytes.
    pub(crate) fn file_length(&self) -> u64 {
        std::fs::metadata(&self.path).map_or(0, |metadata| metadata.len())
    }

    /// An id above all that were committed.
    pub(crate) fn next_id(&self) -> Result<u64, StateError> {
        self.with(|database| Ok(get_meta(database, "next-id")?.unwrap_or(1)))
    }

    /// The variants of a key, newest first; `None` for a row that does not check out.
    pub(crate) fn read(&self, key: &Key) -> Result<Vec<(u64, Option<Row>)>, StateError> {
        self.with(|database| {
            let read = database.begin_read()?;
            let table = match read.open_table(ENTRIES) {
                Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
                table => table?,
            };
            let mut rows = Vec::new();
            for item in table.range(join(key, 0)..=join(key, u64::MAX))?.rev() {
                let (name, row) = item?;
                let (_, id) = split(&name.value());
                rows.push((id, Row::decode(row.value())));
            }
            Ok(rows)
        })
    }

    /// Up to `limit` keys with variants, in order, after `after`.
    pub(crate) fn keys(&self, after: Option<&Key>, limit: usize) -> Result<Vec<Key>, StateError> {
        self.with(|database| {
            let read = database.begin_read()?;
            let table = match read.open_table(ENTRIES) {
                Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
                table => table?,
            };
            let from = after.map_or([0; 40], |key| join(key, u64::MAX));
            let mut keys: Vec<Key> = Vec::new();
            for item in table.range(from..)? {
                if keys.len() == limit {
                    break;
                }
                let (key, _) = split(&item?.0.value());
                if Some(&key) != after && keys.last() != Some(&key) {
                    keys.push(key);
                }
            }
            Ok(keys)
        })
    }

    /// Up to `limit` variants that lie in a unit, from `offset` on.
    pub(crate) fn unit(
        &self,
        unit: u64,
        offset: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Key, u64)>, StateError> {
        self.with(|database| {
            let read = database.begin_read()?;
            let table = match read.open_table(UNITS) {
                Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
                table => table?,
            };
            let mut found = Vec::new();
            for item in table.range((unit, offset)..=(unit, u64::MAX))?.take(limit) {
                let (location, name) = item?;
                let (key, id) = split(&name.value());
                found.push((location.value().1, key, id));
            }
            Ok(found)
        })
    }

    /// Makes all changes, or none, durably.
    pub(crate) fn apply(&self, changes: &[Change], next_id: u64) -> Result<Applied, StateError> {
        self.with(|database| {
            let write = begin_write(database)?;
            let mut applied = Applied::default();
            {
                let mut tables = Tables {
                    entries: write.open_table(ENTRIES)?,
                    units: write.open_table(UNITS)?,
                };
                for change in changes {
                    tables.apply(change, &mut applied)?;
                }
            }
            set_meta(&write, "next-id", next_id)?;
            let changed = applied.deltas.write(&write)?;
            write.commit()?;
            self.usage.lock().extend(changed);
            Ok(applied)
        })
    }
}

/// Closing writes what a start need not find out then; on pages that something has altered, redb may panic over that too.
fn close(database: &mut Option<Database>) {
    let closed = guarded(|| {
        *database = None;
        Ok(())
    });
    if let Err(error) = closed {
        tracing::warn!(%error, "the cache's index was not closed in order");
    }
}

/// The tables of one write transaction.
struct Tables<'t> {
    entries: Table<'t, [u8; 40], &'static [u8]>,
    units: Table<'t, (u64, u64), [u8; 40]>,
}

impl Tables<'_> {
    fn apply(&mut self, change: &Change, applied: &mut Applied) -> Result<(), StateError> {
        match change {
            Change::Put { key, id, row } => {
                applied.deltas.added(row);
                self.put(&join(key, *id), row)
            }
            Change::Head {
                key,
                id,
                head,
                notes,
                ..
            } => {
                let name = join(key, *id);
                let Some(mut row) = self.row(&name)? else {
                    return Ok(());
                };
                row.inline = Some((head.clone(), notes.clone()));
                self.entries.insert(&name, row.encode().as_slice())?;
                Ok(())
            }
            Change::Move { key, id, from, to } => {
                let name = join(key, *id);
                let Some(mut row) = self.row(&name)? else {
                    return Ok(());
                };
                if row.location == *from {
                    self.units.remove((from.unit, from.offset))?;
                    row.location = *to;
                    self.put(&name, &row)?;
                }
                Ok(())
            }
            Change::Remove { key, id } => {
                self.remove(&join(key, *id), applied)?;
                let mut left = self.entries.range(join(key, 0)..=join(key, u64::MAX))?;
                if left.next().is_none() {
                    applied.emptied.push(*key);
                }
                Ok(())
            }
            Change::RemoveAll { key } => {
                let mut names = Vec::new();
                for item in self.entries.range(join(key, 0)..=join(key, u64::MAX))? {
                    names.push(item?.0.value());
                }
                names.iter().try_for_each(|name| self.remove(name, applied))
            }
        }
    }

    fn row(&self, name: &[u8; 40]) -> Result<Option<Row>, StateError> {
        Ok(self
            .entries
            .get(name)?
            .and_then(|row| Row::decode(row.value())))
    }

    fn put(&mut self, name: &[u8; 40], row: &Row) -> Result<(), StateError> {
        self.entries.insert(name, row.encode().as_slice())?;
        self.units
            .insert((row.location.unit, row.location.offset), name)?;
        Ok(())
    }

    fn remove(&mut self, name: &[u8; 40], applied: &mut Applied) -> Result<(), StateError> {
        let row = match self.entries.remove(name)? {
            Some(row) => Row::decode(row.value()),
            None => return Ok(()),
        };
        let Some(row) = row else {
            // A large file has the number of its response.
            let (_, id) = split(name);
            self.units.remove((id, 0))?;
            applied.freed.push(id);
            return Ok(());
        };
        {
            let location = row.location;
            applied.deltas.removed(&row);
            self.units.remove((location.unit, location.offset))?;
            if location.kind == Kind::Large {
                applied.freed.push(location.unit);
            }
        }
        Ok(())
    }
}

fn join(key: &Key, id: u64) -> [u8; 40] {
    let mut name = [0; 40];
    name[..32].copy_from_slice(&key.0);
    name[32..].copy_from_slice(&id.to_be_bytes());
    name
}

fn split(name: &[u8; 40]) -> (Key, u64) {
    let mut key = [0; 32];
    key.copy_from_slice(&name[..32]);
    let mut id = [0; 8];
    id.copy_from_slice(&name[32..]);
    (Key(key), u64::from_be_bytes(id))
}
