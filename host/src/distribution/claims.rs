//! Which version of each file is in force, and which distribution each host name belongs to.
//!
//! An id or a host name belongs to one distribution. Files are taken each by itself, so two can claim the same for a while:
//! a name then stays where it was. Between two that claim a name which neither had, neither is preferred.

use crate::config::{
    self, Document, HostIndex, HostName, Owner, Problem, called_twice, claimed_twice,
};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// One file of the folder of distributions.
pub(super) struct Claimant<'a> {
    pub(super) document: &'a Document,
    /// The file as it is now, if that is right and its plugins could be loaded.
    pub(super) fresh: Option<&'a Arc<config::Distribution>>,
    /// The version in force.
    pub(super) last_good: Option<&'a Arc<config::Distribution>>,
}

/// The version of a file that is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// The file as it is now.
    Fresh,
    /// The file as it was last right.
    LastGood,
    /// None.
    Absent,
}

/// The plan before, by the index of the claimant that follows it.
pub(super) trait Before {
    /// The claimant that had this host name.
    fn held(&self, name: HostName<'_>) -> Option<usize>;
    /// The claimant that had this id.
    fn held_id(&self, id: &str) -> Option<usize>;
    /// All host names with their claimants.
    fn names(&self) -> Vec<(HostName<'_>, usize)>;
}

/// A host name that its file claims and does not have yet.
#[derive(Debug)]
pub(super) struct PendingClaim<'a> {
    pub(super) name: HostName<'a>,
    pub(super) claimant: usize,
    /// Where it stays until that one's file is right.
    pub(super) holder: usize,
}

/// The outcome of all claims.
pub(super) struct Resolved<'a> {
    pub(super) versions: Vec<Version>,
    /// Errors, by the index of the claimant.
    pub(super) problems: Vec<(usize, Problem)>,
    pub(super) pending: Vec<PendingClaim<'a>>,
    denied: HashSet<(usize, HostName<'a>)>,
    contested: Vec<(HostName<'a>, usize)>,
}

/// Decides on all claims.
pub(super) fn resolve<'a>(claimants: &'a [Claimant<'a>], before: &'a dyn Before) -> Resolved<'a> {
    let version = |claimant: &Claimant<'_>| match (claimant.fresh, claimant.last_good) {
        (Some(_), _) => Version::Fresh,
        (None, Some(_)) => Version::LastGood,
        (None, None) => Version::Absent,
    };
    let mut claims = Claims {
        claimants,
        before,
        resolved: Resolved {
            versions: claimants.iter().map(version).collect(),
            problems: Vec::new(),
            pending: Vec::new(),
            denied: HashSet::new(),
            contested: Vec::new(),
        },
    };
    // A file that steps back to its last good version claims the names of that again, which may displace another.
    while claims.step_back_from_ids() || claims.step_back_from_names() {}
    claims.deny();
    claims.resolved
}

struct Claims<'a> {
    claimants: &'a [Claimant<'a>],
    before: &'a dyn Before,
    resolved: Resolved<'a>,
}

/// Several that claim one name.
struct Clash<'a> {
    name: HostName<'a>,
    claimants: Vec<usize>,
    /// The one of them that keeps it.
    owner: Option<usize>,
}

