//! `selvedge plugin new` and `selvedge plugin build`; testing, checking and inspecting have files of their own.

use super::output::{complain, say};
use super::{FAILED, WRONG};
use crate::scaffold::{self, ScaffoldError};
use std::path::{Path, PathBuf};

pub(super) fn new(name: &str, path: Option<PathBuf>, hooks: &[scaffold::Hook]) -> u8 {
    let folder = path.unwrap_or_else(|| PathBuf::from(name));
    match scaffold::new(name, &folder, hooks) {
        Ok(()) => {
            let folder = folder.display();
            say(format_args!(
                "{folder}/ is written: src/lib.rs has the hooks, README.md says how to go on.\n\n  \
                 cd {folder} && cargo test      its tests, without WebAssembly\n  \
                 selvedge plugin build {folder}  builds {folder}/{name}.wasm\n  \
                 selvedge plugin test {folder}   builds it and plays {folder}/scenarios in the real host"
            ));
            0
        }
        Err(error @ ScaffoldError::Write { .. }) => {
            complain(error);
            FAILED
        }
        Err(error) => {
            complain(error);
            WRONG
        }
    }
}

pub(super) fn build(project: &Path) -> u8 {
    match scaffold::build(project, &mut |line| complain(line)) {
        Ok(built) => {
            say(format_args!(
                "{} ({} KiB)",
                built.wasm.display(),
                built.bytes.div_ceil(1024)
            ));
            0
        }
        Err(error) => {
            complain(error);
            FAILED
        }
    }
}
