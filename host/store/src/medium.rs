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
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

/// An open file. All calls block the thread.
pub trait MediumFile: Debug + Send + Sync + 'static {
    /// Fills the buffer from this offset on; an error of kind `UnexpectedEof` where the file ends before.
    ///
    /// # Errors
    /// The system's error.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// Writes all of the data at this offset, growing the file if need be.
    ///
    /// # Errors
    /// The system's error; some of the data may be written then.
    fn write_all_at(&self, data: &[u8], offset: u64) -> io::Result<()>;

    /// Returns once what was written survives a loss of power.
    ///
    /// # Errors
    /// The system's error.
    fn sync(&self) -> io::Result<()>;

    /// Its length in bytes.
    ///
    /// # Errors
    /// The system's error.
    fn length(&self) -> io::Result<u64>;

    /// Cuts it, or grows it with zeros.
    ///
    /// # Errors
    /// The system's error.
    fn set_length(&self, length: u64) -> io::Result<()>;
}

/// The identity of a file on this system, whatever its name.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct FileId {
    device: u64,
    inode: u64,
}

/// Makes, finds and removes files. All calls block the thread.
pub trait Medium: Debug + Send + Sync + 'static {
    /// Creates a file that must not exist yet.
    ///
    /// # Errors
    /// The system's error.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn MediumFile>>;

    /// Opens a file for reading.
    ///
    /// # Errors
    /// The system's error.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn MediumFile>>;

    /// Opens a database's file for reading and writing, and creates it where it is missing.
    ///
    /// # Errors
    /// The system's error.
    fn database(&self, path: &Path) -> io::Result<Arc<dyn MediumFile>>;

    /// Returns the identity of the file that has this name now.
    ///
    /// # Errors
    /// The system's error.
    fn id(&self, path: &Path) -> io::Result<FileId>;

    /// Gives a file another name, in place of the file that has it.
    ///
    /// # Errors
    /// The system's error.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file; who has it open may read on.
    ///
    /// # Errors
    /// The system's error.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Returns once the names in a folder survive a loss of power.
    ///
    /// # Errors
    /// The system's error.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
}

/// Permissions of the store's files: responses and key-value data may be private.
pub(crate) const OWNER_ONLY: u32 = 0o600;
/// Permissions of the store's folders.
pub(crate) const FOLDER_OWNER_ONLY: u32 = 0o700;

/// Returns the facts of a regular file, or of one that a link leads to. Opening anything else might wait for ever.
pub(crate) fn regular(path: &Path) -> io::Result<fs::Metadata> {
    let metadata = fs::metadata(path)?;
    match metadata.is_file() {
        true => Ok(metadata),
        false => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it is not a regular file",
        )),
    }
}

/// Takes from others what an earlier version let them do with a file. One of another owner stays as it is.
pub(crate) fn close_to_others(file: &File) -> io::Result<()> {
    let metadata = file.metadata()?;
    if metadata.mode() & 0o077 != 0 {
        let set = file.set_permissions(fs::Permissions::from_mode(OWNER_ONLY));
        return ignore_refusal(set);
    }
    Ok(())
}

/// Closes a file or a folder to others by its path.
pub(crate) fn close_path_to_others(path: &Path, metadata: &fs::Metadata) -> io::Result<()> {
    if metadata.mode() & 0o077 == 0 {
        return Ok(());
    }
    let mode = match metadata.is_dir() {
        true => FOLDER_OWNER_ONLY,
        false => OWNER_ONLY,
    };
    ignore_refusal(fs::set_permissions(path, fs::Permissions::from_mode(mode)))
}

fn ignore_refusal(set: io::Result<()>) -> io::Result<()> {
    match set {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
            ) =>
        {
            Ok(())
        }
        set => set,
    }
}

/// Makes a folder, and those that it is in, for its owner only.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_OWNER_ONLY)
        .create(path)
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
            .mode(OWNER_ONLY)
            .open(path)?;
        Ok(Arc::new(file))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn MediumFile>> {
        close_path_to_others(path, &regular(path)?)?;
        Ok(Arc::new(File::open(path)?))
    }

    fn database(&self, path: &Path) -> io::Result<Arc<dyn MediumFile>> {
        match regular(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(OWNER_ONLY)
            .open(path)?;
        close_to_others(&file)?;
        Ok(Arc::new(file))
    }

    fn id(&self, path: &Path) -> io::Result<FileId> {
        let metadata = fs::metadata(path)?;
        Ok(FileId {
            device: metadata.dev(),
            inode: metadata.ino(),
        })
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
