//! Durable state: what must not be lost (distributions, key-value data, invalidations, plugin artifacts).
//!
//! A small ordered store of its own, `state.redb`: tables by name, keys and values of bytes. A change that was
//! acknowledged survives a crash and a loss of power. It shares no file with the cache, so that damage to the cache
//! cannot reach it. Without a folder it lives in memory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::RwLock;
use redb::{Database, ReadableDatabase, TableDefinition};

use crate::database::{begin_write, guarded, open, open_file, open_or_read, read_only};
use crate::error::StateError;
use crate::medium::Medium;

const FORMAT: u64 = 1;
const STATE: TableDefinition<(&str, &[u8]), &[u8]> = TableDefinition::new("state");
/// redb's page cache for the state.
const CACHE: u64 = 4 << 20;

/// The durable state of a store. Cloning is cheap. The asynchronous calls run on tokio's blocking threads; the calls
/// named `blocking_` do the same on the thread that calls, for start-up and commands.
#[derive(Clone)]
pub struct State {
    shared: Arc<Shared>,
}

struct Shared {
    /// Where it is; `None` for one in memory.
    place: Option<(PathBuf, Arc<dyn Medium>)>,
    /// redb stays failed after an error of the file system: it is closed then, and opened again by whoever comes next.
    database: RwLock<Option<Opened>>,
}

#[derive(Copy, Clone, Eq, PartialEq)]
enum Access {
    Read,
    Write,
}

struct Opened {
    database: Database,
    /// Whether the disk could not be written when it was opened: nothing may be written to this one.
    is_read_only: bool,
}

impl Opened {
    fn to_be_written(database: Database) -> Opened {
        Opened {
            database,
            is_read_only: false,
        }
    }

    fn to_be_read(database: Database) -> Opened {
        Opened {
            database,
            is_read_only: true,
        }
    }
}

impl Shared {
    fn open(&self, access: Access) -> Result<Opened, StateError> {
        let Some((path, medium)) = &self.place else {
            return Ok(Opened::to_be_written(open_file(None, CACHE, FORMAT)?));
        };
        let medium = &**medium;
        if access == Access::Write {
            // What is there is not opened before it may be written: one that can be read may be open beside it.
            if path.try_exists()? {
                sync_names(medium, path)?;
            }
            let database = open(medium, path, CACHE, FORMAT)?;
            sync_names(medium, path)?;
            return Ok(Opened::to_be_written(database));
        }
        let (database, is_read_only) = open_or_read(medium, path, CACHE, FORMAT)?;
        if is_read_only {
            return Ok(Opened::to_be_read(database));
        }
        match sync_names(medium, path) {
            Ok(()) => Ok(Opened::to_be_written(database)),
            Err(error) => {
                tracing::error!(
                    path = %path.display(), %error,
                    "the folder of the durable state cannot be synced: nothing is written to it until that works"
                );
                // Another is opened for the first write, and two that write to one file would be one too many.
                drop(database);
                let database = read_only(medium, path, CACHE, FORMAT)?;
                Ok(Opened::to_be_read(database))
            }
        }
    }

    /// Works with the database, which is opened again first if it was closed after a failure, or if it is to be written and
    /// could not be when it was opened.
    fn with<T>(
        &self,
        access: Access,
        work: impl FnOnce(&Database) -> Result<T, StateError>,
    ) -> Result<T, StateError> {
        let serves = |opened: &Opened| access == Access::Read || !opened.is_read_only;
        if !self.database.read().as_ref().is_some_and(serves) {
            let mut database = self.database.write();
            if !database.as_ref().is_some_and(serves) {
                *database = Some(self.open(access)?);
                tracing::info!("the durable state is open again");
            }
        }
        let done = {
            let database = self.database.read();
            let opened = database.as_ref().filter(|opened| serves(opened));
            let opened = opened.ok_or(StateError::Closed)?;
            guarded(|| work(&opened.database))
        };
        if let Err(error) = &done
            && self.place.is_some()
        {
            tracing::error!(%error, "the durable state cannot be used; it is opened again when it is next needed");
            *self.database.write() = None;
        }
        done
    }
}

/// Makes the file's name survive a loss of power, and that of the folder that it is in.
fn sync_names(medium: &dyn Medium, path: &Path) -> std::io::Result<()> {
    let folder = path.parent();
    for folder in [folder, folder.and_then(Path::parent)]
        .into_iter()
        .flatten()
    {
        let folder = match folder.as_os_str().is_empty() {
            true => Path::new("."),
            false => folder,
        };
        medium.sync_folder(folder)?;
    }
    Ok(())
}

