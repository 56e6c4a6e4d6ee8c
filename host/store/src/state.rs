//! Durable state: what must not be lost (distributions, key-value data, invalidations, plugin artifacts).
//!
//! A small ordered store of its own, `state.redb`: tables by name, keys and values of bytes. A change that was
//! acknowledged survives a crash and a loss of power. It shares no file with the cache, so that damage to the cache
//! cannot reach it. Without a folder it lives in memory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{ReadableDatabase, WriteTransaction};

use crate::database::{begin_write, get_meta_in, set_meta};
use crate::error::StateError;
use crate::generation::{self, Generation, Marker};
use crate::medium::Medium;
use crate::state_file::{Access, IDENTITY, NUMBER, StateFile};
use crate::values::{STATE, opened, sealed};

/// The durable state of a store. Cloning is cheap. The asynchronous calls run on tokio's blocking threads; the calls
/// named `blocking_` do the same on the thread that calls, for start-up and commands.
#[derive(Clone)]
pub struct State {
    file: Arc<StateFile>,
    /// True if there was no state, or an empty one, when it was opened.
    is_new: bool,
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

/// A key and its value, as a scan gives them; `None` for a value that changed on disk.
pub type StatePair = (Vec<u8>, Option<Vec<u8>>);

impl State {
    pub(crate) fn open(file: Option<(PathBuf, Arc<dyn Medium>)>) -> Result<State, StateError> {
        let (file, is_new) = StateFile::open(file)?;
        Ok(State {
            file: Arc::new(file),
            is_new,
        })
    }

    /// Returns true if there was no state, or an empty one, when it was opened.
    pub(crate) fn is_new(&self) -> bool {
        self.is_new
    }

    /// The generation that was acknowledged last; `None` for a state of an earlier version.
    pub(crate) fn generation(&self) -> Option<Generation> {
        self.file.generation()
    }

    /// Gives the state a new identity, for a cache that begins now. Blocks the thread.
    fn begin_generation(&self, identity: u64) -> Result<Generation, StateError> {
        let generation = self.file.with(Access::Write, |database| {
            let write = begin_write(database)?;
            set_meta(&write, IDENTITY, identity)?;
            let generation = raise(&write)?.ok_or(StateError::Damaged)?;
            write.commit()?;
            Ok(generation)
        })?;
        self.file.acknowledge(Some(generation))?;
        Ok(generation)
    }

    /// From now on, changes are acknowledged once this cache knows of them too.
    pub(crate) fn mark(&self, marker: Marker) {
        self.file.mark(marker);
    }

    /// Begins a generation for the cache in this folder, now or as soon as the disk works.
    pub(crate) fn begin_cache(&self, folder: &Path) {
        self.file.expect_mark(folder);
        self.mark_cache();
    }

    /// Marks a cache that could not be marked yet. A cache without a mark would be discarded by the next start. Blocks the
    /// thread.
    pub(crate) fn mark_cache(&self) {
        let Some((folder, medium)) = self.file.unmarked() else {
            return;
        };
        let begun = self
            .begin_generation(generation::new_identity())
            .and_then(|generation| Ok(Marker::create(&medium, &folder, generation)?));
        match begun {
            Ok(marker) => self.file.mark(marker),
            Err(error) => tracing::error!(
                path = %folder.display(), %error,
                "the cache cannot be marked as belonging to the durable state: it is tried again"
            ),
        }
    }

    /// The value of a key; an error if it changed on disk.
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
        let stored = self.file.with(Access::Read, |database| {
            match database.begin_read()?.open_table(STATE) {
                Ok(all) => Ok(all.get((table, key))?.map(|value| value.value().to_vec())),
                Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
                Err(error) => Err(error.into()),
            }
        })?;
        let value = stored.map(|stored| opened(table, key, stored).ok_or(StateError::Changed));
        value.transpose()
    }

    /// As [`State::put`], on this thread.
    pub fn blocking_put(&self, table: &str, key: &[u8], value: &[u8]) -> Result<(), StateError> {
        let (table, key, value) = (table.to_owned(), key.to_vec(), value.to_vec());
        self.blocking_apply(&[StateChange::Put { table, key, value }])
    }

    /// As [`State::apply`], on this thread.
    pub fn blocking_apply(&self, changes: &[StateChange]) -> Result<(), StateError> {
        let generation = self.file.with(Access::Write, |database| {
            let write = begin_write(database)?;
            {
                let mut all = write.open_table(STATE)?;
                for change in changes {
                    match change {
                        StateChange::Put { table, key, value } => {
                            let sealed = sealed(table, key, value);
                            all.insert((table.as_str(), key.as_slice()), sealed.as_slice())?;
                        }
                        StateChange::Delete { table, key } => {
                            all.remove((table.as_str(), key.as_slice()))?;
                        }
                    }
                }
            }
            let generation = raise(&write)?;
            write.commit()?;
            Ok(generation)
        })?;
        self.file.acknowledge(generation)
    }

    /// As [`State::scan`], on this thread.
    pub fn blocking_scan(
        &self,
        table: &str,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<StatePair>, StateError> {
        let stored = self.file.with(Access::Read, |database| {
            let all = match database.begin_read()?.open_table(STATE) {
                Ok(all) => all,
                Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
                Err(error) => return Err(error.into()),
            };
            let from = after.map_or(prefix, |after| after.max(prefix));
            let mut pairs = Vec::new();
            for item in all.range((table, from)..)? {
                let (name, value) = item?;
                let (in_table, key) = name.value();
                if pairs.len() == limit || in_table != table || !key.starts_with(prefix) {
                    break;
                }
                if after != Some(key) {
                    pairs.push((key.to_vec(), value.value().to_vec()));
                }
            }
            Ok(pairs)
        })?;
        let pairs = stored.into_iter().map(|(key, stored)| {
            let value = opened(table, &key, stored);
            (key, value)
        });
        Ok(pairs.collect())
    }
}

/// Raises the generation; `None` for a state that has no identity yet.
fn raise(write: &WriteTransaction) -> Result<Option<Generation>, StateError> {
    let Some(identity) = get_meta_in(write, IDENTITY)? else {
        return Ok(None);
    };
    let number = get_meta_in(write, NUMBER)?.unwrap_or(0) + 1;
    set_meta(write, NUMBER, number)?;
    Ok(Some(Generation { identity, number }))
}
