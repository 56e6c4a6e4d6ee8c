//! A request and a response as the rules look at them.

use crate::time::Time;
use http::{HeaderMap, Method, StatusCode, Uri};

/// A request as the rules look at it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a Method,
    /// The fields as the viewer sent them.
    pub fields: &'a HeaderMap,
    /// The target URI, absolute (RFC 9110, section 7.1).
    pub uri: &'a Uri,
}

/// A response from an origin as the rules look at it, hop-by-hop fields removed.
#[derive(Clone, Copy, Debug)]
pub struct Response<'a> {
    /// The status code.
    pub status: StatusCode,
    /// The fields.
    pub fields: &'a HeaderMap,
    /// When the request for it went out.
    pub request_time: Time,
    /// When its head arrived.
    pub response_time: Time,
}
