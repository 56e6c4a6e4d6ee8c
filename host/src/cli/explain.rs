//! `selvedge explain`: what would become of a request.

use super::ask::{Host, ask};
use super::cache;
use super::output::say;
use crate::pipeline::insight::{Explanation, Question};
use clap::Args;
use http::Method;
use std::fmt::Write;
use std::net::IpAddr;

#[derive(Args)]
pub(super) struct Arguments {
    /// The absolute URL, as a viewer would ask for it
    url: String,
    /// A field of the request; may be repeated
    #[arg(long = "header", short = 'H', value_name = "NAME: VALUE", value_parser = field)]
    fields: Vec<(String, String)>,
    /// The method
    #[arg(long, value_name = "METHOD", default_value = "GET")]
    method: String,
    /// The viewer's address, for plugins that read it or where it is; this machine by default
    #[arg(long, value_name = "ADDRESS")]
    viewer: Option<IpAddr>,
    #[command(flatten)]
    host: Host,
}

fn field(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once(':')
        .ok_or("a field is written 'Name: value'")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

pub(super) fn explain(arguments: &Arguments) -> u8 {
    let question = Question {
        url: arguments.url.clone(),
        method: Some(arguments.method.clone()),
        fields: arguments.fields.clone(),
        viewer: arguments.viewer,
    };
    match ask(
        &arguments.host,
        Method::POST,
        "/v1/explain",
        Some(&question),
    ) {
        Ok(explanation) => {
            say(text(&explanation));
            0
        }
        Err(code) => code,
    }
}

fn text(explanation: &Explanation) -> String {
    let mut text = String::new();
    let mut put = |name: &str, value: &str| {
        // Writing to a string can't fail.
        let _ = writeln!(text, "{name:<13} {value}");
    };
    if let Some(distribution) = &explanation.distribution {
        put("distribution", distribution);
    }
    if let Some(behavior) = &explanation.behavior {
        put("behavior", behavior);
    }
    if let Some(path) = &explanation.path {
        put("path", path);
    }
    for (name, hooks) in [
        ("viewer-request", &explanation.viewer_hooks),
        ("cache-key", &explanation.key_hooks),
    ] {
        for hook in hooks {
            let failed = if hook.failed { "failed: " } else { "" };
            put(name, &format!("{}: {failed}{}", hook.plugin, hook.decision));
        }
    }
    if let Some(key) = &explanation.key {
        put("key", key);
    }
    for (at, variant) in explanation.variants.iter().enumerate() {
        let name = if explanation.selected == Some(at) {
            "selected"
        } else {
            "stored"
        };
        put(
            name,
            &cache::paragraph(variant).replace('\n', "\n            "),
        );
    }
    if explanation.variants.is_empty() && explanation.key.is_some() {
        put("stored", "nothing under this key");
    }
    if let (Some(origin), Some(address)) = (&explanation.origin, &explanation.origin_address) {
        let mut line = format!("{origin} ({address})");
        if !explanation.origin_hooks.is_empty() {
            let _ = write!(
                line,
                ", unless {} chooses another",
                explanation.origin_hooks.join(" or ")
            );
        }
        put("origin", &line);
    }
    let status = explanation
        .status
        .map_or_else(String::new, |status| format!(" with {status}"));
    let what = match explanation.outcome.as_str() {
        "hit" => "answered from the cache",
        "stale" => "answered from the cache, and fetched anew in the background",
        "collapse" => "waits for a fetch that is under way",
        "miss" => "fetched from the origin",
        "validate" => "the origin is asked whether the stored response is still right",
        "pass" => "passed to the origin past the cache",
        "respond" => "answered by a plugin",
        "refuse" => "refused",
        "fail" => "fails",
        other => other,
    };
    put(
        "outcome",
        &format!(
            "{}: {what}{status} ({})",
            explanation.outcome, explanation.why
        ),
    );
    text.truncate(text.trim_end().len());
    text
}
