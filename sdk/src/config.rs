//! The plugin's own table of the distribution file.
//!
//! ```toml
//! [[plugins]]
//! name = "my-plugin"
//! file = "../my-plugin/my-plugin.wasm"
//! [plugins.config]
//! page_seconds = 10
//! limits = { mobile = 3 }
//! ```
//!
//! Names are dotted: `limits.mobile`. In native tests a configuration is what [`set`] and [`set_json`] say, for
//! the thread that says it:
//!
//! ```
//! use selvedge_sdk::prelude::*;
//!
//! config::set("limits.mobile", 3);
//! assert_eq!(config::get("limits.mobile").as_deref(), Some("3"));
//! assert_eq!(config::parse("limits.mobile"), Ok(Some(3)));
//! assert_eq!(config::parse::<u64>("limits.desktop"), Ok(None));
//!
//! let error = config::require::<u64>("limits.desktop").unwrap_err();
//! assert!(error.to_string().contains("has no `limits.desktop`"));
//! config::set("limits.desktop", "many");
//! let error = config::require::<u64>("limits.desktop").unwrap_err();
//! assert!(error.to_string().contains("is \"many\": invalid digit"));
//! ```

use std::fmt::Display;
use std::str::FromStr;

use crate::{Error, Result};

/// A value as text; `None` where nothing is set. Tables and lists come as JSON.
pub fn get(name: &str) -> Option<String> {
    source::get(name)
}

/// A value, read as a `T`; `None` where nothing is set.
///
/// # Errors
///
/// [`Error::InvalidConfig`] when the value can't be read as a `T`.
pub fn parse<T: FromStr<Err: Display>>(name: &str) -> Result<Option<T>> {
    let Some(value) = get(name) else {
        return Ok(None);
    };
    match value.parse() {
        Ok(parsed) => Ok(Some(parsed)),
        Err(reason) => Err(Error::InvalidConfig {
            name: name.to_owned(),
            reason: reason.to_string(),
            value,
        }),
    }
}

/// A value that must be set, read as a `T`.
///
/// # Errors
///
/// [`Error::MissingConfig`] when nothing is set, [`Error::InvalidConfig`] when the value can't be read as a `T`.
pub fn require<T: FromStr<Err: Display>>(name: &str) -> Result<T> {
    parse(name)?.ok_or_else(|| Error::MissingConfig {
        name: name.to_owned(),
    })
}

/// The whole table, read into a type of the plugin's own. Needs the feature `json` of this crate.
///
/// ```
/// use selvedge_sdk::prelude::*;
///
/// #[derive(serde::Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Rules {
///     page_seconds: u64,
///     #[serde(default)]
///     private: Vec<String>,
/// }
///
/// config::set_json(r#"{ "page_seconds": 10, "private": ["/account"] }"#);
/// let rules: Rules = config::read()?;
/// assert_eq!((rules.page_seconds, rules.private.len()), (10, 1));
///
/// config::set_json(r#"{ "page_second": 10 }"#);
/// let error = config::read::<Rules>().err().unwrap().to_string();
/// assert!(error.starts_with("the plugin's configuration is not as it should be: unknown field `page_second`"));
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
///
/// Serde's error about the table.
#[cfg(feature = "json")]
pub fn read<T: serde::de::DeserializeOwned>() -> Result<T> {
    let json = json();
    // A plugin without a table has `null`; then every field has to have a default.
    let text = if json == "null" { "{}" } else { &json };
    serde_json::from_str(text).map_err(|error| {
        Error::Message(format!(
            "the plugin's configuration is not as it should be: {error}"
        ))
    })
}

/// The whole table as JSON, for plugins that bring a JSON library; `null` where there is none.
pub fn json() -> String {
    source::json()
}

#[cfg(target_family = "wasm")]
use crate::bindings::host::selvedge::edge::config as source;

#[cfg(not(target_family = "wasm"))]
pub use source::{set, set_json};

/// The configuration of native tests, one for each thread, as tests run in threads of their own.
#[cfg(not(target_family = "wasm"))]
mod source {
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    thread_local! {
        static VALUES: RefCell<BTreeMap<String, String>> = const { RefCell::new(BTreeMap::new()) };
        static JSON: RefCell<String> = RefCell::new("{}".to_owned());
    }

    /// Sets what [`get`](super::get) answers on this thread. For native tests; absent on WebAssembly.
    pub fn set(name: &str, value: impl ToString) {
        VALUES.with_borrow_mut(|values| values.insert(name.to_owned(), value.to_string()));
    }

    /// Sets what [`json`](super::json) answers on this thread. For native tests; absent on WebAssembly.
    pub fn set_json(json: impl Into<String>) {
        JSON.set(json.into());
    }

    pub(super) fn get(name: &str) -> Option<String> {
        VALUES.with_borrow(|values| values.get(name).cloned())
    }

    pub(super) fn json() -> String {
        JSON.with_borrow(String::clone)
    }
}
