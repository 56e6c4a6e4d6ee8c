//! The plugins' projects: which there are, which files they are built from, and building them when those have changed.

use super::dep_info;
use crate::cli::output::{complain, say};
use crate::config::Config;
use crate::scaffold::{self, BuildError, Built};
use crate::watch::contents;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The projects of a configuration, and how far each is built.
#[derive(Default)]
pub(super) struct Projects {
    known: BTreeMap<PathBuf, Project>,
}

/// Files and their contents.
type Seen = BTreeMap<PathBuf, [u8; 32]>;

#[derive(Default)]
struct Project {
    /// The plugins that are built from it, with the files that their distributions name.
    plugins: BTreeSet<(String, PathBuf)>,
    /// The sources of its last build, successful or not.
    seen: Option<Seen>,
    built: bool,
    /// The files that cargo has read for it, those of dependencies by path included.
    listed: Vec<PathBuf>,
    products: Products,
}

/// Files that the builds of a project write beside its sources, such as logs and stamps. They are no reason to build again.
#[derive(Default)]
struct Products {
    /// Builds in a row during which each of these files has changed.
    changed: BTreeMap<PathBuf, u32>,
    /// Their contents after the last build.
    left: Seen,
}

/// After this many builds in a row that have changed a file, it counts as their product. An author who saves a source during
/// a build has it built again.
const MIN_CHANGES: u32 = 3;

impl Products {
    fn has(&self, file: &Path) -> bool {
        self.changed
            .get(file)
            .is_some_and(|builds| *builds >= MIN_CHANGES)
    }

    /// Removes the products from what is there. One that something else than a build has changed is a source again.
    fn leave_out(&mut self, files: &mut Seen) {
        self.changed
            .retain(|file, _| files.get(file) == self.left.get(file));
        files.retain(|file, _| !self.has(file));
    }

    /// Takes note of what a build has changed. Returns the files that became products now.
    fn note(&mut self, before: &Seen, after: &Seen) -> Vec<PathBuf> {
        let mut new = Vec::new();
        let mut changed = BTreeMap::new();
        for (file, content) in after {
            let builds = self.changed.get(file).copied().unwrap_or(0);
            if before.get(file).is_some_and(|before| before != content) {
                changed.insert(file.clone(), builds.saturating_add(1));
                if builds + 1 == MIN_CHANGES {
                    new.push(file.clone());
                }
            } else if builds >= MIN_CHANGES {
                changed.insert(file.clone(), builds);
            }
        }
        self.changed = changed;
        self.left.clone_from(after);
        new
    }
}

/// The result of a round of building: names of plugins.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// Those that were built.
    pub(super) built: Vec<String>,
    /// Those that were to be built and were not; why has been shown.
    pub(super) failed: Vec<String>,
}

impl Projects {
    /// Takes the projects of this configuration: the folder of a plugin's file, where it holds a project. What is
    /// known of those that stay is kept.
    pub(super) fn take(&mut self, config: &Config) {
        let mut before = std::mem::take(&mut self.known);
        for plugin in config.distributions.iter().flat_map(|one| &one.plugins) {
            let Some(folder) = project(&plugin.file) else {
                continue;
            };
            let project = self
                .known
                .entry(folder)
                .or_insert_with_key(|folder| Project {
                    plugins: BTreeSet::new(),
                    ..before.remove(folder).unwrap_or_default()
                });
            project
                .plugins
                .insert((plugin.name.to_string(), plugin.file.value.clone()));
        }
    }

    /// Returns true if the last build of each was a success.
    pub(super) fn are_built(&self) -> bool {
        self.known.values().all(|project| project.built)
    }

    /// The files that they are built from, and the folders where new ones may appear.
    pub(super) fn watched(&self) -> BTreeSet<PathBuf> {
        let mut watched = BTreeSet::new();
        for (folder, project) in &self.known {
            watched.insert(folder.clone());
            watched.extend(sources(folder));
            watched.extend(project.listed.iter().cloned());
        }
        watched
    }