impl<'a> Claims<'a> {
    fn in_force(&self, index: usize) -> Option<&'a Arc<config::Distribution>> {
        let claimant = self.claimants.get(index)?;
        match self.resolved.versions.get(index)? {
            Version::Fresh => claimant.fresh,
            Version::LastGood => claimant.last_good,
            Version::Absent => None,
        }
    }

    /// A claimant's distribution for messages, even if it has stepped back.
    fn any_version(&self, index: usize) -> Option<&'a Arc<config::Distribution>> {
        let claimant = self.claimants.get(index)?;
        claimant.fresh.or(claimant.last_good)
    }

    fn all_in_force(&self) -> impl Iterator<Item = (usize, &'a Arc<config::Distribution>)> + '_ {
        let indices = 0..self.claimants.len();
        indices.filter_map(|index| Some((index, self.in_force(index)?)))
    }

    fn is(&self, index: usize, version: Version) -> bool {
        self.resolved.versions.get(index) == Some(&version)
    }

    fn set(&mut self, index: usize, version: Version) {
        if let Some(entry) = self.resolved.versions.get_mut(index) {
            *entry = version;
        }
    }

    /// Of several with one id, all step back that did not have it before. Returns true if any did.
    fn step_back_from_ids(&mut self) -> bool {
        let mut first: HashMap<&str, usize> = HashMap::new();
        let mut clashes: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, distribution) in self.all_in_force() {
            let id = distribution.id.as_str();
            let other = *first.entry(id).or_insert(index);
            if other != index {
                clashes.entry(id).or_insert_with(|| vec![other]).push(index);
            }
        }
        let mut stepped = false;
        for (id, claimants) in clashes {
            let owner = self.before.held_id(id);
            let owner = owner.filter(|owner| claimants.contains(owner));
            for &index in &claimants {
                if Some(index) == owner || !self.is(index, Version::Fresh) {
                    continue;
                }
                let others = claimants.iter().copied();
                let other = owner.or(others.clone().find(|other| *other != index));
                let other = other.and_then(|other| self.any_version(other));
                let (Some(fresh), Some(other)) = (self.in_force(index), other) else {
                    continue;
                };
                self.resolved
                    .problems
                    .push((index, called_twice(fresh, other)));
                self.step_back(index, |last_good| last_good.id.as_str() != id);
                stepped = true;
            }
        }
        stepped
    }

    /// Of several that claim a name, those step back that did not have it and can do without it. Returns true if any did.
    fn step_back_from_names(&mut self) -> bool {
        let mut stepped = false;
        for clash in self.clashes() {
            if clash
                .owner
                .is_some_and(|owner| self.is(owner, Version::LastGood))
            {
                continue;
            }
            for &index in &clash.claimants {
                let last_good = self.claimants.get(index).and_then(|one| one.last_good);
                let can_do_without = last_good
                    .is_some_and(|last_good| !last_good.names(true).any(|name| name == clash.name));
                if Some(index) != clash.owner && self.is(index, Version::Fresh) && can_do_without {
                    self.complain(index, &clash);
                    self.step_back(index, |_| true);
                    stepped = true;
                }
            }
        }
        stepped
    }

    fn step_back(&mut self, index: usize, does: impl Fn(&config::Distribution) -> bool) {
        let last_good = self.claimants.get(index).and_then(|one| one.last_good);
        let version = match last_good {
            Some(last_good) if does(last_good) => Version::LastGood,
            _ => Version::Absent,
        };
        self.set(index, version);
    }

    /// Takes the names that are left between several from all but the one that had it.
    fn deny(&mut self) {
        for clash in self.clashes() {
            for &index in &clash.claimants {
                if Some(index) == clash.owner {
                    continue;
                }
                self.resolved.denied.insert((index, clash.name));
                if !self.is(index, Version::Fresh) {
                    continue;
                }
                match clash.owner {
                    Some(holder) if self.is(holder, Version::LastGood) => {
                        self.resolved.pending.push(PendingClaim {
                            name: clash.name,
                            claimant: index,
                            holder,
                        });
                    }
                    _ => self.complain(index, &clash),
                }
            }
            if let (None, Some(first)) = (clash.owner, clash.claimants.first()) {
                self.resolved.contested.push((clash.name, *first));
            }
        }
    }

    fn complain(&mut self, index: usize, clash: &Clash<'a>) {
        let others = clash.claimants.iter().copied();
        let other = clash.owner.or(others.clone().find(|other| *other != index));
        let other = other.and_then(|other| self.any_version(other));
        let (Some(fresh), Some(other)) = (self.in_force(index), other) else {
            return;
        };
        let mut aliases = fresh.aliases.iter();
        if let Some(alias) = aliases.find(|one| HostName::of(&one.value) == clash.name) {
            self.resolved
                .problems
                .push((index, claimed_twice(alias, other)));
        }
    }

    /// The names that several claim. An assigned name stays with its distribution, any other with the one that had it.
    fn clashes(&self) -> Vec<Clash<'a>> {
        let mut first: HashMap<HostName<'a>, usize> = HashMap::with_capacity(self.claimants.len());
        let mut clashes: HashMap<HostName<'a>, Vec<usize>> = HashMap::new();
        for (index, distribution) in self.all_in_force() {
            for name in distribution.names(true) {
                let other = *first.entry(name).or_insert(index);
                if other != index {
                    clashes
                        .entry(name)
                        .or_insert_with(|| vec![other])
                        .push(index);
                }
            }
        }
        let owner = |name: HostName<'_>, claimants: &[usize]| {
            let is_assigned = |index: &usize| {
                let distribution = self.in_force(*index);
                distribution.is_some_and(|one| HostName::exact(&one.domain) == name)
            };
            let assigned = claimants.iter().copied().find(|index| is_assigned(index));
            let held = self.before.held(name);
            assigned.or(held.filter(|held| claimants.contains(held)))
        };
        let clash = |(name, claimants): (HostName<'a>, Vec<usize>)| Clash {
            owner: owner(name, &claimants),
            name,
            claimants,
        };
        let mut clashes: Vec<Clash<'a>> = clashes.into_iter().map(clash).collect();
        clashes.sort_unstable_by_key(|clash| clash.name);
        clashes
    }
}

