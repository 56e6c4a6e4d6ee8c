//! Opening redb files: what the index and the durable state have in common.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use redb::backends::InMemoryBackend;
use redb::{Builder, Database, Durability, ReadableDatabase, TableDefinition, WriteTransaction};

use crate::error::StateError;

/// Holds the format number under "format", and what else a file needs to know about itself.
const META: TableDefinition<&str, u64> = TableDefinition::new("meta");

/// Opens or creates the file, or a database in memory, and checks its format.
pub(crate) fn open(path: Option<&Path>, cache: u64, format: u64) -> Result<Database, StateError> {
    guarded(|| {
        let mut builder = Builder::new();
        builder.set_cache_size(cache as usize);
        let database = match path {
            Some(path) => builder.create(path)?,
            None => builder.create_with_backend(InMemoryBackend::new())?,
        };
        match get_meta(&database, "format")? {
            Some(found) if found != format => {
                return Err(StateError::UnknownFormat {
                    found,
                    expected: format,
                });
            }
            Some(_) => {}
            None => {
                let write = begin_write(&database)?;
                set_meta(&write, "format", format)?;
                write.commit()?;
            }
        }
        Ok(database)
    })
}

/// A transaction that is durable when committed, and after which a start need not walk the file.
pub(crate) fn begin_write(database: &Database) -> Result<WriteTransaction, StateError> {
    let mut write = database.begin_write()?;
    // Fails only after a savepoint was made in this transaction.
    if let Err(error) = write.set_durability(Durability::Immediate) {
        tracing::error!(%error, "redb refused the durability");
    }
    write.set_quick_repair(true);
    Ok(write)
}

pub(crate) fn get_meta(database: &Database, name: &str) -> Result<Option<u64>, StateError> {
    match database.begin_read()?.open_table(META) {
        Ok(table) => Ok(table.get(name)?.map(|number| number.value())),
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

pub(crate) fn set_meta(write: &WriteTransaction, name: &str, value: u64) -> Result<(), StateError> {
    write.open_table(META)?.insert(name, value)?;
    Ok(())
}

/// Runs `work` and turns a panic into an error: redb may panic on pages that something else has altered.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T, StateError>) -> Result<T, StateError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(StateError::Damaged))
}
