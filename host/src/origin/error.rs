//! Failures of origins, and the status that a viewer gets for each.

use http::StatusCode;
use std::time::Duration;

/// An origin did not give a usable response. `Display` says what happened and where; [`OriginError::as_str`] is the
/// word in logs, metrics and Cache-Status.
#[derive(Debug, thiserror::Error)]
pub enum OriginError {
    /// Its name could not be resolved.
    #[error("the name {name} could not be resolved: {cause}")]
    UnknownName {
        /// The name that was asked for.
        name: String,
        /// The resolver's words.
        cause: String,
    },
    /// No connection could be made.
    #[error("no connection to {address}: {cause}")]
    NotConnected {
        /// Name and port.
        address: String,
        /// The system's words.
        cause: String,
    },
    /// The address may not be asked: a backend of a plugin without `allow_private`.
    #[error("the address {address} is not public, and `allow_private` is not set")]
    Denied {
        /// The address that the name was resolved to.
        address: std::net::IpAddr,
    },
    /// No connection within the connection timeout.
    #[error("no connection to {address} within {} s", after.as_secs_f32())]
    ConnectTimeout {
        /// Name and port.
        address: String,
        /// The configured timeout.
        after: Duration,
    },
    /// The TLS handshake failed.
    #[error("TLS with {address}: {cause}")]
    Tls {
        /// Name and port.
        address: String,
        /// The error of rustls.
        cause: String,
    },
    /// The connection ended before a response came.
    #[error("the connection was closed before a response came: {0}")]
    Closed(String),
    /// The response breaks a rule of HTTP.
    #[error("the response is invalid: {0}")]
    Garbage(String),
    /// No response, or no further piece of it, within the read timeout.
    #[error("no data for {} s", .0.as_secs_f32())]
    ReadTimeout(Duration),
    /// The whole response took longer than `response_completion_timeout`.
    #[error("the response was not complete within {} s", .0.as_secs_f32())]
    CompletionTimeout(Duration),
    /// The viewer's request body broke off or was malformed.
    #[error("the request body failed: {0}")]
    RequestBody(#[source] hyper::Error),
    /// The viewer sent its request body too slowly.
    #[error("the viewer sent its request body too slowly")]
    RequestBodySlow,
    /// The viewer sent no further piece of its request body within the read timeout.
    #[error("the viewer sent nothing of its request body for {} s", .0.as_secs_f32())]
    RequestBodyTimeout(Duration),
}

impl OriginError {
    /// The status for the viewer: 504 where time ran out, 502 otherwise; 400 or 408 where the viewer's body was at fault.
    pub fn status(&self) -> StatusCode {
        match self {
            OriginError::ConnectTimeout { .. }
            | OriginError::ReadTimeout(_)
            | OriginError::CompletionTimeout(_) => StatusCode::GATEWAY_TIMEOUT,
            OriginError::RequestBody(_) => StatusCode::BAD_REQUEST,
            OriginError::RequestBodyTimeout(_) | OriginError::RequestBodySlow => {
                StatusCode::REQUEST_TIMEOUT
            }
            _ => StatusCode::BAD_GATEWAY,
        }
    }

    /// One word for logs, metrics and Cache-Status.
    pub fn as_str(&self) -> &'static str {
        match self {
            OriginError::UnknownName { .. } => "origin-dns-error",
            OriginError::NotConnected { .. } => "origin-connect-error",
            OriginError::Denied { .. } => "origin-denied",
            OriginError::ConnectTimeout { .. } => "origin-connect-timeout",
            OriginError::Tls { .. } => "origin-tls-error",
            OriginError::Closed(_) => "origin-closed",
            OriginError::Garbage(_) => "origin-invalid-response",
            OriginError::ReadTimeout(_) => "origin-read-timeout",
            OriginError::CompletionTimeout(_) => "origin-completion-timeout",
            OriginError::RequestBody(_) => "request-body-error",
            OriginError::RequestBodyTimeout(_) | OriginError::RequestBodySlow => {
                "request-body-timeout"
            }
        }
    }

    /// Returns true if a further attempt may help: nothing of a response has come, and the viewer is not to blame.
    pub(crate) fn may_retry(&self) -> bool {
        !matches!(
            self,
            OriginError::RequestBody(_)
                | OriginError::RequestBodyTimeout(_)
                | OriginError::RequestBodySlow
                | OriginError::CompletionTimeout(_)
                | OriginError::Garbage(_)
        )
    }
}
