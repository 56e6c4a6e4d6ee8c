//! Assignment of viewers to groups: by the viewer's cookie, else by a hash of something about the viewer or the request.
//!
//! The hash is the same on all edges, in all versions, and for each experiment another one: who is in the small group of one
//! experiment is not more likely to be in that of the next.

use selvedge_sdk::Request;

use crate::settings::{By, Experiment, Group, Settings};

/// A viewer's part in one experiment.
pub(crate) struct Part<'s> {
    pub(crate) experiment: &'s Experiment,
    pub(crate) group: &'s Group,
}

/// Assigns a request to groups. The result is what stands in the field, for instance `checkout=b, home=a`; it is empty where
/// no experiment concerns the path.
pub(crate) fn make(request: &Request, settings: &Settings) -> String {
    let path = request.path();
    let concerned = settings
        .experiments
        .iter()
        .filter(|experiment| experiment.concerns(&path));
    let parts: Vec<String> = concerned
        .map(|experiment| {
            let group = group(request, experiment);
            format!("{}={}", experiment.name, group.name)
        })
        .collect();
    parts.join(", ")
}

/// Reads the field that [`make`] has written. What is of no known experiment and group is left out.
pub(crate) fn read<'s>(request: &Request, settings: &'s Settings) -> Vec<Part<'s>> {
    let field = request.field_text(&settings.field).unwrap_or_default();
    let members = field.split(',').map(str::trim);
    members
        .filter_map(|member| {
            let (name, group) = member.split_once('=')?;
            let mut experiments = settings.experiments.iter();
            let experiment = experiments.find(|experiment| experiment.name == name)?;
            let group = experiment.group(group)?;
            Some(Part { experiment, group })
        })
        .collect()
}

/// A cookie keeps a viewer in its group even where the weights have changed since, to 0 too.
fn group<'s>(request: &Request, experiment: &'s Experiment) -> &'s Group {
    let cookie = request.cookie_text(&experiment.cookie);
    if let Some(group) = cookie.and_then(|name| experiment.group(&name)) {
        return group;
    }
    let who = match &experiment.by {
        By::Random => None,
        By::Address => Some(request.viewer_address().into_bytes()),
        By::Cookie(name) => request.cookie(name),
        By::Field(name) => request.field(name),
    };
    // Request ids are never the same twice: their hash is as good as random, and costs no random numbers.
    let who = who.unwrap_or_else(|| request.request_id().into_bytes());
    experiment.at(hash(experiment.name.as_bytes(), &who))
}

/// FNV-1a, and a last mixing (of MurmurHash3), so that texts that differ in their last byte differ everywhere.
pub(crate) fn hash(experiment: &[u8], who: &[u8]) -> u64 {
    let bytes = experiment.iter().chain(b"\0").chain(who);
    let mut hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}
