//! Values from files or the environment of the host, by the names that the plugin's configuration gives them.
//!
//! The host never prints them; do not log them either. In native tests they are what [`set`] says:
//!
//! ```
//! use selvedge_sdk::prelude::*;
//!
//! secrets::set("signing_key", "k1");
//! assert_eq!(secrets::require("signing_key"), Ok(b"k1".to_vec()));
//! let error = secrets::require("other").unwrap_err();
//! assert_eq!(error.to_string(), "the plugin has no secret `other`; its configuration names its secrets");
//! ```

use crate::{Error, Result};

/// A secret; `None` where the plugin has none of this name.
pub fn get(name: &str) -> Option<Vec<u8>> {
    source::get(name)
}

/// A secret that must be there.
///
/// # Errors
///
/// When the plugin has none of this name.
pub fn require(name: &str) -> Result<Vec<u8>> {
    get(name).ok_or_else(|| {
        Error::Message(format!(
            "the plugin has no secret `{name}`; its configuration names its secrets"
        ))
    })
}

#[cfg(target_family = "wasm")]
use crate::bindings::host::selvedge::edge::secrets as source;

#[cfg(not(target_family = "wasm"))]
pub use source::set;

/// The secrets of native tests, one set for each thread.
#[cfg(not(target_family = "wasm"))]
mod source {
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    thread_local! {
        static VALUES: RefCell<BTreeMap<String, Vec<u8>>> = const { RefCell::new(BTreeMap::new()) };
    }

    /// Sets a secret on this thread. For native tests; absent on WebAssembly.
    pub fn set(name: &str, value: impl AsRef<[u8]>) {
        VALUES.with_borrow_mut(|values| values.insert(name.to_owned(), value.as_ref().to_vec()));
    }

    pub(super) fn get(name: &str) -> Option<Vec<u8>> {
        VALUES.with_borrow(|values| values.get(name).cloned())
    }
}
