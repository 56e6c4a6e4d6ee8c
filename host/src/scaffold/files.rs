//! The SDK's sources as this binary carries them.
//!
//! A list by hand, since `include_str!` makes cargo rebuild when a file changes; a test compares it with the folder.

/// The SDK's files: where each goes below the project's copy of the SDK, and its text.
macro_rules! sdk {
    ($($path:literal),* $(,)?) => {
        pub(super) const SDK: &[(&str, &str)] =
            &[$(($path, include_str!(concat!("../../../sdk/", $path)))),*];
    };
}

sdk![
    "Cargo.toml",
    "docs/cache-key.md",
    "docs/origin-request.md",
    "docs/origin-response.md",
    "docs/origin-selection.md",
    "docs/ttl.md",
    "docs/viewer-request.md",
    "docs/viewer-response.md",
    "macros/Cargo.toml",
    "macros/src/hooks.rs",
    "macros/src/lib.rs",
    "src/bindings.rs",
    "src/cache.rs",
    "src/collections.rs",
    "src/config.rs",
    "src/decision.rs",
    "src/edits.rs",
    "src/error.rs",
    "src/export.rs",
    "src/fetch.rs",
    "src/hooks.rs",
    "src/kv.rs",
    "src/lib.rs",
    "src/log.rs",
    "src/metrics.rs",
    "src/native.rs",
    "src/native/fields.rs",
    "src/native/request.rs",
    "src/native/response.rs",
    "src/pattern.rs",
    "src/protected.rs",
    "src/protected/names.rs",
    "src/readers.rs",
    "src/secrets.rs",
    "src/stream.rs",
    "wit/CHANGELOG.md",
    "wit/edge.wit",
];

#[cfg(test)]
mod tests {
    use super::SDK;
    use std::path::Path;

    #[test]
    fn every_file_of_the_sdk_is_carried() {
        let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk");
        let mut found = Vec::new();
        let mut folders = vec![sdk.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.push(
                        path.strip_prefix(&sdk)
                            .unwrap()
                            .to_str()
                            .unwrap()
                            .to_owned(),
                    );
                }
            }
        }
        found.sort();
        let carried: Vec<&str> = SDK.iter().map(|(path, _)| *path).collect();
        assert_eq!(carried, found);
    }

    #[test]
    fn the_sdk_depends_on_no_workspace() {
        for (path, text) in SDK.iter().filter(|(path, _)| path.ends_with("Cargo.toml")) {
            let manifest: toml::Table = text.parse().unwrap();
            assert!(
                !manifest["package"].to_string().contains("workspace"),
                "{path}"
            );
            assert!(!text.contains("workspace = true"), "{path}");
        }
    }
}
