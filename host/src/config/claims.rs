//! Ids and host names, each of which belongs to one distribution only.

use std::collections::HashMap;
use std::sync::Arc;

use super::distribution::Distribution;
use super::names::{Alias, HostName};
use super::report::Problem;
use super::source::Placed;

/// Names that two of these distributions claim: a problem for each but the first.
pub(super) fn duplicates<'a>(
    distributions: impl Iterator<Item = &'a Arc<Distribution>>,
) -> Vec<Problem> {
    let distributions: Vec<&Distribution> = distributions.map(Arc::as_ref).collect();
    let mut problems = Vec::new();
    let mut ids: HashMap<&str, &Distribution> = HashMap::new();
    let mut owners: HashMap<HostName<'_>, &Distribution> = HashMap::new();
    for distribution in &distributions {
        let other = ids.entry(distribution.id.as_str()).or_insert(distribution);
        if distribution.id.is_typed() && !std::ptr::eq(*other, *distribution) {
            problems.push(called_twice(distribution, other));
        }
        let assigned = HostName::exact(&distribution.domain);
        owners.entry(assigned).or_insert(distribution);
    }
    for distribution in &distributions {
        for alias in &distribution.aliases {
            let owner = owners
                .entry(HostName::of(&alias.value))
                .or_insert(distribution);
            if !std::ptr::eq(*owner, *distribution) {
                problems.push(claimed_twice(alias, owner));
            }
        }
    }
    problems
}

/// An id that another distribution has.
pub fn called_twice(distribution: &Distribution, other: &Distribution) -> Problem {
    let id = &distribution.id;
    Problem::new(format!("there are two distributions called `{id}`"))
        .at(id.at)
        .related(other.id.at, "the first one")
        .help("give one of them another name")
}

/// A host name that another distribution has.
pub fn claimed_twice(alias: &Placed<Alias>, owner: &Distribution) -> Problem {
    let mut named = owner.aliases.iter();
    let at = named
        .find(|one| one.value == alias.value)
        .map_or(owner.id.at, |one| one.at);
    Problem::new(format!(
        "two distributions claim the host name `{}`",
        alias.value
    ))
    .at(alias.at)
    .related(
        at,
        format!("the distribution `{}` has it", owner.id.as_str()),
    )
    .help("remove it from one of them, or make one more specific: an exact name beats a wildcard")
}
