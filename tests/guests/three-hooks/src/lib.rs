//! The three hooks as people use them: device classes, lifetimes by type, a canary origin.

use selvedge_sdk::prelude::*;

#[cache_key]
fn key(request: &Request) -> Result<KeyDecision> {
    let agent = request.field_text("User-Agent").unwrap_or_default();
    let device = if agent.contains("Mobile") {
        "mobile"
    } else {
        "desktop"
    };
    log::info!("a {device} viewer"; path = request.path());
    Ok(KeyDecision::extend([
        KeyPart::query_except(["utm_*"]),
        KeyPart::literal(device),
        KeyPart::cookie("canary"),
    ]))
}

#[origin_selection]
fn origin(request: &Request) -> Result<OriginDecision> {
    Ok(match request.cookie_text("canary") {
        Some(_) => OriginDecision::origin("canary"),
        None => OriginDecision::Policy,
    })
}

#[ttl]
fn lifetime(_request: &Request, response: &Response) -> Result<TtlDecision> {
    let kind = response.field_text("Content-Type").unwrap_or_default();
    if kind.starts_with("text/html") {
        let seconds = config::parse("html_seconds")?.unwrap_or(10);
        return Ok(TtlDecision::lifetime(Duration::from_secs(seconds)));
    }
    if kind.starts_with("image/") {
        return Ok(TtlDecision::lifetime(Duration::from_secs(1_000_000)));
    }
    Ok(TtlDecision::Policy)
}
