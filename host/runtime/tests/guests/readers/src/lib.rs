//! A plugin with every hook, each of which answers with what it reads.

mod readers;

use readers::{of_request, of_response};
use selvedge_sdk::prelude::*;

fn both(request: &Request, response: &Response) -> String {
    format!("{}\n{}", of_request(request), of_response(response))
}

#[viewer_request]
fn on_viewer_request(request: &Request) -> Result<ViewerRequestDecision> {
    Ok(SyntheticResponse::new(200).body(of_request(request)).into())
}

#[cache_key]
fn key(request: &Request) -> Result<KeyDecision> {
    Ok(KeyDecision::replace([KeyPart::literal(of_request(
        request,
    ))]))
}

#[origin_selection]
fn origin(request: &Request) -> Result<OriginDecision> {
    Ok(OriginDecision::origin(of_request(request)))
}

#[origin_request]
fn on_origin_request(request: &Request) -> Result<OriginRequestDecision> {
    Ok(SyntheticResponse::new(200).body(of_request(request)).into())
}

#[origin_response]
fn on_origin_response(request: &Request, response: &Response) -> Result<OriginResponseDecision> {
    Ok(SyntheticResponse::new(200)
        .body(both(request, response))
        .into())
}

#[ttl]
fn lifetime(request: &Request, response: &Response) -> Result<TtlDecision> {
    Err(both(request, response).into())
}

#[viewer_response]
fn on_viewer_response(request: &Request, response: &Response) -> Result<ViewerResponseDecision> {
    Ok(SyntheticResponse::new(200)
        .body(both(request, response))
        .into())
}
