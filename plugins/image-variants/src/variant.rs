//! Which variant a request gets: out of a fixed set, whatever its fields say.

use std::fmt::Write;

use selvedge_sdk::prelude::*;

use crate::rules::{Rules, hundredths};

/// One of the variants of an image. What is `None` is left to the origin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Variant<'r> {
    pub(crate) format: Option<&'r str>,
    /// In pixels of the image.
    pub(crate) width: Option<u32>,
    /// In hundredths; only where no width is known.
    pub(crate) density: Option<u32>,
}

impl<'r> Variant<'r> {
    /// The variant that the viewer's fields ask for.
    pub(crate) fn of(request: &Request, rules: &'r Rules) -> Variant<'r> {
        let width = width(request, rules);
        let density = (width.is_none() && !rules.densities.is_empty())
            .then(|| density(request))
            .flatten();
        Variant {
            format: format(request, rules),
            width,
            density: density.and_then(|density| step(&rules.densities, density)),
        }
    }

    /// Its part of the cache key: `image:avif,640w`, or `image:as-it-is`.
    pub(crate) fn in_key(&self) -> String {
        let mut text = "image:".to_owned();
        text.push_str(self.format.unwrap_or("as-it-is"));
        // Writing to a string can't fail.
        if let Some(width) = self.width {
            let _ = write!(text, ",{width}w");
        }
        if let Some(density) = self.density {
            let _ = write!(text, ",{}x", decimal(density));
        }
        text
    }
}

/// Hundredths as a number: `1.5`.
pub(crate) fn decimal(hundredths: u32) -> String {
    (f64::from(hundredths) / 100.0).to_string()
}

/// The first format of the configuration that the viewer names. `*/*` and `image/*` do not count: every browser sends
/// them, those that can't show AVIF too.
fn format<'r>(request: &Request, rules: &'r Rules) -> Option<&'r str> {
    if rules.formats.is_empty() {
        return None;
    }
    let accept = request.field_text("Accept")?.to_ascii_lowercase();
    let accepted = |format: &&String| {
        accept.split(',').any(|range| {
            let (kind, parameters) = range.split_once(';').unwrap_or((range, ""));
            kind.trim().strip_prefix("image/") == Some(format.as_str()) && !refused(parameters)
        })
    };
    rules.formats.iter().find(accepted).map(String::as_str)
}

/// Returns true if the weight is 0 (RFC 9110, section 12.4.2).
fn refused(parameters: &str) -> bool {
    let mut weights = parameters
        .split(';')
        .filter_map(|parameter| parameter.trim().strip_prefix("q="));
    weights.any(|weight| weight.trim().parse::<f64>() == Ok(0.0))
}

/// The step for the width that the page asks for in its own pixels, at the viewer's density; else for the hint, which is in
/// pixels of the image already.
fn width(request: &Request, rules: &Rules) -> Option<u32> {
    if rules.widths.is_empty() {
        return None;
    }
    let asked = rules
        .asked_width
        .as_deref()
        .and_then(|name| request.query_param(name));
    let wanted = match asked.and_then(|text| number(&text, 100_000.0)) {
        Some(width) => width * f64::from(density(request).unwrap_or(100)) / 100.0,
        None => hint(request, ["Sec-CH-Width", "Width"], 100_000.0)?,
    };
    step(&rules.widths, wanted.ceil() as u32)
}

/// In hundredths.
fn density(request: &Request) -> Option<u32> {
    hint(request, ["Sec-CH-DPR", "DPR"], 100.0).map(hundredths)
}

/// The first of these hints that is a number.
fn hint(request: &Request, names: [&str; 2], most: f64) -> Option<f64> {
    names
        .iter()
        .find_map(|name| number(&request.field_text(name)?, most))
}

/// A number above 0; what is larger than `most` counts as that.
fn number(text: &str, most: f64) -> Option<f64> {
    let number: f64 = text.trim().parse().ok()?;
    (number > 0.0).then(|| number.min(most))
}

/// The smallest step that is enough; the largest where none is.
fn step(steps: &[u32], wanted: u32) -> Option<u32> {
    let enough = steps.iter().find(|step| **step >= wanted);
    enough.or(steps.last()).copied()
}
