//! Follows the files of a folder: what has changed is read, what has to be built is built, and what came of it is told.

use super::build::{Projects, Round, project};
use crate::config::{self, Config, Report};
use crate::watch::{Watch, contents};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The files, and what was last seen of them.
pub(super) struct Followed {
    watch: Option<Watch>,
    server_file: PathBuf,
    manifest_file: PathBuf,
    /// The folder of distributions, by the last configuration that was read.
    distributions: Option<PathBuf>,
    /// Further files that it names.
    named: BTreeSet<PathBuf>,
    seen: Option<[u8; 32]>,
    manifest_seen: [u8; 32],
    projects: Projects,
}

/// The result of a look at the files.
pub(super) enum News {
    /// Nothing of importance.
    Nothing,
    /// The configuration is wrong.
    Refused(Report),
    /// Something may be taken.
    Fresh(Box<Fresh>),
}

/// A configuration, and what was built for it.
pub(super) struct Fresh {
    pub(super) config: Config,
    /// True if it may differ from the one before; otherwise only plugins have been built.
    pub(super) config_changed: bool,
    pub(super) round: Round,
    /// True if no plugin waits for a build to succeed.
    pub(super) all_built: bool,
}

impl Followed {
    /// Follows a folder's files. Where the system does not report changes, the reason is given as well.
    pub(super) fn new(
        server_file: &Path,
        manifest_file: &Path,
    ) -> (Followed, Option<notify::Error>) {
        let (watch, error) = match Watch::new() {
            Ok(watch) => (Some(watch), None),
            Err(error) => (None, Some(error)),
        };
        let followed = Followed {
            watch,
            server_file: server_file.to_owned(),
            manifest_file: manifest_file.to_owned(),
            distributions: None,
            named: BTreeSet::new(),
            seen: None,
            manifest_seen: contents([manifest_file]),
            projects: Projects::default(),
        };
        (followed, error)
    }

    /// Waits until some file may have changed.
    pub(super) async fn changed(&mut self) {
        match &mut self.watch {
            Some(watch) => watch.changed().await,
            None => std::future::pending().await,
        }
    }

    /// Reads and builds what has changed since the last look; everything at the first one.
    pub(super) async fn look(&mut self) -> News {
        // What is watched from now on is looked at afterwards, so that no change falls in between.
        self.watch();
        let now = self.contents();
        let config_changed = self.seen.replace(now) != Some(now);
        let config = match config::load(&self.server_file) {
            Ok(config) => config,
            Err(report) if config_changed => return News::Refused(report),
            Err(_) => return News::Nothing,
        };
        self.take(&config);
        self.watch();
        let round = self.projects.build().await;
        self.watch();
        if !config_changed && round.built.is_empty() && round.failed.is_empty() {
            return News::Nothing;
        }
        News::Fresh(Box::new(Fresh {
            config,
            config_changed,
            round,
            all_built: self.projects.are_built(),
        }))
    }

    /// Lets the next look find the configuration changed.
    pub(super) fn forget(&mut self) {
        self.seen = None;
    }

    /// Returns true if dev.toml has changed since this was asked last.
    pub(super) fn manifest_changed(&mut self) -> bool {
        let now = contents([self.manifest_file.as_path()]);
        std::mem::replace(&mut self.manifest_seen, now) != now
    }

    fn take(&mut self, config: &Config) {
        let before = self.contents();
        self.distributions = Some(config.server.distributions.value.clone());
        self.named = config.files().map(Path::to_owned).collect();
        for distribution in &config.distributions {
            let certificates = distribution
                .origins
                .iter()
                .filter_map(|origin| origin.ca_file.as_ref());
            self.named
                .extend(certificates.map(|file| file.value.clone()));
            // A plugin with a project changes by being built.
            let files = distribution.plugins.iter().map(|plugin| &plugin.file.value);
            self.named
                .extend(files.filter(|file| project(file).is_none()).cloned());
        }
        self.projects.take(config);
        // Files that are named now for the first time have not changed by that.
        if self.seen == Some(before) {
            self.seen = Some(self.contents());
        }
    }

    fn watch(&mut self) {
        let mut paths = self.projects.watched();
        paths.extend(self.files());
        paths.extend([self.manifest_file.clone(), self.server_file.clone()]);
        paths.extend(self.distributions.clone());
        if let Some(watch) = &mut self.watch {
            watch.add(paths.iter().map(PathBuf::as_path));
        }
    }

    /// The files of the configuration as they are now, and those that the last good one named.
    fn files(&self) -> BTreeSet<PathBuf> {
        let listed = self
            .distributions
            .iter()
            .flat_map(std::fs::read_dir)
            .flatten()
            .flatten();
        let mut files: BTreeSet<PathBuf> = listed
            .map(|entry| entry.path())
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "toml")
            })
            .collect();
        files.insert(self.server_file.clone());
        files.extend(self.named.iter().cloned());
        files
    }

    fn contents(&self) -> [u8; 32] {
        contents(self.files().iter().map(PathBuf::as_path))
    }
}