/// One change of durable state.
#[derive(Clone, Eq, PartialEq, Debug)]
pub enum StateChange {
    /// Sets a value.
    Put {
        /// The table's name.
        table: String,
        /// The key within the table.
        key: Vec<u8>,
        /// The value.
        value: Vec<u8>,
    },
    /// Removes a value, if it is there.
    Delete {
        /// The table's name.
        table: String,
        /// The key within the table.
        key: Vec<u8>,
    },
}

/// A key and its value, as a scan gives them.
pub type StatePair = (Vec<u8>, Vec<u8>);

impl State {
    pub(crate) fn open(place: Option<(PathBuf, Arc<dyn Medium>)>) -> Result<State, StateError> {
        let shared = Shared {
            place,
            database: RwLock::new(None),
        };
        *shared.database.write() = Some(shared.open(Access::Read)?);
        Ok(State {
            shared: Arc::new(shared),
        })
    }

    /// The value of a key.
    pub async fn get(&self, table: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        let (table, key) = (table.to_owned(), key.to_vec());
        self.run(move |state| state.blocking_get(&table, &key))
            .await
    }

    /// Sets a value; durable when it returns.
    pub async fn put(&self, table: &str, key: &[u8], value: &[u8]) -> Result<(), StateError> {
        let (table, key, value) = (table.to_owned(), key.to_vec(), value.to_vec());
        self.apply(vec![StateChange::Put { table, key, value }])
            .await
    }

    /// Removes a value, if it is there; durable when it returns.
    pub async fn delete(&self, table: &str, key: &[u8]) -> Result<(), StateError> {
        let (table, key) = (table.to_owned(), key.to_vec());
        self.apply(vec![StateChange::Delete { table, key }]).await
    }

    /// Makes all changes in their order, or none; durable when it returns.
    pub async fn apply(&self, changes: Vec<StateChange>) -> Result<(), StateError> {
        self.run(move |state| state.blocking_apply(&changes)).await
    }

    /// Up to `limit` pairs whose key begins with `prefix`, in the order of their keys, after the key `after`.
    pub async fn scan(
        &self,
        table: &str,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<StatePair>, StateError> {
        let (table, prefix, after) = (table.to_owned(), prefix.to_vec(), after.map(<[u8]>::to_vec));
        self.run(move |state| state.blocking_scan(&table, &prefix, after.as_deref(), limit))
            .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(State) -> Result<T, StateError> + Send + 'static,
    ) -> Result<T, StateError> {
        let state = self.clone();
        tokio::task::spawn_blocking(move || work(state))
            .await
            .unwrap_or(Err(StateError::Damaged))
    }

    /// As [`State::get`], on this thread.
    pub fn blocking_get(&self, table: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        self.shared.with(Access::Read, |database| {
            match database.begin_read()?.open_table(STATE) {
                Ok(all) => Ok(all.get((table, key))?.map(|value| value.value().to_vec())),
                Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
                Err(error) => Err(error.into()),
            }
        })
    }

    /// As [`State::put`], on this thread.
    pub fn blocking_put(&self, table: &str, key: &[u8], value: &[u8]) -> Result<(), StateError> {
        let (table, key, value) = (table.to_owned(), key.to_vec(), value.to_vec());
        self.blocking_apply(&[StateChange::Put { table, key, value }])
    }

    /// As [`State::apply`], on this thread.
    pub fn blocking_apply(&self, changes: &[StateChange]) -> Result<(), StateError> {
        self.shared.with(Access::Write, |database| {
            let write = begin_write(database)?;
            {
                let mut all = write.open_table(STATE)?;
                for change in changes {
                    match change {
                        StateChange::Put { table, key, value } => {
                            all.insert((table.as_str(), key.as_slice()), value.as_slice())?;
                        }
                        StateChange::Delete { table, key } => {
                            all.remove((table.as_str(), key.as_slice()))?;
                        }
                    }
                }
            }
            Ok(write.commit()?)
        })
    }

    /// As [`State::scan`], on this thread.
    pub fn blocking_scan(
        &self,
        table: &str,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<StatePair>, StateError> {
        self.shared.with(Access::Read, |database| {
            let all = match database.begin_read()?.open_table(STATE) {
                Ok(all) => all,
                Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
                Err(error) => return Err(error.into()),
            };
            let from = after.map_or(prefix, |after| after.max(prefix));
            let mut pairs = Vec::new();
            for item in all.range((table, from)..)? {
                let (place, value) = item?;
                let (in_table, key) = place.value();
                if pairs.len() == limit || in_table != table || !key.starts_with(prefix) {
                    break;
                }
                if after != Some(key) {
                    pairs.push((key.to_vec(), value.value().to_vec()));
                }
            }
            Ok(pairs)
        })
    }
}
