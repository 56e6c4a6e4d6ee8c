//! The plugin of the host's simulation, whose model knows what it does: the viewer's device is in the key, and the origin says
//! what the ttl hook answers.

use selvedge_sdk::prelude::*;

#[cache_key]
fn key(_request: &Request) -> Result<KeyDecision> {
    Ok(KeyDecision::extend([KeyPart::field("X-Device")]))
}

#[ttl]
fn lifetime(_request: &Request, response: &Response) -> Result<TtlDecision> {
    let said = response.field_text("X-Plugin").unwrap_or_default();
    if said == "dont-store" {
        return Ok(TtlDecision::DontStore);
    }
    let seconds = said
        .strip_prefix("lifetime=")
        .and_then(|seconds| seconds.parse().ok());
    Ok(match seconds {
        Some(seconds) => TtlDecision::lifetime(Duration::from_secs(seconds)),
        None => TtlDecision::Policy,
    })
}
