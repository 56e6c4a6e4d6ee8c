//! Figures of this plugin among the host's metrics: counters, and values observed for a histogram.
//!
//! A name has small letters, digits and `_`, begins with a letter, and has at most 64 bytes. How many names there may be is
//! bounded; what the host does not take, it says in the plugin's log. In native tests figures are kept for the thread:
//!
//! ```
//! use selvedge_sdk::prelude::*;
//!
//! metrics::count("redirects", 1);
//! metrics::observe("lookup_seconds", 0.002);
//! assert_eq!(metrics::counted("redirects"), 1);
//! assert_eq!(metrics::observed("lookup_seconds"), [0.002]);
//! ```

/// Adds to a counter.
pub fn count(name: &str, by: u64) {
    source::count(name, by);
}

/// Observes a value.
pub fn observe(name: &str, value: f64) {
    source::observe(name, value);
}

#[cfg(target_family = "wasm")]
use crate::bindings::host::selvedge::edge::metrics as source;

#[cfg(not(target_family = "wasm"))]
pub use source::{counted, observed};

/// The figures of native tests, one set for each thread.
#[cfg(not(target_family = "wasm"))]
mod source {
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    thread_local! {
        static COUNTED: RefCell<BTreeMap<String, u64>> = const { RefCell::new(BTreeMap::new()) };
        static OBSERVED: RefCell<BTreeMap<String, Vec<f64>>> = const { RefCell::new(BTreeMap::new()) };
    }

    pub(super) fn count(name: &str, by: u64) {
        COUNTED.with_borrow_mut(|counted| *counted.entry(name.to_owned()).or_default() += by);
    }

    pub(super) fn observe(name: &str, value: f64) {
        OBSERVED
            .with_borrow_mut(|observed| observed.entry(name.to_owned()).or_default().push(value));
    }

    /// The count under this name on this thread. For native tests; absent on WebAssembly.
    pub fn counted(name: &str) -> u64 {
        COUNTED.with_borrow(|counted| counted.get(name).copied().unwrap_or_default())
    }

    /// The values observed under this name on this thread. For native tests; absent on WebAssembly.
    pub fn observed(name: &str) -> Vec<f64> {
        OBSERVED.with_borrow(|observed| observed.get(name).cloned().unwrap_or_default())
    }
}
