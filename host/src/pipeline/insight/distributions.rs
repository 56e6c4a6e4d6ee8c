//! The distributions of a running host, broken ones included.

use crate::distribution::Plan;
use crate::pipeline::edge::Edge;
use serde::{Deserialize, Serialize};

/// All distributions.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct DistributionListing {
    /// Those that are in force or broken, by the order of their files.
    pub distributions: Vec<ListedDistribution>,
    /// Host names on their way from one distribution to another.
    pub pending: Vec<PendingName>,
}

/// A distribution in a list.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ListedDistribution {
    /// Its id; of a broken one, if it can be recognised.
    pub id: Option<String>,
    /// Its file.
    pub file: String,
    /// The assigned domain name of the version in force.
    pub domain: Option<String>,
    /// The aliases of the version in force.
    pub aliases: Vec<String>,
    /// True unless the version in force is disabled, or there is none.
    pub enabled: bool,
    /// The errors of the file.
    pub broken: Option<BrokenFile>,
}

/// The errors of a file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct BrokenFile {
    /// The part of it in force: `last-good`, `without-some-names` or `nothing`.
    pub serves: String,
    /// The errors, as `check` prints them.
    pub report: String,
}

/// A host name that is to move.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PendingName {
    /// The host name.
    pub name: String,
    /// The id of the distribution that has it.
    pub from: String,
    /// The id of the distribution that is to have it.
    pub to: String,
}

/// Lists the distributions of a host.
pub fn distributions(edge: &Edge) -> DistributionListing {
    listing(&edge.plan())
}

fn listing(plan: &Plan) -> DistributionListing {
    let mut distributions: Vec<ListedDistribution> = plan
        .distributions()
        .iter()
        .map(|one| {
            let settings = one.settings();
            let file = plan.file_of(one.id()).unwrap_or_else(|| "".as_ref());
            ListedDistribution {
                id: Some(one.id().to_string()),
                file: file.display().to_string(),
                domain: Some(settings.domain.clone()),
                aliases: settings.aliases.iter().map(|one| one.to_string()).collect(),
                enabled: one.enabled(),
                broken: None,
            }
        })
        .collect();
    for broken in plan.broken() {
        let file = broken.file.display().to_string();
        let wrong = Some(BrokenFile {
            serves: broken.serves.as_str().to_owned(),
            report: broken.report.clone(),
        });
        match distributions.binary_search_by(|one| one.file.as_str().cmp(&file)) {
            Ok(found) => {
                if let Some(found) = distributions.get_mut(found) {
                    found.broken = wrong;
                }
            }
            Err(place) => distributions.insert(
                place,
                ListedDistribution {
                    id: broken.id.as_deref().map(str::to_owned),
                    file,
                    broken: wrong,
                    ..ListedDistribution::default()
                },
            ),
        }
    }
    let pending = plan.pending().iter().map(|one| PendingName {
        name: one.name.clone(),
        from: one.holder.clone(),
        to: one.claimant.clone(),
    });
    DistributionListing {
        distributions,
        pending: pending.collect(),
    }
}
