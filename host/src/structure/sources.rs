//! Source files without what is no code, and without tests.

use std::path::{Path, PathBuf};

/// The repository.
pub(super) fn workspace() -> PathBuf {
    let host = Path::new(env!("CARGO_MANIFEST_DIR"));
    host.parent().expect("the host is in a folder").to_owned()
}

/// The files below a folder that are part of the product, by their paths within it, each with its code.
pub(super) fn read(folder: &Path) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).expect("a folder of ours") {
            let path = entry.expect("an entry").path();
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .expect("a name");
            if path.is_dir() && !matches!(name, "tests" | "testing" | "structure") {
                folders.push(path);
            } else if name.ends_with(".rs")
                && !matches!(name, "tests.rs" | "main.rs" | "in_memory.rs")
            {
                let within = path.strip_prefix(folder).expect("it is below");
                let text = std::fs::read_to_string(&path).expect("a file of ours");
                files.push((within.to_str().expect("text").to_owned(), code(&text)));
            }
        }
    }
    files.sort();
    files
}

/// A file without comments, and without what follows the first module of tests.
fn code(text: &str) -> String {
    let text = match text.find("#[cfg(test)]\nmod tests {") {
        Some(tests) => text.get(..tests).unwrap_or(text),
        None => text,
    };
    let lines = text.lines().map(|line| match line.find("//") {
        Some(comment) => line.get(..comment).unwrap_or(line),
        None => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}
