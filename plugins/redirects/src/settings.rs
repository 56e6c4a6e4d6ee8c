//! The configuration: where the entries are, and what holds where they say nothing.

use selvedge_sdk::{Error, Result};
use serde::Deserialize;

const MAX_PREFIX: usize = 64;

/// The plugin's table as it is typed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    by_host: bool,
    status: Option<u16>,
    keep_query: Option<bool>,
    max_age_seconds: Option<u32>,
}

/// The settings, checked.
pub(crate) struct Settings {
    pub(crate) prefix: String,
    pub(crate) by_host: bool,
    pub(crate) status: u16,
    pub(crate) keep_query: bool,
    pub(crate) max_age_seconds: Option<u32>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            prefix: String::new(),
            by_host: false,
            status: 301,
            keep_query: true,
            max_age_seconds: None,
        }
    }
}

impl Settings {
    pub(crate) fn new(config: Config) -> Result<Settings> {
        let otherwise = Settings::default();
        let status = config.status.unwrap_or(otherwise.status);
        if !is_redirect(status) {
            let message = format!("`status` is {status}; it takes 301, 302, 303, 307 or 308");
            return Err(Error::Message(message));
        }
        if config.prefix.len() > MAX_PREFIX {
            let length = config.prefix.len();
            let message = format!("`prefix` has {length} bytes; it may have {MAX_PREFIX}");
            return Err(Error::Message(message));
        }
        Ok(Settings {
            prefix: config.prefix,
            by_host: config.by_host,
            status,
            keep_query: config.keep_query.unwrap_or(otherwise.keep_query),
            max_age_seconds: config.max_age_seconds,
        })
    }
}

/// The statuses that send a viewer elsewhere.
pub(crate) fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}