impl Resolved<'_> {
    /// The table of host names. `slot` says where a claimant is among the distributions in force, and `broken` where among the
    /// broken ones.
    pub(super) fn hosts(
        &self,
        claimants: &[Claimant<'_>],
        before: &dyn Before,
        slot: impl Fn(usize) -> Option<usize>,
        broken: &[usize],
    ) -> HostIndex {
        let mut hosts = HostIndex::with_capacity(2 * claimants.len());
        for (index, claimant) in claimants.iter().enumerate() {
            let distribution = match self.versions.get(index) {
                Some(Version::Fresh) => claimant.fresh,
                Some(Version::LastGood) => claimant.last_good,
                _ => None,
            };
            let (Some(distribution), Some(slot)) = (distribution, slot(index)) else {
                continue;
            };
            for name in distribution.names(true) {
                if self.denied.is_empty() || !self.denied.contains(&(index, name)) {
                    hosts.insert(name, Owner::Serves(slot));
                }
            }
        }
        for (name, claimant) in &self.contested {
            let claimants = broken.iter().position(|index| index == claimant);
            hosts.insert(*name, Owner::Broken(claimants.unwrap_or_default()));
        }
        if broken.is_empty() {
            return hosts;
        }
        keep_moving(&mut hosts, claimants, before, slot, broken);
        for (place, index) in broken.iter().enumerate() {
            for name in claimants
                .get(*index)
                .into_iter()
                .flat_map(|one| one.document.names())
            {
                hosts.insert(name, Owner::Broken(place));
            }
        }
        hosts
    }
}

/// A name that one file lets go of and a broken one names is on its way there: it stays where it was.
fn keep_moving(
    hosts: &mut HostIndex,
    claimants: &[Claimant<'_>],
    before: &dyn Before,
    slot: impl Fn(usize) -> Option<usize>,
    broken: &[usize],
) {
    let texts = broken.iter().filter_map(|index| claimants.get(*index));
    let texts: Vec<String> = texts.map(|one| one.document.lower_text()).collect();
    for (name, holder) in before.names() {
        if hosts.owner(name).is_some() {
            continue;
        }
        let shown = name.to_string();
        if let Some(slot) = slot(holder)
            && texts.iter().any(|text| text.contains(&shown))
        {
            hosts.insert(name, Owner::Serves(slot));
        }
    }
}
