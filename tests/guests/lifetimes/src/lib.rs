//! One lifetime decision for each path. It has no other hook.

use selvedge_sdk::prelude::*;

#[ttl]
fn lifetime(request: &Request, _response: &Response) -> Result<TtlDecision> {
    Ok(match request.path().as_str() {
        "/dont-store" => TtlDecision::DontStore,
        "/seven" => TtlDecision::lifetime(Duration::from_secs(7)),
        _ => TtlDecision::Policy,
    })
}
