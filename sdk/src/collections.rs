//! Maps and sets that are the same in every instance.
//!
//! The standard library's `HashMap` draws random numbers when the first one is made. A decision that used random numbers
//! can't be remembered by the host, so a plugin that keeps a table of rules in one pays for it with every request.
//! These are the standard library's with a fixed seed:
//!
//! ```
//! use selvedge_sdk::collections::HashMap;
//!
//! let mut rules = HashMap::default();
//! rules.insert("/old", "/new");
//! assert_eq!(rules.get("/old"), Some(&"/new"));
//! ```
//!
//! With a fixed seed somebody who chooses the keys can make them collide. For tables of your own configuration that does
//! not matter; for what viewers send, take a `BTreeMap`.

use std::hash::{BuildHasherDefault, DefaultHasher};

/// A hash map with a fixed seed; `HashMap::default()` makes one.
pub type HashMap<K, V> = std::collections::HashMap<K, V, BuildHasherDefault<DefaultHasher>>;

/// A hash set with a fixed seed; `HashSet::default()` makes one.
pub type HashSet<T> = std::collections::HashSet<T, BuildHasherDefault<DefaultHasher>>;
