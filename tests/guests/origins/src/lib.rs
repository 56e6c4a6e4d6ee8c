//! One origin decision for each path.

use selvedge_sdk::prelude::*;

#[origin_selection]
fn origin(request: &Request) -> Result<OriginDecision> {
    Ok(match request.path().as_str() {
        "/second" => OriginDecision::origin("second"),
        "/failover" => OriginDecision::failover(["dead", "second"]),
        _ => OriginDecision::Policy,
    })
}
