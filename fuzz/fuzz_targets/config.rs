//! Configuration files: a plan, or a report that can be shown. The first byte says which file it is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use std::sync::LazyLock;

#[macro_use]
#[path = "../../sdk/macros/src/hooks.rs"]
mod hook_table;
#[allow(dead_code, unused_imports, unreachable_pub, missing_docs)]
#[path = "../../host/src/config/mod.rs"]
mod config;
#[allow(dead_code, unused_imports, unreachable_pub, missing_docs)]
#[path = "../../host/src/files/mod.rs"]
mod files;

static FOLDER: LazyLock<tempfile::TempDir> =
    LazyLock::new(|| tempfile::tempdir().expect("a folder"));

fn write(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).expect("a file");
}

fuzz_target!(|bytes: &[u8]| {
    let Some((which, text)) = bytes.split_first() else {
        return;
    };
    let loaded = if which % 2 == 0 {
        let path = FOLDER.path().join("selvedge.toml");
        write(&path, text);
        config::load(&path)
    } else {
        let path = FOLDER.path().join("distribution.toml");
        write(&path, text);
        config::load_one(&path)
    };
    match loaded {
        Ok(config) => {
            let _ = config.warnings.to_string();
            for distribution in &config.distributions {
                for behavior in &distribution.behaviors {
                    let _ = behavior.pattern.matches("/images/a.png");
                }
            }
        }
        Err(report) => assert!(
            !report.to_string().is_empty(),
            "an error says what is wrong"
        ),
    }
});
