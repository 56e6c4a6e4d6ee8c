//! Reasons why a request goes no further.

use http::StatusCode;

/// Why a request goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// CONNECT: this is no forward proxy.
    Connect,
    /// `OPTIONS *` and the like: no distribution is meant.
    NoPath,
    /// No host, or one that is not a host.
    BadHost,
    /// No distribution has this name.
    UnknownHost,
    /// The distribution is broken, and no version of it is in force.
    Broken,
    /// The distribution is switched off.
    Disabled,
    /// The behavior does not allow this method.
    MethodNotAllowed,
    /// GET and HEAD carry no body here, as with CloudFront.
    BodyNotAllowed,
    /// The request has been here before (RFC 8586).
    Loop,
}

impl Refusal {
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Refusal::NoPath | Refusal::BadHost => StatusCode::BAD_REQUEST,
            Refusal::Loop => StatusCode::LOOP_DETECTED,
            Refusal::Broken => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::FORBIDDEN,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Refusal::Connect => "connect-refused",
            Refusal::NoPath => "no-path",
            Refusal::BadHost => "bad-host",
            Refusal::UnknownHost => "unknown-host",
            Refusal::Broken => "distribution-broken",
            Refusal::Disabled => "distribution-disabled",
            Refusal::MethodNotAllowed => "method-not-allowed",
            Refusal::BodyNotAllowed => "body-not-allowed",
            Refusal::Loop => "loop",
        }
    }

    /// Returns true if the connection is closed: a body that is not read would follow, or the target makes no sense.
    pub(crate) fn closes(self) -> bool {
        !matches!(
            self,
            Refusal::UnknownHost | Refusal::Broken | Refusal::Disabled
        )
    }

    /// Returns the sentence for the viewer.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Refusal::Connect => "This server does not open tunnels: CONNECT is refused.",
            Refusal::NoPath => "The request target must be a path or an absolute URI.",
            Refusal::BadHost => "The request names no valid host.",
            Refusal::UnknownHost => "No distribution answers for this host name.",
            Refusal::Broken => {
                "The configuration of this distribution has errors, so it can't be served at present."
            }
            Refusal::Disabled => "This distribution is disabled.",
            Refusal::MethodNotAllowed => "This distribution does not allow this method here.",
            Refusal::BodyNotAllowed => "GET and HEAD requests with a body are not allowed.",
            Refusal::Loop => {
                "This request has passed here before: its origin leads back to this host."
            }
        }
    }
}
