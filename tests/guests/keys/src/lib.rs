//! One cache-key decision for each path.

use selvedge_sdk::prelude::*;

#[cache_key]
fn key(request: &Request) -> Result<KeyDecision> {
    Ok(match request.path().as_str() {
        "/pass" if config::get("replaces").is_some() => {
            KeyDecision::replace([KeyPart::literal("all the same")])
        }
        // The second: where `misbehaves` fails before it.
        "/pass" | "/key/error" => KeyDecision::Pass,
        "/replace" => KeyDecision::replace([KeyPart::literal("all the same")]),
        "/also-replaced" => KeyDecision::replace([KeyPart::literal("all the same")]),
        "/query-only" => KeyDecision::extend([KeyPart::query_only(["page"])]),
        "/field" => KeyDecision::extend([KeyPart::field("X-Device")]),
        "/cookie" => KeyDecision::extend([KeyPart::cookie("group")]),
        "/country" => {
            let country = request.geo("country").unwrap_or_default();
            KeyDecision::extend([KeyPart::literal(country)])
        }
        _ => KeyDecision::Policy,
    })
}
