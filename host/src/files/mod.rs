//! Files that an operator names: configuration, plugins, certificates, secrets, databases.
//!
//! A path can lead to anything. Only regular files are read: they are opened without waiting for another process, and read
//! within a limit of bytes and of time. A pipe, a device, a socket or a folder is an error at once.
#![expect(
    clippy::disallowed_methods,
    reason = "files are read on threads that may block"
)]

mod ledger;

pub use ledger::{Digest, Ledger};

use rustix::fs::OFlags;
use std::fs::{File, FileType, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

/// The time that reading one file may take.
const MAX_READ_TIME: Duration = Duration::from_secs(30);

/// The bytes that are read at a time.
const CHUNK: usize = 256 << 10;

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system's error.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Something else than a regular file, by its kind.
    #[error("it is {0}, not a regular file")]
    NotRegular(&'static str),
    /// More bytes than the limit.
    #[error("it has more than {limit} bytes")]
    TooLarge {
        /// The bytes that it has, or at least has.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// Slower than [`MAX_READ_TIME`].
    #[error("reading it took longer than {} s", MAX_READ_TIME.as_secs())]
    TooSlow,
}

impl ReadError {
    /// The kind of the system's error; `Other` for the rest.
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            ReadError::Io(error) => error.kind(),
            _ => io::ErrorKind::Other,
        }
    }
}

/// Reads a regular file of at most `limit` bytes.
///
/// # Errors
/// [`ReadError`].
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
    let (mut file, metadata) = open(path, limit)?;
    read_open(&mut file, &metadata, limit)
}

/// Reads a regular file of UTF-8 text, of at most `limit` bytes.
///
/// # Errors
/// [`ReadError`].
pub fn read_text(path: &Path, limit: u64) -> Result<String, ReadError> {
    let bytes = read(path, limit)?;
    String::from_utf8(bytes)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text").into())
}

fn open(path: &Path, limit: u64) -> Result<(File, Metadata), ReadError> {
    // Looked at before it is opened, since opening alone does something to some devices.
    is_regular(std::fs::metadata(path)?.file_type())?;
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = File::options()
        .read(true)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
        .open(path)?;
    // And afterwards, since another file may be there by now.
    let metadata = file.metadata()?;
    is_regular(metadata.file_type())?;
    match metadata.len() > limit {
        true => Err(ReadError::TooLarge {
            size: metadata.len(),
            limit,
        }),
        false => Ok((file, metadata)),
    }
}

fn is_regular(kind: FileType) -> Result<(), ReadError> {
    let other = match kind {
        kind if kind.is_file() => return Ok(()),
        kind if kind.is_dir() => "a folder",
        kind if kind.is_fifo() => "a pipe",
        kind if kind.is_socket() => "a socket",
        _ => "a device",
    };
    Err(ReadError::NotRegular(other))
}

fn read_open(file: &mut File, metadata: &Metadata, limit: u64) -> Result<Vec<u8>, ReadError> {
    let size = usize::try_from(metadata.len()).unwrap_or_default();
    let mut content = Vec::with_capacity(size);
    let mut budget = ReadBudget::new(limit);
    loop {
        let before = content.len();
        file.by_ref().take(CHUNK as u64).read_to_end(&mut content)?;
        match content.len() - before {
            0 => return Ok(content),
            read => budget.spend(read)?,
        }
    }
}

/// The bytes and the time that are left for one file.
struct ReadBudget {
    limit: u64,
    read: u64,
    begun: Instant,
}

impl ReadBudget {
    fn new(limit: u64) -> ReadBudget {
        ReadBudget {
            limit,
            read: 0,
            begun: Instant::now(),
        }
    }

    fn spend(&mut self, bytes: usize) -> Result<(), ReadError> {
        self.read += bytes as u64;
        match () {
            () if self.read > self.limit => Err(ReadError::TooLarge {
                size: self.read,
                limit: self.limit,
            }),
            () if self.begun.elapsed() > MAX_READ_TIME => Err(ReadError::TooSlow),
            () => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType as Kind, Mode, mknodat};

    #[test]
    fn what_is_no_regular_file_is_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        mknodat(CWD, &pipe, Kind::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&pipe, &link).unwrap();
        let socket = dir.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for (path, kind) in [
            (pipe.as_path(), "a pipe"),
            (&link, "a pipe"),
            (&socket, "a socket"),
            (dir.path(), "a folder"),
            (Path::new("/dev/zero"), "a device"),
        ] {
            match read(path, 100) {
                Err(ReadError::NotRegular(found)) => assert_eq!(found, kind),
                other => panic!("{}: {other:?}", path.display()),
            }
        }
    }

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, vec![7; CHUNK * 2 + 5]).unwrap();
        let size = CHUNK as u64 * 2 + 5;
        assert_eq!(read(&path, size).unwrap().len() as u64, size);
        assert!(matches!(
            read(&path, size - 1),
            Err(ReadError::TooLarge { .. })
        ));
        std::fs::write(&path, "").unwrap();
        assert_eq!(read(&path, 0).unwrap(), b"");
    }

    #[test]
    fn a_file_that_is_longer_than_the_system_says_is_bounded_too() {
        // Files of the kernel have no length, and as much content as they like.
        let read = read(Path::new("/proc/self/maps"), 100);
        assert!(
            matches!(read, Err(ReadError::TooLarge { limit: 100, .. })),
            "{read:?}"
        );
    }
}
