//! How the origin is told which variant to make. What the viewer sent under the same names does not reach it: the origin makes the
//! variants of the configuration and no others.

use selvedge_sdk::prelude::*;

use crate::rules::{Ask, Rules};
use crate::variant::{Variant, decimal};

/// The request that goes out for a variant.
pub(crate) fn ask(variant: &Variant<'_>, request: &Request, rules: &Rules) -> RequestEdits {
    let mut pairs = kept(request, rules);
    let mut edits = RequestEdits::new();
    match rules.ask {
        Ask::Query => pairs.extend(parameters(variant, rules)),
        Ask::Path => edits = edits.path(format!("{}{}", request.path(), ending(variant))),
    }
    let query = pairs.join("&");
    if query == request.query().unwrap_or_default() {
        edits
    } else {
        edits.query(query)
    }
}

fn parameters(variant: &Variant<'_>, rules: &Rules) -> impl Iterator<Item = String> {
    let format = variant
        .format
        .map(|format| format!("{}={format}", rules.format_parameter));
    let width = variant
        .width
        .map(|width| format!("{}={width}", rules.width_parameter));
    let density = variant
        .density
        .map(|density| format!("{}={}", rules.density_parameter, decimal(density)));
    [format, width, density].into_iter().flatten()
}

/// `@640w.avif`.
fn ending(variant: &Variant<'_>) -> String {
    let width = variant.width.map(|width| format!("@{width}w"));
    let density = variant
        .density
        .map(|density| format!("@{}x", decimal(density)));
    let format = variant.format.map(|format| format!(".{format}"));
    [width, density, format].into_iter().flatten().collect()
}

/// The viewer's parameters as they came, without those that are the plugin's, in whatever spelling.
fn kept(request: &Request, rules: &Rules) -> Vec<String> {
    let query = request.query().unwrap_or_default();
    let raw = query.split('&').filter(|pair| !pair.is_empty());
    let ours = |name: &str| {
        let told = [
            &rules.format_parameter,
            &rules.width_parameter,
            &rules.density_parameter,
        ];
        let told = rules.ask == Ask::Query && told.iter().any(|own| *own == name);
        told || rules.asked_width.as_deref() == Some(name)
    };
    // Decoded and raw parameters come in the same order.
    raw.zip(request.query_params())
        .filter(|(_, (name, _))| !ours(name))
        .map(|(pair, _)| pair.to_owned())
        .collect()
}
