//! Values that the distribution's plugins store for a time, apart from its stored responses; and invalidation by tag.
//!
//! A cache: what was put may be gone. In native tests values live in the thread that puts them, and forever.
//!
//! ```
//! use selvedge_sdk::prelude::*;
//!
//! cache::put("price:7", "12.50", Duration::from_secs(60), ["prices"])?;
//! assert_eq!(cache::get("price:7")?.as_deref(), Some(&b"12.50"[..]));
//! cache::invalidate("prices")?;
//! assert_eq!(cache::get("price:7")?, None);
//! # Ok::<(), Error>(())
//! ```
//!
//! Requests run at the same time. What is counted from a stored value is put with [`put_if`], or one of two that read the
//! same value is lost:
//!
//! ```
//! use selvedge_sdk::prelude::*;
//!
//! fn count(key: &str) -> Result<u64> {
//!     loop {
//!         let stored = cache::get(key)?;
//!         let counted = stored.as_deref().and_then(|bytes| bytes.try_into().ok());
//!         let next = counted.map_or(0, u64::from_be_bytes) + 1;
//!         let minute = Duration::from_secs(60);
//!         if cache::put_if(key, stored.as_deref(), next.to_be_bytes(), minute, [""; 0])? {
//!             return Ok(next);
//!         }
//!     }
//! }
//! assert_eq!((count("visits")?, count("visits")?), (1, 2));
//! # Ok::<(), Error>(())
//! ```

use std::time::Duration;

use crate::{Error, Result};

/// A stored value that is still fresh.
///
/// # Errors
///
/// When the host can't tell.
pub fn get(key: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>> {
    source::get(key.as_ref()).map_err(Error::Message)
}

/// Stores a value for whole seconds, under tags by which it can be invalidated.
///
/// # Errors
///
/// When the host does not take it: it is too large, for instance.
pub fn put<T: Into<String>>(
    key: impl AsRef<[u8]>,
    value: impl AsRef<[u8]>,
    lifetime: Duration,
    tags: impl IntoIterator<Item = T>,
) -> Result<()> {
    let tags: Vec<String> = tags.into_iter().map(Into::into).collect();
    source::put(key.as_ref(), value.as_ref(), lifetime.as_secs(), &tags).map_err(Error::Message)
}

/// As [`put`], but only if the stored value is `expected`, or nothing is stored where that is `None`; false if it is another.
/// Nothing comes between comparing and putting: read again, and try again.
///
/// # Errors
///
/// When the host does not take it.
pub fn put_if<T: Into<String>>(
    key: impl AsRef<[u8]>,
    expected: Option<&[u8]>,
    value: impl AsRef<[u8]>,
    lifetime: Duration,
    tags: impl IntoIterator<Item = T>,
) -> Result<bool> {
    let tags: Vec<String> = tags.into_iter().map(Into::into).collect();
    let (key, value) = (key.as_ref(), value.as_ref());
    source::put_if(key, expected, value, lifetime.as_secs(), &tags).map_err(Error::Message)
}

/// Invalidates everything of this distribution that carries the tag, stored responses included.
///
/// # Errors
///
/// When the host can't do it.
pub fn invalidate(tag: &str) -> Result<()> {
    source::invalidate(tag).map_err(Error::Message)
}

#[cfg(target_family = "wasm")]
use crate::bindings::host::selvedge::edge::cache as source;

/// The values of native tests, one set for each thread.
#[cfg(not(target_family = "wasm"))]
mod source {
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    struct Value {
        bytes: Vec<u8>,
        tags: Vec<String>,
    }

    thread_local! {
        static VALUES: RefCell<BTreeMap<Vec<u8>, Value>> = const { RefCell::new(BTreeMap::new()) };
    }

    pub(super) fn get(key: &[u8]) -> Result<Option<Vec<u8>>, String> {
        Ok(VALUES.with_borrow(|values| values.get(key).map(|value| value.bytes.clone())))
    }

    pub(super) fn put(
        key: &[u8],
        value: &[u8],
        lifetime: u64,
        tags: &[String],
    ) -> Result<(), String> {
        let value = Value {
            bytes: value.to_vec(),
            tags: tags.to_vec(),
        };
        VALUES.with_borrow_mut(|values| match lifetime {
            0 => values.remove(key),
            _ => values.insert(key.to_vec(), value),
        });
        Ok(())
    }

    pub(super) fn put_if(
        key: &[u8],
        expected: Option<&[u8]>,
        value: &[u8],
        lifetime: u64,
        tags: &[String],
    ) -> Result<bool, String> {
        // Values are this thread's own: nothing comes between.
        if get(key)?.as_deref() != expected {
            return Ok(false);
        }
        put(key, value, lifetime, tags).map(|()| true)
    }

    pub(super) fn invalidate(tag: &str) -> Result<(), String> {
        VALUES.with_borrow_mut(|values| {
            values.retain(|_, value| !value.tags.iter().any(|other| other == tag))
        });
        Ok(())
    }
}
