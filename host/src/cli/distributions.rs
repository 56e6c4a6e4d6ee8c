//! `selvedge distributions`: each with its assigned domain name and its own names, and what is broken.

use super::WRONG;
use super::ask::ask_if_it_runs;
use super::output::{complain, say};
use crate::config::Files;
use crate::files::Ledger;
use crate::pipeline::insight::{BrokenFile, DistributionListing, ListedDistribution};
use http::Method;
use std::path::Path;

pub(super) fn list(file: &Path) -> u8 {
    let loaded = Files::new(file).read(&mut Ledger::default());
    if let Some(report) = loaded.server_error() {
        complain(report);
        return WRONG;
    }
    // A running host knows what is in force, and if the plugins could be loaded.
    let socket = &loaded.server.socket;
    let listing = ask_if_it_runs(socket, Method::GET, "/v1/distributions");
    print(&listing.unwrap_or_else(|| of_files(&loaded)));
    0
}

/// Lists the distributions from their files alone.
fn of_files(loaded: &crate::config::Loaded) -> DistributionListing {
    let clashes = loaded.clashes();
    let documents = loaded.documents.iter().zip(clashes);
    let distributions = documents.map(|(document, clash)| {
        let right = document.right();
        let errors: Vec<_> = document.errors().into_iter().chain(clash).collect();
        ListedDistribution {
            id: document.id().map(str::to_owned),
            file: document.path().display().to_string(),
            domain: right.map(|one| one.domain.clone()),
            aliases: right.map_or_else(Vec::new, |one| {
                one.aliases.iter().map(|alias| alias.to_string()).collect()
            }),
            enabled: right.is_some_and(|one| one.enabled),
            broken: (!errors.is_empty()).then(|| BrokenFile {
                serves: "nothing".to_owned(),
                report: loaded.report(errors).listed().to_string(),
            }),
        }
    });
    DistributionListing {
        distributions: distributions.collect(),
        pending: Vec::new(),
    }
}

fn print(listing: &DistributionListing) {
    let name = |one: &ListedDistribution| match &one.id {
        Some(id) => id.clone(),
        // What is so broken that it has no id has a file.
        None => Path::new(&one.file)
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
    };
    let widest = listing.distributions.iter().map(|one| name(one).len());
    let widest = widest.max().unwrap_or(0);
    for one in &listing.distributions {
        let aliases = match one.aliases.is_empty() {
            true => "-".to_owned(),
            false => one.aliases.join(","),
        };
        let state = match (&one.broken, one.enabled) {
            (Some(broken), _) => format!("broken ({})", serves(&broken.serves)),
            (None, true) => "enabled".to_owned(),
            (None, false) => "disabled".to_owned(),
        };
        say(format_args!(
            "{:widest$}  {}  {aliases}  {state}",
            name(one),
            one.domain.as_deref().unwrap_or("-"),
        ));
    }
    for broken in listing
        .distributions
        .iter()
        .filter_map(|one| one.broken.as_ref())
    {
        complain(format_args!("\n{}", broken.report.trim_end()));
    }
    for one in &listing.pending {
        complain(format_args!(
            "{} is to move from {} to {}: it stays where it is until both files are right",
            one.name, one.from, one.to
        ));
    }
}

fn serves(word: &str) -> &str {
    match word {
        "last-good" => "its last good version is in force",
        "without-some-names" => "in force without names that are another's",
        _ => "nothing of it is in force",
    }
}
