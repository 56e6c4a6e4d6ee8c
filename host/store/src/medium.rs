//! The file system as the store sees it: the one seam where tests put a disk that fails, tears or forgets.
//!
//! Everything that has to survive goes through it: bodies, the index and the durable state. Making and listing folders,
//! the lock and the format file do not.
#![expect(
    clippy::disallowed_methods,
    reason = "the one seam through which the store reaches files, on threads of its own"
)]

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// An open file. All calls block the thread.
pub trait MediumFile: Debug + Send + Sync + 'static {
    /// Fills the buffer from this offset on; an error of kind `UnexpectedEof` where the file ends before.
    ///
    /// # Errors
    /// What the system says.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// Writes all of the data at this offset, growing the file if need be.
    ///
    /// # Errors
    /// What the system says; some of the data may be written then.
    fn write_all_at(&self, data: &[u8], offset: u64) -> io::Result<()>;

    /// Returns once what was written survives a loss of power.
    ///
    /// # Errors
    /// What the system says.
    fn sync(&self) -> io::Result<()>;

    /// Its length in bytes.
    ///
    /// # Errors
    /// What the system says.
    fn length(&self) -> io::Result<u64>;

    /// Cuts it, or grows it with zeros.
    ///
    /// # Errors
    /// What the system says.
    fn set_length(&self, length: u64) -> io::Result<()>;
}

/// Makes, finds and removes files. All calls block the thread.
pub trait Medium: Debug + Send + Sync + 'static {
    /// Creates a file that must not exist yet.
    ///
    /// # Errors
    /// What the system says.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn MediumFile>>;

    /// Opens a file for reading.
    ///
    /// # Errors
    /// What the system says.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn MediumFile>>;

    /// Opens a database's file for reading and writing, and creates it where it is missing.
    ///
    /// # Errors
    /// What the system says.
    fn database(&self, path: &Path) -> io::Result<Arc<dyn MediumFile>>;

    /// Gives a file another name, in the place of whatever has it.
    ///
    /// # Errors
    /// What the system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file; who has it open may read on.
    ///
    /// # Errors
    /// What the system says.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Returns once the names in a folder survive a loss of power.
    ///
    /// # Errors
    /// What the system says.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
}

/// The real file system.
#[derive(Copy, Clone, Debug, Default)]
pub struct Files;

impl Medium for Files {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn MediumFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(path)?;
        Ok(Arc::new(file))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn MediumFile>> {
        Ok(Arc::new(File::open(path)?))
    }

    fn database(&self, path: &Path) -> io::Result<Arc<dyn MediumFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        Ok(Arc::new(file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
}

impl MediumFile for File {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, buffer, offset)
    }

    fn write_all_at(&self, data: &[u8], offset: u64) -> io::Result<()> {
        FileExt::write_all_at(self, data, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}
