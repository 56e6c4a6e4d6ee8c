//! A request and a response, as far as the rules need them.

use crate::time::Time;
use http::{HeaderMap, Method, StatusCode, Uri};

/// A request, as far as the rules need it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a Method,
    /// The fields as the viewer sent them.
    pub fields: &'a HeaderMap,
    /// The target URI, absolute (RFC 9110, section 7.1).
    pub uri: &'a Uri,
}

/// A response from an origin, as far as the rules need it, without hop-by-hop fields.
#[derive(Clone, Copy, Debug)]
pub struct Response<'a> {
    /// The status code.
    pub status: StatusCode,
    /// The fields.
    pub fields: &'a HeaderMap,
    /// The time when the request for it went out.
    pub request_time: Time,
    /// The time when its head arrived.
    pub response_time: Time,
}
