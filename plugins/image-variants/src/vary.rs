//! The field Vary on either side of the cache.
//!
//! The origin's `Vary: Accept` would have each spelling of Accept stored apart, though the key has the variant already.
//! A browser or another cache on the way has no such key, so it has to be told.

use selvedge_sdk::prelude::*;

use crate::rules::Rules;

/// The fields that the choice depends on.
fn inputs(rules: &Rules) -> Vec<&'static str> {
    let mut inputs = Vec::new();
    if !rules.formats.is_empty() {
        inputs.push("Accept");
    }
    if !rules.widths.is_empty() {
        inputs.extend(["Sec-CH-Width", "Width"]);
    }
    if !rules.densities.is_empty() || rules.asked_width.is_some() {
        inputs.extend(["Sec-CH-DPR", "DPR"]);
    }
    inputs
}

/// Takes out what the key stands for; `None` where nothing changes.
pub(crate) fn for_the_store(response: &Response, rules: &Rules) -> Option<ResponseEdits> {
    let vary = response.field_text("Vary")?;
    let inputs = inputs(rules);
    let names = || {
        vary.split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
    };
    let kept: Vec<&str> = names()
        .filter(|name| !inputs.iter().any(|input| input.eq_ignore_ascii_case(name)))
        .collect();
    if kept.len() == names().count() {
        return None;
    }
    let edits = ResponseEdits::new();
    Some(if kept.is_empty() {
        edits.remove("Vary")
    } else {
        edits.set("Vary", kept.join(", "))
    })
}

/// Adds what the choice depends on; `None` where Vary says so already.
pub(crate) fn for_viewers(response: &Response, rules: &Rules) -> Option<ResponseEdits> {
    let vary = response.field_text("Vary").unwrap_or_default();
    let says = |input: &&str| {
        vary.split(',')
            .any(|name| name.trim() == "*" || name.trim().eq_ignore_ascii_case(input))
    };
    let missing: Vec<&str> = inputs(rules)
        .into_iter()
        .filter(|input| !says(input))
        .collect();
    (!missing.is_empty()).then(|| ResponseEdits::new().append("Vary", missing.join(", ")))
}
