//! All distributions that are in force at a time.

use super::broken::{Broken, Pending, Serves};
use super::claims::{Before, Claimant, Version, resolve};
use super::geo::Geo;
use super::running::{self, Distribution};
use super::work::Builder;
use crate::config::{
    self, Config, Document, HostIndex, HostName, Loaded, Owner, Problem, Report, Server,
};
use crate::files::{Digest, Ledger};
use selvedge_runtime::capabilities;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Settings of the server file that a request keeps from its beginning to its end.
#[derive(Clone, Copy, Debug)]
pub struct RequestSettings {
    /// `debug_fields`.
    pub debug_fields: bool,
    /// `max_fetches`.
    pub max_fetches: usize,
}

/// All distributions that are in force.
pub struct Plan {
    server: Arc<Server>,
    distributions: Vec<Arc<Distribution>>,
    /// The files of `distributions`, by the same indices.
    documents: Vec<Arc<Document>>,
    by_id: HashMap<Arc<str>, usize>,
    hosts: HostIndex,
    broken: Vec<Broken>,
    pending: Vec<Pending>,
    /// Distributions that could not be built, by file.
    failures: HashMap<PathBuf, Failure>,
    geo: Option<Arc<Geo>>,
}

/// A distribution that could not be built. It is tried again when a file has changed.
#[derive(Clone)]
struct Failure {
    document: Arc<Document>,
    digests: Vec<Option<Digest>>,
    problems: Vec<Problem>,
}

/// The largest file that a distribution names, in bytes.
const MAX_NAMED_FILE: u64 = 64 << 20;

