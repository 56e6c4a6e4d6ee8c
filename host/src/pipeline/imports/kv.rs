//! Key-value data of distributions: what hooks read, and what `selvedge kv` writes.
//!
//! All of it is in memory, so that a hook waits for no disk and a missing key costs one look-up. A distribution's
//! data is therefore bounded (`kv_size`). The durable state has the same: a change is durable before it can be read, and
//! it is made as a whole or not at all.

use bytes::Bytes;
use parking_lot::RwLock;
use selvedge_runtime::capabilities::{self, Answer};
use selvedge_store::{State, StateChange, StateError};
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

/// Key: distribution, a zero byte, the key. Value: the value.
const TABLE: &str = "kv";

/// The number of values that are read at once.
const PAGE: usize = 256;

/// The most bytes of a key.
pub(crate) const MAX_KEY_BYTES: usize = 512;

/// The most bytes of a value.
pub(crate) const MAX_VALUE_BYTES: usize = 1 << 20;

/// The number of keys that are changed in the table that hooks read. For more, another table is made.
const MAX_IN_PLACE: usize = 256;

/// Bytes that an entry counts for beside its key and its value.
const ENTRY: u64 = 64;

/// A change of one key: its new value, or `None` to remove it.
pub(crate) type Change = (String, Option<Bytes>);

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KvError {
    /// No key, or one that is too long.
    #[error("the key {key:?} has {bytes} bytes: it takes 1 to {MAX_KEY_BYTES}")]
    Key {
        /// The first characters of it.
        key: String,
        /// Its length in bytes.
        bytes: usize,
    },
    /// A value that is too large.
    #[error("the value of {key:?} has {bytes} bytes: at most {MAX_VALUE_BYTES} are allowed")]
    Value {
        /// The key of the value.
        key: String,
        /// Its length in bytes.
        bytes: usize,
    },
    /// The distribution has no room for it.
    #[error(
        "there would be {bytes} bytes, and `kv_size` of the distribution allows {limit} (an entry counts with {ENTRY} bytes beside its key and value). Remove some, or raise `kv_size`"
    )]
    Full {
        /// Bytes after the change.
        bytes: u64,
        /// Bytes that the distribution may have.
        limit: u64,
    },
    /// The durable state failed.
    #[error("the durable state can't be written: {0}")]
    State(#[from] StateError),
    /// The host is about to end, and has not begun.
    #[error("the host is ending")]
    Ending,
    /// The host is about to end, and it is durable.
    #[error(
        "the change is made and durable, but the host is ending: hooks see it after the next start"
    )]
    Unseen,
    /// The host is about to end, and has told nobody how far it came.
    #[error(
        "the host is ending: after the next start, see with `selvedge kv` whether the change is made, and make it again if not"
    )]
    Unknown,
}

/// The key-value data of all distributions. Cloning is cheap.
#[derive(Clone)]
pub struct Kv(Arc<Shared>);

struct Shared {
    state: State,
    tables: RwLock<HashMap<Arc<str>, Arc<Values>>>,
    /// Locked while a change is made: the durable state and memory see changes in the same order.
    changing: tokio::sync::Mutex<()>,
}

/// The values of one distribution. Its lock is taken for a look-up, for a few keys that change, or for putting another
/// table in the place of this one: no hook waits for a load.
#[derive(Default)]
struct Values(RwLock<Arc<Table>>);

#[derive(Clone, Default)]
struct Table {
    values: BTreeMap<Arc<str>, Value>,
    bytes: u64,
}

/// A value that is not the one that was set. Its bytes are not given to anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the value changed on disk and is refused: set it again, or delete it")]
pub(crate) struct Damaged;

type Value = Result<Bytes, Damaged>;

/// One change for each key.
type Changes = BTreeMap<String, Option<Bytes>>;

/// Some keys of a distribution.
pub(crate) struct Keys {
    /// Each with the size of its value, in the order of the keys.
    pub(crate) keys: Vec<(Arc<str>, usize)>,
    /// True if there are more.
    pub(crate) more: bool,
}

/// The number of keys of a distribution, and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) keys: usize,
    pub(crate) bytes: u64,
}

