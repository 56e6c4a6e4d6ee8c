//! Opening redb files: what the index and the durable state have in common.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use redb::backends::InMemoryBackend;
use redb::{
    Builder, Database, Durability, ReadableDatabase, ReadableTable, StorageBackend,
    TableDefinition, WriteTransaction,
};

use crate::error::StateError;
use crate::medium::{Medium, MediumFile, regular};
use crate::overlay::Overlay;

/// Holds the format number under "format", and what else a file needs to know about itself.
const META: TableDefinition<&str, u64> = TableDefinition::new("meta");

/// A file as redb uses it. It has no lock of its own: the store's folder has one.
#[derive(Debug)]
struct Backend(Arc<dyn MediumFile>);

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.0.length()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(out, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_length(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write_all_at(data, offset)
    }
}

/// The format of a database.
pub(crate) struct Format {
    /// Its number.
    pub(crate) number: u64,
    /// Brings a database of another format to this one, or refuses it.
    pub(crate) migrate: fn(&Database, u64) -> Result<(), StateError>,
}

/// Returns true if there is no file at this path, or an empty one. What else is there must be a regular file.
pub(crate) fn is_missing(path: &Path) -> io::Result<bool> {
    match regular(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        found => Ok(found?.len() == 0),
    }
}

/// Opens the database at this path, or creates it. A crash while it is created leaves none, or a whole one: redb would
/// not open what is in between.
pub(crate) fn open(
    medium: &dyn Medium,
    path: &Path,
    cache: u64,
    format: &Format,
) -> Result<Database, StateError> {
    if is_missing(path)? {
        let new = path.with_extension("new");
        match medium.remove(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        drop(open_file(Some(medium.database(&new)?), cache, format)?);
        let file = medium.database(&new)?;
        file.sync()?;
        medium.rename(&new, path)?;
        if let Some(folder) = path.parent() {
            medium.sync_folder(folder)?;
        }
    }
    open_file(Some(medium.database(path)?), cache, format)
}

/// Opens the database as `open` does. If the disk cannot be written, the database is opened to be read: the second value is
/// true then, and writes are lost.
pub(crate) fn open_or_read(
    medium: &dyn Medium,
    path: &Path,
    cache: u64,
    format: &Format,
) -> Result<(Database, bool), StateError> {
    let refused = match open(medium, path, cache, format) {
        Err(error) if error.is_of_the_disk() => error,
        opened => return Ok((opened?, false)),
    };
    let database = read_only(medium, path, cache, format)?;
    tracing::error!(
        path = %path.display(), error = %refused,
        "a file of the store can be read and not written: nothing changes in it until its disk works again"
    );
    Ok((database, true))
}

/// Opens what is there without writing to it; where nothing is there, a new one in memory.
pub(crate) fn read_only(
    medium: &dyn Medium,
    path: &Path,
    cache: u64,
    format: &Format,
) -> Result<Database, StateError> {
    let file: Option<Arc<dyn MediumFile>> = match !is_missing(path)? {
        true => Some(Arc::new(Overlay::of(medium.open(path)?)?)),
        false => None,
    };
    open_file(file, cache, format)
}

/// Opens the database in a file, or a new one in memory, and checks its format.
pub(crate) fn open_file(
    file: Option<Arc<dyn MediumFile>>,
    cache: u64,
    format: &Format,
) -> Result<Database, StateError> {
    guarded(|| {
        let mut builder = Builder::new();
        builder.set_cache_size(cache as usize);
        let database = match file {
            Some(file) => builder.create_with_backend(Backend(file))?,
            None => builder.create_with_backend(InMemoryBackend::new())?,
        };
        match get_meta(&database, "format")? {
            Some(found) if found != format.number => (format.migrate)(&database, found)?,
            Some(_) => {}
            None => {
                let write = begin_write(&database)?;
                set_meta(&write, "format", format.number)?;
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

/// As [`get_meta`], within a transaction.
pub(crate) fn get_meta_in(write: &WriteTransaction, name: &str) -> Result<Option<u64>, StateError> {
    let table = write.open_table(META)?;
    let number = table.get(name)?.map(|number| number.value());
    Ok(number)
}

pub(crate) fn set_meta(write: &WriteTransaction, name: &str, value: u64) -> Result<(), StateError> {
    write.open_table(META)?.insert(name, value)?;
    Ok(())
}

/// Runs `work` and turns a panic into an error: redb may panic on pages that something else has altered.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T, StateError>) -> Result<T, StateError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(StateError::Damaged))
}