/// The target of a host name.
pub enum HostTarget<'a> {
    /// A distribution that is in force.
    Distribution(&'a Arc<Distribution>),
    /// One that is broken, and of which no version is in force.
    Broken(&'a Broken),
}

impl Plan {
    /// Makes a plan of files, which follows `before`: each distribution that has not changed stays the same. One that is broken
    /// stays as it was. Blocking: plugins may have to be compiled. The report has all problems of all files.
    ///
    /// # Errors
    /// Errors of the server file, the folder of distributions or a geo database: these are taken whole or not at all.
    pub fn build(
        loaded: &Loaded,
        before: Option<&Plan>,
        builder: &Builder,
        ledger: &mut Ledger,
    ) -> Result<(Plan, Report), Report> {
        if let Some(report) = loaded.server_error() {
            return Err(report);
        }
        let mut problems = Vec::new();
        let known = before.and_then(|before| before.geo.as_ref());
        let geo = Geo::read(&loaded.server, known, ledger, &mut problems);
        if !problems.is_empty() {
            return Err(loaded.report(problems));
        }
        let follows = Follows::new(before, &loaded.documents);
        let mut failures = Vec::new();
        let mut built = Vec::with_capacity(loaded.documents.len());
        let mut errors: Vec<Vec<Problem>> = Vec::with_capacity(loaded.documents.len());
        for (index, document) in loaded.documents.iter().enumerate() {
            let last_good = follows.last_good(index);
            let known = before.and_then(|before| before.failures.get(document.path()));
            let known = known.filter(|known| known.is_current(document, ledger));
            let (fresh, wrong) = match (document.right(), known) {
                (Some(_), Some(known)) => {
                    failures.push(known.clone());
                    (None, known.problems.clone())
                }
                (Some(settings), None) => {
                    match Distribution::build(builder, ledger, settings, last_good) {
                        Ok(fresh) => (Some(fresh), Vec::new()),
                        Err(wrong) => {
                            if !wrong.machine_failed {
                                failures.push(Failure::new(document, ledger, &wrong.problems));
                            }
                            (None, wrong.problems)
                        }
                    }
                }
                (None, _) => (None, document.errors()),
            };
            built.push((fresh, last_good.cloned()));
            errors.push(wrong);
        }
        let warnings = loaded.warnings();
        let mut plan = Plan::assemble(loaded, geo, &follows, &built, &mut errors);
        let path = |failure: &Failure| failure.document.path().to_owned();
        plan.failures = failures.into_iter().map(|one| (path(&one), one)).collect();
        let all = errors.into_iter().flatten().chain(warnings).collect();
        builder.runtime.tidy();
        Ok((plan, loaded.report(all)))
    }

    fn assemble(
        loaded: &Loaded,
        geo: Option<Arc<Geo>>,
        follows: &Follows<'_>,
        built: &[Built],
        errors: &mut [Vec<Problem>],
    ) -> Plan {
        let claimants: Vec<Claimant<'_>> = loaded
            .documents
            .iter()
            .zip(built)
            .map(|(document, (fresh, last_good))| Claimant {
                document,
                fresh: fresh.as_ref().map(|one| one.settings()),
                last_good: last_good.as_ref().map(|one| one.settings()),
            })
            .collect();
        let mut resolved = resolve(&claimants, follows);
        for (index, problem) in std::mem::take(&mut resolved.problems) {
            if let Some(errors) = errors.get_mut(index) {
                errors.push(problem);
            }
        }
        let parts = Parts::new(loaded, &resolved.versions, built, errors);
        let indices: Vec<usize> = parts.broken.iter().map(|(index, _)| *index).collect();
        let slot = |index: usize| parts.slots.get(index).copied().flatten();
        let hosts = resolved.hosts(&claimants, follows, slot, &indices);
        let id_at = |index| {
            let distribution = slot(index).and_then(|slot| parts.distributions.get(slot));
            distribution.map_or_else(String::new, |one| one.id().to_string())
        };
        let pending = resolved.pending.iter().map(|pending| Pending {
            name: pending.name.to_string(),
            claimant: id_at(pending.claimant),
            holder: id_at(pending.holder),
        });
        let pending = pending.collect();
        let Parts {
            distributions,
            documents,
            broken,
            ..
        } = parts;
        let ids = distributions.iter().map(|one| one.id().clone());
        Plan {
            server: loaded.server.clone(),
            pending,
            by_id: ids.zip(0..).collect(),
            hosts,
            broken: broken.into_iter().map(|(_, broken)| broken).collect(),
            documents,
            distributions,
            failures: HashMap::new(),
            geo,
        }
    }

    /// All that is wrong with what a configuration names, even one that has errors itself. Blocking, as [`Plan::build`].
    pub fn problems(config: &Config, builder: &Builder) -> Vec<Problem> {
        let mut ledger = Ledger::default();
        let mut problems = Vec::new();
        Geo::read(&config.server, None, &mut ledger, &mut problems);
        for settings in &config.distributions {
            problems.extend(running::problems(builder, &mut ledger, settings));
        }
        problems
    }

    /// Settings of the server file.
    pub fn server(&self) -> &Arc<Server> {
        &self.server
    }

    /// Settings for a request that begins now.
    pub fn request_settings(&self) -> RequestSettings {
        RequestSettings {
            debug_fields: self.server.debug_fields,
            max_fetches: self.server.max_fetches,
        }
    }

    /// All distributions in force, disabled ones included.
    pub fn distributions(&self) -> &[Arc<Distribution>] {
        &self.distributions
    }

    /// The settings of all distributions in force.
    pub fn settings(&self) -> Vec<Arc<config::Distribution>> {
        let distributions = self.distributions.iter();
        distributions.map(|one| one.settings().clone()).collect()
    }

    /// The distribution in force with this id.
    pub fn distribution(&self, id: &str) -> Option<&Arc<Distribution>> {
        self.distributions.get(*self.by_id.get(id)?)
    }

    /// The file of the distribution in force with this id.
    pub fn file_of(&self, id: &str) -> Option<&Path> {
        Some(self.documents.get(*self.by_id.get(id)?)?.path())
    }

    /// The files with errors.
    pub fn broken(&self) -> &[Broken] {
        &self.broken
    }

    /// The host names on their way from one distribution to another.
    pub fn pending(&self) -> &[Pending] {
        &self.pending
    }

    /// The target of a host name in lower case, without a port.
    pub fn find(&self, host: &str) -> Option<HostTarget<'_>> {
        match self.hosts.find(host)? {
            Owner::Serves(index) => self.distributions.get(index).map(HostTarget::Distribution),
            Owner::Broken(index) => self.broken.get(index).map(HostTarget::Broken),
        }
    }

    /// The databases that know where viewers are.
    pub fn geo(&self) -> Option<Arc<dyn capabilities::Geo>> {
        self.geo.clone().map(|geo| geo as _)
    }

    /// Returns true if `other` has the same distributions in force, and the same errors.
    pub fn is_same(&self, other: &Plan) -> bool {
        let pairs = self.distributions.iter().zip(&other.distributions);
        let geo = |plan: &Plan| plan.geo.as_ref().map(Arc::as_ptr);
        self.server == other.server
            && self.distributions.len() == other.distributions.len()
            && pairs
                .into_iter()
                .all(|(one, other)| Arc::ptr_eq(one, other))
            && geo(self) == geo(other)
            && self.broken == other.broken
            && self.pending == other.pending
    }

    /// Closes origin connections that were idle for longer than their origin's keep-alive timeout.
    pub fn close_idle(&self) {
        for distribution in &self.distributions {
            distribution.close_idle();
        }
    }
}

impl Failure {
    fn new(document: &Arc<Document>, ledger: &mut Ledger, problems: &[Problem]) -> Failure {
        Failure {
            document: document.clone(),
            digests: Failure::digests(document, ledger),
            problems: problems.to_vec(),
        }
    }

    /// Returns true if trying again would come to the same: no file has changed.
    fn is_current(&self, document: &Arc<Document>, ledger: &mut Ledger) -> bool {
        Arc::ptr_eq(&self.document, document) && self.digests == Failure::digests(document, ledger)
    }

