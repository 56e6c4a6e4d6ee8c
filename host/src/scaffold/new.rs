//! Writes a new plugin project.

use super::files::SDK;
use super::hook::Hook;
use super::name::{self, NameProblem};
use super::template;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Why a project was not written.
#[derive(Debug, thiserror::Error)]
pub enum ScaffoldError {
    /// The name can't be a package's.
    #[error("`{name}` cannot be a plugin's name: {problem}")]
    Name {
        /// The name as given.
        name: String,
        /// The reason.
        problem: NameProblem,
    },
    /// Something is there already.
    #[error("{} is not empty; name another folder, or remove what is in it", .0.display())]
    NotEmpty(PathBuf),
    /// The path is that of a file.
    #[error("{} is a file, not a folder; name another folder", .0.display())]
    NotAFolder(PathBuf),
    /// A file or folder can't be written. What was written before stays.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The words of the system.
        source: io::Error,
    },
}

/// Writes a plugin project into a folder that is empty or does not exist: a manifest, a source file with the given
/// hooks (the usual ones, where none is given), a test and a scenario for each, a README, and the SDK's sources.
///
/// # Errors
///
/// When the name is not fit for a package, when the folder holds something, or when the system does not let it be
/// written.
pub fn new(name: &str, dir: &Path, hooks: &[Hook]) -> Result<(), ScaffoldError> {
    name::check(name).map_err(|problem| ScaffoldError::Name {
        name: name.to_owned(),
        problem,
    })?;
    check_empty(dir)?;
    let given = |hook: &Hook| match hooks {
        [] => Hook::USUAL.contains(hook),
        asked => asked.contains(hook),
    };
    let hooks: Vec<Hook> = Hook::ALL.into_iter().filter(given).collect();
    write(dir, "Cargo.toml", &template::manifest(name))?;
    write(dir, "src/lib.rs", &template::source(name, &hooks))?;
    for hook in &hooks {
        let path = format!("scenarios/{}.toml", hook.as_str());
        write(dir, &path, hook.scenario())?;
    }
    write(dir, "README.md", &template::readme(name, &hooks))?;
    write(dir, ".gitignore", template::GITIGNORE)?;
    for (path, text) in SDK {
        write(&dir.join("selvedge-sdk"), path, text)?;
    }
    Ok(())
}

fn check_empty(dir: &Path) -> Result<(), ScaffoldError> {
    let entries = fs::read_dir(dir).map(|mut entries| entries.next().is_some());
    match entries.map_err(|error| (error.kind(), error)) {
        Ok(false) | Err((io::ErrorKind::NotFound, _)) => Ok(()),
        Ok(true) => Err(ScaffoldError::NotEmpty(dir.to_owned())),
        Err((io::ErrorKind::NotADirectory, _)) => Err(ScaffoldError::NotAFolder(dir.to_owned())),
        Err((_, source)) => Err(ScaffoldError::Write {
            path: dir.to_owned(),
            source,
        }),
    }
}

fn write(dir: &Path, path: &str, text: &str) -> Result<(), ScaffoldError> {
    let path = dir.join(path);
    let folder = path.parent().unwrap_or(dir);
    fs::create_dir_all(folder).map_err(|source| ScaffoldError::Write {
        path: folder.to_owned(),
        source,
    })?;
    fs::write(&path, text).map_err(|source| ScaffoldError::Write {
        path: path.clone(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(dir: &Path, path: &str) -> String {
        fs::read_to_string(dir.join(path)).unwrap()
    }

    #[test]
    fn a_new_project_holds_all_that_it_needs() {
        let dir = tempfile::tempdir().unwrap();
        let project = dir.path().join("deep/my-plugin");
        new("my-plugin", &project, &[]).unwrap();

        let manifest: toml::Table = read(&project, "Cargo.toml").parse().unwrap();
        assert_eq!(manifest["package"]["name"].as_str(), Some("my-plugin"));
        assert!(
            manifest.contains_key("workspace"),
            "it must not join a workspace above it"
        );
        let sdk = manifest["dependencies"]["selvedge-sdk"]["path"]
            .as_str()
            .unwrap();
        assert!(read(&project, &format!("{sdk}/src/lib.rs")).contains("pub mod prelude"));
        assert!(read(&project, &format!("{sdk}/wit/edge.wit")).contains("package selvedge:edge@"));
        assert!(read(&project, &format!("{sdk}/macros/Cargo.toml")).contains("proc-macro = true"));

        let source = read(&project, "src/lib.rs");
        for attribute in [
            "#[cache_key]",
            "#[origin_selection]",
            "#[ttl]",
            "#[cfg(test)]",
        ] {
            assert_eq!(source.matches(attribute).count(), 1, "{attribute}");
        }
        assert!(read(&project, "README.md").contains("file = \"../my-plugin/my-plugin.wasm\""));
        assert!(read(&project, ".gitignore").contains("*.wasm"));
        for hook in Hook::USUAL {
            let scenario = read(&project, &format!("scenarios/{}.toml", hook.as_str()));
            assert!(scenario.contains("[[steps]]"), "{scenario}");
        }
    }

    #[test]
    fn only_the_hooks_that_are_asked_for_are_written_each_once() {
        let dir = tempfile::tempdir().unwrap();
        new("short", dir.path(), &[Hook::Ttl, Hook::Ttl]).unwrap();
        let source = read(dir.path(), "src/lib.rs");
        assert_eq!(source.matches("#[ttl]").count(), 1);
        assert!(!source.contains("#[cache_key]") && !source.contains("#[origin_selection]"));
        assert!(!read(dir.path(), "README.md").contains("cache-key"));
        assert_eq!(
            fs::read_dir(dir.path().join("scenarios")).unwrap().count(),
            1
        );
    }

    #[test]
    fn what_is_there_already_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("notes.txt");
        fs::write(&file, "mine").unwrap();
        assert!(matches!(
            new("a", dir.path(), &[]),
            Err(ScaffoldError::NotEmpty(_))
        ));
        assert!(matches!(
            new("a", &file, &[]),
            Err(ScaffoldError::NotAFolder(_))
        ));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    }

    #[test]
    fn a_bad_name_is_refused_before_anything_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let project = dir.path().join("p");
        let error = new("../escape", &project, &[]).unwrap_err().to_string();
        assert_eq!(
            error,
            "`../escape` cannot be a plugin's name: it holds `.`; lower-case letters, digits, `-` and `_` are allowed"
        );
        assert!(!project.exists());
    }

    #[test]
    fn hooks_are_read_by_their_names_in_the_contract() {
        for hook in Hook::ALL {
            assert_eq!(hook.as_str().parse(), Ok(hook));
        }
        let error = "viewer".parse::<Hook>().unwrap_err().to_string();
        assert_eq!(
            error,
            "there is no hook `viewer`; the hooks are viewer-request, cache-key, origin-selection, origin-request, \
             origin-response, ttl, viewer-response"
        );
    }
}
