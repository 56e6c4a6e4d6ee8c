//! The plugin's table, as an operator writes it.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The whole table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    #[serde(default = "yes")]
    pub(crate) defaults: bool,
    #[serde(default)]
    pub(crate) fields: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) rules: Vec<RuleSettings>,
    #[serde(default)]
    pub(crate) origin_wins: Vec<String>,
    #[serde(default = "banners")]
    pub(crate) remove: Vec<String>,
    #[serde(default)]
    pub(crate) behind_tls: bool,
    pub(crate) cors: Option<CorsSettings>,
}

/// Other fields for some responses.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleSettings {
    #[serde(default)]
    pub(crate) paths: Vec<String>,
    #[serde(default)]
    pub(crate) content_types: Vec<String>,
    pub(crate) fields: BTreeMap<String, String>,
}

/// Which other sites may read responses.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CorsSettings {
    pub(crate) origins: Vec<String>,
    #[serde(default = "reading")]
    pub(crate) methods: Vec<String>,
    #[serde(default)]
    pub(crate) headers: Vec<String>,
    #[serde(default)]
    pub(crate) expose: Vec<String>,
    #[serde(default)]
    pub(crate) credentials: bool,
    #[serde(default = "ten_minutes")]
    pub(crate) max_age_seconds: u32,
}

fn yes() -> bool {
    true
}

fn banners() -> Vec<String> {
    ["Server", "X-Powered-By"].map(str::to_owned).to_vec()
}

fn reading() -> Vec<String> {
    ["GET", "HEAD"].map(str::to_owned).to_vec()
}

fn ten_minutes() -> u32 {
    600
}