impl Kv {
    /// Reads what is in the durable state. Blocks the thread.
    ///
    /// # Errors
    /// It can't be read.
    pub fn open(state: &State) -> Result<Kv, StateError> {
        let mut tables: HashMap<Arc<str>, Table> = HashMap::new();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = state.blocking_scan(TABLE, b"", after.as_deref(), PAGE)?;
            let Some((last, _)) = page.last() else {
                break;
            };
            after = Some(last.clone());
            for (place, value) in page {
                match read(&place) {
                    Some((distribution, key)) => {
                        let table = tables.entry(distribution.into()).or_default();
                        if value.is_none() {
                            tracing::error!(
                                target: "kv",
                                distribution,
                                key,
                                "a value changed on disk and is refused: set it again, or delete it"
                            );
                        }
                        table.insert(key, value.map(Bytes::from).ok_or(Damaged));
                    }
                    None => tracing::warn!(
                        target: "kv",
                        "a key in the durable state can't be read: {}",
                        place.escape_ascii()
                    ),
                }
            }
        }
        let values = tables.into_iter();
        let values = values.map(|(id, table)| (id, Arc::new(Values(RwLock::new(Arc::new(table))))));
        Ok(Kv(Arc::new(Shared {
            state: state.clone(),
            tables: RwLock::new(values.collect()),
            changing: tokio::sync::Mutex::new(()),
        })))
    }

    /// Returns the values of a distribution; none of them yet for a new one.
    fn values_of(&self, distribution: &str) -> Arc<Values> {
        if let Some(values) = self.0.tables.read().get(distribution) {
            return values.clone();
        }
        let mut tables = self.0.tables.write();
        tables.entry(distribution.into()).or_default().clone()
    }

    /// The value of a key.
    ///
    /// # Errors
    /// It changed on disk.
    pub(crate) fn get(&self, distribution: &str, key: &str) -> Result<Option<Bytes>, Damaged> {
        self.values_of(distribution).get(key)
    }

    /// Up to `most` keys that begin with `prefix`, after the key `after`.
    pub(crate) fn keys(
        &self,
        distribution: &str,
        prefix: &str,
        after: Option<&str>,
        most: usize,
    ) -> Keys {
        let values = self.values_of(distribution);
        let table = values.0.read();
        let (mut keys, mut more) = (Vec::new(), false);
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let range = table.values.range::<str, _>((from, Bound::Unbounded));
        for (key, value) in range.take_while(|(key, _)| key.starts_with(prefix)) {
            more = keys.len() == most;
            if more {
                break;
            }
            keys.push((key.clone(), length(value)));
        }
        Keys { keys, more }
    }

    /// Returns the number of keys of a distribution, and their bytes.
    pub(crate) fn usage(&self, distribution: &str) -> Usage {
        self.values_of(distribution).0.read().usage()
    }

    /// Makes all changes or none, in their order; with `replace`, what they do not set is removed. Durable when it returns.
    /// It is made also where the caller does not wait for it.
    ///
    /// # Errors
    /// Nothing has changed then, unless it is [`KvError::Unseen`] or [`KvError::Unknown`]. Where the distribution already has more than `limit` bytes, what makes it less is allowed.
    pub(crate) async fn change(
        &self,
        distribution: &Arc<str>,
        changes: Vec<Change>,
        replace: bool,
        limit: u64,
    ) -> Result<Usage, KvError> {
        let (kv, distribution) = (self.clone(), distribution.clone());
        let made = tokio::spawn(async move {
            let _changing = kv.0.changing.lock().await;
            kv.change_alone(&distribution, changes, replace, limit)
                .await
        });
        made.await.unwrap_or(Err(KvError::Unknown))
    }

    /// Makes changes on a thread that may block: 256 MiB of them take a while.
    async fn change_alone(
        &self,
        distribution: &Arc<str>,
        changes: Vec<Change>,
        replace: bool,
        limit: u64,
    ) -> Result<Usage, KvError> {
        let values = self.values_of(distribution);
        let (before, id) = (values.clone(), distribution.clone());
        let prepare = move || {
            changes.iter().try_for_each(check)?;
            // Nobody else changes it meanwhile, so that no hook waits for this lock.
            let table = before.0.read();
            let changes = table.with_removals(changes, replace);
            let after = table.usage_after(&changes);
            if after.bytes > limit && after.bytes > table.bytes {
                return Err(KvError::Full {
                    bytes: after.bytes,
                    limit,
                });
            }
            let durable = changes.iter();
            let durable = durable.map(|(key, value)| durable_change(&id, key, value.as_deref()));
            let durable: Vec<StateChange> = durable.collect();
            Ok((changes, after, durable))
        };
        let (changes, after, durable) = off_workers(prepare).await.ok_or(KvError::Ending)??;
        self.0.state.apply(durable).await?;
        let change = off_workers(move || values.change(changes));
        change.await.ok_or(KvError::Unseen)?;
        Ok(after)
    }
}

