//! Reading plugin files.
#![expect(
    clippy::disallowed_methods,
    reason = "plugins are loaded by threads that may block"
)]

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use crate::check;
use crate::error::LoadError;

/// The largest plugin file in bytes.
const MAX_FILE: u64 = 64 << 20;

/// Checks the beginning of the file.
pub(crate) fn kind(path: &Path, file: &[u8]) -> Result<check::Kind, LoadError> {
    check::kind(file).map_err(|found| LoadError::NotWasm {
        path: path.to_owned(),
        found,
    })
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    let unreadable = |source: std::io::Error| match source.kind() {
        ErrorKind::NotFound => LoadError::Missing {
            path: path.to_owned(),
        },
        _ => LoadError::Unreadable {
            path: path.to_owned(),
            source,
        },
    };
    // Opening a pipe would wait for another process.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(unreadable(std::io::Error::other(
            "it is not a regular file",
        )));
    }
    let file = File::open(path).map_err(unreadable)?;
    let size = file.metadata().map_err(unreadable)?.len();
    if size > MAX_FILE {
        return Err(LoadError::TooLarge {
            path: path.to_owned(),
            size,
            limit: MAX_FILE,
        });
    }
    let mut bytes = Vec::new();
    // A file that grows meanwhile is cut, and then not valid.
    file.take(MAX_FILE)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok(bytes)
}
