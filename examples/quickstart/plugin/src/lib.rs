//! One variant of a page for each device class, short lives for pages and long ones for images, and an origin
//! for those who try what is new.

use selvedge_sdk::prelude::*;

/// Two device classes give two variants, advertising parameters none; and the canary's answers are only for those
/// who asked for them.
#[cache_key]
fn key(request: &Request) -> Result<KeyDecision> {
    Ok(KeyDecision::extend([
        KeyPart::query_except(["utm_*", "fbclid", "gclid"]),
        KeyPart::literal(device(request)),
        KeyPart::literal(if wants_canary(request) {
            "canary"
        } else {
            "main"
        }),
    ]))
}

/// Sends viewers that ask for the canary to it; all others get the behavior's origin.
#[origin_selection]
fn origin(request: &Request) -> Result<OriginDecision> {
    if !wants_canary(request) {
        return Ok(OriginDecision::Policy);
    }
    log::info!("to the canary"; path = request.path());
    Ok(OriginDecision::origin("canary"))
}

/// Pages live as long as the configuration says, images for 30 days, all else as the cache policy says.
#[ttl]
fn lifetime(_request: &Request, response: &Response) -> Result<TtlDecision> {
    let page_seconds = config::parse("page_seconds")?.unwrap_or(10);
    Ok(match kind(response) {
        _ if response.status() != 200 || is_private(response) => TtlDecision::Policy,
        Kind::Page => TtlDecision::lifetime(Duration::from_secs(page_seconds)),
        Kind::Image => TtlDecision::lifetime(Duration::from_hours(30 * 24)),
        Kind::Other => TtlDecision::Policy,
    })
}

fn device(request: &Request) -> &'static str {
    let agent = request.field_text("User-Agent").unwrap_or_default();
    let phone = ["iPhone", "Android", "Mobile"]
        .iter()
        .any(|word| agent.contains(word));
    if phone { "phone" } else { "desktop" }
}

fn wants_canary(request: &Request) -> bool {
    let asked = request
        .field_text("X-Canary")
        .or_else(|| request.cookie_text("canary"));
    asked.as_deref() == Some("1")
}

enum Kind {
    Page,
    Image,
    Other,
}

fn kind(response: &Response) -> Kind {
    match response.field_text("Content-Type").unwrap_or_default() {
        kind if kind.starts_with("text/html") => Kind::Page,
        kind if kind.starts_with("image/") => Kind::Image,
        _ => Kind::Other,
    }
}

fn is_private(response: &Response) -> bool {
    let control = response.field_text("Cache-Control").unwrap_or_default();
    control.contains("private") || control.contains("no-store")
}

#[cfg(test)]
mod tests;
