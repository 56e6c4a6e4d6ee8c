//! The file of the durable state: opened, closed after a failure and opened again, and watched for being replaced.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use redb::Database;

use crate::database::{
    Format, get_meta, guarded, is_missing, open, open_file, open_or_read, read_only,
};
use crate::error::StateError;
use crate::generation::{Generation, Marker};
use crate::medium::{FileId, Medium};
use crate::values;

const FORMAT: Format = Format {
    number: values::FORMAT,
    migrate: values::migrate,
};
/// redb's page cache for the state.
const CACHE: u64 = 4 << 20;
/// The names of a state's identity and generation among what the file says about itself.
pub(crate) const IDENTITY: &str = "identity";
pub(crate) const NUMBER: &str = "generation";

/// See the module.
pub(crate) struct StateFile {
    /// Its path; `None` for one in memory.
    file: Option<(PathBuf, Arc<dyn Medium>)>,
    /// redb stays failed after an error of the file system: it is closed then, and opened again by the next who needs it.
    database: RwLock<Option<Opened>>,
    /// The newest generation that was acknowledged or found. A file that is opened again must have it.
    known: Mutex<Option<Generation>>,
    cache: Mutex<Cache>,
}

/// The cache that belongs to this state.
enum Cache {
    None,
    /// It could not be marked yet: it is in this folder.
    Unmarked(PathBuf),
    Marked(Arc<Marker>),
}

#[derive(Copy, Clone, Eq, PartialEq)]
pub(crate) enum Access {
    Read,
    Write,
}

struct Opened {
    database: Database,
    /// True if the disk could not be written when it was opened: nothing may be written to this one.
    is_read_only: bool,
    /// The file that is open; `None` for one in memory.
    id: Option<FileId>,
}

impl StateFile {
    /// Opens the file, or creates it. The second value is true if there was none, or an empty one.
    pub(crate) fn open(
        file: Option<(PathBuf, Arc<dyn Medium>)>,
    ) -> Result<(StateFile, bool), StateError> {
        let is_new = match &file {
            Some((path, _)) => is_missing(path)?,
            None => true,
        };
        let this = StateFile {
            file,
            database: RwLock::new(None),
            known: Mutex::new(None),
            cache: Mutex::new(Cache::None),
        };
        let opened = this.open_for(Access::Read)?;
        *this.known.lock() = generation(&opened.database)?;
        *this.database.write() = Some(opened);
        Ok((this, is_new))
    }

    fn open_for(&self, access: Access) -> Result<Opened, StateError> {
        let Some((path, medium)) = &self.file else {
            return Ok(Opened {
                database: open_file(None, CACHE, &FORMAT)?,
                is_read_only: false,
                id: None,
            });
        };
        let known = *self.known.lock();
        // One that was in use is never made anew: what was acknowledged would be lost without a word.
        if known.is_some() && is_missing(path)? {
            return Err(StateError::Replaced);
        }
        let (database, is_read_only) = open_at(path, medium, access)?;
        let id = medium.id(path).ok();
        if let Some(known) = known {
            let found = generation(&database)?;
            let is_it = |found: Generation| {
                found.identity == known.identity && found.number >= known.number
            };
            if !found.is_some_and(is_it) {
                return Err(StateError::Replaced);
            }
        }
        Ok(Opened {
            database,
            is_read_only,
            id,
        })
    }

    /// Works with the database, which is opened again first if it was closed after a failure, or if this is a write and it could
    /// not be written when it was opened.
    pub(crate) fn with<T>(
        &self,
        access: Access,
        work: impl FnOnce(&Database) -> Result<T, StateError>,
    ) -> Result<T, StateError> {
        let serves = |opened: &Opened| access == Access::Read || !opened.is_read_only;
        if !self.database.read().as_ref().is_some_and(serves) {
            let mut database = self.database.write();
            if !database.as_ref().is_some_and(serves) {
                *database = Some(self.open_for(access)?);
                tracing::info!("the durable state is open again");
            }
        }
        let (done, is_in_place) = {
            let database = self.database.read();
            let opened = database.as_ref().filter(|opened| serves(opened));
            let opened = opened.ok_or(StateError::Closed)?;
            let done = guarded(|| work(&opened.database));
            (done, access == Access::Read || self.is_in_place(opened))
        };
        if let Err(error) = &done
            && self.file.is_some()
        {
            tracing::error!(%error, "the durable state cannot be used; it is opened again when it is next needed");
            *self.database.write() = None;
        }
        match is_in_place {
            true => done,
            // It stays open: what is in it can still be read.
            false => Err(StateError::Replaced),
        }
    }

