//! A plugin project for `selvedge plugin` commands: a script that copies a guest, and scenarios.

use crate::guests::guest;
use crate::process::{Run, run_in};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A plugin project whose plugin is a guest. Nothing is compiled.
pub struct Project {
    dir: tempfile::TempDir,
}

impl Project {
    /// A project of this guest.
    pub fn of(name: &str) -> Project {
        let dir = tempfile::TempDir::with_prefix("selvedge-project-").expect("a temporary folder");
        let script = dir.path().join("build.sh");
        let text = format!("#!/bin/sh\ncp '{}' {name}.wasm\n", guest(name).display());
        fs::write(&script, text).expect("the folder is ours");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("it is ours");
        fs::create_dir(dir.path().join("scenarios")).expect("the folder is ours");
        Project { dir }
    }

    /// A project of the guest that acts as its configuration says.
    pub fn acting() -> Project {
        Project::of("acts")
    }

    /// Puts a file beside the scenarios.
    #[must_use]
    pub fn put(self, name: &str, text: &str) -> Project {
        fs::write(self.dir.path().join("scenarios").join(name), text).expect("the folder is ours");
        self
    }

    /// Adds a scenario.
    #[must_use]
    pub fn scenario(self, name: &str, text: &str) -> Project {
        self.put(&format!("{name}.toml"), text)
    }

    /// Runs `selvedge plugin test` in it.
    #[track_caller]
    pub fn test(&self) -> Run {
        run_in(self.dir.path(), ["plugin", "test"])
    }

    /// The project's folder.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }
}