    /// Builds those whose files have changed since they were built last. A failure is shown, and tried again when
    /// something has changed.
    pub(super) async fn build(&mut self) -> Round {
        let mut round = Round::default();
        for (folder, project) in &mut self.known {
            let all_before = project.now(folder);
            let mut before = all_before.clone();
            project.products.leave_out(&mut before);
            if project.seen.as_ref() == Some(&before) {
                continue;
            }
            project.built = project.build(folder).await;
            if project.built {
                project.listed = dep_info::files(folder).await;
            }
            let after = project.now(folder);
            for file in project.products.note(&all_before, &after) {
                complain(format_args!(
                    "{} changes with each build: it is not followed until something else changes it",
                    shown(&file).display()
                ));
            }
            project.seen = Some(if project.built {
                // Cargo names files that were not known before; those that were count as they were before.
                let mut seen = after;
                seen.retain(|file, _| !project.products.has(file));
                for (file, hash) in &mut seen {
                    *hash = before.get(file).copied().unwrap_or(*hash);
                }
                seen
            } else {
                before
            });
            let names = project.plugins.iter().map(|(name, _)| format!("`{name}`"));
            if project.built {
                round.built.extend(names)
            } else {
                round.failed.extend(names)
            }
        }
        round
    }
}

impl Project {
    /// Its files as they are now.
    fn now(&self, folder: &Path) -> Seen {
        let mut files = sources(folder);
        files.retain(|path| path.is_file());
        files.extend(self.listed.iter().cloned());
        files
            .into_iter()
            .map(|file| {
                let hash = contents([file.as_path()]);
                (file, hash)
            })
            .collect()
    }

    /// Builds it and says so. Whether it was a success.
    async fn build(&self, folder: &Path) -> bool {
        let names: Vec<String> = self
            .plugins
            .iter()
            .map(|(name, _)| format!("`{name}`"))
            .collect();
        say(format_args!(
            "building plugin {} in {}",
            names.join(", "),
            shown(folder).display()
        ));
        let begun = Instant::now();
        let project = folder.to_owned();
        let built = tokio::task::spawn_blocking(move || {
            scaffold::build(&project, &mut |line| complain(line))
        })
        .await;
        match built {
            Ok(Ok(built)) => {
                say(format_args!(
                    "built in {:.1} s: {} ({} KiB)",
                    begun.elapsed().as_secs_f64(),
                    shown(&built.wasm).display(),
                    built.bytes.div_ceil(1024)
                ));
                self.warn_of_other_names(&built);
                true
            }
            Ok(Err(error)) => {
                complain(format_args!("error: {error}"));
                if let BuildError::NotStarted { .. } = error {
                    complain("is the folder of cargo in PATH?");
                }
                false
            }
            Err(_) => false,
        }
    }

    /// A distribution that names another file than the one that is built hardly means it.
    fn warn_of_other_names(&self, built: &Built) {
        for (name, file) in &self.plugins {
            if file.file_name() != built.wasm.file_name() {
                complain(format_args!(
                    "warning: the plugin `{name}` is built as {}, but its distribution says {}: change `file` there",
                    shown(&built.wasm).display(),
                    file.display()
                ));
            }
        }
    }
}

/// The project that a plugin's file is built by, if there is one.
pub(super) fn project(file: &Path) -> Option<PathBuf> {
    let folder = file.parent()?.canonicalize().ok()?;
    scaffold::is_project(&folder).then_some(folder)
}

/// A path as it is shortest from here.
fn shown(path: &Path) -> &Path {
    let here = std::env::current_dir().and_then(|here| here.canonicalize());
    here.ok()
        .and_then(|here| path.strip_prefix(here).ok())
        .unwrap_or(path)
}

/// The files of a project by convention: its manifest, its build script, and everything below `src`, folders included.
/// One that is built by its own script: the files beside that, too.
fn sources(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let manifest = folder.join("Cargo.toml");
    if manifest.is_file() {
        let script = folder.join("build.rs");
        found.extend(
            [manifest]
                .into_iter()
                .chain(script.is_file().then_some(script)),
        );
    } else {
        let beside = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let beside = beside.map(|entry| entry.path());
        found.extend(beside.filter(|path| path.is_file() && !is_of_an_editor(path)));
    }
    let mut folders = vec![folder.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            match entry.path() {
                path if is_of_an_editor(&path) => {}
                path if is_folder => folders.push(path),
                path => _ = found.insert(path),
            }
        }
        found.insert(folder);
    }
    found
}