/// Runs what may take a while where no hook runs; `None` where the host is about to end.
async fn off_workers<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

impl Values {
    fn get(&self, key: &str) -> Result<Option<Bytes>, Damaged> {
        self.0.read().values.get(key).cloned().transpose()
    }

    /// Makes the changes. Many are made in a copy, which then takes the place of the table; keys and values are shared. What
    /// they replace may be large, and is given back when the lock is not held any more.
    fn change(&self, changes: Changes) {
        if changes.len() <= MAX_IN_PLACE {
            let replaced = Arc::make_mut(&mut *self.0.write()).change(changes);
            drop(replaced);
            return;
        }
        let mut table = Table::clone(&self.0.read());
        drop(table.change(changes));
        let mut table = Arc::new(table);
        std::mem::swap(&mut *self.0.write(), &mut table);
    }
}

impl Table {
    fn usage(&self) -> Usage {
        Usage {
            keys: self.values.len(),
            bytes: self.bytes,
        }
    }

    /// One change for each key, and with `replace` one for each key that is there already.
    fn with_removals(&self, changes: Vec<Change>, replace: bool) -> Changes {
        let mut all = Changes::new();
        if replace {
            all.extend(self.values.keys().map(|key| (key.to_string(), None)));
        }
        all.extend(changes);
        all
    }

    fn usage_after(&self, changes: &Changes) -> Usage {
        let mut usage = self.usage();
        for (key, value) in changes {
            if let Some(old) = self.values.get(key.as_str()) {
                usage.keys -= 1;
                usage.bytes -= size(key, length(old));
            }
            if let Some(new) = value {
                usage.keys += 1;
                usage.bytes += size(key, new.len());
            }
        }
        usage
    }

    /// Makes the changes, and gives the values that they replace.
    fn change(&mut self, changes: Changes) -> Vec<Value> {
        let mut replaced = Vec::with_capacity(changes.len());
        for (key, value) in changes {
            replaced.extend(match value {
                Some(value) => self.insert(&key, Ok(value)),
                None => self.remove(&key),
            });
        }
        replaced
    }

    /// Sets a value, and gives the one that was there.
    fn insert(&mut self, key: &str, value: Value) -> Option<Value> {
        let old = self.remove(key);
        self.bytes += size(key, length(&value));
        self.values.insert(key.into(), value);
        old
    }

    fn remove(&mut self, key: &str) -> Option<Value> {
        let old = self.values.remove(key)?;
        self.bytes -= size(key, length(&old));
        Some(old)
    }
}

fn length(value: &Value) -> usize {
    value.as_ref().map_or(0, Bytes::len)
}

fn size(key: &str, value: usize) -> u64 {
    (key.len() + value) as u64 + ENTRY
}

fn check((key, value): &Change) -> Result<(), KvError> {
    let shown = || key.chars().take(80).collect();
    if key.is_empty() || key.len() > MAX_KEY_BYTES {
        return Err(KvError::Key {
            key: shown(),
            bytes: key.len(),
        });
    }
    match value {
        Some(value) if value.len() > MAX_VALUE_BYTES => Err(KvError::Value {
            key: shown(),
            bytes: value.len(),
        }),
        _ => Ok(()),
    }
}

fn durable_change(distribution: &str, key: &str, value: Option<&[u8]>) -> StateChange {
    let table = TABLE.to_owned();
    let key = [distribution.as_bytes(), &[0], key.as_bytes()].concat();
    match value {
        Some(value) => StateChange::Put {
            table,
            key,
            value: value.to_vec(),
        },
        None => StateChange::Delete { table, key },
    }
}

fn read(place: &[u8]) -> Option<(&str, &str)> {
    std::str::from_utf8(place).ok()?.split_once('\0')
}

/// The data of one distribution, as its plugins read it.
pub(super) struct Of(Arc<Values>);

impl Of {
    pub(super) fn new(kv: &Kv, distribution: &str) -> Of {
        Of(kv.values_of(distribution))
    }
}

impl capabilities::Kv for Of {
    fn get(&self, key: &str) -> Answer<Result<Option<Bytes>, String>> {
        Answer::Now(self.0.get(key).map_err(|damaged| damaged.to_string()))
    }
}

#[cfg(test)]
mod tests;
