//! `selvedge distributions`: each with its assigned domain name and its own names.

use super::WRONG;
use super::output::{complain, say};
use crate::config;
use std::path::Path;

pub(super) fn list(file: &Path) -> u8 {
    let config = match config::load(file) {
        Ok(config) => config,
        Err(report) => {
            complain(report);
            return WRONG;
        }
    };
    let widest = config
        .distributions
        .iter()
        .map(|one| one.id.len())
        .max()
        .unwrap_or(0);
    for one in &config.distributions {
        let aliases: Vec<String> = one.aliases.iter().map(|alias| alias.to_string()).collect();
        say(format_args!(
            "{:widest$}  {}  {}  {}",
            one.id.as_str(),
            one.domain,
            if aliases.is_empty() {
                "-".to_owned()
            } else {
                aliases.join(",")
            },
            if one.enabled { "enabled" } else { "disabled" },
        ));
    }
    0
}
