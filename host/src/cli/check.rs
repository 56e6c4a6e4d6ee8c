//! `selvedge check`: everything that is wrong with a configuration and with what it names, all at once, and nothing started.

use super::compile;
use super::output::{complain, say};
use super::{FAILED, WRONG};
use crate::config;
use crate::distribution::{Builder, Plan};
use selvedge_runtime::{Options, Runtime};
use std::path::Path;

pub(super) fn check(file: &Path) -> u8 {
    let config = config::load_all(file);
    let runtime = match Runtime::new(Options {
        compiler: compile::child(),
        ..Options::default()
    }) {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(error);
            return FAILED;
        }
    };
    let report = config
        .warnings
        .clone()
        .and(Plan::problems(&config, &Builder::for_checking(runtime)));
    if !report.is_empty() {
        complain(&report);
    }
    if report.has_errors() {
        return WRONG;
    }
    let plugins: usize = config
        .distributions
        .iter()
        .map(|one| one.plugins.len())
        .sum();
    say(format_args!(
        "{}: {} and {}, no errors",
        file.display(),
        count(config.distributions.len(), "distribution"),
        count(plugins, "plugin"),
    ));
    0
}

fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}