    fn digests(document: &Document, ledger: &mut Ledger) -> Vec<Option<Digest>> {
        let files = document.named_files();
        files
            .map(|file| ledger.digest(file, MAX_NAMED_FILE))
            .collect()
    }
}

/// The distributions in force, and the broken files.
#[derive(Default)]
struct Parts {
    distributions: Vec<Arc<Distribution>>,
    /// The files of `distributions`, by the same indices.
    documents: Vec<Arc<Document>>,
    /// The index in `distributions`, by the index of the file.
    slots: Vec<Option<usize>>,
    /// The broken files with their indices.
    broken: Vec<(usize, Broken)>,
}

impl Parts {
    fn new(
        loaded: &Loaded,
        versions: &[Version],
        built: &[Built],
        errors: &[Vec<Problem>],
    ) -> Parts {
        let mut parts = Parts::default();
        let files = loaded.documents.iter().zip(versions).zip(built).zip(errors);
        for (index, (((document, version), (fresh, last_good)), errors)) in files.enumerate() {
            let in_force = match version {
                Version::Fresh => fresh,
                Version::LastGood => last_good,
                Version::Absent => &None,
            };
            let slot = in_force.as_ref().map(|distribution| {
                parts.distributions.push(distribution.clone());
                parts.documents.push(document.clone());
                parts.distributions.len() - 1
            });
            parts.slots.push(slot);
            if errors.is_empty() {
                continue;
            }
            let id = in_force.as_ref().map(|one| one.id().clone());
            let broken = Broken {
                file: document.path().to_owned(),
                id: id.or_else(|| document.id().map(Arc::from)),
                serves: match version {
                    Version::Fresh => Serves::WithoutSomeNames,
                    Version::LastGood => Serves::LastGood,
                    Version::Absent => Serves::Nothing,
                },
                report: loaded.report(errors.clone()).listed().to_string(),
            };
            parts.broken.push((index, broken));
        }
        parts
    }
}

/// A file's distribution as it says now, and as it was last right.
type Built = (Option<Arc<Distribution>>, Option<Arc<Distribution>>);

/// Links from files to the distributions of the plan before.
struct Follows<'a> {
    before: Option<&'a Plan>,
    /// The index of a file's distribution in the plan before.
    slots: Vec<Option<usize>>,
    /// The index of the file that follows a distribution of the plan before.
    followers: Vec<Option<usize>>,
}

impl<'a> Follows<'a> {
    /// A file follows itself; one that is new under its name follows the file with its id, if that is gone.
    fn new(before: Option<&'a Plan>, documents: &[Arc<Document>]) -> Follows<'a> {
        let old = before.map_or(&[][..], |before| &before.documents);
        let by_path: HashMap<&Path, usize> = old.iter().map(|one| one.path()).zip(0..).collect();
        let mut followers = vec![None; old.len()];
        let mut slots = vec![None; documents.len()];
        let mut follow = |index: usize, slot: usize| {
            if let (Some(follower @ None), Some(place)) =
                (followers.get_mut(slot), slots.get_mut(index))
            {
                (*follower, *place) = (Some(index), Some(slot));
            }
        };
        let mut new = Vec::new();
        for (index, document) in documents.iter().enumerate() {
            match by_path.get(document.path()) {
                Some(slot) => follow(index, *slot),
                None => new.push(index),
            }
        }
        for index in new {
            let id = documents.get(index).and_then(|document| document.id());
            let slot = id.and_then(|id| before?.by_id.get(id));
            if let Some(slot) = slot {
                follow(index, *slot);
            }
        }
        Follows {
            before,
            slots,
            followers,
        }
    }

    fn last_good(&self, index: usize) -> Option<&'a Arc<Distribution>> {
        let slot = self.slots.get(index).copied().flatten()?;
        self.before?.distributions.get(slot)
    }

    fn follower(&self, slot: usize) -> Option<usize> {
        self.followers.get(slot).copied().flatten()
    }
}

impl Before for Follows<'_> {
    fn held(&self, name: HostName<'_>) -> Option<usize> {
        match self.before?.hosts.owner(name)? {
            Owner::Serves(slot) => self.follower(slot),
            Owner::Broken(_) => None,
        }
    }

    fn held_id(&self, id: &str) -> Option<usize> {
        self.follower(*self.before?.by_id.get(id)?)
    }

    fn names(&self) -> Vec<(HostName<'_>, usize)> {
        let names = self
            .before
            .into_iter()
            .flat_map(|before| before.hosts.names());
        let served = names.filter_map(|(name, owner)| match owner {
            Owner::Serves(slot) => Some((name, self.follower(slot)?)),
            Owner::Broken(_) => None,
        });
        served.collect()
    }
}
