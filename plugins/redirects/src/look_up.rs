//! Which entry of the key-value data is for a request.

use selvedge_sdk::{Request, Result, kv};

use crate::settings::Settings;

/// Longer keys can't be in the data.
const MAX_KEY: usize = 512;

/// Beginnings of this many segments are looked up, so that a path of slashes costs no more than one of a site.
const MAX_SEGMENTS: usize = 32;

/// An entry.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) key: String,
    pub(crate) value: String,
    /// The part of the path that the `*` of its key stands for.
    pub(crate) rest: Option<String>,
}

/// The entry for this host, where entries may have one, else for all hosts.
///
/// # Errors
///
/// When the data can't be read, or an entry is no text.
pub(crate) fn find(request: &Request, path: &str, settings: &Settings) -> Result<Option<Found>> {
    if settings.by_host {
        let prefix = format!("{}{}", settings.prefix, request.host());
        if let Some(found) = under(&prefix, path)? {
            return Ok(Some(found));
        }
    }
    under(&settings.prefix, path)
}

/// The entry for the path, else the one with its longest beginning.
fn under(prefix: &str, path: &str) -> Result<Option<Found>> {
    if let Some(found) = entry(format!("{prefix}{path}"), None)? {
        return Ok(Some(found));
    }
    let slashes = path.match_indices('/').map(|(at, _)| at);
    let beginnings: Vec<usize> = slashes.take(MAX_SEGMENTS).collect();
    for at in beginnings.into_iter().rev() {
        // Both are cut after the slash, which is one byte.
        let (beginning, rest) = path.split_at(at + 1);
        if climbs(rest) {
            continue;
        }
        if let Some(found) = entry(format!("{prefix}{beginning}*"), Some(rest))? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn entry(key: String, rest: Option<&str>) -> Result<Option<Found>> {
    if key.len() > MAX_KEY {
        return Ok(None);
    }
    Ok(kv::text(&key)?.map(|value| Found {
        key,
        value,
        rest: rest.map(str::to_owned),
    }))
}

/// Returns true if a path has a segment `.` or `..`, encoded or not: put behind another beginning, it would lead out of there.
fn climbs(rest: &str) -> bool {
    rest.split(['/', '\\']).any(|segment| {
        let segment = segment.to_ascii_lowercase().replace("%2e", ".");
        segment == "." || segment == ".."
    })
}
