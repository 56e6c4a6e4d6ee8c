//! The errors of the store, and their meaning for the caller.

use std::io;
use std::path::PathBuf;

/// Why the store could not be opened. A damaged cache is no such reason: its content is discarded and logged.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has this folder open.
    #[error(
        "the store at {dir} is in use by another process; stop that process, or give this one a store path of its own"
    )]
    Locked {
        /// The store's folder.
        dir: PathBuf,
    },
    /// The folder was written by a version of Selvedge that lays its files out differently.
    #[error(
        "the store at {dir} has format {found:?} and this version of Selvedge reads {expected:?}; \
         use the version that wrote it, or an empty folder"
    )]
    UnknownFormat {
        /// The store's folder.
        dir: PathBuf,
        /// The content of the format file, cut to 64 characters.
        found: String,
        /// The format that this version writes.
        expected: &'static str,
    },
    /// The file of durable state is damaged or cannot be read. It is never discarded by itself. One that can be read and not
    /// written is no such reason.
    #[error(
        "the durable state in {path} cannot be opened: {source}; restore the file from a backup, or move it away to \
         start without invalidations and key-value data, and without the cache, which is discarded then"
    )]
    State {
        /// The file.
        path: PathBuf,
        /// The answer of redb.
        source: StateError,
    },
    /// The file system refused something that the store cannot do without.
    #[error(
        "the store cannot {action} {path}: {source}; check the path, its owner and the space left"
    )]
    Io {
        /// The attempted action, as a verb.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// The answer.
        source: io::Error,
    },
}

/// Why a response that was being filled is not in the store. Its readers may have received it whole all the same.
#[derive(Copy, Clone, Eq, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotStored {
    /// The body is longer than the configured limit, or than an eighth of the memory of a store without a folder.
    #[error("the body is larger than the store accepts")]
    TooLarge,
    /// The body's length is not the one that was announced.
    #[error("the body has {actual} bytes and {expected} were announced")]
    LengthMismatch {
        /// The announced length in bytes.
        expected: u64,
        /// The bytes that arrived.
        actual: u64,
    },
    /// Writing to disk failed; the log says how.
    #[error("writing to the store's disk failed")]
    DiskFailed,
    /// No room could be made on disk.
    #[error("no room could be made on the store's disk")]
    NoRoom,
    /// Nothing may be stored for this response: the fill was begun to pass it on only.
    #[error("the response was only passed on")]
    PassedOn,
}

impl NotStored {
    /// The reason as one word: the same in log, metric and test.
    pub fn as_str(&self) -> &'static str {
        match self {
            NotStored::TooLarge => "too-large",
            NotStored::LengthMismatch { .. } => "length-mismatch",
            NotStored::DiskFailed => "disk-failed",
            NotStored::NoRoom => "no-room",
            NotStored::PassedOn => "passed-on",
        }
    }
}

/// Why a body ends before its end. The response must be ended as an aborted transfer, never as a complete one.
#[derive(Clone, Eq, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// The fill that this reader follows was dropped without an end.
    #[error("the response was abandoned before its end")]
    Aborted,
    /// The fill that this reader follows failed, with the reason that the fill was given.
    #[error("the response failed before its end: {0}")]
    Failed(String),
    /// The reader joined a response that is passed on unstored, after its beginning was gone.
    #[error("the response is not stored and its beginning has already passed")]
    TooLate,
    /// The bytes on disk are not those that were written.
    #[error("the stored body is damaged")]
    Damaged,
    /// The disk could not be read.
    #[error("the stored body cannot be read: {0}")]
    Unreadable(io::ErrorKind),
}

impl BodyError {
    /// The reason as one word: the same in log, metric and test.
    pub fn as_str(&self) -> &'static str {
        match self {
            BodyError::Aborted => "aborted",
            BodyError::Failed(_) => "failed",
            BodyError::TooLate => "too-late",
            BodyError::Damaged => "damaged",
            BodyError::Unreadable(_) => "unreadable",
        }
    }
}

/// Why durable state could not be read or written. What a failed write was to change
/// may be changed all the same, or not.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// redb refused, or the file system below it.
    #[error("{0}")]
    Database(#[from] Box<redb::Error>),
    /// The file has a format that this version does not know.
    #[error("its format is {found} and this version of Selvedge reads {expected}")]
    UnknownFormat {
        /// The number in the file.
        found: u64,
        /// The number that this version writes.
        expected: u64,
    },
    /// The file system refused to open the file.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The file was closed after a failure, and could not be opened again yet.
    #[error("the file was closed after a failure")]
    Closed,
    /// The file was removed or replaced while it was in use. What is in memory goes on; nothing can be made durable.
    #[error(
        "the file was removed or replaced while it was in use, so the next start would not find what is written to it; \
         put it back, or stop the host and start it again"
    )]
    Replaced,
    /// A value is not the one that was written.
    #[error("the value changed on disk; write it again, or remove it")]
    Changed,
    /// The file is damaged so badly that reading it had to be stopped.
    #[error("the file is damaged")]
    Damaged,
}

impl StateError {
    /// Returns true if the disk, or the system, refused something: the content of the file may be in order.
    pub(crate) fn is_of_the_disk(&self) -> bool {
        let of_the_disk = |error: &io::Error| {
            let of_the_file = [io::ErrorKind::UnexpectedEof, io::ErrorKind::InvalidData];
            !of_the_file.contains(&error.kind())
        };
        match self {
            StateError::Io(error) => of_the_disk(error),
            StateError::Database(error) => match &**error {
                redb::Error::Io(error) => of_the_disk(error),
                redb::Error::PreviousIo => true,
                _ => false,
            },
            _ => false,
        }
    }
}

impl StateError {
    /// Returns true if the file does not hold what was written to it.
    pub(crate) fn is_damage(&self) -> bool {
        !self.is_of_the_disk() && !matches!(self, StateError::Closed)
    }
}

/// Why something was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error("{0}")]
    Files(#[from] std::io::Error),
    #[error("{0}")]
    Index(#[from] StateError),
}

impl WriteError {
    /// Returns true if the index does not hold what was written to it, and must be made anew.
    pub(crate) fn is_damage(&self) -> bool {
        matches!(self, WriteError::Index(error) if error.is_damage())
    }
}

macro_rules! state_error_from {
    ($($kind:ty),*) => {
        $(impl From<$kind> for StateError {
            fn from(error: $kind) -> Self {
                StateError::Database(Box::new(error.into()))
            }
        })*
    };
}

state_error_from!(
    redb::CommitError,
    redb::DatabaseError,
    redb::StorageError,
    redb::TableError,
    redb::TransactionError
);