/// Files that editors and builds keep beside the sources.
fn is_of_an_editor(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    name.starts_with(b".")
        || name.starts_with(b"#")
        || [&b"~"[..], b".tmp", b".wasm"]
            .iter()
            .any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use std::fs;

    fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("plugin/src/inner")).unwrap();
        fs::create_dir(dir.path().join("distributions")).unwrap();
        fs::write(dir.path().join("plugin/Cargo.toml"), "").unwrap();
        fs::write(dir.path().join("plugin/src/lib.rs"), "").unwrap();
        fs::write(dir.path().join("plugin/src/inner/mod.rs"), "").unwrap();
        dir
    }

    #[test]
    fn a_plugin_is_built_where_its_file_has_a_manifest_beside_it() {
        let dir = folder();
        let file = dir.path().join("distributions/one.toml");
        let text = "id = \"one\"\n[[origins]]\nid = \"main\"\ndomain = \"127.0.0.1\"\n\
                    [default_behavior]\norigin = \"main\"\nplugins = [\"a\", \"b\", \"c\"]\n\
                    [[plugins]]\nname = \"a\"\nfile = \"../plugin/a.wasm\"\n\
                    [[plugins]]\nname = \"b\"\nfile = \"../plugin/a.wasm\"\n\
                    [[plugins]]\nname = \"c\"\nfile = \"c.wasm\"\n";
        fs::write(&file, text).unwrap();
        let config = config::load_one(&file).unwrap();
        let mut projects = Projects::default();
        projects.take(&config);
        let known: Vec<&PathBuf> = projects.known.keys().collect();
        assert_eq!(known, [&dir.path().canonicalize().unwrap().join("plugin")]);
        assert_eq!(projects.known.values().next().unwrap().plugins.len(), 2);
        assert!(!projects.are_built());
    }

    #[test]
    fn what_editors_and_builds_leave_is_no_source() {
        let dir = folder();
        let plugin = dir.path().join("plugin");
        let before = Project::default().now(&plugin);
        assert_eq!(before.len(), 3);
        for name in [
            "src/.lib.rs.swp",
            "src/lib.rs~",
            "src/#lib.rs#",
            "src/x.tmp",
            "plugin.wasm",
        ] {
            fs::write(plugin.join(name), "x").unwrap();
        }
        assert_eq!(Project::default().now(&plugin), before);
        fs::write(plugin.join("src/inner/mod.rs"), "x").unwrap();
        assert_ne!(Project::default().now(&plugin), before);
    }

    #[test]
    fn a_file_that_each_build_changes_is_no_reason_to_build_for_ever() {
        let file = |name: &str, content: u8| (PathBuf::from(name), [content; 32]);
        let mut products = Products::default();
        let mut seen = None;
        let mut builds = 0;
        // Each build leaves another stamp; the author saves once, during the first build.
        let (mut stamp, mut source) = (0, 0);
        for _ in 0..10 {
            let now = Seen::from([file("stamp", stamp), file("lib.rs", source)]);
            let mut before = now.clone();
            products.leave_out(&mut before);
            if seen.as_ref() == Some(&before) {
                continue;
            }
            builds += 1;
            stamp += 1;
            source = 1;
            let after = Seen::from([file("stamp", stamp), file("lib.rs", source)]);
            products.note(&now, &after);
            before.retain(|file, _| !products.has(file));
            seen = Some(before);
        }
        assert_eq!(builds, 3);
        // The source is still followed, and so is the stamp if something else changes it.
        for (stamp, source) in [(stamp, 2), (stamp + 1, 1)] {
            let mut now = Seen::from([file("stamp", stamp), file("lib.rs", source)]);
            products.leave_out(&mut now);
            assert_ne!(seen.as_ref(), Some(&now));
        }
    }

    #[test]
    fn a_removed_or_added_source_is_a_change() {
        let dir = folder();
        let plugin = dir.path().join("plugin");
        let before = Project::default().now(&plugin);
        fs::write(plugin.join("src/new.rs"), "").unwrap();
        let added = Project::default().now(&plugin);
        assert_ne!(added, before);
        fs::remove_file(plugin.join("src/new.rs")).unwrap();
        assert_eq!(Project::default().now(&plugin), before);
    }
}
