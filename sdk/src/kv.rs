//! The distribution's key-value store, for reading. `selvedge kv` writes it.
//!
//! Keys have at most 512 bytes, values at most 1 MiB. A key that is not there costs little. In native tests the store holds
//! what [`set`] says, for the thread that says it:
//!
//! ```
//! use selvedge_sdk::prelude::*;
//!
//! kv::set("/old", "/new");
//! assert_eq!(kv::text("/old"), Ok(Some("/new".to_owned())));
//! assert_eq!(kv::get("/other"), Ok(None));
//! ```

use crate::{Error, Result};

/// The value of a key; `None` where there is none.
///
/// # Errors
///
/// When the key is too long, or the store can't be read.
pub fn get(key: &str) -> Result<Option<Vec<u8>>> {
    source::get(key).map_err(Error::Message)
}

/// The value of a key as text.
///
/// # Errors
///
/// As for [`get`], and when the value is not UTF-8.
pub fn text(key: &str) -> Result<Option<String>> {
    Ok(get(key)?.map(String::from_utf8).transpose()?)
}

#[cfg(target_family = "wasm")]
use crate::bindings::host::selvedge::edge::kv as source;

#[cfg(not(target_family = "wasm"))]
pub use source::{fail, set};

/// The store of native tests, one for each thread.
#[cfg(not(target_family = "wasm"))]
mod source {
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    thread_local! {
        static VALUES: RefCell<BTreeMap<String, Vec<u8>>> = const { RefCell::new(BTreeMap::new()) };
        static FAILURE: RefCell<Option<String>> = const { RefCell::new(None) };
    }

    /// Sets a value on this thread. For native tests; absent on WebAssembly.
    pub fn set(key: &str, value: impl AsRef<[u8]>) {
        VALUES.with_borrow_mut(|values| values.insert(key.to_owned(), value.as_ref().to_vec()));
    }

    /// Lets every further look-up on this thread fail with these words. For native tests; absent on WebAssembly.
    pub fn fail(message: impl Into<String>) {
        FAILURE.set(Some(message.into()));
    }

    pub(super) fn get(key: &str) -> Result<Option<Vec<u8>>, String> {
        if key.len() > 512 {
            return Err(format!(
                "the key has {} bytes, more than the 512 that keys may have",
                key.len()
            ));
        }
        if let Some(message) = FAILURE.with_borrow(Clone::clone) {
            return Err(message);
        }
        Ok(VALUES.with_borrow(|values| values.get(key).cloned()))
    }
}