    /// Returns true if a start would find the file that is open.
    fn is_in_place(&self, opened: &Opened) -> bool {
        let Some((path, medium)) = &self.file else {
            return true;
        };
        opened.id.is_some() && medium.id(path).ok() == opened.id
    }

    /// Notes that a change is durable, here and in the cache.
    pub(crate) fn acknowledge(&self, generation: Option<Generation>) -> Result<(), StateError> {
        let Some(generation) = generation else {
            return Ok(());
        };
        let marker = match &*self.cache.lock() {
            Cache::Marked(marker) => Some(Arc::clone(marker)),
            Cache::None | Cache::Unmarked(_) => None,
        };
        if let Some(marker) = marker {
            marker.raise(generation.number)?;
        }
        let mut known = self.known.lock();
        let is_newer = known.is_none_or(|known| {
            known.identity != generation.identity || known.number < generation.number
        });
        if is_newer {
            *known = Some(generation);
        }
        Ok(())
    }

    /// The generation that was acknowledged last; `None` for a state that has none yet.
    pub(crate) fn generation(&self) -> Option<Generation> {
        *self.known.lock()
    }

    /// From now on, changes are acknowledged once this cache knows of them too.
    pub(crate) fn mark(&self, marker: Marker) {
        *self.cache.lock() = Cache::Marked(Arc::new(marker));
    }

    /// The cache in this folder is to be marked with a new generation.
    pub(crate) fn expect_mark(&self, folder: &Path) {
        *self.cache.lock() = Cache::Unmarked(folder.to_owned());
    }

    /// The folder of a cache that is not marked yet.
    pub(crate) fn unmarked(&self) -> Option<(PathBuf, Arc<dyn Medium>)> {
        let (_, medium) = self.file.as_ref()?;
        match &*self.cache.lock() {
            Cache::Unmarked(folder) => Some((folder.clone(), Arc::clone(medium))),
            Cache::None | Cache::Marked(_) => None,
        }
    }
}

/// Reads the generation that a database says it has.
pub(crate) fn generation(database: &Database) -> Result<Option<Generation>, StateError> {
    guarded(|| {
        let (identity, number) = (get_meta(database, IDENTITY)?, get_meta(database, NUMBER)?);
        Ok(identity
            .zip(number)
            .map(|(identity, number)| Generation { identity, number }))
    })
}

/// Opens the file, and makes its name durable. The second value is true if it may only be read.
fn open_at(
    path: &Path,
    medium: &Arc<dyn Medium>,
    access: Access,
) -> Result<(Database, bool), StateError> {
    let medium = &**medium;
    if access == Access::Write {
        // What is there is not opened before it may be written: one that can be read may be open beside it.
        if path.try_exists()? {
            sync_names(medium, path)?;
        }
        let database = open(medium, path, CACHE, &FORMAT)?;
        sync_names(medium, path)?;
        return Ok((database, false));
    }
    let (database, is_read_only) = open_or_read(medium, path, CACHE, &FORMAT)?;
    if is_read_only {
        return Ok((database, true));
    }
    match sync_names(medium, path) {
        Ok(()) => Ok((database, false)),
        Err(error) => {
            tracing::error!(
                path = %path.display(), %error,
                "the folder of the durable state cannot be synced: nothing is written to it until that works"
            );
            // Another is opened for the first write, and two that write to one file would be one too many.
            drop(database);
            Ok((read_only(medium, path, CACHE, &FORMAT)?, true))
        }
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
