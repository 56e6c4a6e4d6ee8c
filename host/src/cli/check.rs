//! `selvedge check`: everything that `run` would refuse, all at once, and nothing started.

use super::output::{complain, say};
use super::{FAILED, WRONG};
use crate::config;
use crate::distribution::Plan;
use selvedge_runtime::{Options, Runtime};
use std::path::Path;

pub(super) fn check(file: &Path) -> u8 {
    let config = match config::load(file) {
        Ok(config) => config,
        Err(report) => {
            complain(report);
            return WRONG;
        }
    };
    if !config.warnings.is_empty() {
        complain(&config.warnings);
    }
    let runtime = match Runtime::new(Options::default()) {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(error);
            return FAILED;
        }
    };
    match Plan::build(config, &runtime) {
        Ok(plan) => {
            let plugins: usize = plan
                .distributions()
                .iter()
                .map(|one| one.plugins().len())
                .sum();
            say(format_args!(
                "{}: {} and {}, no errors",
                file.display(),
                count(plan.distributions().len(), "distribution"),
                count(plugins, "plugin"),
            ));
            0
        }
        Err(report) => {
            complain(report);
            WRONG
        }
    }
}

fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}
